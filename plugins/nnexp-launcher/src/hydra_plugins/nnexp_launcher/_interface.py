"""Where the jobs of a sweep are carried out: what a launch asks of a pool of workers, and what it is told of each job."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol

from hydra.core.utils import JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

LAST_SECONDS = 0.9
"""What workers have to close their runs after Ctrl-C or SIGTERM: everything is to be over after two seconds."""


class WorkerDiedError(BrokenProcessPool):
    """A worker was killed in the middle of a job, or ended before it could take one."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    status: JobStatus
    value: Any
    """What the task returned, or the exception that ended it."""
    working_dir: str = ""
    task_name: str = ""
    output_dir: str = ""

    @classmethod
    def failed(cls, error: Exception) -> Outcome:
        """A job that has no value."""
        return cls(JobStatus.FAILED, error)


@dataclass(frozen=True)
class Begun:
    """A worker has begun with a job."""

    number: int


@dataclass(frozen=True)
class Ended:
    """A job has ended, or will have no other end."""

    number: int
    outcome: Outcome


@dataclass(frozen=True)
class Placed:
    """Where jobs are carried out now."""

    workers: int
    """How many may be carried out at the same time, if there are as many."""
    words: str = ""
    """The same in a few words for the progress line; empty where that is this machine alone."""


Event = Begun | Ended | Placed


class Source(Protocol):
    """The jobs of a launch."""

    most: int
    """How many may run at the same time."""

    def take(self) -> tuple[int, Sequence[str]] | None:
        """The number and the overrides of the next job that may begin; None where there is none now.

        Where there is none though no job runs, there will be none.
        """

    def clear(self) -> None:
        """Have no further job begin."""


class Pool(Protocol):
    """Workers. All calls come from one thread, and none but ``wait`` takes long."""

    def free(self) -> int:
        """How many more jobs it takes now."""

    def submit(self, number: int, overrides: Sequence[str]) -> None:
        """Have a job carried out."""

    def wait(self) -> Iterable[Event]:
        """Wait until something has happened, and say what. Raises NnexpError where no job can go on."""

    def withdraw(self) -> Collection[int]:
        """Take back the jobs that have not begun, and say which: they do not run."""

    def interrupt(self, how: signal.Signals) -> None:
        """Have the jobs that run closed, as Ctrl-C or SIGTERM asks for, within ``LAST_SECONDS``."""

    def end(self, *, at_once: bool) -> None:
        """End all workers; ``at_once`` also in the middle of a job."""


@dataclass(frozen=True)
class Surroundings:
    """What all jobs of a launch have in common."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    jobs: int
    """How many there are to be carried out."""
    monitor: Any = None
    """What accompanies the jobs of nnexp's own command; None for any other task."""


OpenPool = Callable[[Surroundings], Pool]
"""Starts the workers."""
