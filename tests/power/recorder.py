"""The recorder: every operation of a command on the files below one folder, in the order in which they happened.

A library is preloaded into all processes of the command (``recorder.h`` says how it works); a C compiler builds it when it is
needed. It sees what goes through the C library, as everything does in CPython and in SQLite. ``test_power.py`` shows that
nothing is missing: all operations together make the files that are there.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.compiled import compiled

SOURCES = tuple(Path(__file__).with_name(name) for name in ("names.c", "contents.c"))
HEAD = struct.Struct("=IIQqIIQ")
"""``struct record``."""

CREATED, FOLDER, RENAMED, LINKED, POINTED, REMOVED = "cdrlsu"
"""Operations on names: a file comes to be, a folder does, one is renamed, gets a second name, is a symbolic link, goes."""
WRITTEN, SIZED, MAPPED = "wtm"
"""Operations on contents: data are written, a size is set, a file is mapped into memory to be written there."""
FORCING, FORCED = "fF"
"""A file or folder is being forced onto the disk, and has been."""


class Operation(NamedTuple):
    """One operation on a file."""

    kind: str
    thread: int
    inode: int
    """The file's, where it is one operation on a file; 0 for names."""
    number: int
    """The offset of what was written; the size that was set; 1 where all is forced (fsync), 0 where data are (fdatasync)."""
    path: str
    other: str
    """The new name of what was renamed; where a symbolic link leads."""
    data: bytes


@dataclass(frozen=True)
class Recorder:
    """Records what commands do to the files below ``folder``, in ``log``, a file elsewhere."""

    library: Path
    folder: Path
    log: Path

    def begin(self) -> dict[str, str]:
        """Begin the log with the folder, which is empty; what the environment of a command must hold to be recorded."""
        path = os.fsencode(self.folder.resolve())
        self.log.write_bytes(HEAD.pack(ord(FOLDER), 0, self.folder.stat().st_ino, 0, len(path), 0, 0) + path)
        names = {"LD_PRELOAD": self.library, "POWER_FOLDER": self.folder.resolve(), "POWER_LOG": self.log.resolve()}
        return {name: str(path) for name, path in names.items()}

    def operations(self) -> list[Operation]:
        """What was recorded."""
        return list(read(self.log))


def built(folder: Path) -> Path:
    """Build the library in ``folder``; where it cannot be the test is skipped, or fails where it must not be."""
    return compiled(folder / "recorder.so", SOURCES, "power failures are recorded")


def read(log: Path) -> Iterator[Operation]:
    """The operations in a log."""
    content, at = log.read_bytes(), 0
    while at < len(content):
        kind, thread, inode, number, *lengths = HEAD.unpack_from(content, at)
        at += HEAD.size
        parts = []
        for length in lengths:
            parts.append(content[at : at + length])
            at += length
        path, other, data = parts
        yield Operation(chr(kind), thread, inode, number, os.fsdecode(path), os.fsdecode(other), data)
