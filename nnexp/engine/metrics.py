"""How good predictions are, by task and in original units. Shapes: y_pred and y (n_outputs, n_samples)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nnexp.plugin import Array, Task

SQUARES = 1e200
"""A mean of squares below this, and above its inverse, has all its digits."""

UNDEFINED = ("r2",)
"""The metrics that may have no value, which is NaN; of all others NaN means that training went wrong."""

Metrics = Callable[[Array, Array], dict[str, float]]
"""(y_pred, y) to named numbers."""


def class_indices(y_pred: Array, threshold: float = 0.5) -> NDArray[np.intp]:
    """The predicted class of each sample: of one output, whether it is above ``threshold``; of several, the largest's index."""
    if len(y_pred) == 1:
        return np.asarray(y_pred[0] > threshold, np.intp)
    return np.asarray(np.argmax(y_pred, axis=0), np.intp)


def regression(y_pred: Array, y: Array) -> dict[str, float]:
    """``mae`` = mean |r|, ``rmse`` = sqrt(mean r^2) in the units of y, and ``r2`` = 1 - sum r^2 / sum (y - mean y)^2.

    r = y_pred - y. r2 is the mean over the outputs. It is undefined, NaN, where an output's y does not vary, as in a single
    sample: nothing is left to explain there, and the mean of something undefined is undefined.
    """
    y_pred, y = np.asarray(y_pred, np.float64), np.asarray(y, np.float64)
    residual = y_pred - y
    unexplained, total = _mean_square(residual), _variance(y - y[:, :1])
    if not all(1 / SQUARES < each < SQUARES for each in (*unexplained.tolist(), *total.tolist())):
        return _regression(y_pred, y)
    r2 = 1 - unexplained / total
    return {
        "mae": float(np.abs(residual).mean()),
        "rmse": math.sqrt(unexplained.mean()),
        "r2": float(r2.mean()),
    }


def _regression(y_pred: Array, y: Array) -> dict[str, float]:
    """The same where a square may be 0, infinite or rounded to a few digits, and where y may be constant.

    Each row is divided by a power of two, which loses nothing, before it is squared.
    """
    varies = y.min(axis=1) < y.max(axis=1)  # told exactly: the computed mean of equal numbers may be off by rounding
    halvings = np.where(np.maximum(_power(y_pred), _power(y)) > 1000, 64, 0)  # no difference and no sum overflows then
    y_pred, y = np.ldexp(y_pred, -halvings[:, None]), np.ldexp(y, -halvings[:, None])
    residual, deviation = y_pred - y, y - y[:, :1]
    power, its_power = _power(residual), _power(deviation)
    residual, deviation = np.ldexp(residual, -power[:, None]), np.ldexp(deviation, -its_power[:, None])
    unexplained, total = _mean_square(residual), _variance(deviation)
    ratio = np.ldexp(unexplained / np.where(varies, total, 1), 2 * (power - its_power))
    power += halvings
    most = power.max()
    return {
        "mae": float(np.ldexp(np.abs(residual).mean(axis=1) / len(y), power).sum()),
        "rmse": float(np.ldexp(np.sqrt(np.ldexp(unexplained, 2 * (power - most)).mean()), most)),
        "r2": float(np.where(varies, 1 - ratio, math.nan).mean()),
    }


def _mean_square(rows: Array) -> NDArray[np.float64]:
    """The mean of each row's squares."""
    found: NDArray[np.float64] = np.square(rows).mean(axis=1)
    return found


def _variance(rows: Array) -> NDArray[np.float64]:
    """Each row's variance. The smaller its numbers are beside their differences, the less is lost to rounding."""
    return _mean_square(rows - rows.mean(axis=1, keepdims=True))


def _power(rows: Array) -> NDArray[np.intp]:
    """The power of two that each row's largest magnitude stays below; 0 where that is not finite."""
    largest = np.abs(rows).max(axis=1)
    return np.where(np.isfinite(largest), np.frexp(largest)[1], 0).astype(np.intp)


def classification(y_pred: Array, y: Array, threshold: float = 0.5) -> dict[str, float]:
    """``accuracy``; y is 0 or 1 in one row, or one-hot."""
    n_samples = y.shape[1]
    actual = y > 0.5
    if len(y) == 1:
        return {"accuracy": float(np.count_nonzero((y_pred > threshold) == actual) / n_samples)}
    # argmax over the first axis is slow; where no sample has a tie, the predicted class is where the largest output is.
    largest = y_pred == np.maximum.reduce(y_pred, axis=0)
    if np.count_nonzero(largest) == n_samples:
        return {"accuracy": float(np.count_nonzero(largest & actual) / n_samples)}
    return {"accuracy": float(np.count_nonzero(actual[class_indices(y_pred), np.arange(n_samples)]) / n_samples)}


def for_task(task: Task, threshold: float, shift: Array, scale: Array) -> Metrics:
    """The task's metrics of scaled predictions and targets: y in original units is ``shift`` + ``scale`` * y, by output."""
    if task != "regression":
        return lambda y_pred, y: classification(y_pred, y, threshold)
    shift, scale = shift[:, None], scale[:, None]
    return lambda y_pred, y: regression(shift + scale * y_pred, shift + scale * y)


def confusion_matrix(predicted: NDArray[np.integer], actual: NDArray[np.integer], n_classes: int) -> NDArray[np.intp]:
    """C[i, j] = the number of samples of class i that were predicted as class j."""
    counts = np.zeros((n_classes, n_classes), np.intp)
    np.add.at(counts, (actual, predicted), 1)
    return counts
