"""How the jobs of a sweep stand, read from their directories."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nnexp.basics.files import Unreadable, relative
from nnexp.basics.locks import lock
from nnexp.errors import NnexpError
from nnexp.journal.journal import JOURNAL, Ending
from nnexp.journal.result import Result, read_result
from nnexp.sweep.manifest import read_manifest

STOPPED = ".stopped"
"""The file in a sweep's directory by which a job that failed tells the others, with ``sweep.fail_fast``, not to start."""

LOCK = ".lock"
"""The file that is locked for a sweep's directory where a folder cannot be."""

State = Literal["finished", "reused", "diverged", "failed", "killed", "running", "waiting"]
DONE: tuple[State, ...] = ("finished", "reused")
BAD: tuple[State, ...] = ("diverged", "failed")
LEFT: tuple[State, ...] = ("killed", "running", "waiting")
"""What is neither done nor failed."""


class Locked(NnexpError):  # noqa: N818 (a state, not a mistake)
    """Another process is at work on the sweep."""


class Lock:
    """A process's right to work on a sweep: the system frees it however the process ends."""

    def __init__(self, directory: Path) -> None:
        """Lock the sweep's directory. Raises Locked."""
        self._file = os.open(directory, os.O_RDONLY)
        try:
            try:
                lock(self._file, directory)
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise
                os.close(self._file)  # a folder cannot be locked here, and a file can
                self._file = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                lock(self._file, directory)
        except BlockingIOError:
            os.close(self._file)
            raise Locked(
                f"Another process is at work on the sweep in '{relative(str(directory))}'. Wait for it, or end it."
            ) from None
        except BaseException:
            os.close(self._file)
            raise

    def free(self) -> None:
        """Let others work on the sweep."""
        os.close(self._file)


def key_of(line: str) -> str:
    """The key of an override."""
    return line.lstrip("+").partition("=")[0]


@functools.lru_cache(maxsize=4)
def described(directory: Path) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """The keys that a sweep varies, and what was typed of the search that chooses its jobs, if one does.

    Read once by each process, since every job asks for them.
    """
    manifest = read_manifest(directory)
    return (manifest.swept, manifest.search) if manifest else ((), {})


def swept(directory: Path) -> tuple[str, ...]:
    """The keys that a sweep varies."""
    return described(directory)[0]


def run_name(directory: Path, overrides: Sequence[str]) -> str:
    """What tells a job apart from the others of its sweep: its values of the swept keys."""
    own = [line for line in overrides if key_of(line) in swept(directory)]
    return " ".join(own or overrides)


def state(directory: Path) -> State:
    """How the job in ``directory`` stands."""
    return status_of(directory).state


@dataclass(frozen=True)
class JobStatus:
    """How a job stands, what its ``result.json`` says, and what is wrong with its files."""

    state: State
    result: Result
    problem: str = ""


def status_of(directory: Path) -> JobStatus:
    """Read how the job in ``directory`` stands: from its journal, which is the record, and its ``result.json``.

    A job whose journal says that it finished and whose result cannot be read is to be finished once more. Files that nnexp
    has not written are left alone: such a job counts as failed, until ``--failed`` moves them away.
    """
    try:
        ended = Ending.read(directory)
    except Unreadable as error:
        return JobStatus("failed", Result(), str(error))
    try:
        result, problem = read_result(directory), ""
    except Unreadable as error:
        status = "FAILED" if ended.status in ("FAILED", "none") else ""
        result, problem = Result(status, reason=ended.reason or str(error)), str(error)
    return JobStatus(_state(ended, result, directory / JOURNAL), result, problem)


def _state(ended: Ending, result: Result, journal: Path) -> State:
    if ended.status == result.status == "FINISHED":
        return "finished"
    if result.status == "FAILED":
        return "diverged" if result.kind == "diverged" else "failed"
    if result.status == "REUSED":
        return "reused"
    if ended.status == "none":
        return "waiting"
    return "running" if ended.status == "open" and is_alive(journal) else "killed"


def is_alive(journal: Path) -> bool:
    """Whether a process writes this journal."""
    try:
        with journal.open("rb") as file:
            lock(file.fileno(), journal, shared=True)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
