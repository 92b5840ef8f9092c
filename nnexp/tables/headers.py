"""Where the columns' names could stand instead, and lines below them that hold units: what to type for either."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from nnexp.tables.head import Head, Typed, cells
from nnexp.tables.notes import MARKS
from nnexp.tables.spelling import cell, stripped

BRACKETED = re.compile(r"\(.*\)|\[.*\]|-*")
"""A unit as it stands below a name, or none."""


def advice(head: Head, names: Sequence[str], needed: Collection[str], typed: Typed) -> str:
    """What to type about a table that cannot be used, where a line below the ``names`` is no sample; empty for any other.

    ``needed`` are the columns that have to be there.
    """
    if head.form.header == "none":
        return ""
    if missing := set(needed) - set(names):
        found = [at for at, row in _rows(head) if missing <= {*row}]
        return _names_in(head, found[0], typed) if found else ""
    named = _named(head)
    if names[0].startswith("#") and named is not None:
        return _names_in(head, named, typed)
    return _units_in(head, named, typed)


def _units_in(head: Head, named: int | None, typed: Typed) -> str:
    """What to type where the line below the names is no sample: it holds units, or they do, if it is the line ``named``."""
    first = _no_sample(head)
    if first is None:
        return ""
    number, shown = head.number(first), cell(head.lines[first].strip())
    until = typed("header", f"{head.above + 1}-{number}")
    if named is None or all(map(BRACKETED.fullmatch, _cells(head.lines[first], head))):
        return f" If line {number} ({shown}) is no sample, type {until}"
    return f"{_names_in(head, named, typed)}; if it is no sample, type {until}"


def names_below(head: Head, typed: Typed) -> str:
    """What to type where the names are not all there, or not each once, and those in a line below are."""
    at = None if head.form.header == "none" else _named(head)
    return "" if at is None else _names_in(head, at, typed)


def _names_in(head: Head, at: int, typed: Typed) -> str:
    line = cell(head.lines[at].strip())
    return f" If the names stand in line {head.number(at)} ({line}), type {typed('header', str(head.number(at)))}"


def _cells(line: str, head: Head) -> list[str]:
    return [stripped(each) for each in cells(line, head.form.separator)]


def _rows(head: Head) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line below the names that is not blank."""
    for at, line in enumerate(head.lines[1:], 1):
        if any(found := _cells(line, head)):
            yield at, found


def _no_sample(head: Head) -> int | None:
    """The line right below the names, where it is a comment, or holds words above the numbers of most lines that follow."""
    (at, first), *others = [*_rows(head)] or [(0, [])]
    if first and first[0].startswith("#"):
        return at
    if any(_numbers(head, first)):
        return None
    below = [_numbers(head, row) for _, row in others]
    for position, word in enumerate(first):
        found = [position < len(row) and row[position] for row in below]
        if word and word.casefold() not in MARKS and word not in head.form.marks and 2 * sum(found) > len(found):
            return at
    return None


def _numbers(head: Head, row: Sequence[str]) -> list[bool]:
    """Which of a line's cells are numbers."""
    return [head.form.number(each) is not None for each in row]


def _named(head: Head) -> int | None:
    """The first line below whose cells are all there, each once, none a number, with one in the line that follows."""
    rows = ((at, found) for at, found in _rows(head) if not found[0].startswith("#"))
    for (at, found), (_, following) in pairwise(rows):
        if any(_numbers(head, found)):
            return None
        if all(found) and len({*found}) == len(found) == len(following) and any(_numbers(head, following)):
            return at
    return None
