"""A job that is handed over to a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nnexp.remote.mirror import Mirror
from nnexp_dask.messages import Attempt


@dataclass
class Job:
    """A job that is handed over, and its present attempt."""

    number: int
    overrides: tuple[str, ...]
    mirror: Mirror | None
    config: bytes | None = None
    """Its configuration, where a worker cannot compose it."""
    key: str = ""
    future: Any = None
    start: str = ""
    """The start of the attempt that is listened to; empty before one has begun."""
    worker: str = ""
    told: bool = False
    """Whether the launch knows that it has begun."""
    answers: dict[str, Any] = field(default_factory=dict)
    processor: str = ""
    """What it has been carried out on; empty where it begins."""
    deaths: int = 0
    epochs: int = 0
    """Of the mirror, when the attempt was made."""

    def next_attempt(self, processor: str) -> Attempt:
        """The next attempt, with what there is of the job; ``processor`` is where it was carried out if nothing says so."""
        files = self.mirror.packed() if self.mirror else {}
        self.processor = (self.mirror.processor or processor) if self.mirror and files else ""
        self.epochs = self.mirror.epochs if self.mirror else 0
        self.start = self.worker = ""
        return Attempt(self.number, self.overrides, self.config, files, self.answers, self.processor)
