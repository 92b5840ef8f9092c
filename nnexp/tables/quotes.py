"""Quotes in a text file that nobody meant: an inch mark, one that is never closed. They swallow rows."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from nnexp.errors import NnexpError
from nnexp.tables.spelling import cell

if TYPE_CHECKING:
    import pandas as pd


def refuse_swallowed_rows(file: Path, table: pd.DataFrame, separator: str) -> None:
    """Refuse a cell that runs over the end of a line and holds the rest of one row and the beginning of another.

    A text of several lines is let pass: its lines have other numbers of separators.
    """
    last = table.shape[1] - 1
    for position, dtype in enumerate(table.dtypes.tolist()):
        if dtype.kind != "O":
            continue
        column = table.iloc[:, position]
        for value in column.unique():
            if isinstance(value, str) and "\n" in value and _is_rows(value.split("\n"), position, last, separator):
                raise NnexpError(
                    f'{file}: a quote (") in line {_line_of(file, value)} swallows the lines below it: column '
                    f"'{column.name}' holds '{cell(value)}'. Where it is an inch mark or a slip, take it out or write it twice."
                )


def _is_rows(lines: list[str], position: int, last: int, separator: str) -> bool:
    """Whether the lines of a cell are the rest of a row, whole rows, and the beginning of one, up to this column."""
    expected = [last - position, *[last] * (len(lines) - 2), position]
    return last > 0 and [line.count(separator) for line in lines] == expected


def _line_of(file: Path, value: str) -> str:
    """The number of the line in which a cell of several begins."""
    begins = f'"{value.partition(chr(10))[0].rstrip(chr(13))}'
    with opened(file) as lines:
        return next((str(number) for number, line in enumerate(lines, 1) if begins in line), "?")


def unclosed(file: Path, separator: str) -> str:
    """Where the quote is that is never closed, as the reason why a table cannot be read."""
    began = 1
    try:
        with opened(file) as lines:
            reader = csv.reader(lines, delimiter=separator)
            before = 0
            for _ in reader:
                began, before = before + 1, reader.line_num
    except csv.Error:  # a cell of more than 128 KiB: it is what the open quote swallows
        began = before + 1
    return f'the quote (") in line {began} is never closed'


@contextmanager
def opened(file: Path) -> Iterator[IO[str]]:
    """A text file, compressed or not."""
    with (gzip.open if file.name.lower().endswith(".gz") else open)(
        file, "rt", encoding="utf-8-sig", newline=""
    ) as lines:
        yield lines


@contextmanager
def bytes_of(file: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The bytes of a text file, compressed or not."""
    with (gzip.open if file.name.lower().endswith(".gz") else open)(file, "rb") as content:
        yield content
