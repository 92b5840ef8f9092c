"""What is refused leaves everything as it was, and a place that is taken is refused: trees of files before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.command import runs
from tests.forked import Forked
from tests.trees import assert_same, tree
from tests.users import QUICK, TABLE, forked, in_order, place, thesis, untouched

__all__ = ["forked", "place"]

REFUSED: dict[str, Sequence[str]] = {
    "a key that is misspelt": ("epoch=3",),
    "a value out of bounds": ("epochs=-1",),
    "an option that is unknown": ("loss=mea",),
    "a flag that is unknown": ("--nonsense",),
    "a word that is no command": ("trian",),
    "a table that is missing": ("dataset=csv", "dataset.path=typo.csv", "dataset.target=y"),
    "a column that is missing": ("dataset=csv", "dataset.path=table.csv", "dataset.target=typo"),
    "a loss of another task": ("loss=cce",),
    "an output that does not go with the loss": ("loss=bce", "output=identity"),
    "weights that are missing": ("initializer=file", "initializer.path=typo.npz"),
    "not enough memory": ("network.hidden=[1000000000000]",),
    "a store that is no address": ("tracking=mlflow", "tracking.uri=nonsense"),
    "a database in a folder's place": ("tracking=mlflow", "tracking.uri=sqlite:///thesis"),
    "a database in a file's place": ("tracking=mlflow", "tracking.uri=sqlite:///thesis/.hidden"),
    "a sweep without jobs": ("-m", "seed=range(0)"),
    "a sweep with a mistake": ("-m", "seed=0,x"),
    "a sweep with another launcher's mistake": ("-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0", "seed=0,1"),
    "a sweep with nnexp's launcher's mistake": ("-m", "hydra.launcher.workers=0", "seed=0,1"),
    "a single run with a sweep's values": ("seed=0,1",),
    "a log in a folder that is missing": ("hydra.job_logging.handlers.file.filename=nowhere/x.log",),
}
"""Ways to be refused."""

PLACES: dict[str, Sequence[str]] = {
    "where nnexp puts it": (),
    "a folder that holds something": ("hydra.run.dir=thesis", "hydra.sweep.dir=thesis"),
    "a new folder in one that holds something": ("hydra.run.dir=thesis/new", "hydra.sweep.dir=thesis/new"),
    "an empty folder": ("hydra.run.dir=empty", "hydra.sweep.dir=empty"),
    "a new folder": ("hydra.run.dir=r", "hydra.sweep.dir=r"),
    "new folders within each other": ("hydra.run.dir=a/b/c", "hydra.sweep.dir=a/b/c"),
    "an empty folder of the thesis": ("hydra.run.dir=thesis/empty", "hydra.sweep.dir=thesis/empty"),
    "a file": ("hydra.run.dir=table.csv", "hydra.sweep.dir=table.csv"),
    "a link": ("hydra.run.dir=thesis/chapters/up", "hydra.sweep.dir=thesis/chapters/up"),
    "here": ("hydra.run.dir=.", "hydra.sweep.dir=."),
}
"""Where a run or a sweep may be said to be."""


EVERYWHERE = (
    "a table that is missing",
    "a loss of another task",
    "a sweep with another launcher's mistake",
    "a sweep with a mistake",
)
"""Ways that are tried in every place; the others in two."""
CASES = [(why, where) for why in REFUSED for where in PLACES if why in EVERYWHERE or where in list(PLACES)[:2]]


@pytest.mark.parametrize(("why", "where"), CASES)
def test_what_is_refused_leaves_nothing_behind(why: str, where: str, place: Path, forked: Forked) -> None:
    """Whatever is refused, and wherever it would have been, removes and changes nothing and leaves not even a folder."""
    words = [word for word in PLACES[where] if word.startswith("hydra.sweep") == ("-m" in REFUSED[why])]
    own = () if why == "a word that is no command" else (*QUICK, *words)
    _, new = untouched(forked, place, *in_order(*own, *REFUSED[why]))
    assert new == []


def test_an_outputs_folder_that_was_there_stays(place: Path, forked: Forked) -> None:
    """A refused command leaves an empty ``outputs/`` and what is in it, though nothing is in that either."""
    (place / "outputs" / "runs").mkdir(parents=True)
    (place / "outputs" / "sweeps").mkdir()
    before = tree(place)
    untouched(forked, place, *QUICK, "dataset=csv", "dataset.path=typo.csv", "dataset.target=y")
    untouched(forked, place, "-m", *QUICK, "hydra/launcher=joblib", "hydra.launcher.n_jobs=0", "seed=0,1")
    assert_same(before, tree(place))


@pytest.mark.parametrize("where", ["a folder that holds something", "a file", "a link", "here"])
@pytest.mark.parametrize("mode", ["a run", "a sweep"])
def test_a_place_that_is_taken(mode: str, where: str, place: Path, forked: Forked) -> None:
    """A run or a sweep in a folder that holds something is refused before anything."""
    key = "hydra.sweep" if mode == "a sweep" else "hydra.run"
    many = ("-m", "seed=0,1") if mode == "a sweep" else ()
    words = [word for word in PLACES[where] if word.startswith(key)]
    _, new = untouched(forked, place, *in_order(*QUICK, *many, *words))
    assert new == []


@pytest.mark.parametrize("where", ["an empty folder", "a new folder", "new folders within each other"])
def test_a_place_that_is_free(where: str, place: Path, forked: Forked) -> None:
    """A typed place that is new or empty takes a run; used once more, it is refused, and the first run stays bit by bit."""
    words = (*QUICK, *[word for word in PLACES[where] if word.startswith("hydra.run")])
    _, new = untouched(forked, place, *words, code=0)
    assert any(each.endswith("weights.npz") for each in new)
    again, new = untouched(forked, place, *words, "seed=1")
    assert again.err.startswith("nnexp: ")
    assert new == []


def test_a_sweeps_place_used_twice(place: Path, forked: Forked) -> None:
    """A sweep's directory used once more is refused, for a sweep as for a run."""
    untouched(forked, place, "-m", *QUICK, "seed=0,1", "hydra.sweep.dir=s", code=0)
    for words in (("-m", "seed=2,3", "hydra.sweep.dir=s"), ("hydra.run.dir=s",), ("hydra.run.dir=s/0",)):
        _, new = untouched(forked, place, *in_order(*QUICK, *words))
        assert new == []


@pytest.mark.parametrize("launcher", ["nnexp", "basic", "joblib"])
def test_sweeps_under_every_launcher(launcher: str, place: Path, forked: Forked) -> None:
    """A sweep that goes well, one whose first job diverges, and one that stops at the first failure make files of their own."""
    words = ("-m", *QUICK, "dataset=diabetes", f"hydra/launcher={launcher}")
    untouched(forked, place, *words, "seed=0,1", "hydra.sweep.dir=thesis/new", code=0)
    missing = ("dataset=csv", "dataset.path=typo.csv", "dataset.target=y", "seed=0,1")
    untouched(forked, place, *words, *missing, "hydra.sweep.dir=thesis/missing")
    rates = "optimizer.learning_rate=1e300,0.1,0.2"
    untouched(forked, place, *words, rates, "sweep.fail_fast=true", "hydra.sweep.dir=thesis/failed")


def test_a_run_that_diverges(place: Path, forked: Forked) -> None:
    """A run that diverges leaves its own files and touches no other."""
    untouched(forked, place, *QUICK, "dataset=diabetes", "optimizer.learning_rate=1e300", "hydra.run.dir=thesis/new")


PARTS = (
    *("dataset=xor", "dataset=csv", "dataset.path=table.csv", "dataset.path=typo.csv", "dataset.target=y", "loss=typo"),
    *(
        "epochs=1",
        "epochs=x",
        "loss=mae",
        "loss=bce",
        "optimizer.learning_rate=1e300",
        "seed=1",
        "typo=1",
        "reuse=true",
    ),
    *("-m", "seed=0,1", "hydra/launcher=basic", "sweep.dry_run=true", "sweep.fail_fast=true", "--cfg=job", "--help"),
    *("hydra.output_subdir=null", "hydra.output_subdir=thesis", "hydra.job.chdir=true"),
    *(word for words in PLACES.values() for word in words),
)
"""Words that go together in some ways and in others do not."""


@given(st.lists(st.sampled_from(PARTS), max_size=7, unique=True))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
def test_any_words(tmp_path: Path, forked: Forked, words: list[str]) -> None:
    """Whatever words are typed together and however that ends, no file that was there is removed or changed."""
    here = tmp_path / f"{len(list(tmp_path.iterdir()))}" / "place"
    thesis(here / "thesis")
    (here / "empty").mkdir()
    (here / "table.csv").write_text(TABLE)
    answer, new = untouched(forked, here, *in_order("tracking=none", "epochs=1", *words), code=None)
    begun = any(each.endswith(("journal.jsonl", "manifest.json")) for each in new)
    assert begun or new == [], answer


def test_two_runs_in_one_second(place: Path, forked: Forked) -> None:
    """Runs that begin at the same moment have directories of their own."""
    for number in range(2):
        untouched(forked, place, *QUICK, f"seed={number}", code=0)
    assert len(runs(place)) == 2
