"""Regression of counts and rates: the Poisson likelihood, and the output activation that belongs to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnexp.plugin import Activation, Array, Loss


@dataclass(frozen=True)
class Exp(Activation):
    """a = exp(z); da/dz = a. The inverse of the log link (McCullagh and Nelder, 1989), for outputs that are positive.

    Infinite where exp(z) is too large for the dtype: from z = 709.8 in float64, 88.8 in float32.
    """

    inplace = True
    range = (0.0, math.inf)
    link = "log"
    analytic = True

    def forward(self, z: Array, out: Array) -> None:
        np.exp(z, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, a, out=grad)


@dataclass(frozen=True)
class Poisson(Loss):
    """J = mean(mu - y log(mu)) over samples and outputs, mu = y_pred; dJ/dmu = (1 - y / mu) / (m n_outputs).

    The negative log-likelihood of counts y with the mean mu (Nelder and Wedderburn, 1972), without its term log(y!), which no
    prediction changes: so J may be negative, and differences of J are those of half the Poisson deviance. Targets are at least
    0, need not be whole, and are not scaled. mu is kept above the smallest normal number of the dtype, and y / mu finite.
    """

    outputs = {"regression": "exp"}
    domain = (0.0, math.inf)
    target = "nonnegative"

    def value(self, y_pred: Array, y: Array) -> float:
        tiny = np.finfo(y_pred.dtype).tiny
        return float((y_pred - y * np.log(np.maximum(y_pred, tiny))).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        kind = np.finfo(y_pred.dtype)
        np.divide(y, np.maximum(y_pred, kind.tiny), out=out)
        np.minimum(out, kind.max, out=out)
        np.subtract(1.0, out, out=out)
        np.multiply(out, 1.0 / y.size, out=out)

    def on_logits(self, activation: Activation) -> Loss | None:
        return PoissonOnLogits() if activation.link == "log" else None


@dataclass(frozen=True)
class PoissonOnLogits(Poisson):
    """J = mean(exp(z) - y z); dJ/dz = (exp(z) - y) / (m n_outputs). Exact wherever exp(z) is finite, infinite elsewhere."""

    def value(self, y_pred: Array, y: Array) -> float:
        return float((np.exp(y_pred) - y * y_pred).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.exp(y_pred, out=out)
        np.subtract(out, y, out=out)
        np.multiply(out, 1.0 / y.size, out=out)
