"""Each planted mistake of the table turns the tests red; without a mistake they are green."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from .table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SETTINGS = """[pytest]
addopts = --import-mode=importlib -p no:xdist -p no:cacheprovider --strict-markers
filterwarnings =
    error
    ignore:The hypothesis pytest plugin
"""
GUARD = """
from pathlib import Path
import nnexp
assert Path(nnexp.__file__).parent == Path(__file__).parent / "nnexp", nnexp.__file__
"""
"""A conftest.py: were another nnexp imported, pytest would end with exit code 4."""


def copy(target: Path, selections: Iterable[str]) -> None:
    """Copy nnexp and the selected tests' files."""
    shutil.copytree(ROOT / "nnexp", target / "nnexp", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (target / "tests").mkdir()
    for file in {selection.partition("::")[0] for selection in selections}:
        shutil.copy(ROOT / "tests" / file, target / "tests" / file)
    (target / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    (target / "conftest.py").write_text(GUARD, encoding="utf-8")


def run(directory: Path, selections: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of a copy, in a process of their own, with the copy's nnexp."""
    chosen = [f"tests/{selection}" for selection in selections]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", *chosen]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what.replace(" ", "-"))
def test_a_planted_mistake_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    """With the mistake in place, the selected tests run and at least one fails (exit code 1)."""
    copy(tmp_path, [mutant.tests])
    file = tmp_path / "nnexp" / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file} has changed: adapt the entry {mutant.what!r}"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    done = run(tmp_path, [mutant.tests])
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout


def test_without_a_mistake(tmp_path: Path) -> None:
    """The same tests pass on an unchanged copy."""
    selections = sorted({mutant.tests for mutant in MUTANTS})
    copy(tmp_path, selections)
    done = run(tmp_path, selections)
    assert done.returncode == 0, done.stdout + done.stderr
