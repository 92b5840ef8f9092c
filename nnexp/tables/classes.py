"""Whether the values of a target are classes, and which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.data import MOST_NUMBER_CLASSES
from nnexp.tables.columns import categories_of, category_indices, numbers, whole

if TYPE_CHECKING:
    import pandas as pd

Label = str | int | float | bool

MOST_CATEGORIES = 50
"""More distinct texts than this, in more than half of the rows, are taken for an identifier."""


def classes(column: pd.Series[Any], kind: str, source: str) -> tuple[tuple[Label, ...], NDArray[np.int64]]:
    """The distinct values in order, as plain Python values, and each row's index among them."""
    if kind == "text":
        texts = categories_of(column)
        return texts, category_indices(column, texts, source).astype(np.int64)
    if kind == "number" and (exact := whole(column)) is not None:
        values, indices = np.unique(exact, return_inverse=True)
        return tuple(int(value) for value in values), indices.astype(np.int64)
    values, indices = np.unique(numbers(column, source), return_inverse=True)
    plain = bool if kind == "bool" else int if all(value.is_integer() for value in values) else float
    return tuple(plain(value) for value in values), indices.astype(np.int64)


def is_quantity(column: pd.Series[Any]) -> bool:
    """Whether the first numbers of a column are fractions enough to say that it is no class; which is quick to tell."""
    first = column.iloc[: 20 * MOST_NUMBER_CLASSES].to_numpy()
    return first.dtype.kind == "f" and len(np.unique(first)) > MOST_NUMBER_CLASSES and bool((first % 1 != 0).any())


def fit_for_classes(labels: Sequence[Label], n_samples: int) -> bool:
    """Whether numbers can be classes: fractions only when there are few of them, whole numbers when they repeat."""
    if all(isinstance(label, float) for label in labels):
        return len(labels) <= MOST_NUMBER_CLASSES
    return len(labels) <= MOST_CATEGORIES or 2 * len(labels) <= n_samples
