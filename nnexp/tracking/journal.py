"""The journal beside every run: what is to be told to MLflow, one record a line, on disk before anything else is done with it.

A record is a JSON object. In the order in which they are written:

| record | what it says |
|---|---|
| ``{"opened": {...}}`` | the run's name, parameters, tags and data |
| ``{"epoch": 3, "time": ms, "metrics": {...}}`` | an epoch; the time is when it ended, in milliseconds since 1970 |
| ``{"score": 80, "time": ms, "metrics": {...}}`` | metrics of the whole run, such as a test score, shown at this epoch |
| ``{"artifact": "weights.npz"}`` | a file of the run's directory |
| ``{"ended": "FINISHED", "reason": "", "time": ms}`` | how the run ended |
| ``{"model": ["numpy==2.4"], "anew": false}`` | the model is to be stored, with the packages that it needs |
| ``{"resumed": 3, "epochs": 80, "key": "...", "time": ms}`` | the run, which had come to epoch 3, goes on to epoch 80 |

A line counts once its line break is there, so what a crash tears off is the line that was being written. NaN and infinities
are written as Python's ``json`` does.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nnexp.errors import NnexpError

JOURNAL = "journal.jsonl"
ID = re.compile(r"[0-9a-f]{16}")
"""How a journal's id looks."""
SYNC_SECONDS = 1.0
"""How often what was written is forced onto the disk: what a power failure can cost. A killed process loses nothing."""

Record = Mapping[str, Any]
encode = json.JSONEncoder(separators=(",", ":")).encode


class Busy(NnexpError):  # noqa: N818 (a state, not a mistake)
    """Another process is writing the journal: its run is alive."""


class Journal:
    """The one writer of a run's journal. It holds the file's lock, which the system frees however its process ends."""

    def __init__(self, directory: Path, *, new: bool = False) -> None:
        """Open the journal in ``directory``; ``new`` makes it, over an old one. Raises Busy, FileNotFoundError, NnexpError."""
        self.path = directory / JOURNAL
        refuse_links(directory)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | (os.O_CREAT if new else 0), 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0 if new else end(self.path))
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

    def sync(self) -> None:
        """Force what was written onto the disk."""
        self._written = False
        os.fsync(self._file)

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


def refuse_links(directory: Path) -> None:
    """Refuse a run's directory that leads elsewhere: to follow a stranger's link would touch other files."""
    found = [path.name for path in directory.iterdir() if path.is_symlink()] if directory.is_dir() else []
    if found:
        raise NnexpError(
            f"'{directory}' holds a symbolic link, {found[0]}, which nnexp never makes. Put the file itself in its place, or "
            "remove it."
        )


def identity(directory: Path) -> str:
    """The id of the journal in ``directory``, as its first record says; empty where there is none."""
    try:
        record, _ = next(read(directory / JOURNAL), ({}, 0))
    except OSError:
        return ""
    opened = record.get("opened")
    return str(opened.get("id", "")) if isinstance(opened, dict) else ""


def read(path: Path, offset: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """The complete records from the byte ``offset`` on, each with the offset behind it."""
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            try:
                record = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:  # what a power failure leaves may be of any content
                record = None
            if not isinstance(record, dict):
                return
            offset += len(line)
            yield record, offset


def end(path: Path) -> int:
    """The offset behind the last complete record."""
    offset = 0
    for _, offset in read(path):  # noqa: B007 (only the last one is wanted)
        pass
    return offset
