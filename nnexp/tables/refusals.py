"""Text that is neither numbers nor categories, and in what words it is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from nnexp.basics.plain import override
from nnexp.errors import NnexpError
from nnexp.tables.columns import levels
from nnexp.tables.format import USUAL, Format, fitting
from nnexp.tables.spelling import Decoration, cell, decoration, spells_number

if TYPE_CHECKING:
    import pandas as pd

MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?|\d{1,2}:\d{2}(:\d{2}.*)?"
    r"|(19|20)\d{2}[-/](0?[1-9]|1[0-2])|[0-3]?\d\.[01]?\d\.|\d{1,2}[- .]+[a-z]{3,9}[- .,]+\d{2,4}( .*)?"
    rf"|\d{{1,2}}{MONTH}(\d{{2}}|\d{{4}})([ :].*)?|([a-z]+, )?[a-z]{{3,9}} \d{{1,2}},? \d{{4}}( .*)?",
    re.IGNORECASE,
)
"""The usual spellings of a date or a time; pandas' own parser would also take "may" or "10" for one."""


def refuse_numbers_and_text(column: pd.Series[Any], where: str, remedy: str, form: Format | None) -> None:
    """Refuse text in which most are numbers: a slip of the pen in a column of numbers, or decimal commas."""
    codes, texts = levels(column)
    share = np.bincount(codes) / len(codes)
    parsed = np.array([(form or USUAL).number(text) is not None for text in texts])
    if share[parsed].sum() > 0.5 and not parsed.all():
        odd = int(np.flatnonzero(~parsed)[0])
        if texts[odd] == str(column.name):
            raise NnexpError(
                f"{where} holds its own name in row {column.index[codes == odd][0]}, as where files were joined with their "
                "lines of names. Take such lines out."
            )
        mark = re.fullmatch(r"\W+|#\S+|n\.?a\.?", texts[odd], re.IGNORECASE)
        missing = f", or type {override('dataset.na', [texts[odd]])} dataset.missing=drop," if mark and form else ""
        raise NnexpError(
            f"{where} holds numbers and text: '{cell(texts[odd])}' in row {column.index[codes == odd][0]}. Correct it, or "
            f"leave the cell empty{missing} if the value is not known. {remedy}."
        )


SPELLINGS = {
    "in hexadecimal": re.compile(r"0x[0-9a-f]+", re.IGNORECASE),
    "with a D before the power of ten": re.compile(r"[+-]?\d+\.?\d*D[+-]?\d+", re.IGNORECASE),
    "in formulas": re.compile(r"=\s*\"?[+-]?\d+(\.\d+)?\"?"),
    "in single quotes": re.compile(r"'[+-]?\d+(\.\d+)?'"),
}
"""Other ways to write a number, which no option reads."""


def refuse_other_spellings(column: pd.Series[Any], where: str, remedy: str) -> None:
    """Refuse text in which most are numbers in a spelling of programs."""
    codes, texts = levels(column)
    share = np.bincount(codes) / len(codes)
    for how, spelling in SPELLINGS.items():
        found = [code for code, text in enumerate(texts) if spelling.fullmatch(text)]
        if share[found].sum() > 0.5:
            row = column.index[codes == found[0]][0]
            raise NnexpError(
                f"{where} holds numbers {how}: {cell(texts[found[0]])} in row {row}. Write them as plain numbers. {remedy}."
            )


FEWEST = 3
"""So many different numbers with something beside them are a quantity: "2WD" and "4WD" are names."""


def refuse_decorated(column: pd.Series[Any], where: str, remedy: str, form: Format | None) -> None:
    """Refuse text in which most are numbers, plain ones or with a unit, a currency or marks between thousands.

    ``form`` is how its table is said to be written; None where nobody can say.
    """
    codes, texts = levels(column)
    share = np.bincount(codes) / len(codes)
    found = [decoration(text) or (_otherwise(text, form) if form else None) for text in texts]
    odd = [code for code, each in enumerate(found) if each]
    numbers = sum(share[code] for code, text in enumerate(texts) if found[code] or spells_number(text))
    marks = any(each and not each.beside for each in found)  # no name is written so
    if not odd or numbers <= 0.5 or (len(odd) < FEWEST and not marks):
        return
    text, first = texts[odd[0]], found[odd[0]]
    beside = first.beside if first else ""
    how = f"with {beside}" if beside else "written with commas" if "," in text else "with marks between thousands"
    ways = [_typed(each, form) for each in fitting([texts[code] for code in odd], form)] if form else []
    cure = (
        f"To read them as numbers, type {' or '.join(ways)}"
        if ways
        else "Write them with a decimal point and nothing between thousands or beside them"
    )
    raise NnexpError(
        f"{where} holds numbers {how}: '{cell(text)}' in row {column.index[codes == odd[0]][0]}. {cure}. {remedy}."
    )


def _otherwise(text: str, form: Format) -> Decoration | None:
    """What a number is written with that is one elsewhere, but not in this format: "1.5" where commas are decimal."""
    return Decoration(marks=True) if spells_number(text) and form.number(text) is None else None


def _typed(form: Format, given: Format) -> str:
    """The options to type for another format; a point has quotes, as it may end a sentence."""
    named = {name: getattr(form, name) for name in ("decimal", "thousands", "units")}
    changed = {name: value for name, value in named.items() if value != getattr(given, name)}
    return " ".join(
        f"dataset.{name}='.'" if value == "." else override(f"dataset.{name}", value) for name, value in changed.items()
    )


def refuse_dates(column: pd.Series[Any], where: str, remedy: str) -> None:
    """Refuse text in which most are dates or times."""
    codes, texts = levels(column)
    dates = np.array([DATE.fullmatch(text.strip()) is not None for text in texts])
    if (np.bincount(codes)[dates]).sum() > 0.5 * len(codes):
        first = int(np.flatnonzero(dates)[0])
        raise no_dates(where, texts[first], column.index[codes == first][0], remedy)


def no_dates(where: str, value: object, row: object, remedy: str) -> NnexpError:
    """The message for a column of dates or times."""
    return NnexpError(
        f"{where} holds dates or times ('{cell(value)}' in row {row}), which are neither numbers nor categories. Write them "
        f"as numbers (a year, a month, seconds). {remedy}."
    )
