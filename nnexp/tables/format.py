"""How a table is written: between its cells, in its numbers, for what is missing, and where its columns' names stand.

What a table was trained with is kept in the model, so that new rows are read in the same way.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from nnexp.tables.spelling import APOSTROPHES, MINUS, SPACES, number, spells_number, split_unit

NUMBERED = re.compile(r"([1-9]\d{0,5})(?:-([1-9]\d{0,5}))?")
"""The number of a line, or of the first and the last of several."""

MISSING = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""What is usually written for a missing value (the list of pandas 2 and 3)."""


THOUSANDS: Mapping[str, str] = {"": "", ",": ",", ".": r"\.", " ": f"[{SPACES}]", "'": f"[{APOSTROPHES}]", "_": "_"}
"""What may stand between thousands, each with what it is read as."""


@dataclass(frozen=True)
class Format:
    """How a table is written; the fields are those of ``dataset=csv``."""

    separator: str = ","
    """Between two cells of a text file; a space stands for any number of them."""
    decimal: str = "."
    """Before a number's fraction: a point or a comma."""
    thousands: str = ""
    """Between thousands: a comma, a point, a space (of any width), an apostrophe (straight or not), an underscore."""
    units: str = "refuse"
    """``strip`` reads "5 kg", "$5" and "5%" as 5."""
    header: str = "auto"
    """Where the columns' names stand: in the first line that is no comment (``auto``), in line ``3``, or in none.

    ``3-5`` says that they stand in line 3, and that samples begin below line 5, as where lines 4 and 5 hold units.
    """
    na: tuple[str, ...] | None = None
    """What is written for a missing value, beside nothing at all; None for ``MISSING``."""
    beside: tuple[tuple[str, str], ...] = ()
    """Columns and the units that were stripped from them in training."""
    booleans: tuple[str, ...] = ()
    """Columns that held true and false in training."""

    def __post_init__(self) -> None:
        """Raise ValueError, with the field's name first, for what no table is written with."""
        if len(self.separator) != 1 or self.separator in '"\r\n':
            raise ValueError(
                f"separator must be one character (\\t for a tab). Got {self.separator!r}, where ';' is one"
            )
        if self.decimal not in (".", ","):
            raise ValueError(f"decimal must be a point or a comma. Got {self.decimal!r}")
        if self.thousands not in THOUSANDS:
            marks = " ".join(map(repr, filter(None, THOUSANDS)))
            raise ValueError(f"thousands must be nothing or one of {marks}. Got {self.thousands!r}")
        if self.thousands == self.decimal:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}. One of them is another mark")
        if self.units not in ("refuse", "strip"):
            raise ValueError(f"units must be refuse or strip. Got {self.units!r}")
        if self.header not in ("auto", "none") and not self.header_lines:
            raise ValueError(
                f"header must be auto, none or the number of the line with the columns' names (1-2: and line 2 is no sample). "
                f"Got {self.header!r}"
            )

    @property
    def marks(self) -> tuple[str, ...]:
        """What is written for a missing value."""
        return MISSING if self.na is None else self.na

    @property
    def between(self) -> str:
        """The separator in the words of pandas."""
        return r"\s+" if self.separator == " " else self.separator

    @property
    def header_lines(self) -> range:
        """The numbers of the line with the columns' names and of those below it that hold no samples; none where not said."""
        found = NUMBERED.fullmatch(self.header)
        return range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)

    def changes(self) -> dict[str, Any]:
        """What is not as usual, in plain values."""
        given = {each.name: (getattr(self, each.name), each.default) for each in fields(self)}
        return {
            name: dict(value) if name == "beside" else list(value) if isinstance(value, tuple) else value
            for name, (value, usual) in given.items()
            if value != usual
        }

    @classmethod
    def of(cls, found: Any) -> Format:
        """What ``changes`` returned. Raises ValueError for anything else."""
        if not isinstance(found, Mapping) or not all(each in cls.__dataclass_fields__ for each in found):
            raise ValueError("how its table was written is not described")
        texts = {name: value for name, value in found.items() if name not in ("na", "beside", "booleans")}
        marks, beside, booleans = found.get("na"), found.get("beside", {}), found.get("booleans", [])
        lists = [booleans] if marks is None else [booleans, marks]
        if not all(isinstance(each, str) for each in texts.values()) or not all(
            isinstance(each, list) and all(isinstance(text, str) for text in each) for each in lists
        ):
            raise ValueError("how its table was written is not described")
        if not isinstance(beside, Mapping) or not all(
            isinstance(each, str) for pair in beside.items() for each in pair
        ):
            raise ValueError("the units of its table are not described")
        na = None if marks is None else tuple(marks)
        return cls(**texts, na=na, beside=tuple(beside.items()), booleans=tuple(booleans))

    def number(self, text: str) -> int | float | None:
        """The number that a text spells in this format, without its unit where units are stripped; None for any other text."""
        plain = self.plain(split_unit(text)[1] if self.units == "strip" else text)
        return None if plain is None else number(plain)

    def plain(self, text: str) -> str | None:
        """A number as Python writes it; None for what is no number in this format."""
        text = text.strip().replace(MINUS, "-")
        if spells_number(text) and (self.decimal == "." or "." not in text):
            return text
        found = spelled(self.decimal, self.thousands).fullmatch(text)
        if not found:
            return None
        whole, fraction = re.sub(r"\D", "", found["whole"] or "0"), found["fraction"] or found["alone"]
        return f"{found['sign']}{whole}{f'.{fraction}' if fraction else ''}{found['power'] or ''}"


USUAL = Format()
"""A text file with commas, and numbers as Python writes them."""


@functools.cache
def spelled(decimal: str, thousands: str) -> re.Pattern[str]:
    """A number with these marks: groups of three digits, all by the same mark."""
    whole = r"\d+" + (rf"|\d{{1,3}}(?P<mark>{THOUSANDS[thousands]})\d{{3}}(?:(?P=mark)\d{{3}})*" if thousands else "")
    return re.compile(
        rf"(?P<sign>[+-]?)(?:(?P<whole>{whole})(?:{re.escape(decimal)}(?P<fraction>\d*))?|{re.escape(decimal)}(?P<alone>\d+))"
        r"(?P<power>[eE][+-]?\d+)?",
        re.ASCII,
    )


def fitting(texts: Sequence[str], given: Format) -> list[Format]:
    """The formats nearest to ``given`` in which all texts are numbers: as few options changed as possible, 0 to 3."""
    marks = itertools.product(("refuse", "strip"), THOUSANDS, (".", ","))
    candidates = [(units, thousands, decimal) for units, thousands, decimal in marks if thousands != decimal]
    found: dict[int, list[Format]] = {}
    for units, thousands, decimal in candidates:
        tried = replace(given, units=units, thousands=thousands, decimal=decimal)
        changed = sum(getattr(tried, each) != getattr(given, each) for each in ("units", "thousands", "decimal"))
        if all(tried.number(text) is not None for text in texts):
            found.setdefault(changed, []).append(tried)
    return found[min(found)] if found else []


def units_of(texts: Sequence[str], form: Format) -> dict[str, str]:
    """The units or currencies of the numbers among the texts, each with the first of these; zero needs none."""
    found: dict[str, str] = {}
    for text in texts:
        before, digits, after, _ = split_unit(text)
        if form.number(text) is not None and (before or after or form.number(digits)):
            found.setdefault(before + after, text)
    return found
