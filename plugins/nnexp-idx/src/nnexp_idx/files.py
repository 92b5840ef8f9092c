"""The IDX file format (LeCun, Cortes and Burges, 1998): one array of numbers after a header that says its type and sizes.

    0x00 0x00, the type, the number of dimensions         one byte each
    the size of each dimension                            4 bytes each, big-endian
    the numbers, the last index fastest                   big-endian

A file may be packed by gzip, which its first two bytes tell. ``read_header`` refuses a file whose length cannot be what its
header says before anything of that length is allocated.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import NnexpError

TYPES: Mapping[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
"""The number types by the header's third byte."""

GZIP = b"\x1f\x8b"
"""How every gzip file starts; an IDX file starts with two zeros."""

MOST_PACKED = 1032
"""The most bytes that one byte of gzip can stand for: 258 in 2 bits (Deutsch, 1996, RFC 1951)."""

MOST_DIMENSIONS = 8
"""More are the sign of a damaged header rather than of samples."""

CHUNK = 1 << 16
"""Bytes read at a time."""

AGAIN = "Copy or download it again."


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file say."""

    dtype: np.dtype[Any]
    """As in the file, big-endian."""
    sizes: tuple[int, ...]
    """Of each dimension; samples come first."""

    @property
    def width(self) -> int:
        """The numbers of one sample."""
        return math.prod(self.sizes[1:])

    @property
    def length(self) -> int:
        """The bytes of the header itself."""
        return 4 + 4 * len(self.sizes)

    @property
    def file_length(self) -> int:
        """The bytes of the whole file, unpacked."""
        return self.length + self.sizes[0] * self.width * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{' x '.join(str(size) for size in self.sizes)} numbers of type {self.dtype.name}"


def read_header(path: Path) -> Header:
    """Read and check the header of a file. Raises NnexpError where the file is no IDX file, or not as long as it says."""
    with _opened(path) as (stream, packed):
        header = _header(path, stream)
    length = path.stat().st_size
    if packed and header.file_length > MOST_PACKED * length:
        raise NnexpError(
            f"{path} is cut, or no IDX file: its header says {header}, {header.file_length} bytes; {length} bytes of gzip "
            f"cannot hold more than {MOST_PACKED * length}. {AGAIN}"
        )
    if not packed and length != header.file_length:
        raise _wrong_length(path, header, length)
    return header


def read_array(path: Path, header: Header, limit: int | None = None) -> NDArray[Any]:
    """The numbers of a file as (n_samples, width), in the file's type; of the first ``limit`` samples alone if it is given.

    The whole file is checked all the same: its length and, where it is packed, gzip's checksum. Memory: the array.
    """
    n_samples = header.sizes[0] if limit is None else min(limit, header.sizes[0])
    numbers = np.empty((n_samples, header.width), header.dtype)
    buffer = numbers.reshape(-1).view(np.uint8)
    with _opened(path) as (stream, _):
        found = len(_start(stream, header.length))
        for chunk in _chunks(stream, header.file_length - header.length):
            room = buffer[found - header.length :][: len(chunk)]
            room[...] = np.frombuffer(chunk, np.uint8)[: len(room)]
            found += len(chunk)
        if found < header.file_length:
            raise _wrong_length(path, header, found)
        if stream.read(1):  # also where gzip checks its own sum
            raise _wrong_length(path, header, found + 1, at_least=True)
    native = header.dtype.newbyteorder("=")
    return numbers if native == header.dtype else numbers.byteswap(inplace=True).view(native)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BufferedReader | gzip.GzipFile, bool]]:
    """The file's content, unpacked where it is gzip, and whether it is; what is wrong with it as NnexpError."""
    try:
        with path.open("rb") as file:
            packed = file.peek(len(GZIP))[: len(GZIP)] == GZIP
            if not packed:
                yield file, packed
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked, packed
    except EOFError:
        raise NnexpError(f"{path} is cut: its gzip data end too early. {AGAIN}") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise NnexpError(f"{path} is damaged: its gzip data cannot be unpacked ({error}). {AGAIN}") from None
    except OSError as error:
        raise NnexpError(f"{path} cannot be read ({error.strerror or error}).") from None


def _header(path: Path, stream: BufferedReader | gzip.GzipFile) -> Header:
    magic = _start(stream, 4)
    shown = magic.hex(" ") or "nothing"
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise NnexpError(
            f"{path} is no IDX file: it starts with {shown}, an IDX file with 00 00, its type and its number of dimensions. "
            "Type dataset.path=IMAGES dataset.labels=LABELS with files in MNIST's format."
        )
    if magic[2] not in TYPES or not 1 <= magic[3] <= MOST_DIMENSIONS:
        types = ", ".join(f"{code:02x} ({dtype.name})" for code, dtype in TYPES.items())
        raise NnexpError(
            f"{path} is no IDX file: it starts with {shown}, where the third byte is its type, one of {types}, and the "
            f"fourth its number of dimensions, 1 to {MOST_DIMENSIONS}. {AGAIN}"
        )
    sizes = _start(stream, 4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise NnexpError(
            f"{path} is cut: its header of {magic[3]} dimensions takes {4 + 4 * magic[3]} bytes, it has {4 + len(sizes)}. "
            f"{AGAIN}"
        )
    header = Header(TYPES[magic[2]], tuple(int(size) for size in np.frombuffer(sizes, ">u4")))
    if not header.sizes[0] * header.width:
        raise NnexpError(f"{path} holds nothing: its header says {header}. Name a file with samples.")
    return header


def _start(stream: BufferedReader | gzip.GzipFile, n_bytes: int) -> bytes:
    """The next bytes, fewer where the content ends."""
    return b"".join(_chunks(stream, n_bytes))


def _chunks(stream: BufferedReader | gzip.GzipFile, n_bytes: int) -> Iterator[bytes]:
    """The next ``n_bytes`` in chunks, fewer where the content ends or its gzip data are cut."""
    while n_bytes:
        try:
            chunk = stream.read1(min(n_bytes, CHUNK))
        except EOFError:
            return
        if not chunk:
            return
        n_bytes -= len(chunk)
        yield chunk


def _wrong_length(path: Path, header: Header, found: int, *, at_least: bool = False) -> NnexpError:
    problem = "is cut" if found < header.file_length else "has bytes after its end"
    counted = f"at least {found}" if at_least else str(found)
    return NnexpError(
        f"{path} {problem}: its header says {header}, so {header.file_length} bytes are expected; {counted} "
        f"were found. {AGAIN}"
    )
