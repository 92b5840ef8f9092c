"""The rungs of a search (successive halving, Jamieson and Talwalkar, 2016)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnexp.composition.search import own_settings
from nnexp.experiment.settings import SearchSettings
from nnexp.journal.journal import JOURNAL
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import Result


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
