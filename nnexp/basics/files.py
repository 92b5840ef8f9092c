"""Where files lie; how they are replaced in one step; and how one is read that anybody may have put there."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from nnexp.basics.plain import to_json
from nnexp.basics.removing import remove
from nnexp.errors import NnexpError

PARTIAL = ".partial"
"""The suffix of a file that is being written: ``.result.json.partial`` becomes ``result.json``."""
MOST_BYTES = 2**20
"""The most that is read of a file which nnexp writes in a few lines."""


MOST_BRACKETS = 1_000_000
"""Lists and objects in a file of JSON at the most."""


class Unreadable(NnexpError):  # noqa: N818 (a state, not a mistake)
    """A file is not what nnexp writes; the message names it and says why. Whoever reads many skips it and says so."""


@contextmanager
def replacing(path: Path, *, forced: bool = False, in_own_folder: bool = True) -> Iterator[BinaryIO]:
    """Give the file to write instead of ``path``, which is replaced when the block ends well, and left alone if not.

    It is a new file. In a folder of nnexp's own what a killed writer left in its place is removed, and a link there is not
    followed; in another one it has a name that nobody else has. One that is ``forced`` is on the disk before it is renamed;
    ``force_folder`` then forces the names.
    """
    partial = path.with_name(f".{path.name}{'' if in_own_folder else f'.{secrets.token_hex(4)}'}{PARTIAL}")
    if in_own_folder:
        remove(partial)
    file = partial.open("xb")
    try:
        with file:
            yield file
            if forced:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:
        remove(partial)
        if isinstance(error, OSError) and error.errno and error.filename is None:  # as of a disk that is full
            error.filename = str(path)
        raise


def replace_json(path: Path, content: Mapping[str, Any], *, forced: bool = False) -> None:
    """Replace ``path`` with ``content`` as JSON, a line for each key. Raises OSError, and then the old file is left alone.

    One that is ``forced`` onto the disk before is there whole, or not at all, also after a power failure.
    """
    with replacing(path, forced=forced) as file:
        file.write(to_json(content).encode())


def force_folder(directory: Path) -> None:
    """Force onto the disk which files there are in a folder."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_plain(path: Path, *, links: bool = False) -> BinaryIO:
    """Open a file that anybody may have put there. Raises FileNotFoundError where there is none.

    Raises Unreadable for a folder, for whatever would make its reader wait, and, unless ``links`` are followed, for a link.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if links else os.O_NOFOLLOW))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from None
    except OSError as error:
        why = "it is a symbolic link" if path.is_symlink() else error.strerror or str(error)
        raise Unreadable(f"{path} cannot be read: {why}") from None
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise Unreadable(f"{path} cannot be read: it is no plain file")
    return os.fdopen(opened, "rb")


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """What a JSON file holds, NaN and infinities included. Raises FileNotFoundError, and Unreadable for any other content."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise Unreadable(f"{path} is not what nnexp writes: it has more than {most:,} bytes")
        text = file.read(most)
    if text.count(b"[") + text.count(b"{") > MOST_BRACKETS:  # each becomes an object of a hundred bytes
        raise Unreadable(f"{path} is not what nnexp writes: it has more than {MOST_BRACKETS:,} brackets")
    try:
        return json.loads(text.decode())
    except UnicodeDecodeError:
        why = "it is no text in UTF-8"
    except RecursionError:
        why = "its brackets are nested too deeply"
    except ValueError as error:
        why = f"it is no JSON ({error})" if text.strip() else "it is empty"
    raise Unreadable(f"{path} is not what nnexp writes: {why}")


def outputs_here() -> Path:
    """Where everything of the present directory lies. Raises NnexpError where something else has its name."""
    place = Path.cwd() / "outputs"
    if os.path.lexists(place) and not place.is_dir():
        raise NnexpError(
            f"{place} is a file, and runs are to lie in a folder of that name. Move it away, or start elsewhere."
        )
    return place


def relative(path: str) -> str:
    """A path as the user would type it here; in full where it is the present folder, which Hydra may have gone to."""
    given, here = Path(path), Path.cwd()
    shown = str(given.relative_to(here)) if given != here and given.is_relative_to(here) else str(given)
    return f"./{shown}" if shown.startswith("-") else shown


def own_directory() -> Path:
    """Find conf/: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent.parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"
