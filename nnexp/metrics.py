"""How good predictions are, by task and in original units. Shapes: y_pred and y (n_outputs, n_samples)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nnexp.plugin import Array, Task

Metrics = Callable[[Array, Array], dict[str, float]]
"""(y_pred, y) to named numbers."""


def accuracy(predicted: NDArray[np.integer], actual: NDArray[np.integer]) -> float:
    """The share of samples whose predicted class index is the actual one."""
    return float(np.mean(predicted == actual))


def class_indices(y_pred: Array, threshold: float = 0.5) -> NDArray[np.intp]:
    """The predicted class of each sample: of one output, whether it is above ``threshold``; of several, the largest's index."""
    if len(y_pred) == 1:
        return np.asarray(y_pred[0] > threshold, np.intp)
    return np.asarray(np.argmax(y_pred, axis=0), np.intp)


def regression(y_pred: Array, y: Array) -> dict[str, float]:
    """``mae`` = mean |r|, ``rmse`` = sqrt(mean r^2) in the units of y, and ``r2`` = 1 - sum r^2 / sum (y - mean y)^2.

    r = y_pred - y. r2 is the mean over outputs; for a constant y it is 1 where all residuals are 0, else 0.
    """
    residual = y_pred - y
    square = np.square(residual)
    unexplained = square.sum(axis=1)
    total = np.square(y - y.mean(axis=1, keepdims=True)).sum(axis=1)
    constant = total == 0
    r2 = np.where(constant, unexplained == 0, 1 - unexplained / np.where(constant, 1, total))
    return {"mae": float(np.abs(residual).mean()), "rmse": float(np.sqrt(square.mean())), "r2": float(r2.mean())}


def classification(y_pred: Array, y: Array, threshold: float = 0.5) -> dict[str, float]:
    """``accuracy``; y is 0 or 1 in one row, or one-hot."""
    if len(y) > 1:
        # argmax over the first axis is slow; where no sample has a tie, the actual class was predicted where its output
        # is the largest.
        largest = np.maximum.reduce(y_pred, axis=0)
        if np.count_nonzero(y_pred == largest) == y.shape[1]:
            return {"accuracy": float(np.mean(np.einsum("ij,ij->j", y_pred, y) == largest))}
    predicted = class_indices(y_pred, threshold)
    if len(y) == 1:
        return {"accuracy": accuracy(predicted, (y[0] > 0.5).astype(np.intp))}
    return {"accuracy": float(y[predicted, np.arange(y.shape[1])].mean())}


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
