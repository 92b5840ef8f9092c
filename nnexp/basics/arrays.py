"""Files of arrays (.npz): read from anybody, and never more than their bytes."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic
from numpy.typing import NDArray

from nnexp.basics.files import Unreadable, open_plain
from nnexp.errors import first_line


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """The arrays of an .npz file, each read when it is asked for. Raises BadZipFile where the file is of another kind."""
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):  # np.load would advise to load it as a pickle
            raise zipfile.BadZipFile("it is no archive of arrays")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays


def read_arrays(path: Path, most: int | None = None) -> dict[str, NDArray[Any]]:
    """All arrays of a file that nnexp wrote, or that says so. Raises FileNotFoundError, and Unreadable for anything else.

    What it takes in memory is bounded by the file's length, which is refused beyond ``most`` bytes: nothing in it is
    compressed, and no array is longer than its bytes.
    """
    with open_plain(path, links=True) as file:
        try:
            refuse_big(file, most)
            with zipfile.ZipFile(file) as archive:
                refuse_twins(archive)
                for member in archive.infolist():
                    with archive.open(member) as content:
                        refuse_longer(content, member)
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception as error:  # noqa: BLE001 (whatever zipfile and NumPy say of a file that is none of theirs)
            raise Unreadable(
                f"{path} holds no arrays of nnexp's ({type(error).__name__}: {first_line(error)})"
            ) from None


def refuse_big(file: IO[bytes], most: int | None) -> None:
    """Refuse a file of more bytes than ``most``."""
    if most is not None and file.seek(0, os.SEEK_END) > most:
        raise ValueError(f"it has more than {most:,} bytes")


def refuse_twins(archive: zipfile.ZipFile) -> None:
    """Refuse two arrays of one name, of which it is a matter of taste which one counts."""
    if len(set(archive.namelist())) < len(archive.namelist()):
        raise ValueError("it has two arrays of one name")


def refuse_longer(content: IO[bytes], member: zipfile.ZipInfo) -> None:
    """Refuse an array that says that it is longer than its bytes, and whatever is no array of numbers or text."""
    header = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}[read_magic(content)]
    shape, _, dtype = header(content)
    if member.compress_type != zipfile.ZIP_STORED or dtype.kind not in "fiuU" or min(shape, default=1) < 0:
        raise ValueError(f"{member.filename} is not as nnexp writes it")
    if math.prod(shape) * max(dtype.itemsize, 1) > member.file_size:
        raise ValueError(f"{member.filename} is longer than the file")
