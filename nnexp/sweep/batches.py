"""A search under a launcher that takes a list of jobs and returns when all have ended: the basic one, joblib."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nnexp.sweep.trials import Trials


def in_batches(trials: Trials, launch: Callable[[Sequence[Sequence[str]], int], object]) -> None:
    """Carry out a search under a launcher that takes a list of jobs and returns when all have ended."""
    held: tuple[int, list[str]] | None = None
    while held := held or trials.take():
        first, batch = held[0], [held[1]]
        while (held := trials.take()) and held[0] == first + len(batch):
            batch.append(held[1])
        launch(batch, first)
        for number in range(first, first + len(batch)):
            trials.ended(number)
