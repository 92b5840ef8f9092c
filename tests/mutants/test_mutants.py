"""Each planted mistake of the table turns the tests red; without a mistake they are green."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.forked_pytest import Run, forked_pytest

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
from hypothesis import Phase, settings
assert Path(nnexp.__file__).parent == Path(__file__).parent / "nnexp", nnexp.__file__
settings.register_profile("found", phases=(Phase.explicit, Phase.generate))
settings.load_profile("found")
"""
"""A conftest.py: were another nnexp imported, pytest would end with exit code 4. What fails is not looked for anew in short."""

PRELOADED = (
    "hydra.core.override_parser.overrides_parser",
    "hypothesis",
    "numpy",
    "omegaconf",
    "scipy.special",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neural_network",
    "sklearn.preprocessing",
    "threadpoolctl",
)
"""What the tests need beyond nnexp."""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Run tests of a copy, with the copy's nnexp, in a process of their own."""
    with forked_pytest(PRELOADED) as ask:
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
    return target, *run(target, words(selections))


def words(selections: Sequence[str]) -> list[str]:
    """For pytest, which ends at the first test that fails, and shows it as Python does: its own way reads all sources again."""
    return ["-x", "-q", "--tb=native", *(f"tests/{selection}" for selection in selections)]


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
    shutil.copytree(unchanged[0], directory, copy_function=os.link)
    file = directory / "nnexp" / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file} has changed: adapt the entry {mutant.what!r}"
    file.unlink()  # it is the unchanged copy's, too
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    code, output = run(directory, words([mutant.tests]))
    assert code == 1, output
    assert "1 failed" in output
