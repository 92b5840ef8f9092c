"""A recorded run is trained again, and every metric and weight held against the record, bit for bit.

Nothing is written. The configuration is read from the run's journal and checked as a typed one is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.comparison.differences import Arrays, Weights, unequal, weights
from nnexp.engine.training import Diverged
from nnexp.errors import NnexpError
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.model import WEIGHTS
from nnexp.experiment.plan import plan
from nnexp.journal.journal import refuse_links
from nnexp.journal.recorded_run import RecordedRun
from nnexp.run.identity import plugin_versions
from nnexp.run.resume import refuse_other_data
from nnexp.terminal.console import Console

DIVERGED = "diverged"
"""How the reason begins of a run that diverged."""
WHOLE = 0
"""Stands for an epoch where a metric is of the whole run."""


@dataclass(frozen=True)
class First:
    """What differs first: a metric of an epoch, then and now."""

    epoch: int
    name: str
    then: float | str | None
    now: float | str | None


@dataclass(frozen=True)
class Verdict:
    """How a run came out when it was trained again."""

    epochs: int
    """How many were compared."""
    first: First | None
    weights: Weights
    versions: str = ""
    """What was installed then and is not now; empty where nothing has changed."""
    diverged: bool = False
    """Whether it did, and so again where nothing differs."""

    @property
    def equal(self) -> bool:
        """Whether all that was compared is the same."""
        return self.first is None and self.weights.equal is not False


def verify(directory: Path, console: Console) -> Verdict:
    """Train the run in ``directory`` again, as far as its journal goes. Raises NnexpError where that cannot be done."""
    refuse_links(directory)
    recorded = RecordedRun.read(directory)
    diverged = recorded.ending.reason.startswith(DIVERGED)
    if not recorded.epochs and not diverged:
        raise NnexpError(f"The run in '{directory}' has no epoch that could be compared. Choose another run.")
    experiment = prepare(plan({**recorded.recipe.config, "epochs": recorded.wanted}))
    refuse_other_data(experiment, recorded)
    refuse_parts(experiment, recorded)
    then, now = recorded.opened.tags.get("nnexp.plugins", "no plugins"), plugin_versions(experiment)
    versions = "" if now == then else f"it began with {then}, and now {now} is installed"
    first = trained(experiment, recorded, console)
    if first is None and recorded.ending.status == "FINISHED":
        first = first_of(
            WHOLE, dict(item for _, scores in recorded.scores for item in scores.items()), experiment.test()
        )
    compared = Weights(None, why="the metrics differ already" if first else "the run did not finish")
    if first is None and recorded.ending.status == "FINISHED":
        compared = weights(weights_in(directory), experiment.network.arrays())
    return Verdict(recorded.last, first, compared, versions, diverged=diverged)


def refuse_parts(experiment: Experiment, recorded: RecordedRun) -> None:
    """Refuse a run that a schedule has made of two parts: it knows the last epoch, which was another one at first."""
    if experiment.plan.schedule.varies and recorded.wanted != recorded.opened.epochs:
        raise NnexpError(
            f"The run was extended from {recorded.opened.epochs} to {recorded.wanted} epochs under a schedule, so it cannot be "
            "trained again in one piece. Verify a run that was not extended."
        )


def trained(experiment: Experiment, recorded: RecordedRun, console: Console) -> First | None:
    """Train as many epochs as were recorded, of a run that diverged one more; the first difference ends it."""
    told = {record["epoch"]: record["metrics"] for record in recorded.epochs}
    status, reason, number = recorded.ending.status, recorded.ending.reason, 0
    to_its_end = status == "FINISHED" or reason.startswith(DIVERGED)
    try:
        with console.training(recorded.last, None):
            for epoch in experiment.epochs():
                number = epoch.number
                if number > recorded.last:
                    return First(number, "end", reason or "ended", "went on")
                console.epoch(epoch)
                if found := first_of(number, told[number], epoch.metrics):
                    return found
                if number == recorded.last and not to_its_end:
                    return None
    except Diverged as error:
        return None if error.reason == reason else First(number + 1, "end", reason or "went on", error.reason)
    return First(number + 1, "end", "went on", "ended") if number < recorded.last else None


def first_of(epoch: int, then: Mapping[str, float], now: Mapping[str, float]) -> First | None:
    """The first metric that differs, or is not there any more."""
    for name, value in then.items():
        if name not in now and not name.startswith("time/"):
            return First(epoch, name, value, None)
    return next((First(epoch, name, *values) for name, values in unequal(then, now).items()), None)


def weights_in(directory: Path) -> Arrays | None:
    """The weights of a run's directory; None where there are none. Raises Unreadable."""
    from nnexp.basics.arrays import read_arrays

    try:
        return read_arrays(directory / WEIGHTS)
    except FileNotFoundError:
        return None


def as_object(verdict: Verdict) -> dict[str, Any]:
    """The verdict as ``--json`` prints it."""
    from nnexp.comparison.rows import plain

    first = verdict.first
    return {
        "equal": verdict.equal,
        "epochs": verdict.epochs,
        "difference": {**vars(first), "then": plain(first.then), "now": plain(first.now)} if first else None,
        "weights": {**vars(verdict.weights), "by": plain(verdict.weights.by)},
        "versions": verdict.versions,
    }
