"""What the owner of a table should know about how it was read, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.plain import override
from nnexp.errors import counted, listed
from nnexp.tables.columns import levels
from nnexp.tables.format import Format
from nnexp.tables.spelling import cell

if TYPE_CHECKING:
    import pandas as pd

Label = str | int | float | bool

CODES = ({0, 1}, {-1, 1}, {1, 2})
"""Two numbers that nobody takes for a quantity."""
MOST_CLASSES, TIMES = 50, 5
"""Up to so many whole numbers, each so often on average, may be classes."""


def rows_left_out(n_dropped: int, target: pd.Series[Any], classes: Sequence[Label], name: str) -> Iterator[str]:
    """How many rows were left out, and which classes went with them; ``target`` is as it was before."""
    if not n_dropped:
        return
    yield f"{counted(n_dropped, 'row')} of {len(target)} left out, for a value is missing (dataset.missing=drop)"
    if classes:
        kept = {_known(each) for each in classes}
        gone = [each for each in dict.fromkeys(levels(target.dropna())[1]) if _known(each) not in kept]
        if gone:
            yield f"with them went all that '{name}' has of {listed((repr(cell(each)) for each in gone), most=5)}"


def _known(label: object) -> str:
    """A label as text, so that 1, 1.0 and "1" are the same, and True and "True"."""
    try:
        return repr(float(str(label)))
    except ValueError:
        return str(label)


def alike_but_for_case(texts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The categories of each column that differ by case alone."""
    for name, each in texts.items():
        seen: dict[str, str] = {}
        for text in each:
            other = seen.setdefault(text.casefold(), text)
            if other != text:
                yield f"column '{name}' has both {cell(other)!r} and {cell(text)!r}, which differ by case alone"
                break


MARKS = {
    *("?", "-", "--", "---", ".", "..", "*", "#div/0!", "#ref!"),
    *("n.a.", "n/a.", "na", "none", "nil", "missing", "unknown"),
}
"""What is often written for a missing value, beside what is taken for one."""
FOOTERS = {
    "total",
    "totals",
    "grand total",
    "subtotal",
    "sum",
    "summe",
    "gesamt",
    "average",
    "mean",
    "mittelwert",
    "all",
}
"""What stands in the first cell of a last row that is none."""


def marks_and_footers(column: pd.Series[Any], form: Format | None) -> Iterator[str]:
    """Texts that may stand for a missing value, where one can say so, and one that may begin a row of totals."""
    codes, texts = levels(column)
    counts = np.bincount(codes, minlength=len(texts))
    for text, count in zip(texts, counts.tolist(), strict=True):
        if form and text.casefold() in MARKS and len(texts) > 2:
            yield (
                f"column '{column.name}' holds {cell(text)!r} {count} times, taken for a word; if a value is missing there, "
                f"type {override('dataset.na', [text])}"
            )
    last = texts[codes[-1]]
    if last.casefold() in FOOTERS and counts[codes[-1]] == 1:
        yield (
            f"the last row holds {cell(last)!r} in column '{column.name}' and counts as a sample; take it out if it is "
            "a footer"
        )


def other_task(y: NDArray[Any], classes: Sequence[Label], name: str) -> Iterator[str]:
    """What to type where the target's numbers could be meant otherwise than they are taken."""
    if classes:
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in classes)
        if numbers and set(classes) not in CODES:
            yield (
                f"the {len(classes)} numbers of '{name}' are taken for classes; if they are a quantity, type "
                "dataset.task=regression"
            )
        return
    if len(np.unique(y[:1000])) > MOST_CLASSES:
        return
    values = np.unique(y)
    if len(values) <= MOST_CLASSES and len(y) >= TIMES * len(values) and (values == np.floor(values)).all():
        yield (
            f"the {len(values)} numbers of '{name}' are taken for a quantity; if they are classes, type dataset.task=multiclass"
        )
