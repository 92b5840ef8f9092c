"""``--json``: one JSON object on standard output, whatever the command and however it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import nnexp


def answer(*words: str, cwd: Path, code: int = 0) -> tuple[dict[str, Any], str]:
    """What a command answers, and what it says on standard error."""
    ended = nnexp(*words, cwd=cwd)
    assert ended.code == code, ended.err
    read: dict[str, Any] = json.loads(ended.out)
    return read, ended.err


def test_a_run_answers_with_its_row(tmp_path: Path) -> None:
    """``--json`` anywhere among the words: the row that ``results`` has, and what a run says on stderr."""
    told, said = answer("dataset=wine", "--json", "epochs=2", "tracking=none", cwd=tmp_path)
    later, _ = answer("results", "--json", cwd=tmp_path)
    assert told == later
    assert told["schema"] == "nnexp.results/1"
    assert said.startswith("data     wine")


def test_a_sweep_answers_with_its_rows(tmp_path: Path) -> None:
    """One row a job; where some failed the exit code and ``error`` say so."""
    words = ("--json", "-m", "dataset=diabetes", "epochs=2", "optimizer.learning_rate=0.1,1e9", "tracking=none")
    told, said = answer(*words, cwd=tmp_path, code=1)
    assert [row["status"] for row in told["rows"]] == ["finished", "diverged"]
    assert told["error"] == "1 of 2 jobs failed; the reasons are above."
    assert "2 jobs: 1 finished, 1 diverged" in said


@pytest.mark.parametrize("words", [["loss=nosuch"], ["-m", "loss=mse,nosuch"], ["epochs=0"]])
def test_a_refused_run_answers_too(tmp_path: Path, words: list[str]) -> None:
    """The message is the ``error``, there are no rows, and nothing is left behind."""
    told, said = answer("--json", *words, cwd=tmp_path, code=1)
    assert told["rows"] == []
    assert said.strip().endswith(told["error"])


def test_check_and_sync_and_plugins(tmp_path: Path) -> None:
    """Each subcommand that tells facts has an object with its schema, and the exit code that it has without."""
    told, said = answer("check", "mae", "--json", cwd=tmp_path)
    assert (told["schema"], told["plugin"], told["passed"]) == ("nnexp.check/1", "mae", True)
    assert {each["outcome"] for each in told["checks"]} == {"passed", "skipped"}
    assert "loss=mae of nnexp" in said
    assert answer("sync", "--json", cwd=tmp_path)[0] == {"schema": "nnexp.sync/1", "problems": [], "runs": []}
    assert answer("plugins", "loss.mae", "--json", cwd=tmp_path)[0]["schema"] == "nnexp.plugins/1"
    told, said = answer("plugins", "loss.mea", "--json", cwd=tmp_path, code=1)
    assert "Did you mean 'mae'?" in told["error"]
