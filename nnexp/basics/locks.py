"""Locks on files (``flock``), which the system frees however a process ends: they say which run or sweep is at work.

Some file systems have none, as a network's may. Others ask for a file that is open for writing where the lock is exclusive, so
a folder cannot be locked there.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from nnexp.errors import NnexpError

UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""How ``flock`` fails where there are no locks."""


def lock(file: int, path: Path, *, shared: bool = False) -> None:
    """Lock an open file, which ``path`` names.

    Raises BlockingIOError where somebody else has the lock, NnexpError where there are none, and OSError.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            raise no_locks(path, error) from None
        raise


def refuse_without_locks(folder: Path) -> None:
    """Refuse a folder in which no file can be locked. Raises NnexpError, OSError."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        lock(opened, folder, shared=True)
    except NnexpError:
        raise
    except OSError:  # somebody else has it, or folders are not locked here and files are
        return
    finally:
        os.close(opened)


def no_locks(path: Path, error: OSError) -> NnexpError:
    """The message for a file system without locks."""
    return NnexpError(
        f"{path} cannot be locked ({error.strerror}), as on some network file systems, and a lock says which run is at work. "
        "Start in a folder of a local disk, or mount this one with locks."
    )
