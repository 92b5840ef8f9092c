"""What a worker process of a sweep is."""

from __future__ import annotations

from nnexp.composition.command import Command
from nnexp.composition.patches import patch
from nnexp.engine.training import blas_threads
from nnexp.experiment.data import MOST_BYTES, Cache
from nnexp.sweep.session import Session, enter


def enter_worker(workers: int) -> None:
    """Make this process one of so many workers of a sweep."""
    patch(Command())
    blas_threads().limit(limits=1, user_api="blas")
    enter(Session(worker=True, cache=Cache(MOST_BYTES // workers)))
