"""The model: what a disk holds after a power failure, as strict as file systems with a journal are in practice (ext4, XFS).

**Names** (files and folders that come to be, are renamed, removed) are on the disk in the order in which they were made: after
the failure, those up to some point are there, and none after it. That point is drawn. It is not before what was forced: an
fsync of a file or folder forces all that had been done to names when that file or folder was changed last; fdatasync does so
only where the file came to be or grew.

**Contents** are forced by an fsync or fdatasync of the file that began after they were written and had ended before the
failure, and by nothing else: neither by closing the file, nor by renaming it, nor by the seconds that pass. Of what is written
and not forced, any may be there: all of it; nothing, as if it had not been written; the new size with zeros; or each page
(4096 bytes) as it was when forced, at the end, or in between, and one of these sizes. To empty a file is, as far as what was
in it goes, like an operation on names: it is there in their order.

So a file that is written, renamed over another and not forced may be found empty, full of zeros or torn under its new name,
and the other file's content is gone.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.power import recorder
from tests.power.recorder import Operation

PAGE = 4096


class Change(NamedTuple):
    """A change of a file's content: data at an offset, or a new size."""

    at: int
    """The number of the operation."""
    offset: int
    data: bytes | None
    """None where ``offset`` is a new size."""

    def made(self, content: bytearray) -> None:
        """Carry it out."""
        size = self.offset + len(self.data or b"")
        content.extend(bytes(max(0, size - len(content))))
        if self.data is None:
            del content[size:]
        else:
            content[self.offset : size] = self.data


@dataclass(eq=False)
class File:
    """A file, a folder or a symbolic link, whatever its names are."""

    kind: str
    target: str = ""
    changes: list[Change] = field(default_factory=list)
    touched: int = -1
    """The last operation that changed it, its names or, for a folder, what is in it."""
    grown: int = -1
    """The last operation that made it or its size."""
    size: int = 0

    def touch(self, at: int, *, size: int | None = None) -> None:
        """Note that an operation changed it."""
        self.touched = at
        if size is None or size != self.size:
            self.grown = at
        self.size = self.size if size is None else size

    def content(self, changes: int) -> bytes:
        """What is in it after the first ``changes`` changes."""
        content = bytearray()
        for change in self.changes[:changes]:
            change.made(content)
        return bytes(content)

    def at(self, cut: int) -> bytes:
        """What is in it, as the system shows it, when ``cut`` operations have happened."""
        return self.content(sum(change.at < cut for change in self.changes))


class Name(NamedTuple):
    """An operation on names; paths are relative to the folder."""

    at: int
    kind: str
    path: str
    other: str
    file: File


class Forced(NamedTuple):
    """A file or folder that was forced onto the disk."""

    begun: int
    ended: int
    file: File
    names: int
    """The last operation on names that it forced as well."""


class Disk:
    """The disk below one folder, from when the folder was made, which is the first of the operations."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.names: list[Name] = []
        self.forced: list[Forced] = []
        self._folder = operations[0].path
        self._tree: dict[str, File] = {}
        self._inodes: dict[int, File] = {}
        self._begun: dict[tuple[int, int], tuple[int, int]] = {}
        for at, each in enumerate(operations):
            if each.kind in recorder.CREATED + recorder.FOLDER + recorder.POINTED:
                self._made(at, each)
            elif each.kind in recorder.RENAMED + recorder.LINKED + recorder.REMOVED:
                self._named(at, each)
            else:
                self._worked_on(at, each)

    def relative(self, path: str) -> str:
        """A path below the folder. Raises ValueError for others: what is not recorded cannot be replayed."""
        if path != self._folder and not path.startswith(f"{self._folder}/"):
            raise ValueError(f"a file comes from, or goes to, somewhere else: {path or 'unknown'}")
        return path[len(self._folder) + 1 :]

    def _made(self, at: int, each: Operation) -> None:
        file = File(each.kind, each.other)
        if each.inode:  # one that another file had before, perhaps
            self._inodes[each.inode] = file
        self._name(Name(at, each.kind, self.relative(each.path), "", file))

    def _named(self, at: int, each: Operation) -> None:
        path = self.relative(each.path)
        other = "" if each.kind == recorder.REMOVED else self.relative(each.other)
        if each.kind == recorder.RENAMED and each.number & ~1:  # RENAME_NOREPLACE
            raise ValueError(f"{each.path} is exchanged, which is not modelled")
        self._name(Name(at, each.kind, path, other, self._tree[path]))

    def _name(self, name: Name) -> None:
        self.names.append(name)
        apply(name, self._tree)
        name.file.touch(name.at)
        for path in (name.path, name.other or name.path):
            self._tree[path.rpartition("/")[0]].touch(name.at)

    def _worked_on(self, at: int, each: Operation) -> None:
        file = self._inodes[each.inode]
        if each.kind == recorder.FORCING:
            self._begun[each.thread, each.inode] = at, file.touched if each.number else file.grown
        elif each.kind == recorder.FORCED:
            begun, names = self._begun.pop((each.thread, each.inode))
            self.forced.append(Forced(begun, at, file, names))
        elif each.kind == recorder.MAPPED:
            if not each.path.endswith("-shm"):  # SQLite makes it anew when nobody has the database open
                raise ValueError(f"{each.path} is written through memory, which is not recorded")
        else:
            change = Change(at, each.number, None if each.kind == recorder.SIZED else each.data)
            file.changes.append(change)
            size = change.offset + len(each.data)
            file.touch(at, size=size if change.data is None else max(file.size, size))

    def whole(self) -> Iterator[tuple[str, File, bytes]]:
        """Each path with all that was done to it, as the system showed it at the end."""
        for path, file in self._tree.items():
            yield path, file, file.content(len(file.changes))

    def failed(self, cut: int, draw: random.Random) -> Iterator[tuple[str, File, bytes]]:
        """Each path that is on the disk after a power failure, when ``cut`` operations, one at least, had happened."""
        sure = max((each.names for each in self.forced if each.ended < cut), default=0)
        last = cut - 1 if draw.random() < 0.5 else draw.randint(sure, cut - 1)
        tree: dict[str, File] = {}
        for name in self.names:
            if name.at <= last:
                apply(name, tree)
        contents: dict[int, bytes] = {}  # a file may have two names
        for path, file in sorted(tree.items()):
            if id(file) not in contents:
                contents[id(file)] = self._found(file, cut, last, draw)
            yield path, file, contents[id(file)]

    def _found(self, file: File, cut: int, last: int, draw: random.Random) -> bytes:
        """The content of a file after a power failure, where operations on names are there up to ``last``."""
        begun = max((each.begun for each in self.forced if each.file is file and each.ended < cut), default=-1)
        least, most = 0, 0
        for number, change in enumerate(file.changes, 1):
            if change.at >= cut:
                break
            emptied = change.data is None and change.offset == 0
            if emptied and change.at > max(begun, last):
                break
            if change.at < begun or emptied:
                least = number
            most = number
        return torn(file, least, most, draw)


def torn(file: File, least: int, most: int, draw: random.Random) -> bytes:
    """A file of which at least the first ``least`` changes are on the disk and, of each page, ``most`` at most."""
    old, new = file.content(least), file.content(most)
    how = draw.choice(("new", "old", "zeros", "pages"))
    if least == most or how == "new":
        return new
    if how == "old":
        return old
    if how == "zeros":
        return old[: len(new)].ljust(len(new), b"\0")
    versions = (old, new, file.content(draw.randint(least, most)))
    size = len(draw.choice(versions))
    pages = (draw.choice(versions)[at : at + PAGE].ljust(PAGE, b"\0") for at in range(0, size, PAGE))
    return b"".join(pages)[:size]


def apply(name: Name, tree: dict[str, File]) -> None:
    """Carry out an operation on names."""
    if name.kind == recorder.REMOVED:
        del tree[name.path]
    elif name.kind == recorder.LINKED:
        tree[name.other] = name.file
    elif name.kind == recorder.RENAMED:
        for path in [each for each in tree if each == name.path or each.startswith(f"{name.path}/")]:
            tree[name.other + path[len(name.path) :]] = tree.pop(path)
    else:
        tree[name.path] = name.file


def replay(found: Iterable[tuple[str, File, bytes]], folder: Path) -> None:
    """Make the files in ``folder``, which is there and empty."""
    for path, file, content in sorted(found, key=lambda each: each[0]):
        place = folder / path
        if file.kind == recorder.POINTED:
            place.symlink_to(file.target)
        elif file.kind == recorder.FOLDER:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(content)
