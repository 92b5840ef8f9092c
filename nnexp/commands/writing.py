"""``-o FILE``: a table or a page is written in one step where the user says, as the file's suffix says."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from nnexp.basics.files import replacing
from nnexp.errors import NnexpError, printable


def check_name(path: Path, suffixes: Mapping[str, object]) -> None:
    """Refuse a name that cannot be written to, before anything is done. Raises NnexpError."""
    if path.suffix not in suffixes:
        names = list(suffixes)
        said = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        better = f" Type -o {shlex.quote(str(path.with_suffix(names[0])))}" if path.name else ""
        raise NnexpError(f"-o {path}: the name must end in {said}.{better}")
    if path.exists() and not path.is_file():
        raise NnexpError(f"-o {path} is no file that could be replaced. Choose another name.")
    if not path.parent.is_dir():
        raise NnexpError(
            f"Cannot write '{path}': there is no folder '{path.parent}'. Choose another place with -o FILE."
        )
    if printable(str(path)) != str(path):
        raise NnexpError(f"-o {printable(str(path))}: a name has no control characters. Choose another name.")


def write(path: Path, writers: Mapping[str, Callable[[BinaryIO], object]]) -> None:
    """Write ``path`` in one step by the one of the writers that its suffix names. Raises NnexpError."""
    check_name(path, writers)
    try:
        with replacing(path, forced=True, in_own_folder=False) as file:
            writers[path.suffix](file)
    except OSError as error:
        raise NnexpError(
            f"Cannot write '{path}': {error.strerror or error}. Choose another place with -o FILE."
        ) from None
