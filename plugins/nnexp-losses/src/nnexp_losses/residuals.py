"""Losses of the residual r = y_pred - y that grow more slowly than its square. Shapes: all (n_outputs, n_samples).

Each J is a mean over the m samples and the outputs. r is in the units that are trained: with ``scale.target=standard``, nnexp's
default, in standard deviations of the target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnexp.plugin import Array, Loss, param


@dataclass(frozen=True)
class Huber(Loss):
    """J = mean(r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2)); dJ/dy_pred = clip(r, -delta, delta) / (m n_outputs).

    Squared near 0, straight far out, so that outliers count less (Huber, 1964).
    """

    outputs = {"regression": "identity"}

    delta: float = param(1.0, above=0, doc="the residual from which on J is straight")

    def value(self, y_pred: Array, y: Array) -> float:
        size = np.abs(y_pred - y)
        near = np.minimum(size, self.delta)
        return float((near * (size - near / 2)).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.subtract(y_pred, y, out=out)
        np.maximum(out, -self.delta, out=out)
        np.minimum(out, self.delta, out=out)
        np.multiply(out, 1.0 / y.size, out=out)


STRAIGHT = 20.0
"""From here on log(cosh(r)) is |r| - log(2) to the last digit of float64."""


@dataclass(frozen=True)
class LogCosh(Loss):
    """J = mean(log(cosh(r))); dJ/dy_pred = tanh(r) / (m n_outputs).

    About r^2 / 2 near 0 and |r| - log(2) far out, with all derivatives (Green, 1990). Computed as log(1 + 2 sinh(r / 2)^2),
    which keeps the digits of small residuals, up to |r| = 20 and as a straight line from there on.
    """

    outputs = {"regression": "identity"}

    def value(self, y_pred: Array, y: Array) -> float:
        size = np.abs(y_pred - y)
        near = np.minimum(size, STRAIGHT)
        return float((np.log1p(2 * np.square(np.sinh(near / 2))) + (size - near)).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.subtract(y_pred, y, out=out)
        np.tanh(out, out=out)
        np.multiply(out, 1.0 / y.size, out=out)


@dataclass(frozen=True)
class Quantile(Loss):
    """J = mean((1 - q) r where r > 0, else -q r); dJ/dy_pred = (1 - q where r > 0, -q where r < 0, 0 at 0) / (m n_outputs).

    Its minimum is the conditional quantile q (Koenker and Bassett, 1978): a share q of the targets lies below the predictions.
    Also called pinball loss; with q = 1/2 it is half of mae.
    """

    outputs = {"regression": "identity"}

    q: float = param(0.5, above=0, below=1, doc="which quantile: 0.5 the median, 0.9 what nine in ten stay below")

    def value(self, y_pred: Array, y: Array) -> float:
        r = y_pred - y
        return float(np.maximum((1 - self.q) * r, -self.q * r).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.subtract(y_pred, y, out=out)
        np.sign(out, out=out)
        weight = np.where(out > 0, (1 - self.q) / y.size, self.q / y.size)
        np.multiply(out, weight, out=out)

    def kink(self, y_pred: Array, y: Array) -> Array:
        return y_pred - y
