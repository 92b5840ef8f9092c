"""A table on the terminal: numbers to the right, text broken at spaces, as wide as there is room."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from nnexp.terminal.console import say, width, wrapped


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    """Print a table that fits the terminal, numbers to the right; headings and text are broken only at spaces."""
    numeric = [all(_is_number(cell) for cell in column) for column in zip(*rows, strict=True)]
    widths = fitted(columns, rows, numeric)
    for line in wrapped(title, width()):
        say(line)
    for row in (columns, *rows):
        cells = [wrapped(cell, space) for cell, space in zip(row, widths, strict=True)]
        for parts in itertools.zip_longest(*cells, fillvalue=""):
            aligned = zip(parts, widths, numeric, strict=True)
            say("  ".join(text.rjust(space) if right else text.ljust(space) for text, space, right in aligned).rstrip())


def fitted(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> list[int]:
    """Each column's width: that of its longest cell where there is room, and never less than its longest word."""
    cells = list(zip(*rows, strict=True))
    whole = [max(map(len, (name, *column))) for name, column in zip(columns, cells, strict=True)]
    widths = []
    for name, column, number in zip(columns, cells, numeric, strict=True):
        words = name.split() + [part for cell in column for part in ([cell] if number else cell.split())]
        widths.append(max(map(len, words), default=0))
    room = width() - sum(widths) - 2 * (len(widths) - 1)
    for index in sorted(range(len(widths)), key=lambda index: numeric[index]):  # text first
        more = min(whole[index] - widths[index], max(room, 0))
        widths[index] += more
        room -= more
    return widths


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip("mus %").lstrip("<"))
    except ValueError:
        return text in ("", "-", "undefined")
    return True
