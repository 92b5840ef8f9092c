"""The rungs of a search (successive halving, Jamieson and Talwalkar, 2016)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnexp.composition.search import own_settings
from nnexp.errors import NnexpError
from nnexp.experiment.settings import SearchSettings
from nnexp.journal.journal import JOURNAL
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import Result
from nnexp.sweep.states import key_of


def rungs(settings: SearchSettings, epochs: int) -> list[int]:
    """The epochs that trials are compared at: ``epochs`` / halving^k, rounded down, and at last ``epochs``."""
    return [epochs // (settings.halving or 1) ** k for k in reversed(range(settings.rungs))]


def rung_of(search: Mapping[str, Any], epochs: int, until: int | None) -> int | None:
    """Which rung of a search ends at the epoch ``until``, or without one at the last, from 0; None where there are none."""
    settings = own_settings(search)
    ends = rungs(settings, epochs) if settings.halving else []
    return ends.index(until or epochs) if (until or epochs) in ends else None


def promoted(count: int, settings: SearchSettings) -> int:
    """How many of a rung's trials go on: one in ``search.halving``, and at least one."""
    return max(1, count // (settings.halving or 1))


def counts(settings: SearchSettings) -> list[int]:
    """How many trials each rung has, if none fails."""
    return [
        *itertools.accumulate(range(1, settings.rungs), lambda n, _: promoted(n, settings), initial=settings.trials)
    ]


def as_of(place: Path, result: Result, epoch: int) -> Result:
    """A run as it was at an epoch, by its journal: also where it has gone on or failed since."""
    if not (place / JOURNAL).exists():
        return result
    records = RecordedRun.read(place).epochs
    if result.status != "FINISHED" and len(records) < epoch:
        return result
    last = records[min(epoch, len(records)) - 1]
    return replace(result, status="FINISHED", metrics=last["metrics"])


def as_first_ended(place: Path, result: Result, own: int) -> Result:
    """A run as it was after its ``own`` epochs, by its journal: also where it was trained on since, or failed at that."""
    if (
        result.status == "REUSED"
        or not (place / JOURNAL).exists()
        or (result.status == "FINISHED" and result.epochs <= own)
    ):
        return result
    try:
        recorded = RecordedRun.read(place)
    except NnexpError:  # it was not trained on then
        return result
    if len(recorded.epochs) <= own:
        return result
    metrics = [each["metrics"] for each in recorded.epochs[:own]]
    cost = "cost/validation" if "cost/validation" in metrics[0] else "cost/train"
    best = recorded.recipe.config.get("keep") == "best"
    kept = min(range(own), key=lambda epoch: metrics[epoch][cost]) if best else own - 1
    scores = {name: value for epoch, each in recorded.scores if epoch <= own for name, value in each.items()}
    return replace(result, status="FINISHED", epochs=own, metrics={**metrics[kept], **scores})


def planned(overrides: Sequence[str], epochs: int) -> int:
    """The epochs that a trial was to have: those that were chosen for it, else those of all."""
    chosen = [line.partition("=")[2] for line in overrides if key_of(line) == "epochs"]
    return int(chosen[-1]) if chosen and chosen[-1].isdecimal() else epochs
