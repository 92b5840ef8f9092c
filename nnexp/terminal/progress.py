"""One line that says how a sweep goes: on a terminal it moves, elsewhere about ten lines are printed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nnexp.errors import printable
from nnexp.terminal.console import LINES, live, note, say

if TYPE_CHECKING:
    from rich.progress import Progress


BAR = 16
"""Columns of the bar."""
WIDE = 100
"""A terminal of fewer columns has no room for it."""


class SweepProgress:
    """How many of a sweep's jobs are done, run and have failed, the best so far, and the time left."""

    def __init__(self, jobs: int, skipped: int = 0, *, what: str = "jobs", higher: bool = False) -> None:
        self._jobs, self._what, self._higher = jobs, what, higher
        self._done = self._said = self._skipped = skipped
        self._running = self._failed = 0
        self._best: tuple[float, int, str] | None = None
        self._where = ""
        self._began = time.monotonic()
        self._bar: Progress | None = None
        if live():
            self._bar = _bar(jobs)
            self._bar.add_task("sweep", total=jobs, completed=skipped, told="")
            self._bar.start()

    def begun(self) -> None:
        """Count a job that runs now."""
        self._running += 1

    def ended(self, number: int, objective: float, *, failed: bool, words: str = "") -> None:
        """Count a job that ended, with what it returned and the words that it is called by."""
        self._running -= 1
        self._done += 1
        self.found(number, objective, failed=failed, words=words)
        self.show()

    def found(self, number: int, objective: float, *, failed: bool, words: str = "") -> None:
        """Take note of how a job ended, now or before."""
        self._failed += failed
        better = (
            self._best is None
            or math.isnan(self._best[0])
            or (objective > self._best[0] if self._higher else objective < self._best[0])
        )
        if not failed and better and not math.isnan(objective):
            self._best = objective, number, words

    def known(self, number: int, objective: float, *, failed: bool, words: str = "") -> None:
        """Count a job that had ended before."""
        self._done = self._said = self._done + 1
        self._skipped += 1
        self.found(number, objective, failed=failed, words=words)

    def left(self) -> None:
        """A job has ended before its time, and is to begin once more."""
        self._running -= 1

    def placed(self, where: str) -> None:
        """Say from now on where the jobs run: ``3 hosts, 12 workers``."""
        self._where = where
        if self._bar is not None:
            self.show()

    def show(self) -> None:
        """Bring the line up to date."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, told=self.words(running=True))
        elif self._done * LINES // self._jobs > self._said * LINES // self._jobs:
            self._said = self._done
            ended = self._done == self._jobs
            time_told = _clock(time.monotonic() - self._began) if ended else f"{_clock(self._left())} left"
            say(f"{self._done:>{len(str(self._jobs))}}/{self._jobs} {self._what}  {self.words()}  {time_told}")

    def words(self, *, running: bool = False) -> str:
        """The counts and the best so far."""
        parts: Sequence[str] = (
            f"{self._running} running" if self._running and running else "",
            f"{self._failed} failed" if self._failed else "",
            f"best {self._best[0]:.4g} (#{self._best[1]}{f' {self._best[2]}' if self._best[2] else ''})"
            if self._best
            else "",
            self._where,
        )
        return "  ".join(part for part in parts if part)

    def _left(self) -> float:
        """Seconds that the rest will take, if it is like what was done."""
        done = self._done - self._skipped
        return (time.monotonic() - self._began) / max(done, 1) * (self._jobs - self._done)

    def note(self, line: str) -> None:
        """Say what the user should know while the sweep goes on."""
        if self._bar is not None:
            self._bar.console.print(printable(f"nnexp: {line}"), markup=False, highlight=False)
        else:
            note(line)

    def close(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar(jobs: int) -> Progress:
    """The line on a terminal. Where that is narrow, what is told of the best is cut off, not what is before and after it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    console = Console(stderr=True)
    bar = [BarColumn(bar_width=BAR)] if console.width >= WIDE else []
    room = console.width - len(f"sweep {jobs}/{jobs}  left 0:00:00") - (BAR + 1) * len(bar)
    return Progress(
        TextColumn("sweep"),
        *bar,
        MofNCompleteColumn(),
        TextColumn(
            "{task.fields[told]}", table_column=Column(no_wrap=True, overflow="ellipsis", max_width=max(1, room))
        ),
        TextColumn("left"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        refresh_per_second=8,
    )


def _clock(seconds: float) -> str:
    """``0:07`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say on a terminal what the block waits for; gone afterwards."""
    if not live():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
