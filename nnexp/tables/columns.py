"""From the columns of a table to numbers: the one way that training and prediction share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.exact import GAPS, as_floats, first_inexact, whole_number
from nnexp.errors import NnexpError, counted, did_you_mean, listed
from nnexp.tables.format import USUAL, Format, units_of
from nnexp.tables.spelling import TRUTH, cell, stripped

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), "number"),
    **dict.fromkeys(("string", "categorical"), "text"),
    **dict.fromkeys(("datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period"), "date"),
    "boolean": "bool",
    "empty": "number",
}
"""What pandas infers about a column, in the four kinds that matter here."""


BLOCK = 4096
"""Rows that are put together at a time."""
WIDE = 1000
"""So many columns are many."""


def encode(
    table: pd.DataFrame,
    names: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    *,
    source: str = "The table",
    rows: pd.Index[Any] | None = None,
    form: Format = USUAL,
) -> NDArray[np.float64]:
    """The features ``names`` of a table as numbers (n_samples, n_features); other columns are ignored.

    A column in ``categories`` becomes the index of its text there (the number 1 and the text "1" agree), any other
    has to hold numbers or true/false, which become 1 and 0. Refuses what it cannot turn into finite numbers; its
    messages name ``source`` and count rows from 1, or call them by ``rows``. Texts spell numbers as ``form`` says.
    """
    table = table.rename(columns=str).set_axis(range(1, len(table) + 1) if rows is None else rows, axis=0)
    columns = []
    times = Counter(table.columns.tolist())
    with_gaps = set(table.columns[table.isna().any().to_numpy()].tolist())
    for name in names:
        if times[name] != 1:
            raise _no_single_column(name, list(table.columns), source)
        column = table[name]
        if name in with_gaps:
            raise _incomplete(column, source)
        if name in categories:
            columns.append(category_indices(column, categories[name], source))
        else:
            columns.append(numbers(column, source, form))
    x = np.empty((len(table), len(names)))
    for start in range(0, len(x), BLOCK):  # a column at a time would go through all of the memory for each
        for position, values in enumerate(columns):
            x[start : start + BLOCK, position] = values[start : start + BLOCK]
    return x


def _no_single_column(name: str, columns: Sequence[str], source: str) -> NnexpError:
    """The message where a column is not there, or twice."""
    problem = "more than one" if name in columns else "no"
    hint = "" if name in columns else did_you_mean(name, columns)
    return NnexpError(
        f"{source} has {problem} column '{name}'.{hint} Its columns: {listed(columns)}. Name each feature's column once."
    )


def _incomplete(column: pd.Series[Any], source: str) -> NnexpError:
    """The message where a column misses values."""
    missing = column.index[column.isna()]
    return NnexpError(
        f"{source}: column '{column.name}' misses {counted(len(missing), 'value')}, the first in row "
        f"{missing[0]}. Fill them in, or leave these rows out."
    )


def kind_of(column: pd.Series[Any]) -> str:
    """``number``, ``bool``, ``text`` or ``date``; for anything else what pandas or Python call it."""
    from pandas.api.types import infer_dtype

    inferred = infer_dtype(column, skipna=True)
    if inferred in ("mixed", "mixed-integer"):
        others = [type(value).__name__ for value in column if not isinstance(value, str | bool | int | float | Decimal)]
        return others[0] if others else "text"
    return KINDS.get(inferred, inferred)


def in_one_piece(table: pd.DataFrame) -> pd.DataFrame:
    """The table; one of many columns in a single piece of memory, where pandas looks at all of them at once."""
    return table.copy() if table.shape[1] > WIDE else table


def kinds_of(table: pd.DataFrame) -> dict[str, str]:
    """The kind of each column; one of NumPy's numbers is told by its dtype alone, which counts where there are thousands."""
    dtypes = zip(table.columns.tolist(), table.dtypes.tolist(), strict=True)
    return {name: "number" if is_numeric(dtype) else kind_of(table[name]) for name, dtype in dtypes}


def is_numeric(dtype: object) -> bool:
    """Whether a column of this dtype holds NumPy's integers or floats."""
    return isinstance(dtype, np.dtype) and dtype.kind in "iuf"


def objects(table: pd.DataFrame) -> Iterator[pd.Series[Any]]:
    """The columns that may hold texts."""
    for position, dtype in enumerate(table.dtypes.tolist()):
        if dtype.kind == "O" and str(dtype) != "category":
            yield table.iloc[:, position]


def _text(value: object) -> str:
    """The text form by which categories match: 1, 1.0, "1" and " 1 " agree."""
    if isinstance(value, np.generic):
        value = value.item()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else stripped(str(value))


def levels(column: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """For each row the position of its text in the list of distinct texts, in order of appearance."""
    codes, values = column.factorize()
    return codes, [_text(value) for value in values]


def categories_of(column: pd.Series[Any]) -> tuple[str, ...]:
    """The distinct texts of a column in order."""
    return tuple(sorted(set(levels(column)[1])))


def category_indices(column: pd.Series[Any], categories: Sequence[str], source: str) -> NDArray[np.float64]:
    """Each row's index into ``categories``; refuse a text that is not among them."""
    known = {stripped(category): float(index) for index, category in enumerate(categories)}
    codes, texts = levels(column)
    for code, text in enumerate(texts):
        if text not in known:
            raise NnexpError(
                f"{source}: column '{column.name}' holds '{cell(text)}' in row {column.index[codes == code][0]}, which is "
                f"not one of the categories of training: {listed(categories)}.{did_you_mean(text, categories)} Correct "
                "it, or train again with such rows."
            )
    return np.array([known[text] for text in texts])[codes] if texts else np.empty(0)


def trimmed(table: pd.DataFrame, marks: Collection[str]) -> pd.DataFrame:
    """The table without white space around its texts; what is nothing then, or one of the ``marks``, is a missing value."""
    import pandas as pd

    changed = {}
    for column in objects(table):
        if not any(isinstance(value, str) for value in column):  # what cannot be a category is refused elsewhere
            continue
        codes, values = column.factorize()
        texts = [stripped(value) if isinstance(value, str) else value for value in values]
        if any(text is not value and text != value for text, value in zip(texts, values, strict=True)):
            kept = [None if text == "" or (isinstance(text, str) and text in marks) else text for text in texts]
            changed[str(column.name)] = pd.Series(
                np.array([*kept, None], object)[codes], column.index, dtype=column.dtype
            )
    return table.assign(**changed) if changed else table


def numbers_of(column: pd.Series[Any], form: Format) -> pd.Series[Any]:
    """A column of texts as floats, or where these would not hold all whole numbers as Python's own numbers."""
    import pandas as pd

    present = column.notna()
    found = [form.number(str(value)) if known else math.nan for value, known in zip(column, present, strict=True)]
    values = [math.nan if value is None else value for value in found]
    floats = as_floats(np.array(values, dtype=object))
    same = all(value == each or math.isnan(each) for value, each in zip(values, floats.tolist(), strict=True))
    return pd.Series(floats, column.index) if same else pd.Series(values, column.index, object)


def numbers(column: pd.Series[Any], source: str, form: Format = USUAL) -> NDArray[np.float64]:
    """The column as finite numbers; true and false are 1 and 0."""
    where, boolean = f"{source}: column '{column.name}'", column.name in form.booleans
    if column.dtype == np.float64 and not boolean and np.isfinite(values := column.to_numpy()).all():
        return values  # what is a float already is what it is
    kind = kind_of(column)
    if kind == "text":
        codes, texts = levels(column)
        truth: Mapping[str, int | float] = TRUTH if boolean else {}
        found = [truth.get(text.casefold(), form.number(text)) for text in texts]
        if None in found:
            odd = found.index(None)
            row = column.index[codes == odd][0]
            rule = "true or false, as in training" if boolean else "numbers"
            raise NnexpError(
                f"{where} has to hold {rule}. Got '{cell(texts[odd])}' in row {row}. Correct it in the file."
            )
        refuse_several_units(texts, form, where)
        refuse_another_unit(texts, form, str(column.name), where)
        values = as_floats(np.array(found, dtype=object))[codes]
    elif kind in ("number", "bool"):
        values = as_floats(_exactly(column, form))
    else:
        raise NnexpError(f"{where} has to hold numbers. Got {kind} values. Correct it in the file.")
    refuse_rounded(column, source, form=form)
    infinite = np.flatnonzero(~np.isfinite(values))
    if len(infinite):
        value, row = column.iloc[infinite[0]], column.index[infinite[0]]
        raise NnexpError(f"{where} is infinite in row {row} ({str(value)[:20]}). Correct it, or leave this row out.")
    if boolean and len(other := np.flatnonzero((values != 0) & (values != 1))):
        value, row = column.iloc[other[0]], column.index[other[0]]
        raise NnexpError(f"{where} has to hold true or false, as in training. Got {value} in row {row}. Correct it.")
    return values


def refuse_truth(table: pd.DataFrame, names: Container[str], source: str) -> None:
    """Refuse true and false in columns that were numbers in training. Raises NnexpError."""
    from pandas.api.types import is_bool_dtype

    for name, dtype in zip(map(str, table.columns), table.dtypes, strict=True):
        if name in names and is_bool_dtype(dtype):
            raise NnexpError(
                f"{source}: column '{name}' has to hold numbers, as in training. Got true or false in all rows. Correct it "
                "in the file."
            )


def refuse_several_units(texts: Sequence[str], form: Format, where: str) -> None:
    """Refuse numbers with different things beside them, as kilograms and grams."""
    beside = units_of(texts, form) if form.units == "strip" else {}
    if len(beside) > 1:
        one, other = list(beside.values())[:2]
        raise NnexpError(
            f"{where} holds numbers of several units: '{cell(one)}' and '{cell(other)}'. Write all in the same unit."
        )


def refuse_another_unit(texts: Sequence[str], form: Format, name: str, where: str) -> None:
    """Refuse numbers in another unit than that of training."""
    trained = dict(form.beside).get(name)
    for unit, text in units_of(texts, form).items() if trained is not None else ():
        if unit != trained:
            had = f"'{trained}'" if trained else "no unit"
            raise NnexpError(
                f"{where} holds '{cell(text)}', and that of training had {had}. Write all in the same unit."
            )


def refuse_rounded(column: pd.Series[Any], source: str, remedy: str = "", *, form: Format = USUAL) -> None:
    """Refuse a column of numbers with a whole one that float64 does not hold exactly; ``remedy`` is what else to do."""
    values = _exactly(column, form)
    place = first_inexact(values)
    if place is not None:
        raise NnexpError(
            f"{source}: column '{column.name}' holds {values[place]} in row {column.index[place[0]]}, {GAPS}. Write it less an "
            f"offset or in larger units.{f' {remedy}.' if remedy else ''}"
        )


def whole(column: pd.Series[Any]) -> NDArray[Any] | None:
    """The column's numbers where all of them are whole and exact, as integers of NumPy's or Python's; else None."""
    values = _exactly(column)
    if values.dtype.kind in "iu":
        return values
    found = [whole_number(value) for value in values] if values.dtype.kind == "O" else [None]
    return None if None in found else np.array(found, dtype=object)


def _exactly(column: pd.Series[Any], form: Format = USUAL) -> NDArray[Any]:
    """The column's values in a type that has all their digits; a text that spells a number as the number."""
    if kind_of(column) == "text":
        codes, texts = levels(column)
        return np.array([form.number(text) for text in texts], dtype=object)[codes]
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iu":
        return column.to_numpy(dtype="uint64" if kind == "u" else "int64")
    return column.to_numpy(dtype="float64" if kind in "fb" else object)
