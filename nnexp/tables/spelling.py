"""Numbers as people write them: with a unit, a currency, marks between thousands or a decimal comma. And plain ones."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

WHOLE = re.compile(r"\s*[+-]?\d{1,400}\s*")
"""A whole number as text; one of more digits is out of every range."""
ACCOUNTED = re.compile(r"\((.+)\)|(.*\d)-")
"""A negative number of an account: in parentheses, or with the minus sign behind it."""
CURRENCIES = frozenset(
    {"USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "SEK", "NOK", "DKK", "PLN", "BRL", "AUD", "CAD"}
)
"""Codes (ISO 4217) that stand before an amount as often as behind it."""
ORDINALS = frozenset({"st", "nd", "rd", "th"})
"""What makes a place of a number: 1st, 2nd, 3rd, 4th."""
TRUTH = {"true": True, "false": False}
"""How true and false are written, in any case."""
NO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
MINUS = "\u2212"
"""The minus sign of typography."""
SPACES, APOSTROPHES = " \u00a0\u202f\u2009", "'\u2019"
MARKS = f"{SPACES}{APOSTROPHES}_.,"
"""What stands between thousands: a space of any width, an apostrophe, an underscore, a point, a comma."""
DECORATED = re.compile(
    r"(?P<sign>[+-]?)(?P<before>[^\w\s.,'+-]{1,3}|[A-Z]{1,3}[^\w\s.,'+-]?)?\s*"
    rf"(?P<number>[+-]?(?:\d[\d{re.escape(MARKS)}]*\d(?:[eE][+-]?\d+)?|\d)|[+-]?[.,]\d+)\s*"
    r"(?P<after>[^\W\d_][^\s\d]{0,7}|[^\w\s.,'+-][^\s\d]{0,7})?"
)
GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:[{re.escape(MARKS)}]\d{{3}})+(?:[.,]\d+)?")
COMMA = re.compile(r"\d,\d")
"""A decimal comma, or one between thousands; in "0 ," it is neither."""


LONGEST = 60
"""So many characters of a cell are quoted."""


class Decoration(NamedTuple):
    """What stands beside a number's digits."""

    before: str = ""
    after: str = ""
    marks: bool = False
    """Whether its own digits are written with marks between thousands, or a decimal comma."""

    @property
    def beside(self) -> str:
        """The unit, the currency or both, as a message quotes them; empty where there are only marks."""
        return " and ".join(f"'{each}'" for each in (self.before, self.after) if each)


def spells_number(value: object) -> bool:
    """Whether the text of ``value`` is a number, be its minus sign one of typography; Python's own 1_000 is none."""
    text = str(value).replace(MINUS, "-")
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def number(text: str) -> int | float:
    """What a text that ``spells_number`` says: a whole number in all its digits, or a float."""
    text = text.replace(MINUS, "-")
    return int(text) if WHOLE.fullmatch(text) else float(text)


class Split(NamedTuple):
    """A number and what stands beside it."""

    before: str
    number: str
    after: str
    negative: bool = False
    """Whether it is in parentheses, or its minus sign stands behind it, as in accounts."""


def split_unit(text: str) -> Split:
    """A number, a currency before it and a unit behind it; all of the text where it is no such thing.

    A word with a digit in it ("A4", "B12") and a place ("1st") are no numbers.
    """
    text = text.strip()
    if accounted := ACCOUNTED.fullmatch(text):
        before, digits, after, _ = split_unit(accounted[1] or accounted[2])
        if digits[:1].isdigit() and digits[-1].isdigit():
            return Split(before, f"-{digits}", after, negative=True)
    found = DECORATED.fullmatch(text.replace(MINUS, "-"))
    whole = Split("", text, "")
    if not found:
        return whole
    before, digits, after = found["before"] or "", f"{found['sign']}{found['number']}", found["after"] or ""
    money = before in CURRENCIES or any(unicodedata.category(letter) == "Sc" for letter in before)
    unit = not after or after[0].isalpha() or after[0] in "%\u2030\u00b0" or unicodedata.category(after[0]) == "Sc"
    if (before and not money) or not unit or after.lower() in ORDINALS or digits[1:2] in ("+", "-"):
        return whole
    return Split(before, digits, after)


def decoration(text: str) -> Decoration | None:
    """What a number is written with in ``text``; None where it is a plain number, or no number at all."""
    if spells_number(text):
        return None
    before, digits, after, negative = split_unit(text)
    commas = bool(COMMA.search(digits)) and spells_number(digits.replace(",", ""))
    marks = commas or negative or bool(GROUPED.fullmatch(digits))
    if not (marks or spells_number(digits)) or not (before or after or marks):
        return None
    return Decoration(before, after, marks)


def stripped(text: str) -> str:
    """A text without the white space around it, characters of no width included, its letters composed (NFC)."""
    return unicodedata.normalize("NFC", text.strip().strip(NO_WIDTH).strip())


def cell(text: object) -> str:
    """What a cell holds, as a message quotes it: on one line, and not all of a long one."""
    line = str(text).replace("\r\n", "\n").replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
