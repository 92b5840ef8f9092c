"""The top of a text file: what stands above the columns' names, and whether its cells are separated as was said."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from nnexp.errors import NnexpError, counted
from nnexp.tables.format import Format
from nnexp.tables.spelling import cell, spells_number

LINES = 30
"""So many lines are looked at, and one more than that in which the names are said to stand."""
SAYS_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n?')
"""How Excel says in the first line what separates the cells."""
SEPARATORS = ",;\t| "
"""Common ones."""
WIDE_SPACE = re.compile(r"\s{2,}")

Typed = Callable[[str, str], str]
"""How an option (its name, its value) is typed."""


class Head(NamedTuple):
    """Where a table begins."""

    above: int
    """The lines above the columns' names, or above the first sample."""
    below: int
    """The lines between the columns' names and the first sample."""
    form: Format
    """With the separator that the file says."""
    lines: list[str]
    """The first lines from there on, without those between names and samples."""
    comments: bool
    """Whether comments stand above."""

    def number(self, at: int) -> int:
        """The number of ``lines[at]`` in the file."""
        return self.above + at + 1 + (self.below if at else 0)

    @property
    def hashed(self) -> bool:
        """Whether the columns' names begin with a # that is none of them: "# x y" above two columns."""
        return self.form.separator == " " and self.form.header != "none" and cells(self.lines[0], " ")[:1] == ["#"]

    @property
    def skipped(self) -> list[int]:
        """The lines that pandas passes over, counted from 0."""
        return [*range(self.above), *range(self.above + 1, self.above + 1 + self.below)]


def head_of(file: Path, form: Format, typed: Typed) -> Head:
    """Find the line with which a text file's table begins. Raises NnexpError, UnicodeDecodeError, OSError."""
    said = form.header_lines
    named, last = (said[0], said[-1]) if said else (1, 1)
    opened = gzip.open if file.name.lower().endswith(".gz") else open
    with opened(file, "rt", encoding="utf-8-sig", newline="\n") as text:
        lines = list(islice(text, max(LINES, last + 1)))
    above, comments = 0, False
    if lines and (says := SAYS_SEPARATOR.fullmatch(lines[0])):
        above = 1
        form = replace(form, separator=says[1]) if form.separator == Format.separator else form
    if said:
        above = named - 1
        if last > len(lines):
            raise NnexpError(
                f"{file} has {len(lines)} lines, and the columns' names are said to stand in line {form.header}."
            )
        for number in said[1:]:
            if any(map(spells_number, cells(lines[number - 1], form.separator))):
                raise NnexpError(
                    f"{file}: line {number} is said to be no sample, and holds numbers: {cell(lines[number - 1].strip())!r}. "
                    f"Type {typed('header', str(named))}"
                )
    else:
        while above < len(lines) - 1 and (not lines[above].strip() or _is_comment(lines, above, form.separator)):
            comments = comments or bool(lines[above].strip())
            above += 1
    return Head(above, last - named, form, [*lines[above : above + 1], *lines[above + 1 + last - named :]], comments)


def _is_comment(lines: Sequence[str], position: int, separator: str) -> bool:
    """Whether a line is a comment: not where it is a line of names that begins with #."""
    line = lines[position]
    below = next((each for each in lines[position + 1 :] if each.strip() and each[0] != "#"), "")
    width = len(cells(line[1:] if separator == " " else line, separator))  # "# x y" holds two names
    return line.startswith("#") and (width < 2 or width != len(cells(below, separator)))


def cells(line: str, separator: str) -> list[str]:
    """The cells of a line; spaces separate them by any number, as do tabs among them."""
    line = line.replace("\t", " ").strip() if separator == " " else line
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return [line]


def first_rows(file: Path, head: Head) -> tuple[list[str], list[str]]:
    """The cells of the first two rows that are not blank; a cell in quotes may run over the end of a line.

    Raises NnexpError where one is too long to be a cell.
    """
    separator = head.form.separator
    rows: Iterator[list[str]] = csv.reader(head.lines, delimiter=separator, skipinitialspace=True)
    if separator == " ":
        rows = (cells(line, separator) for line in head.lines)
    try:
        found = list(islice((row for row in rows if len(row) > 1 or any(map(str.strip, row))), 2))
    except csv.Error as error:
        if "new-line" in str(error):
            raise NnexpError(
                f"{file}: its lines end with a carriage return alone, as on an old Macintosh. Save it with line feeds: "
                f"tr '\\r' '\\n' < {file.name} > NEW.csv"
            ) from error
        raise NnexpError(f"{file} is not a table that can be read: {error}. Correct the file.") from error
    return (found[0] if found else []), (found[1] if len(found) > 1 else [])


def widths(lines: Sequence[str], separator: str) -> list[int]:
    """The cells of each line that is not blank."""
    return [len(cells(line, separator)) for line in lines if line.strip()]


def refuse_another_layout(file: Path, names: Sequence[str], head: Head, typed: Typed) -> None:
    """Refuse names that are not separated as the lines are, or that stand further down. Raises NnexpError."""
    separator = head.form.separator
    for other in SEPARATORS.replace(separator, ""):
        wide = set(widths(head.lines, other))
        even = separator == Format.separator and len(wide) == 1 and min(wide) > 1  # another one was typed for a reason
        alone = len(names) == 1 and (other != " " or even)  # a name may have spaces
        below = widths(head.lines[1:], other)
        if below and max(below) == 1:  # it stands in a comment or a title
            continue
        if any(other in name for name in names) and (alone or (even and other != " ")):
            odd = next(each for each in names if other in each)
            column = "a single column," if len(names) == 1 else "the column"
            raise NnexpError(
                f"{file} has {column} {cell(odd)!r}, when cells are separated by {separator!r}. "
                f"Type {typed('separator', other)}"
            )
    if len(names) == 1 and separator in names[0]:
        raise NnexpError(
            f"{file}: each line is one cell in quotes, as {cell(names[0])!r}. Take the quotes around whole lines out."
        )
    refuse_names_further_down(file, names, head, typed)
    refuse_one_cell_more(file, names, head)
    if len(names) == 1:
        refuse_a_title(file, head, typed)
        refuse_wide_spaces(file, head)


def refuse_names_further_down(file: Path, names: Sequence[str], head: Head, typed: Typed) -> None:
    """Refuse names of which there are fewer than most lines have cells. Raises NnexpError."""
    separator = head.form.separator
    usual, times, first = _usual(head, separator)
    if usual > max(len(names), 1) and times > 1 and first and not _numbers_in(head.lines[first], separator):
        line = head.number(first)
        raise NnexpError(
            f"{file}: line {head.above + 1} holds {cell(head.lines[0].strip())!r}, and from line {line} on there are {usual} "
            f"columns. If their names stand there, type {typed('header', str(line))}"
        )


def _usual(head: Head, separator: str) -> tuple[int, int, int]:
    """How many cells most lines below the first have, how many lines have them, and which is the first of those."""
    below = Counter(widths(head.lines[1:], separator)).most_common(1)
    usual, times = below[0] if below else (0, 0)
    return usual, times, next((at for at, line in enumerate(head.lines) if len(cells(line, separator)) == usual), 0)


def _numbers_in(line: str, separator: str) -> bool:
    return any(map(spells_number, cells(line, separator)))


def refuse_a_title(file: Path, head: Head, typed: Typed) -> None:
    """Refuse a line of one cell above names and numbers that something else separates. Raises NnexpError."""
    if head.form.separator != Format.separator:
        return
    for other in SEPARATORS.replace(Format.separator, ""):
        usual, times, first = _usual(head, other)
        below = widths(head.lines[first:], other)
        numbers = first and not _numbers_in(head.lines[first], other) and _numbers_in(head.lines[-1], other)
        if usual > 1 and times > 1 and len(below) == times and numbers:
            line = head.number(first)
            raise NnexpError(
                f"{file}: line {head.above + 1} holds {cell(head.lines[0].strip())!r}, and from line {line} on there are "
                f"{usual} columns, separated by {other!r}. Type {typed('separator', other)} {typed('header', str(line))}"
            )


def refuse_one_cell_more(file: Path, names: Sequence[str], head: Head) -> None:
    """Refuse rows that all have one cell more than there are names. Raises NnexpError."""
    rows = [cells(line, head.form.separator) for line in head.lines[1:] if line.strip()]
    if rows and all(len(row) == len(names) + 1 for row in rows):
        cause = (
            "each ends with a separator: take it out, or put one behind the names, too"
            if not any(row[-1].strip() for row in rows)
            else "give a name to each column, row names included"
        )
        raise NnexpError(
            f"{file}: the rows have {len(names) + 1} cells, and there are {counted(len(names), 'name')}: {cause}."
        )


def refuse_wide_spaces(file: Path, head: Head) -> None:
    """Refuse lines with the same number of cells between wide spaces, where some cell holds a narrow one."""
    rows = [WIDE_SPACE.split(line.strip()) for line in head.lines if line.strip()]
    if len(rows) > 1 and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1:
        odd = next((text for row in rows for text in row if " " in text), rows[0][0])
        raise NnexpError(
            f"{file} has {len(rows[0])} columns between wide spaces, and {cell(odd)!r} holds a space itself. Write it with "
            "commas between the cells."
        )
