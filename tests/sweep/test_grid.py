"""A sweep's grid and its settings, the jobs that differ in their seed only."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnexp.journal.result import Result
from nnexp.sweep.grid import among, points, settings
from nnexp.sweep.ledger import Job
from nnexp.sweep.manifest import Manifest, PlannedJob
from nnexp.sweep.states import State


def manifest(*jobs: str) -> Manifest:
    """The manifest of a sweep over rate and seed."""
    return Manifest(swept=("rate", "seed"), jobs=tuple(PlannedJob(tuple(job.split())) for job in jobs))


def job(number: int, cost: float | None = None, state: State = "finished") -> Job:
    """A job that ended."""
    metrics = {} if cost is None else {"cost/train": cost}
    return Job(number, Path(str(number)), Result(metrics=metrics), state)


def test_points() -> None:
    """Each job's values of the swept keys, as they were typed; what is fixed is left out."""
    given = manifest("loss=mae +rate=[1,2] seed=0", "loss=mae +rate=a=b seed=0")
    assert points(given) == {0: {"rate": "[1,2]", "seed": "0"}, 1: {"rate": "a=b", "seed": "0"}}


@pytest.mark.parametrize(
    "given",
    [
        Manifest(),
        Manifest(jobs=(PlannedJob(("loss=mae",)),)),
        manifest("", ""),
        manifest("rate=1 seed=0", "rate=2 seed=1"),
        manifest("rate=1 seed=0", "rate=2"),
    ],
    ids=["no manifest", "nothing swept", "jobs not known before", "not every combination", "not every key"],
)
def test_no_grid(given: Manifest) -> None:
    """A sweep whose jobs are not every combination of the swept values has no points."""
    assert points(given) == {}


def test_settings() -> None:
    """Mean and standard deviation of 1 and 4 are 2.5 and 3 / sqrt 2; what became of the other seeds is counted."""
    grid = points(manifest(*[f"rate={rate} seed={seed}" for rate in (1, 2, 3) for seed in (0, 1, 2, 3)]))
    done = [
        *[job(0, 4.0), job(1, 1.0), job(2, state="diverged")],
        *[job(number, 3.0) for number in (4, 5, 6)],
        *[job(7, 3.0, state="reused"), job(8, state="killed")],
    ]
    first, second = settings(grid, done, [each for each in done if each.finished])
    assert (first.name, first.seeds()) == ("rate=1", "2 of 4 (1 diverged, 1 not run)")
    assert (first.mean("cost/train"), first.spread("cost/train")) == pytest.approx((2.5, 3 / 2**0.5))
    assert (second.name, second.seeds(), second.spread("cost/train")) == ("rate=2", "4", 0)


def test_no_settings_without_seeds() -> None:
    """Where the seed is not swept there is nothing to average over."""
    grid = points(Manifest(swept=("rate",), jobs=(PlannedJob(("rate=1",)), PlannedJob(("rate=2",)))))
    assert grid
    assert settings(grid, [job(0, 1.0)], [job(0, 1.0)]) == []


def test_the_part_of_a_grid_that_is_ranked() -> None:
    """Of a sweep over two datasets that do not compare each has its own half; a value that nobody finished belongs to both."""
    grid = {number: {"dataset": "ab"[number // 2], "rate": "12"[number % 2]} for number in range(4)}
    assert list(among(grid, {0}, {2})) == [0, 1]
