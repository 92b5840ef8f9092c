"""``predict`` reads new rows as the table of training was written, or as its options say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.command import nnexp, runs

WORDS = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "tracking=none", "split.validation=0")
EXACT = ("network.hidden=[]", "optimizer=batch", "optimizer.learning_rate=0.5", "epochs=200")
WRITTEN = ("dataset.decimal=','", "dataset.thousands=.", "dataset.units=strip")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a model of y = 2 x + 1, learnt from thousands of euros with decimal commas."""
    folder = tmp_path_factory.mktemp("german")
    rows = "".join(f"{n}.000,50 €;{2000 * n + 2},0\n" for n in range(1, 30))
    (folder / "t.csv").write_text(f"sep=;\nx;y\n{rows}", encoding="utf-8")
    ended = nnexp(*WORDS, *EXACT, *WRITTEN, cwd=folder)
    assert ended.code == 0, ended.err
    return folder


@pytest.mark.parametrize(
    ("text", "options", "noted"),
    [
        ("x\n5.000 €\n", (), ""),
        ("sep=;\nx\n5.000,00€\n", (), ""),
        ("z;x\na;5.000 €\n", (), ""),
        ("z,x\na,5000 €\n", ("--separator", ",", "--decimal", "."), ""),
        ("z,x\na,5000\n", ("--separator=,",), "column 'x' has no unit; its numbers are taken for '€', as in training"),
        ('z,x\na,"5,000 €"\n', ("--separator=,", "--decimal=.", "--thousands=,"), ""),
        ("z\tx\na\t5.000 €\n", ("--separator", "\\t"), ""),
    ],
)
def test_the_same_number(text: str, options: tuple[str, ...], noted: str, place: Path) -> None:
    """However 5000 is written, it is 5000, and its answer 10001."""
    (run,) = runs(place)
    (place / "n.csv").write_text(text, encoding="utf-8")
    ended = nnexp("predict", str(run), "n.csv", *options, cwd=place)
    assert ended.code == 0, ended.err
    np.testing.assert_allclose(float(ended.out.splitlines()[1]), 10001, rtol=1e-6)
    assert noted in ended.err
    assert bool(noted) == bool(ended.err)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("x\n5.000 $\n", (), "column 'x' holds '5.000 $', and that of training had '€'. Write all in the same unit."),
        (
            "x\n5.00\n",
            (),
            "Got '5.00' in row 1. Correct it in the file. Where it is only written otherwise, see --decimal",
        ),
        ("z,x\na,5\n", (), "Type --separator=,"),
        ("x\ntrue\nfalse\n", (), "column 'x' has to hold numbers, as in training. Got true or false in all rows."),
        ("x\n5\n", ("--decimal=x",), "--decimal must be a point or a comma. Got 'x'."),
        ("x\n5\n", ("--header=9",), "are said to stand in line 9"),
    ],
)
def test_what_is_refused(text: str, options: tuple[str, ...], message: str, place: Path) -> None:
    """Another unit, a number that is none in this format, true and false, and options that cannot be."""
    (run,) = runs(place)
    (place / "n.csv").write_text(text, encoding="utf-8")
    ended = nnexp("predict", str(run), "n.csv", *options, cwd=place)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err


def test_a_model_of_booleans_takes_no_other_number(tmp_path: Path) -> None:
    """Training with true and false is remembered: 2 and 0.5 are refused with their row, 1 and 0 are not."""
    (tmp_path / "t.csv").write_text("x,y\n" + "TRUE,3.5\nfalse,1\ntrue,3.5\nFalse,1\n" * 6)
    assert nnexp(*WORDS, "epochs=1", cwd=tmp_path).code == 0
    (run,) = runs(tmp_path)
    for cells, message in (("1\n2\n", "Got 2 in row 2."), ("0.5\n1\n", "Got 0.5 in row 1."), ("true\n0\n", "")):
        (tmp_path / "n.csv").write_text(f"x\n{cells}")
        ended = nnexp("predict", str(run), "n.csv", cwd=tmp_path)
        assert ended.code == bool(message), ended.err
        assert (f"column 'x' has to hold true or false, as in training. {message}" in ended.err) == bool(message)


@pytest.mark.parametrize("words", [("predict", "nope", "n.csv"), ("resume", "nope"), ("log-model", "nope")])
def test_a_run_that_is_not_here(words: tuple[str, ...], place: Path, tmp_path: Path) -> None:
    """A name that nothing has is named, with the runs that are here, be there no store; without any, with where to go."""
    ended = nnexp(*words, cwd=place)
    assert ended.code == 1
    assert ended.err.startswith("nnexp: No run 'nope': there is no such directory, and no ")
    assert ended.err.endswith(f" that might know the name. The newest here:\n  {runs(place)[0].relative_to(place)}\n")
    ended = nnexp(*words, cwd=tmp_path)
    assert ended.err.startswith("nnexp: No run 'nope'. No runs here: there is no ")
