"""The README's example runs as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from nnexp_openml import OpenML

from nnexp.commands import run
from nnexp.errors import NnexpError

if TYPE_CHECKING:
    from conftest import Server

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def masked(text: str) -> list[str]:
    """The lines with every number and the run's name masked, since they depend on the machine, and spaces squeezed."""
    text = re.sub(r"outputs/runs/[\w-]+", "DIRECTORY", text)
    text = re.sub(r"\d[\d,]*(\.\d+)?(e[+-]\d+)?", "N", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_the_example(server: Server, tmp_path: Path) -> None:
    """The command prints what the README shows, numbers and the run's name apart, the first time and from the cache."""
    ((command, shown),) = re.findall(r"```console\n\$ python (.*)\n((?:.*\n)*?)```", README)
    costs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, *shlex.split(command)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert masked(done.stdout) == masked(shown)
        costs.append([line for line in done.stdout.splitlines() if line.startswith("epoch")])
    assert costs[0] == costs[1]
    assert len(server.requests) == 5


def test_a_table_that_is_not_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line, too, a mistake is one message, without a run; what is asked is said before."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NnexpError, match=r"^OpenML has no table 'irsi' with version 1\.[^\n]*$"):
        run.main(["dataset=openml", "dataset.table=irsi"])
    (note,) = capsys.readouterr().err.splitlines()
    assert note.startswith("note: loading OpenML's irsi (version 1) from 127.0.0.1:")
    assert server.requests
    assert not list(tmp_path.glob("outputs/runs/*"))


def test_every_option_is_described() -> None:
    """The table names each field."""
    for item in fields(OpenML):
        assert f"| `dataset.{item.name}` |" in README
