"""The kit's checks of a schedule: each sort of mistake is caught with what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from nnexp import NnexpError
from nnexp.plugin import Schedule
from nnexp.testing import examine


@dataclass(frozen=True)
class Negative(Schedule):
    """factor = 1 - (epoch - 1) / 2, which is below 0 from the fourth epoch on (nobody, 2026)."""

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return 1 - (epoch - 1) / 2


@dataclass(frozen=True)
class Liar(Schedule):
    """factor = 1 / epoch, in silence (nobody, 2026)."""

    varies = False

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return 1 / epoch


@dataclass(frozen=True)
class Counting(Schedule):
    """factor = 1 / calls so far (nobody, 2026)."""

    calls: ClassVar[list[int]] = []

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        if epoch == 1:
            self.calls.clear()
        self.calls.append(epoch)
        return 1 / len(self.calls)


@dataclass(frozen=True)
class Sorting(Schedule):
    """factor = 1 / 2 once the best cost is half the worst, else 1 (nobody, 2026)."""

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        assert isinstance(history, list | tuple)
        if isinstance(history, list):
            history.sort()
        return 0.5 if history and 2 * min(history) < max(history) else 1.0


@dataclass(frozen=True)
class Listing(Schedule):
    """factor = 1 / 2 after a list with costs, else 1 (nobody, 2026)."""

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return 0.5 if isinstance(history, list) and history else 1.0


@pytest.mark.parametrize(
    ("schedule", "check", "text"),
    [
        (Negative, "finite_factors", "factor is -0.5 in epoch 4 of 7."),
        (Liar, "claims_to_vary", "varies is False, but the factor is 0.5 in epoch 2 of 2."),
        (Counting, "no_memory", "something is kept between calls"),
        (Sorting, "history_unchanged", "factor changes history, which is the run's own."),
        (Listing, "history_unchanged", "in epoch 2 a tuple of costs gives another factor than a list of them."),
    ],
)
def test_a_mistake_is_caught(schedule: type[Schedule], check: str, text: str) -> None:
    """The check that is meant for it fails, and says what is wrong."""
    failed = {each.name: each.message for each in examine(schedule) if each.outcome == "failed"}
    assert text in failed[check]


@dataclass(frozen=True)
class Endless(Schedule):
    """factor = 1, for a thousand epochs or more (nobody, 2026)."""

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        if epochs < 1000:
            raise NnexpError("It takes a thousand epochs.")
        return 1.0


def test_what_cannot_be_checked_says_why() -> None:
    """A schedule that refuses every length of a run is skipped with its own reason."""
    reasons = {each.name: each.reason for each in examine(Endless) if each.outcome == "skipped"}
    expected = "it refuses runs of 1, 2, 7, 80, 300 epochs: It takes a thousand epochs."
    assert reasons["finite_factors"] == reasons["no_memory"] == expected
