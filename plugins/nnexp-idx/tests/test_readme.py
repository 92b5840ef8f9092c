"""The README's example runs as it stands, and its claims hold."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from nnexp_idx import Idx
from sklearn.datasets import load_digits

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def masked(text: str) -> list[str]:
    """The lines with every number and the run's name masked, since they depend on the machine, and spaces squeezed."""
    text = re.sub(r"outputs/runs/[\w-]+", "DIRECTORY", text)
    text = re.sub(r"\d[\d,]*(\.\d+)?(e[+-]\d+)?", "N", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's Python code was run."""
    place = tmp_path_factory.mktemp("place")
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    with contextlib.chdir(place):
        exec(code, {"__name__": "__main__"})  # noqa: S102
    return place


def test_the_example(place: Path) -> None:
    """The command prints what the README shows, numbers and the run's name apart."""
    ((command, shown),) = re.findall(r"```console\n\$ python (.*)\n((?:.*\n)*?)```", README)
    done = subprocess.run(
        [sys.executable, *shlex.split(command)], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert masked(done.stdout) == masked(shown)


def test_the_same_as_scikit_learn_has(place: Path) -> None:
    """The data are scikit-learn's digits."""
    data = Idx(path=str(place / "digits")).load(np.random.default_rng(0))
    x, y = load_digits(return_X_y=True)
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, y)
    assert data.classes == tuple(range(10))


def test_every_option_is_described() -> None:
    """The table names each field."""
    for item in fields(Idx):
        assert f"| `dataset.{item.name}` |" in README
