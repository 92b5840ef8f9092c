"""What the owner of a table should know about how it was read, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.plain import override
from nnexp.errors import counted, listed
from nnexp.tables.columns import levels
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
    """The columns with categories that differ by case alone, with the first two of those."""
    found: dict[str, tuple[str, str]] = {}
    for name, each in texts.items():
        seen: dict[str, str] = {}
        for text in each:
            other = seen.setdefault(text.casefold(), text)
            if other != text:
                found.setdefault(name, (other, text))
    if found:
        name, (one, other) = next(iter(found.items()))
        more = f"; so have {listed(map(repr, [*found][1:]), most=5)}" if found.keys() - {name} else ""
        yield f"column '{name}' has both {cell(one)!r} and {cell(other)!r}, which differ by case alone{more}"


MARKS = {
    *("?", "-", "--", "---", ".", "..", "*", "#div/0!", "#ref!"),
    *("n.a.", "n/a.", "na", "none", "nil", "missing", "unknown"),
}
"""What is often written for a missing value, beside what is taken for one."""
TRUTHS = ({"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"}, {"on", "off"}, {"1", "0"})
"""Pairs of words for true and false."""
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


def marks(texts: pd.DataFrame) -> Iterator[str]:
    """Words that may stand for a missing value, each with the columns that hold it among others."""
    found: dict[str, list[str]] = {}
    for name in texts.columns:
        words = levels(texts[name])[1]
        for word in words if len(words) > 2 else ():
            if word.casefold() in MARKS:
                found.setdefault(word, []).append(str(name))
    for word, names in found.items():
        where = f"{'columns' if names[1:] else 'column'} {listed(map(repr, names), most=5)}"
        yield (
            f"{cell(word)!r} in {where} is taken for a word; if a value is missing there, type {override('dataset.na', [word])}"
        )


def spellings_of_truth(texts: pd.DataFrame, named: Sequence[str]) -> Iterator[str]:
    """Columns in which true and false are written in several ways; ``named`` are those of which it is known."""
    for name in texts.columns:
        words = {word.casefold(): word for word in levels(texts[name])[1]}
        ways = [words[word] for pair in TRUTHS for word in sorted(pair & words.keys())]
        if words.keys() <= {*MARKS}.union(*TRUTHS) and sum(bool(pair & words.keys()) for pair in TRUTHS) > 1:
            yield (
                f"column '{name}' says true and false in several ways ({listed(map(repr, ways))}), and each counts by itself. "
                f"Write them alike, or if they are names, type {override('dataset.text', [*named, str(name)])}"
            )


def footers(texts: pd.DataFrame) -> Iterator[str]:
    """The word with which a row of totals may begin, where it stands in the last row alone."""
    for name in texts.columns:
        last = cell(texts[name].iloc[-1]).strip()
        if last.casefold() in FOOTERS and (texts[name] == texts[name].iloc[-1]).sum() == 1:
            yield f"the last row holds {last!r} in column '{name}' and counts as a sample; take it out if it is a footer"
            return


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
