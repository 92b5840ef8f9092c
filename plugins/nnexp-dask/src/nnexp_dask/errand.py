"""What is said between the head and the workers of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from distributed import get_worker
from hydra_plugins.nnexp_launcher._interface import Outcome

from nnexp.remote.parcel import News

TOPIC = "nnexp"
"""What workers say goes to whoever has subscribed to this topic of the scheduler's."""


@dataclass(frozen=True)
class Errand:
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
    rest: News = field(default_factory=News)
    words: str = ""
    question: tuple[str, str] = ("", "")
    """The key that it asks for, and the experiment."""


def carry_out(desk: str, key: str, errand: Errand) -> Report:
    """The task that Dask gives to a worker: its desk has the job carried out."""
    found: Any = get_worker().plugins.get(desk)
    if found is None:
        return Report("", "unfit", words="the worker knows nothing of this sweep")
    report: Report = found.carry_out(key, errand)
    return report


def checkpoint_of(desk: str, number: int, dask_worker: Any) -> bytes:
    """The present checkpoint of a job, asked for by the head."""
    content: bytes = dask_worker.plugins[desk].checkpoint(number)
    return content


def interrupt(desk: str, how: int, dask_worker: Any) -> None:
    """Have all jobs of a worker closed."""
    if found := dask_worker.plugins.get(desk):
        found.interrupt(how)
