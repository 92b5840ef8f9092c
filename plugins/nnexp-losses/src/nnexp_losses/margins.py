"""Losses that ask the right class to win by a margin of 1. Shapes: y_pred, y and out (n_outputs, n_samples); m samples.

Their predictions are scores and no probabilities: of two classes the sign tells which it is, of several the largest score.
t = 2 y - 1 is the class as -1 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnexp.plugin import Array, Loss


@dataclass(frozen=True)
class Hinge(Loss):
    """Two classes: J = mean(max(0, 1 - t z)), z = y_pred; dJ/dz = -t / m where t z < 1, else 0 (Cortes and Vapnik, 1995).

    Several classes: J = mean(max(0, 1 + max_(j != c) z_j - z_c)), c being the true class (Crammer and Singer, 2001); where that
    is positive, dJ/dz_c = -1 / m and for the strongest rival dJ/dz_j = 1 / m. The derivative is taken as 0 at the kinks: where
    a margin is exactly 1, and for rivals that are equally strong.
    """

    outputs = {"binary": "identity", "multiclass": "identity"}
    threshold = 0.0

    def value(self, y_pred: Array, y: Array) -> float:
        if len(y) == 1:
            return float(np.maximum(self.kink(y_pred, y), 0).mean())
        own, rivals = own_and_rivals(y_pred, y)
        return float(np.maximum(1 + rivals.max(axis=0) - own, 0).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(1 - 2 * y, self.kink(y_pred, y) > 0, out=out)
        np.multiply(out, 1.0 / y.shape[1], out=out)

    def kink(self, y_pred: Array, y: Array) -> Array:
        """How far each entry is past its kink: positive where J depends on it, falling for the true class, else rising."""
        if len(y) == 1:
            return 1 - (2 * y - 1) * y_pred
        own, rivals = own_and_rivals(y_pred, y)
        second, first = np.partition(rivals, -2, axis=0)[-2:]
        best_other = np.where(rivals == first, second, first)
        return np.asarray(np.where(y > 0, 1 + first - y_pred, y_pred - np.maximum(own - 1, best_other)))


def own_and_rivals(z: Array, y: Array) -> tuple[Array, Array]:
    """The score of each sample's own class (m,), and all scores with -inf in its place (n_classes, m)."""
    mine = y > 0
    return np.where(mine, z, 0).sum(axis=0), np.where(mine, -np.inf, z)


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """J = mean over samples of sum_k max(0, 1 - t_k z_k)^2, z = y_pred; dJ/dz_k = -2 t_k max(0, 1 - t_k z_k) / m.

    The hinge squared, so that the derivative is continuous; several classes are each told from the rest (Tang, 2013).
    """

    outputs = {"binary": "identity", "multiclass": "identity"}
    threshold = 0.0

    def value(self, y_pred: Array, y: Array) -> float:
        lack = np.maximum(1 - (2 * y - 1) * y_pred, 0)
        return float(np.square(lack).sum() / y.shape[1])

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        t = 2 * y - 1
        np.multiply(t, y_pred, out=out)
        np.subtract(1, out, out=out)
        np.maximum(out, 0, out=out)
        np.multiply(out, t, out=out)
        np.multiply(out, -2.0 / y.shape[1], out=out)
