"""Whole numbers that float64 holds exactly, and the others, which are refused as values; masked arrays.

Up to 2**53 float64 has every whole number, beyond it has gaps: 9007199254740993 would become 9007199254740992 without a word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import NnexpError

LIMIT = 2**53
"""The whole numbers from minus this to this are all exact."""
GAPS = "which float64 does not hold exactly: beyond 2**53, 9007199254740992, it has gaps"
"""What is wrong with such a number."""


def first_inexact(values: NDArray[Any]) -> tuple[int, ...] | None:
    """Where the first whole number is that float64 does not hold exactly; None where there is none.

    ``values`` are integers, or Python's numbers; what is a float already is what it is.
    """
    if values.dtype.kind == "O":
        found = (place for place, value in np.ndenumerate(values) if not is_exact(value))
        return next(found, None)
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return None
    if values.max() <= LIMIT and values.min() >= -LIMIT:
        return None
    size = np.abs(values).astype(np.uint64)  # the least int64 is its own magnitude here
    lowest_bit = size & (~size + np.uint64(1))
    wide = size // np.maximum(lowest_bit, np.uint64(1)) >= np.uint64(LIMIT)  # more than 53 digits, in base 2
    return tuple(int(each) for each in np.argwhere(wide)[0]) if wide.any() else None


def is_exact(value: object) -> bool:
    """Whether float64 holds a whole number exactly, be it infinite there; anything else is no matter of digits."""
    whole = whole_number(value)
    if whole is None:
        return True
    try:
        return int(float(whole)) == whole
    except OverflowError:  # infinite, which is refused as such
        return True


def whole_number(value: object) -> int | None:
    """A whole number as an int; None for a float, a fraction, a text."""
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    return None


def could_be_rounded(values: NDArray[Any]) -> bool:
    """Whether floats are so large that a whole number may have been rounded when they were made of others."""
    return values.dtype.kind == "f" and bool(values.size) and bool((np.abs(values) >= LIMIT).any())


def unmasked(values: Any, name: str, place: tuple[int, ...] = ()) -> Any:
    """``values``, a masked array without masked entries as the array it stands for. Raises NnexpError for one with some.

    ``place`` is where they are in the list that is called ``name``.
    """
    if isinstance(values, np.ma.MaskedArray):
        refuse_masked(values, f"Got {name}", place)
        return np.asarray(values.data)
    if has_masked_parts(values):
        return [unmasked(each, name, (*place, index)) for index, each in enumerate(values)]
    return values


def refuse_masked(values: NDArray[Any], name: str, place: tuple[int, ...] = ()) -> None:
    """Raise NnexpError where a value is masked."""
    if isinstance(values, np.ma.MaskedArray) and (mask := np.ma.getmaskarray(values)).any():
        found = (*place, *np.argwhere(mask)[0].tolist())
        raise NnexpError(
            f"{name} with a masked value in {spot(found)}, which is a missing one. Fill such values in, as array.filled(VALUE) "
            "does, or leave their samples out."
        )


def has_masked_parts(values: Any) -> bool:
    """Whether a list has masked arrays, or masked numbers, in it."""
    return isinstance(values, list | tuple) and any(
        isinstance(each, np.ma.MaskedArray) or has_masked_parts(each) for each in values
    )


def as_array(values: Any, name: str) -> NDArray[Any]:
    """``values`` as an array that has all their digits: of Python's own numbers where NumPy would round whole ones.

    Raises NnexpError where a value is masked; ``name`` is what its message calls them.
    """
    given = unmasked(values, name)
    found = np.asarray(given)
    rounded = not isinstance(given, np.ndarray) and could_be_rounded(found)
    return digits(given) if rounded else found


def as_quantities(values: Any, name: str) -> NDArray[np.float64]:
    """``values`` as float64. Raises NnexpError where a value is masked, or a whole number that would be rounded."""
    given = unmasked(values, name)
    found: NDArray[np.float64] = as_floats(given) if isinstance(given, np.ndarray) else np.asarray(given, np.float64)
    if could_be_rounded(found):
        refuse_inexact(digits(given), name)
    return found


def digits(values: Any) -> NDArray[Any]:
    """What an array, a list or a table holds, in all its digits; a table's columns have types of their own."""
    if isinstance(values, np.ndarray):
        return values
    return np.asarray(values.astype(object) if hasattr(values, "columns") else values, dtype=object)


def refuse_inexact(values: NDArray[Any], name: str) -> None:
    """Raise NnexpError for a whole number that float64 does not hold exactly."""
    place = first_inexact(values)
    if place is not None:
        raise NnexpError(
            f"{name} must hold numbers of float64. Got {values[place]} in {spot(place)}, {GAPS}. Give it less an offset, or in "
            "larger units."
        )


def spot(place: Sequence[int]) -> str:
    """A place in an array, in words."""
    return ", ".join(f"{what} {index}" for what, index in zip(("sample", "column"), place, strict=False)) or "it"


def as_floats(values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers of any type as float64; a whole number beyond its range becomes infinite."""
    try:
        return values.astype(np.float64)
    except OverflowError:
        return np.array([_float(each) for each in values.ravel()]).reshape(values.shape)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
