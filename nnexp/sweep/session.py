"""The life of one command: what was typed, where its run or sweep is, who delivers it, and what ended it.

``commands/`` opens a ``Session`` and hands it down as an argument. What Hydra makes by itself (the callback, the launcher, a
job of the task) finds it by ``current``; a process that another launcher started for its jobs has one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from nnexp.basics.removing import NewFolder
from nnexp.composition.command import Command
from nnexp.experiment.data import Cache
from nnexp.experiment.settings import TrackingSettings
from nnexp.sweep.resume import Resumed
from nnexp.sweep.states import Lock
from nnexp.terminal.console import note
from nnexp.tracking import spawn
from nnexp.tracking.delivery_process import DeliveryProcess
from nnexp.tracking.store import Finished


class Halt(BaseException):
    """Ends Hydra's part before the first job: Hydra makes a warning of an Exception in a callback. No error: all is said."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error


@dataclass
class OwnSweep:
    """The sweep that a command carries out."""

    directory: Path | None = None
    """None until its manifest is written; then there is a ledger at its end."""
    tracking: TrackingSettings | None = None
    """Where its runs are recorded."""
    resumed: Resumed | None = None
    """What is gone on with; None of a new sweep."""
    lock: Lock | None = None
    """Held until the command ends."""
    show: tuple[str, ...] = ()
    """Further metrics for the table and the picture at its end."""
    report: bool = False
    """Whether there is to be one at its end."""
    deliverer: DeliveryProcess | None = None
    """Delivers the jobs' journals to MLflow; None where the jobs do so themselves."""


@dataclass
class Session:
    """What one command knows of itself."""

    command: Command = field(default_factory=Command)
    """What its words are composed with."""
    worker: bool = False
    """One of a sweep's worker processes: what a job says goes into its own log, and its record to another process."""
    cache: Cache | None = None
    """The data of this worker's jobs."""
    tags: Mapping[str, str] | None = None
    """What this worker's runs say of where they are carried out, if that is not the machine of the command."""
    finished: Callable[[str, str], Finished | None] | None = None
    """Whom this worker's jobs ask for a finished run by key and experiment; None: the store."""
    prestarted: Popen[bytes] | None = None
    """A process for the delivery process, which imports MLflow until somebody knows what it is to do."""
    site: NewFolder | None = None
    """Where the run or sweep is about to be, to be cleared should it be refused; None of a resumed sweep."""
    failure: Exception | None = None
    """What ended its single run; kept here, because Hydra would announce a raised error in its own words."""
    note: Callable[[str], object] = note
    """Says what the user should know, in the way that fits the moment."""
    sweep: OwnSweep = field(default_factory=OwnSweep)

    def tell(self, line: str) -> None:
        """Say what the user should know, as ``note`` is when it is said."""
        self.note(line)

    def take_prestarted(self) -> Popen[bytes] | None:
        """The process that was started ahead, for its only user."""
        taken, self.prestarted = self.prestarted, None
        return taken

    def dismiss_prestarted(self) -> None:
        """End the process that was started ahead, if nobody has taken it."""
        if left := self.take_prestarted():
            spawn.dismiss(left)

    def close(self) -> None:
        """End what the command has started and let others work on its sweep. Twice does no harm."""
        self.dismiss_prestarted()
        if self.sweep.deliverer:  # refused or interrupted; at the end of a sweep it has ended already
            self.sweep.deliverer.stop(0)
        if self.sweep.lock:
            self.sweep.lock.free()
            self.sweep.lock = None


_CURRENT: ContextVar[Session] = ContextVar("nnexp.session")


def current() -> Session:
    """The session of this process's command; a new one in a process that another launcher started."""
    found = _CURRENT.get(None)
    if found is None:
        found = Session()
        _CURRENT.set(found)
    return found


@contextmanager
def opened(session: Session) -> Iterator[Session]:
    """Within the block it is the current one; at its end it is closed."""
    token = _CURRENT.set(session)
    try:
        yield session
    finally:
        session.close()
        _CURRENT.reset(token)


def enter(session: Session) -> None:
    """Make it the current one for as long as this process lives."""
    _CURRENT.set(session)
