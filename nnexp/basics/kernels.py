"""Formulas written for speed: where a layer has ten units and a batch one sample, what counts is the number of NumPy's calls.

``nnexp.builtin`` has the formulas as a book has them and calls these. Each is measured by ``python -m tests.benchmarks steps``.
Arrays are (n_units, n_samples), in float64 or float32.
"""

from __future__ import annotations

import functools
import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

ZERO, ONE = (
    {np.dtype(name): np.array(value, name) for name in ("float64", "float32", "complex128")} for value in (0, 1)
)
"""0 and 1 as arrays, by dtype: a ufunc takes an array without dimensions in half the time of a Python number. (complex128: what
an ``analytic`` function is checked with.)"""

EXP_LIMIT = math.log(sys.float_info.max)
"""exp of more than this overflows."""
MOST = 1e46
"""The square of 1e23: of a sum of 1e-23 the least number of float64, 5e-324, is less than a 1e-300th part."""


def positive_part(z: Array, out: Array) -> None:
    """Out = max(z, 0)."""
    np.maximum(z, ZERO[z.dtype], out=out)


def logistic(z: Array, out: Array) -> None:
    """Out = 1 / (1 + exp(-z)), also where exp(-z) is infinite; ``out`` may be z."""
    np.negative(z, out=out)
    np.exp(out, out=out)
    np.add(out, ONE[out.dtype], out=out)
    np.reciprocal(out, out=out)


def logistic_residual(z: Array, y: Array, out: Array) -> None:
    """Out = (1 / (1 + exp(-z)) - y) / z.size. Of one number Python's own take a third of the time of five calls on arrays."""
    if out.size == 1:
        number = z.item()
        out[0, 0] = (0.0 if number < -EXP_LIMIT else 1.0 / (1.0 + math.exp(-number))) - y.item()
        return
    logistic(z, out)
    np.subtract(out, y, out=out)
    np.multiply(out, 1.0 / y.size, out=out)


def softmax(z: Array, out: Array) -> None:
    """out_i = exp(z_i) / sum_j exp(z_j) in each column; the largest z_j is subtracted only where a sum leaves the range.

    The sums are a product with ones, in half the time of a reduction, and one reciprocal a column replaces the divisions. A sum
    below ``1 / sqrt(MOST)`` leaves the range, too: its small summands, near the end of all numbers, have few digits left.
    """
    np.exp(z, out=out)
    column_sum = ones(len(out), out.dtype)
    total = column_sum.dot(out)
    inverse = np.reciprocal(total)
    if not (math.isfinite(total.dot(inverse)) and inverse.dot(inverse) < MOST):
        np.subtract(z, np.maximum.reduce(z, axis=0), out=out)
        np.exp(out, out=out)
        inverse = np.reciprocal(column_sum.dot(out))
    np.multiply(out, inverse, out=out)


@functools.cache
def ones(n: int, dtype: np.dtype[np.floating[Any]]) -> Array:
    """A vector of n ones."""
    return np.ones(n, dtype)
