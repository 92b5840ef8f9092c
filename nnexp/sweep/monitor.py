"""What the process of a sweep does while its jobs train in others: it counts them, and has them delivered to MLflow."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from omegaconf import DictConfig

from nnexp.journal.result import read_result
from nnexp.sweep import ledger, states
from nnexp.sweep.failing import write_failure
from nnexp.sweep.session import current
from nnexp.sweep.trials import Trials
from nnexp.sweep.worker import enter_worker
from nnexp.terminal.progress import SweepProgress

LAST_SECONDS = 0.4
"""What is left for MLflow after Ctrl-C or SIGTERM."""


class Monitor:
    """Accompanies the jobs of one launch; the launcher tells it what begins and ends."""

    def __init__(self, config: DictConfig, numbers: Collection[int]) -> None:
        session = current()
        sweep = session.sweep
        assert sweep.directory is not None
        self.directory = sweep.directory
        self.fail_fast = bool(config.sweep.fail_fast)
        self.wanted = set(ledger.todo(self.directory)).intersection(numbers) if sweep.resumed else set(numbers)
        self.deliverer = sweep.deliverer
        self.progress = self.line(len(numbers), len(numbers) - len(self.wanted))
        session.note = self.progress.note

    def line(self, jobs: int, skipped: int) -> SweepProgress:
        """What says how it goes."""
        return SweepProgress(jobs, skipped)

    def enter(self, workers: int) -> Callable[[], None]:
        """What each of so many workers does first."""
        return partial(enter_worker, workers)

    def wants(self, number: int) -> bool:
        """Whether a job is to run; what is done in a resumed sweep is not."""
        return number in self.wanted

    def value(self, number: int) -> float:
        """What Hydra gets for a job that did not run now."""
        return read_result(self.place(number)).objective

    def place(self, number: int) -> Path:
        """A job's directory."""
        return self.directory / str(number)

    def overrides(self, number: int) -> Sequence[str]:
        """What a job is to be, where nothing but the job itself would say it."""
        return ()

    def begun(self, number: int) -> None:
        """A worker has the job now."""
        self.progress.begun()
        if self.deliverer:
            self.deliverer.begun(self.place(number))

    def placed(self, workers: int, words: str) -> None:
        """Where the jobs are carried out now: on so many workers; in words where that is not this machine alone."""
        self.progress.placed(words)

    def ended(self, number: int, status: JobStatus, value: Any) -> tuple[float, bool]:
        """A job has ended; what Hydra gets for it, and whether other jobs are to begin."""
        objective = float(value) if status == JobStatus.COMPLETED else math.nan
        failed = math.isnan(objective)
        self.told(number, status, value)
        self.progress.ended(number, objective, failed=failed)
        return objective, not (failed and self.fail_fast)

    def told(self, number: int, status: JobStatus, value: Any) -> None:
        """Write down how a job has failed that could not do so itself, and have it delivered."""
        if isinstance(value, BrokenProcessPool):  # to the ledger it is killed or not started, and resume does it again
            self.progress.note(f"#{number}: {value}")
        elif status != JobStatus.COMPLETED and states.state(self.place(number)) == "waiting":
            write_failure(self.place(number), value, self.overrides(number))  # it failed before it could train
        if self.deliverer:
            self.deliverer.ended(self.place(number))

    def stopped(self) -> None:
        """The sweep was interrupted or terminated: there is little time."""
        self.progress.close()
        if self.deliverer:
            self.deliverer.close(LAST_SECONDS)
            self.deliverer.stop(0)

    def close(self) -> None:
        """All jobs have ended."""
        self.progress.close()


class SearchMonitor(Monitor):
    """Accompanies the trials of a search, and tells it what has ended."""

    def __init__(self, config: DictConfig, trials: Trials) -> None:
        self.trials = trials
        super().__init__(config, range(trials.steps))
        trials.found = self.progress.known
        if repeats := trials.space.repeats(trials.settings.trials):
            current().tell(repeats)

    def overrides(self, number: int) -> Sequence[str]:
        return self.trials.overrides(number)

    def line(self, jobs: int, skipped: int) -> SweepProgress:
        higher = self.trials.searched.directions[0] == "maximize"
        settings = self.trials.settings
        return SweepProgress(
            jobs, what="trials" if settings.seeds == 1 and not settings.halving else "runs", higher=higher
        )

    def placed(self, workers: int, words: str) -> None:
        super().placed(workers, words)
        self.trials.tell_idle(workers)

    def ended(self, number: int, status: JobStatus, value: Any) -> tuple[float, bool]:
        """A trial has ended; one whose worker died begins once more."""
        self.told(number, status, value)
        self.trials.ended(number)
        if number not in self.trials.over:
            self.progress.left()
            return math.nan, True
        failed = self.trials.over[number] is None
        objective = self.trials.reached(number)
        self.progress.ended(number, objective, failed=failed, words=self.trials.words(number))
        return objective, not (failed and self.fail_fast)
