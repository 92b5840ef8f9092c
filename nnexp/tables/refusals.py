"""Text that is neither numbers nor categories, and in what words it is refused."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from nnexp.errors import NnexpError
from nnexp.tables.columns import levels
from nnexp.tables.spelling import decoration, spells_number

if TYPE_CHECKING:
    import pandas as pd

DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?|\d{1,2}:\d{2}(:\d{2}.*)?"
    r"|\d{1,2}[- .]+[A-Za-z]{3,9}[- .,]+\d{2,4}( .*)?|[A-Za-z]{3,9} \d{1,2},? \d{4}( .*)?"
)
"""The usual spellings of a date or a time; pandas' own parser would also take "may" or "10" for one."""


def refuse_numbers_and_text(column: pd.Series[Any], where: str, remedy: str) -> None:
    """Refuse text in which most are numbers: a slip of the pen in a column of numbers, or decimal commas."""
    codes, texts = levels(column)
    share = np.bincount(codes) / len(codes)
    parsed = np.array([spells_number(text) for text in texts])
    if share[parsed].sum() > 0.5 and not parsed.all():
        odd = int(np.flatnonzero(~parsed)[0])
        raise NnexpError(
            f"{where} holds numbers and text: '{texts[odd]}' in row {column.index[codes == odd][0]}. Correct it, or "
            f"leave the cell empty if the value is not known. {remedy}."
        )


FEWEST = 3
"""So many different numbers with the same unit are a quantity."""


def refuse_decorated(column: pd.Series[Any], where: str, remedy: str) -> None:
    """Refuse text in which most are numbers with the same unit or currency beside them, or with marks between thousands."""
    codes, texts = levels(column)
    found = [decoration(text) for text in texts]
    rows: Counter[tuple[str, str]] = Counter()
    distinct: Counter[tuple[str, str]] = Counter()
    for each, times in zip(found, np.bincount(codes).tolist(), strict=True):
        if each:
            rows[each.before, each.after] += times
            distinct[each.before, each.after] += 1
    most = max(rows, key=rows.__getitem__, default=("", ""))
    if 2 * rows[most] <= len(codes) or distinct[most] < FEWEST:  # "2WD" and "4WD" are names
        return
    first = next(code for code, each in enumerate(found) if each and (each.before, each.after) == most)
    marks = "written with commas" if "," in texts[first] else "with marks between thousands"
    how = f"with {found[first]}" if any(most) else marks
    raise NnexpError(
        f"{where} holds numbers {how}: '{texts[first]}' in row {column.index[codes == first][0]}. Write them with a decimal "
        f"point and nothing between thousands or beside them. {remedy}."
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
        f"{where} holds dates or times ('{value}' in row {row}), which are neither numbers nor categories. Write them "
        f"as numbers (a year, a month, seconds). {remedy}."
    )
