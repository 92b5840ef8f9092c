"""What the process of a sweep does while its jobs train in others: it counts them, and has them delivered to MLflow."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from omegaconf import DictConfig

from nnexp.journal.result import read_result
from nnexp.sweep import ledger, states
from nnexp.sweep.recorder import write_failure
from nnexp.sweep.session import current
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
        self.progress = SweepProgress(len(numbers), len(numbers) - len(self.wanted))
        session.note = self.progress.note

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

    def begun(self, number: int) -> None:
        """A worker has the job now."""
        self.progress.begun()
        if self.deliverer:
            self.deliverer.begun(self.place(number))

    def placed(self, words: str) -> None:
        """Where the jobs are carried out now, where that is not this machine alone."""
        self.progress.placed(words)

    def ended(self, number: int, status: JobStatus, value: Any) -> tuple[float, bool]:
        """A job has ended; what Hydra gets for it, and whether other jobs are to begin."""
        objective = float(value) if status == JobStatus.COMPLETED else math.nan
        failed = math.isnan(objective)
        if isinstance(value, BrokenProcessPool):  # to the ledger it is killed or not started, and resume does it again
            self.progress.note(f"#{number}: {value}")
        elif status != JobStatus.COMPLETED and states.state(self.place(number)) == "waiting":
            write_failure(self.place(number), value)  # it failed before it could train
        if self.deliverer:
            self.deliverer.ended(self.place(number))
        self.progress.ended(number, objective, failed=failed)
        return objective, not (failed and self.fail_fast)

    def stopped(self) -> None:
        """The sweep was interrupted or terminated: there is little time."""
        self.progress.close()
        if self.deliverer:
            self.deliverer.close(LAST_SECONDS)
            self.deliverer.stop(0)

    def close(self) -> None:
        """All jobs have ended."""
        self.progress.close()
