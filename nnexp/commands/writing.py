"""``-o FILE``: what a command writes where the user says, in one step. What is there stays, unless ``--replace`` is typed."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from nnexp.basics.files import replacing
from nnexp.errors import NnexpError, printable


def add_output(parser: argparse.ArgumentParser, what: str, among: Any = None) -> None:
    """The options that say where ``what`` goes; ``among`` is argparse's group of options that exclude each other."""
    (among or parser).add_argument("-o", "--output", type=Path, metavar="FILE", help=what)
    parser.add_argument("--replace", action="store_true", help="write over FILE where it is there already")


def check_output(path: Path, suffixes: Sequence[str] = (), *, replace: bool) -> None:
    """Refuse a name that cannot be written to, or that is taken, before anything is done. Raises NnexpError."""
    if suffixes and path.suffix not in suffixes:
        said = suffixes[0] if len(suffixes) == 1 else f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        better = f" Type -o {shlex.quote(str(path.with_suffix(suffixes[0])))}" if path.name else ""
        raise NnexpError(f"-o {path}: the name must end in {said}.{better}")
    if printable(str(path)) != str(path):
        raise NnexpError(f"-o {printable(str(path))}: a name has no control characters. Choose another name.")
    if path.exists() and not path.is_file():
        raise NnexpError(f"-o {path} is no file that could be replaced. Choose another name.")
    if os.path.lexists(path) and not replace:
        raise NnexpError(f"'{path}' is there already. To write over it add --replace, or choose another name.")
    if not path.parent.is_dir():
        raise NnexpError(
            f"Cannot write '{path}': there is no folder '{path.parent}'. Choose another place with -o FILE."
        )


def write(path: Path, writer: Callable[[BinaryIO], object]) -> None:
    """Write ``path`` in one step. Raises NnexpError."""
    try:
        with replacing(path, forced=True, in_own_folder=False) as file:
            writer(file)
    except OSError as error:
        raise NnexpError(
            f"Cannot write '{path}': {error.strerror or error}. Choose another place with -o FILE."
        ) from None
