"""The journal beside every run: what is to be told to MLflow, one record a line, on disk before anything else is done with it.

What the records are is in ``records.py``. A line counts once its line break is there, so what a crash tears off is the line
that was being written. NaN and infinities are written as Python's ``json`` does. A line that is an object and no record was
written by somebody else, or by a later version: nothing is read, written or cut off then, and the message names the line.

A line that is no JSON is what a power failure leaves, and with it all behind it is left out, unless how the run ended stands
there: all that came before is on the disk when that is written, so such a line was damaged later, and is named as well.

A record is one ``write``, which survives kill -9; a thread forces the file onto the disk once a second, ``sync`` at the end.
The journal's ``flock`` says whether its run is alive: the kernel frees it however the process ends.
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from nnexp.basics.files import Unreadable, force_folder, open_plain
from nnexp.basics.locks import lock
from nnexp.errors import NnexpError, command
from nnexp.journal.records import NoRecord, Record, record_of

JOURNAL = "journal.jsonl"
IN_PLACE = (JOURNAL, "nnexp.log", "multirun.yaml")
"""The files of a run or a sweep that are not replaced but added to."""
SYNC_SECONDS = 1.0
"""How often what was written is forced onto the disk: what a power failure can cost. A killed process loses nothing."""
LONGEST = 2**26
"""Bytes of a line; no run has a longer one."""
TAIL = 65_536
"""Bytes at a journal's end that hold its last records."""

encode = json.JSONEncoder(separators=(",", ":")).encode


class Busy(NnexpError):  # noqa: N818 (a state, not a mistake)
    """Another process is writing the journal: its run is alive."""


class Journal:
    """The one writer of a run's journal. It holds the file's lock, which the system frees however its process ends."""

    def __init__(self, directory: Path, *, new: bool = False) -> None:
        """Open the journal in ``directory``; ``new`` makes it, where there is none or nothing in it.

        Raises Busy, NnexpError, OSError.
        """
        self.path = directory / JOURNAL
        refuse_links(directory)
        how = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_CREAT if new else 0)
        self._file = os.open(self.path, how, 0o666)
        self._named = not new
        """Whether the names of the file and of its folder are on the disk."""
        try:
            refuse_other_kinds(self._file, self.path)
            lock(self._file, self.path)
            complete = end(self.path)
            if new:
                refuse_another(directory, complete)
            if os.fstat(self._file).st_size > complete:  # a line that was torn off
                os.ftruncate(self._file, complete)
        except BlockingIOError:
            os.close(self._file)
            raise Busy(f"Another process is at work on the run in '{directory}'. Wait for it, or end it.") from None
        except BaseException:
            os.close(self._file)
            raise
        self._written = False
        self._closed = threading.Event()
        self._syncing: threading.Thread | None = None

    def write(self, *records: Record) -> None:
        """Hand ``records`` to the operating system in one piece. Raises NnexpError where it does not take them."""
        data = "".join(f"{encode(record)}\n" for record in records).encode()
        try:
            while data:  # a disk that is nearly full takes a part, and refuses the rest
                data = data[os.write(self._file, data) :]
        except OSError as error:
            os.ftruncate(self._file, end(self.path))
            raise NnexpError(f"The run's journal {self.path} cannot be written: {error.strerror or error}.") from error
        self._written = True
        if self._syncing is None:
            self._syncing = threading.Thread(target=self._sync_regularly, daemon=True)
            self._syncing.start()

    def sync(self, *, names: bool = False) -> None:
        """Force what was written onto the disk; with ``names`` also which files lie beside it."""
        self._written = False
        os.fsync(self._file)
        if names or not self._named:
            force_folder(self.path.parent)
        if not self._named:
            force_folder(self.path.parent.parent)
            self._named = True

    def close(self) -> None:
        """Force everything onto the disk and free the lock."""
        self._closed.set()
        if self._syncing:
            self._syncing.join()
        try:
            if self._written:
                self.sync()
        finally:
            os.close(self._file)

    def _sync_regularly(self) -> None:
        """In a thread of its own, so that training does not wait for the disk."""
        while not self._closed.wait(SYNC_SECONDS):
            if self._written:
                try:
                    self.sync()
                except OSError:  # tried again a second later, and told by close
                    self._written = True


def refuse_another(directory: Path, complete: int) -> None:
    """Refuse to begin a run over one that has records, so many bytes of them."""
    if complete:
        raise NnexpError(
            f"'{directory}' holds a run already. Type {command('resume', directory)} to go on with it, or choose another "
            "directory."
        )


def refuse_other_kinds(opened: int, path: Path) -> None:
    """Refuse to write into anything but a plain file."""
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        raise Unreadable(f"{path} cannot be written: it is no plain file.")


def refuse_links(directory: Path) -> None:
    """Refuse a run's directory that leads elsewhere: to follow a stranger's link would touch other files."""
    entries = list(os.scandir(directory)) if directory.is_dir() else []
    for entry in entries:
        if entry.is_symlink():
            raise NnexpError(
                f"'{directory}' holds a symbolic link, {entry.name}, which nnexp never makes. Put the file itself in its "
                "place, or remove it."
            )
        if entry.name in IN_PLACE and entry.stat(follow_symlinks=False).st_nlink > 1 and not entry.is_dir():
            raise NnexpError(
                f"'{directory}' holds {entry.name} under a second name (a hard link), and both would be changed. Put a copy of "
                "it in its place."
            )


def identity(directory: Path) -> str:
    """The id of the journal in ``directory``, as its first record says; empty where there is none. Raises Unreadable."""
    try:
        record, _ = next(read(directory / JOURNAL), ({}, 0))
    except FileNotFoundError:
        return ""
    return str(record["opened"]["id"]) if "opened" in record else ""


def read(path: Path, offset: int = 0) -> Iterator[tuple[Record, int]]:
    """The complete records from the byte ``offset`` on, each with the offset behind it.

    Raises FileNotFoundError, and Unreadable where a line is no record, an epoch does not follow the one before, or a line was
    damaged after the run had ended.
    """
    last, where = 0, "line {} of the new ones" if offset else "line {}"
    with open_plain(path) as file:
        file.seek(offset)
        for number, line in enumerate(iter(partial(file.readline, LONGEST), b""), 1):
            try:
                record = record_of(line, last)
            except NoRecord as error:
                raise Unreadable(foreign(path, f"{where.format(number)}: {error}")) from None
            if record is None:
                if any(map(_is_end, iter(partial(file.readline, LONGEST), b""))):
                    raise Unreadable(foreign(path, f"{where.format(number)}: it is no JSON")) from None
                return
            last = record.get("epoch", last)
            offset += len(line)
            yield record, offset


def _is_end(line: bytes) -> bool:
    """Whether a line says how the run ended."""
    try:
        return "ended" in (record_of(line) or {})
    except NoRecord:
        return False


def foreign(path: Path, why: str) -> str:
    """The message for a journal with a line that is none of this nnexp's."""
    return (
        f"{path} is not what nnexp writes ({why}), so nothing is done with it. If a later version wrote it, type "
        "pip install -U nnexp; otherwise put the right one back, or move the run's directory away."
    )


def end(path: Path) -> int:
    """The offset behind the last complete record."""
    offset = 0
    for _, offset in read(path):  # noqa: B007 (only the last one is wanted)
        pass
    return offset


@dataclass(frozen=True)
class Ending:
    """How a run ended last: ``open`` where its journal does not say so (it trains, or was killed), ``none`` without records."""

    status: Literal["FINISHED", "FAILED", "KILLED", "open", "none"]
    reason: str = ""
    time: int = 0
    """In milliseconds since 1970."""

    @classmethod
    def of(cls, newest_first: Iterable[Record]) -> Ending:
        """What the records say; no more of them are looked at than have to be."""
        for record in newest_first:
            if "ended" in record:
                return cls(record["ended"], record["reason"], record["time"])
            if "model" not in record and "artifact" not in record:  # which may follow the end
                return cls("open")
        return cls("none")

    @classmethod
    def read(cls, directory: Path) -> Ending:
        """What the last records of the journal in ``directory`` say, which is quick. Raises Unreadable."""
        path = directory / JOURNAL
        try:
            with open_plain(path) as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - TAIL))
                *lines, _ = file.read().split(
                    b"\n"
                )  # behind the last line break is nothing, or a line that was torn off
        except FileNotFoundError:
            return cls("none")
        return cls.of(_last(path, lines, whole=size <= TAIL)) if lines else cls("none")


def _last(path: Path, lines: list[bytes], *, whole: bool) -> Iterator[Record]:
    """The records in the last lines of a journal, the newest first; one that is torn counts as any that is no end."""
    for number, line in zip(range(len(lines), 0, -1), reversed(lines), strict=True):
        try:
            yield record_of(line + b"\n") or {}
        except NoRecord as error:
            if number > 1 or whole:
                raise Unreadable(foreign(path, str(error))) from None
            yield {}
