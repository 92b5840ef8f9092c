"""Derivatives from values alone, jumps of a slope, and how close two arrays have to be: what the checks measure with.

Differences find their own step (Richardson extrapolation, the estimate that moves least: Ridders, 1982), so one tolerance
serves steep, flat and piecewise functions. Kinks are declared (``Activation.kinks``, ``Loss.kink``) and looked for: a
bisection towards the largest change of the slope finds those left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnexp.plugin import Array

Dtype = np.dtype[np.floating[Any]]
DTYPES: tuple[Dtype, ...] = (np.dtype("float64"), np.dtype("float32"))
"""What a run may compute in."""

RTOL, ATOL = 1e-7, 1e-9
"""A gradient against extrapolated differences, which are good to about 1e-11 of the function's size; the rest is room for a
function that itself rounds, as 1 - a^2 does near a = 1. ``ATOL`` is relative to the largest slope."""
FLOAT32_RTOL, FLOAT32_ATOL = 1e-4, 1e-5
"""The same for a gradient computed in float32, whose numbers are rounded at 6e-8: room for some hundred roundings."""
FLOAT32_REMEDY = "Find the difference of nearly equal numbers, or what overflows beyond 3e38."
COMPLEX_RTOL, COMPLEX_ATOL = 1e-12, 1e-14
"""A gradient against complex steps, which are exact: room for the gradient's own roundings, each of 1e-16."""
SAME_RTOL, SAME_ATOL = 1e-12, 1e-14
"""One computation made twice, in another order, layout or batch: sums and SIMD loops differ in the last places only."""

STEP = 2.0**-5
"""The first step of the differences; it is halved ``LEVELS`` times, to 8e-6, where a difference still has 11 digits."""
LEVELS = 12
MARGIN = 0.05
"""How far points keep from a declared kink: more than ``STEP``, so that no difference reaches across."""
COMPLEX_STEP = 1e-30
"""So small that its square vanishes; there is no difference in which digits could be lost."""
INTERVALS, BISECTIONS = 1000, 34
"""A jump of a slope is looked for in so many intervals, each halved so often: from 0.02 to 1e-12."""
JUMP = 1e-6
"""A slope that changes by more than this part of the largest slope over 1e-12 jumps: a smooth one would have to bend with a
curvature of a million times its size."""


def limit(quotient: Callable[[float], NDArray[Any]]) -> NDArray[Any]:
    """The limit of a central difference quotient for h -> 0, entry by entry.

    Differences at halved steps are extrapolated by Richardson's scheme, and each entry takes the estimate that changed least
    (Ridders, 1982): the step finds itself, whether the function is steep or rounds early.
    """
    last = [quotient(STEP)]
    best, change = last[0], np.full(last[0].shape, np.inf)
    for level in range(1, LEVELS + 1):
        row = [quotient(STEP / 2**level)]
        for order, coarser in enumerate(last, 1):
            row.append(row[-1] + (row[-1] - coarser) / (4**order - 1))
            moved = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - coarser))
            best, change = np.where(moved < change, row[-1], best), np.minimum(moved, change)
        last = row
    return best


def apart(found: ArrayLike, expected: ArrayLike, rtol: float, atol: float) -> tuple[int, ...] | None:
    """Where ``found`` is farthest from ``expected``, if that is too far: more than rtol |expected| + atol max|expected|."""
    found, expected = np.atleast_1d(found), np.atleast_1d(expected)
    if not expected.size:
        return None
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    with np.errstate(all="ignore"):
        excess = np.abs(found - expected) - (rtol * np.abs(expected) + atol * size)
    excess = np.where(found == expected, -1.0, np.where(np.isnan(excess), np.inf, excess))
    worst = np.unravel_index(int(excess.argmax()), excess.shape)
    return tuple(int(index) for index in worst) if excess[worst] > 0 else None


def remedy(found: ArrayLike, expected: ArrayLike) -> str:
    """What to do about a gradient that is wrong in float32, where in float64 it is ``found`` instead of ``expected``."""
    wrong = apart(found, expected, RTOL, ATOL) is not None
    return "It is wrong in float64, too: see gradient." if wrong else FLOAT32_REMEDY


def ratio(found: NDArray[Any], expected: NDArray[Any]) -> float | None:
    """The number c with found = c expected to four digits, the sign of a mistake in a factor; None where there is none."""
    square = float(np.vdot(expected, expected).real)
    if not square or not np.isfinite(found).all():
        return None
    c = float(np.vdot(expected, found).real) / square
    return c if np.abs(found - c * expected).max() <= 1e-4 * np.abs(c * expected).max() else None


def explained(factor: float | None, meanings: Mapping[str, float]) -> str:
    """The first of ``meanings`` whose number is ``factor``, after a colon; empty where none is."""
    for words, number in meanings.items():
        if factor is not None and abs(factor - number) < 1e-3 * abs(number):
            return f": {words}"
    return ""


def jumps(slope: Callable[[Array], Array], low: float, high: float) -> list[float]:
    """Where ``slope`` (positions to slopes, both (n,)) jumps between ``low`` and ``high``, by bisection towards the change."""
    edges = np.linspace(low, high, INTERVALS + 1)
    left, right = edges[:-1], edges[1:]
    slopes = slope(edges)
    s_left, s_right = slopes[:-1], slopes[1:]
    for _ in range(BISECTIONS):
        middle = (left + right) / 2
        s_middle = slope(middle)
        first = np.abs(s_middle - s_left) >= np.abs(s_right - s_middle)
        left, right = np.where(first, left, middle), np.where(first, middle, right)
        s_left, s_right = np.where(first, s_left, s_middle), np.where(first, s_middle, s_right)
    size = np.abs(slopes[np.isfinite(slopes)]).max(initial=0.0)
    places = np.round(right[np.abs(s_right - s_left) > JUMP * size], 9) + 0.0  # found to 1e-12; without -0
    return [float(each) for each in places[np.diff(places, prepend=-np.inf) > 1e-9]]


def sides(f: Callable[[float], float], x: float, h: float = 1e-4) -> tuple[float, float]:
    """The slopes of f left and right of x, to second order: (4 f(x + h) - 3 f(x) - f(x + 2h)) / 2h."""
    here = f(x)
    left = (3 * here - 4 * f(x - h) + f(x - 2 * h)) / (2 * h)
    right = (4 * f(x + h) - 3 * here - f(x + 2 * h)) / (2 * h)
    return left, right


def same_side(left: float, right: float) -> bool:
    """Whether two one-sided slopes are one slope: they agree to 1e-6, where ``sides`` is good to 1e-8."""
    return abs(left - right) <= 1e-6 * max(1.0, abs(left), abs(right))


def strided(values: NDArray[Any]) -> NDArray[Any]:
    """``values`` as a view of every second row and column of a larger array in Fortran order, the rest NaN."""
    rows, columns = values.shape
    buffer = np.full((2 * rows + 1, 2 * columns + 1), np.nan, values.dtype, order="F")
    view = buffer[1::2, 1::2]
    view[...] = values
    return view


def shown(value: Any) -> str:
    """A number for a message, to six digits."""
    return f"{float(np.real(value)):.6g}"
