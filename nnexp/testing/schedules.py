"""What a schedule has to keep. A run is its number of epochs and the costs that were measured in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Real

import numpy as np

from nnexp.errors import NnexpError
from nnexp.plugin import Schedule
from nnexp.testing.numerics import shown
from nnexp.testing.verdict import Failed, Skipped

LENGTHS = (1, 2, 7, 80, 300)
"""Runs of so many epochs."""
Run = tuple[int, list[float]]


def runs(schedule: Schedule) -> list[Run]:
    """Runs that the schedule takes, each length with costs that fall, that stand still, that rise, and that are below zero."""
    found: list[Run] = []
    refused = ""
    for epochs in LENGTHS:
        try:
            schedule.factor(1, epochs, ())
        except NnexpError as error:
            refused = str(error)
            continue
        fall = np.linspace(2, 1, epochs) + 0.1 * np.random.default_rng(epochs).normal(size=epochs)
        found += [(epochs, costs.tolist()) for costs in (fall, np.ones(epochs), 1 / fall, fall - 5)]
    if not found:
        raise Skipped(f"it refuses runs of {', '.join(map(str, LENGTHS))} epochs: {refused}")
    return found


def factors(schedule: Schedule, epochs: int, costs: Sequence[float]) -> list[float]:
    """The factor of each epoch of a run, asked for in order."""
    return [schedule.factor(epoch, epochs, costs[: epoch - 1]) for epoch in range(1, epochs + 1)]


def finite_factors(schedule: Schedule) -> None:
    """Every factor is a finite number of at least 0."""
    for epochs, costs in runs(schedule):
        for epoch, factor in enumerate(factors(schedule, epochs, costs), 1):
            if not isinstance(factor, Real) or not math.isfinite(factor) or factor < 0:
                raise Failed(
                    f"factor is {factor!r} in epoch {epoch} of {epochs}. Return a float: what the learning rate is "
                    "multiplied by, so 1.0 keeps it and 0.0 stands still."
                )


def claims_to_vary(schedule: Schedule) -> None:
    """The claim ``varies = False`` is true."""
    if schedule.varies:
        raise Skipped("it does not claim varies = False")
    for epochs, costs in runs(schedule):
        for epoch, factor in enumerate(factors(schedule, epochs, costs), 1):
            if factor != 1:
                raise Failed(
                    f"varies is False, but the factor is {shown(factor)} in epoch {epoch} of {epochs}. Remove varies: "
                    "the factor is not even asked for where it is False."
                )


def no_memory(schedule: Schedule) -> None:
    """A run that is resumed goes on exactly."""
    for epochs, costs in runs(schedule):
        expected = factors(schedule, epochs, costs)
        for epoch in np.random.default_rng(1).permutation(np.arange(1, epochs + 1)).tolist():
            for other in (schedule, replace(schedule)):
                found = other.factor(epoch, epochs, costs[: epoch - 1])
                if found != expected[epoch - 1]:
                    raise Failed(
                        f"the factor of epoch {epoch} of {epochs} is {shown(found)} when the epochs before it are not "
                        f"asked for first, else {shown(expected[epoch - 1])}: something is kept between calls. Compute "
                        "it from epoch, epochs and history alone."
                    )


def history_unchanged(schedule: Schedule) -> None:
    """The history is read only, and may be any sequence."""
    for epochs, costs in runs(schedule):
        for epoch, expected in enumerate(factors(schedule, epochs, costs), 1):
            history = costs[: epoch - 1]
            schedule.factor(epoch, epochs, history)
            if history != costs[: epoch - 1]:
                raise Failed("factor changes history, which is the run's own. Copy it first: costs = list(history).")
            if schedule.factor(epoch, epochs, tuple(history)) != expected:
                raise Failed(f"in epoch {epoch} a tuple of costs gives another factor than a list of them.")


CHECKS: tuple[Callable[[Schedule], None], ...] = (finite_factors, claims_to_vary, no_memory, history_unchanged)
