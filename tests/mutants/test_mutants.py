"""Each planted mistake of the table turns the tests red; without a mistake they are green."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SETTINGS = """[pytest]
addopts = --import-mode=importlib -p no:xdist -p no:cacheprovider --strict-markers
filterwarnings =
    error
    ignore:Module already imported:pytest.PytestAssertRewriteWarning
"""
GUARD = """
from pathlib import Path
import nnexp
assert Path(nnexp.__file__).parent == Path(__file__).parent / "nnexp", nnexp.__file__
"""
"""A conftest.py: were another nnexp imported, pytest would end with exit code 4."""

Run = Callable[[Path, list[str]], tuple[int, str]]
"""(directory, selections) to pytest's exit code and output."""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Run tests of a copy, with the copy's nnexp, in a process of their own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHONPATH"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with server:

        def ask(directory: Path, selections: list[str]) -> tuple[int, str]:
            assert server.stdin
            assert server.stdout
            tests = [f"tests/{selection}" for selection in selections]
            server.stdin.write(json.dumps({"directory": str(directory), "tests": tests}) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline()), (directory / "output.txt").read_text(encoding="utf-8")

        yield ask


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory, run: Run) -> tuple[Path, int, str]:
    """A copy of nnexp and the selected tests, and what pytest says to all of them; its compiled files save time later."""
    target = tmp_path_factory.mktemp("unchanged") / "copy"
    shutil.copytree(ROOT / "nnexp", target / "nnexp", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (target / "tests").mkdir()
    selections = sorted({mutant.tests for mutant in MUTANTS})
    for file in {selection.partition("::")[0] for selection in selections}:
        (target / "tests" / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "tests" / file, target / "tests" / file)
    (target / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    (target / "conftest.py").write_text(GUARD, encoding="utf-8")
    return target, *run(target, selections)


def test_without_a_mistake(unchanged: tuple[Path, int, str]) -> None:
    """The same tests pass on an unchanged copy."""
    _, code, output = unchanged
    assert code == 0, output


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what.replace(" ", "-"))
def test_a_planted_mistake_is_noticed(
    mutant: Mutant, tmp_path: Path, run: Run, unchanged: tuple[Path, int, str]
) -> None:
    """With the mistake in place, the selected tests run and one fails (exit code 1)."""
    directory = tmp_path / "copy"
    shutil.copytree(unchanged[0], directory)
    file = directory / "nnexp" / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file} has changed: adapt the entry {mutant.what!r}"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    code, output = run(directory, [mutant.tests])
    assert code == 1, output
    assert "1 failed" in output
