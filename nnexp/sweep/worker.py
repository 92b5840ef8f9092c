"""What a worker process of a sweep is."""

from __future__ import annotations

from typing import ClassVar

from nnexp.composition import loader as composition
from nnexp.engine.training import blas_threads
from nnexp.experiment.data import MOST_BYTES, Cache


class Here:
    """How this process runs jobs."""

    worker: ClassVar[bool] = False
    """As one of a sweep's worker processes: what a job says goes into its own log, and its record to another process."""
    cache: ClassVar[Cache | None] = None
    """The data of this worker's jobs."""


def enter_worker(workers: int) -> None:
    """Make this process one of so many workers of a sweep."""
    composition.install()
    composition.GuardedLoader.checked_later = True
    blas_threads().limit(limits=1, user_api="blas")
    Here.worker, Here.cache = True, Cache(MOST_BYTES // workers)
