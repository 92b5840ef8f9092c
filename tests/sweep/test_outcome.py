"""What a search has come to, told from what its trials left."""

from __future__ import annotations

from pathlib import Path

from nnexp.journal.result import Result
from nnexp.sweep.ledger import Job, Sweep
from nnexp.sweep.manifest import Manifest
from nnexp.sweep.outcome import steps_of
from nnexp.sweep.ranking import ranked, title
from nnexp.sweep.yardstick import Yardstick
from nnexp.tracking.opening import Opening
from nnexp.tracking.tracked_run import TrackedRun


def trained(directory: Path, number: int, costs: list[float], of: int) -> Job:
    """A trial that had these costs, epoch by epoch, of so many epochs that it was to have."""
    place = directory / str(number)
    place.mkdir()
    run = TrackedRun.start(Opening(str(number), {}, {}, epochs=of), place)
    for epoch, cost in enumerate(costs, 1):
        run.record(epoch, {"cost/validation": cost}, epoch)
    run.finish("FINISHED")
    paused = of if len(costs) < of else 0
    result = Result("FINISHED", epochs=len(costs), metrics={"cost/validation": costs[-1]}, paused=paused)
    return Job(number, place, result, "finished")


def test_a_trial_has_reached_what_it_had_at_its_rung(tmp_path: Path) -> None:
    """Three trials have one epoch each, the best goes on to the third: its last cost is reached after five epochs in all."""
    costs = [[5.0], [2.0, 1.5, 1.0], [4.0]]
    jobs = [trained(tmp_path, number, each, 3) for number, each in enumerate(costs)]
    halving = Manifest(search={"trials": 3, "seeds": 1, "halving": 3, "rungs": 2})
    assert list(steps_of(Sweep(tmp_path, halving, jobs))) == [(1, 5), (2, 2), (3, 4), (5, 1)]


def test_without_rungs_each_trial_has_all_its_epochs(tmp_path: Path) -> None:
    """Each trial's cost is reached when it and those before have ended; of two seeds it is the mean."""
    jobs = [trained(tmp_path, number, [9.0, cost], 2) for number, cost in enumerate((3.0, 5.0, 1.0, 2.0))]
    plain = Manifest(search={"trials": 2, "seeds": 2, "halving": None, "rungs": 3})
    assert list(steps_of(Sweep(tmp_path, plain, jobs))) == [(4, 4), (8, 1.5)]


def test_who_was_trained_furthest_comes_first(tmp_path: Path) -> None:
    """A cost after three epochs ranks before a lower one after one, and the table's title says so."""
    jobs = [trained(tmp_path, 0, [1.0], 3), trained(tmp_path, 1, [4.0, 3.0, 2.0], 3)]
    measure = Yardstick("cost/validation")
    found = ranked(jobs, measure, "", jobs, {})
    assert [job.number for job in found.jobs] == [1, 0]
    assert title(found, "2 runs", measure.name) == (
        "2 runs, those first that were trained furthest, then best first by cost/validation"
    )
    whole = ranked(jobs[1:], measure, "", jobs, {})
    assert title(whole, "1 run", measure.name) == "1 run, best first by cost/validation"
