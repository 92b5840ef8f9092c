"""What the process of a sweep does while its jobs train in others: it counts, draws, and feeds MLflow from their journals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from omegaconf import DictConfig, OmegaConf

from nnexp import app
from nnexp.errors import first_line
from nnexp.progress import SweepProgress
from nnexp.settings import TrackingSettings
from nnexp.tracking.result import RESULT, write_result

LAST_SECONDS = 0.4
"""What is left for MLflow after Ctrl-C or SIGTERM."""


class Watch:
    """Accompanies the jobs of one launch; the launcher tells it what begins and ends."""

    def __init__(self, config: DictConfig, jobs: int) -> None:
        self.directory = Path(str(config.hydra.sweep.dir)).absolute()
        self.tracking = TrackingSettings(**OmegaConf.to_container(config.tracking, resolve=True))  # type: ignore[arg-type]
        self.progress = SweepProgress(jobs)

    @property
    def enter(self) -> Callable[[], None]:
        """What a worker does first."""
        return app.enter_worker

    def wants(self, number: int, overrides: Sequence[str]) -> bool:
        """Whether a job is to run."""
        return True

    def value(self, number: int) -> float:
        """What a job that is not run is worth."""
        return math.nan

    def begun(self, number: int) -> None:
        """A worker has the job now."""
        self.progress.begun()

    def ended(self, number: int, status: JobStatus, value: Any) -> bool:
        """A job has ended; whether the sweep goes on."""
        failed = status != JobStatus.COMPLETED or math.isnan(value)
        directory = self.directory / str(number)
        if failed and not (directory / RESULT).exists():
            directory.mkdir(parents=True, exist_ok=True)
            write_result(directory, {"status": "FAILED", "reason": first_line(str(value))})
        self.progress.ended(number, math.nan if failed else value, failed=failed)
        return True

    def refresh(self) -> None:
        """Called a few times a second."""

    def stopped(self, by: BaseException) -> None:
        """The sweep was interrupted or terminated."""
        self.progress.close()

    def close(self) -> None:
        """All jobs have ended."""
        self.progress.close()
