"""The one place from which nnexp removes anything: single files, and folders that are empty.

What may go is what this process made itself, such as a file that is not finished or what a refused run left, and nnexp's own
files, by their fixed names, for whoever holds the lock of their directory. Nothing goes with all that is in it. The
architecture test reads the calls.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

OWN = re.compile(
    r"delivery\.json|journal\.jsonl|\.stopped"  # of a run or a sweep that begins anew
    r"|checkpoint(\.previous)?\.npz"  # of a search's trials that do not go on
    r"|\.[^/]+\.partial"  # a file that is being written
    r"|\.[^/]+\.new(-wal|-shm|-journal)?"  # of a database that nobody has completed
)
"""The names of files that nnexp may remove."""
NOTE = re.compile(r"[0-9a-f]{16}")
"""The name of a file in ``outputs/.open/``."""
NOTES = ".open"


def remove(path: Path) -> None:
    """Remove one of nnexp's own files, if it is there. The caller has made it, or holds the lock of what it belongs to.

    Raises ValueError for any other file, and OSError.
    """
    if not OWN.fullmatch(path.name) and not (path.parent.name == NOTES and NOTE.fullmatch(path.name)):
        raise ValueError(f"{path} has no name of nnexp's own, so it is not removed.")
    path.unlink(missing_ok=True)


def remove_in(folder: int, name: str) -> None:
    """The same for a file that is being written in a folder that is open. Raises ValueError, and OSError."""
    if not OWN.fullmatch(name):
        raise ValueError(f"{name} is no name of nnexp's own, so it is not removed.")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


@dataclass(frozen=True)
class NewFolder:
    """A folder that is about to be made, or that is empty, and which folders on the way to it were not there before."""

    folder: Path
    new: tuple[Path, ...]
    """The deepest first; without those that were there, which stay."""
    files: tuple[str, ...]
    """What this process makes in it, by name."""

    @classmethod
    def of(cls, folder: Path, files: Iterable[str]) -> NewFolder:
        """As it is now."""
        folder = folder.absolute()
        return cls(folder, tuple(path for path in (folder, *folder.parents) if not path.exists()), tuple(files))

    def clear(self) -> None:
        """Remove the files that this process made, and the folders that it made, where they are empty."""
        paths = [self.folder / name for name in self.files]
        for path in paths:
            with contextlib.suppress(OSError):  # it was not made, or is somebody's folder
                path.unlink()
        inner = {parent for path in paths for parent in path.parents if self.folder in parent.parents}
        for folder in [*sorted(inner, key=lambda each: -len(each.parts)), *self.new]:
            with contextlib.suppress(OSError):  # it holds something else
                folder.rmdir()


def remove_sockets(folder: Path) -> None:
    """Remove a folder of this process's own in which there are sockets and nothing else."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_socket():
                path.unlink()
        folder.rmdir()
