"""What is said between the head and the workers of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from distributed import get_worker
from hydra_plugins.nnexp_launcher._interface import Outcome

from nnexp.remote.updates import Update

TOPIC = "nnexp"
"""What workers say goes to whoever has subscribed to this topic of the scheduler's."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job."""

    number: int
    overrides: tuple[str, ...]
    config: bytes | None = None
    """Its configuration, pickled, where a worker cannot compose it."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What it goes on from."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """Finished runs by their keys, None where there is none, as it has asked for."""
    processor: str = ""
    """What it has been carried out on, if anything of it was; it goes on only there."""


Ending = Literal["ended", "asks", "died", "another processor", "unfit", "withdrawn"]


@dataclass(frozen=True)
class Report:
    """What became of an attempt."""

    start: str
    """An id of this very start of it: Dask starts a task once more where it has lost the worker."""
    how: Ending
    outcome: Outcome | None = None
    rest: Update = field(default_factory=Update)
    words: str = ""
    question: tuple[str, str] = ("", "")
    """The key that it asks for, and the experiment."""


def carry_out(plugin: str, key: str, attempt: Attempt) -> Report:
    """The task that Dask gives to a worker: its plugin has the job carried out."""
    found: Any = get_worker().plugins.get(plugin)
    if found is None:
        return Report("", "unfit", words="the worker knows nothing of this sweep")
    report: Report = found.carry_out(key, attempt)
    return report


def checkpoint_of(plugin: str, number: int, dask_worker: Any) -> bytes:
    """The present checkpoint of a job, asked for by the head."""
    content: bytes = dask_worker.plugins[plugin].checkpoint(number)
    return content


def interrupt(plugin: str, how: int, dask_worker: Any) -> None:
    """Have all jobs of a worker closed."""
    if found := dask_worker.plugins.get(plugin):
        found.interrupt(how)
