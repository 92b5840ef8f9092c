"""The rungs of a search (successive halving, Jamieson and Talwalkar, 2016)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from nnexp.experiment.settings import SearchSettings
from nnexp.journal.journal import JOURNAL
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import Result


def rungs(settings: SearchSettings, epochs: int) -> list[int]:
    """The epochs that trials are compared at: ``epochs`` / halving^k, rounded down, and at last ``epochs``."""
    return [epochs // (settings.halving or 1) ** k for k in reversed(range(settings.rungs))]


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
