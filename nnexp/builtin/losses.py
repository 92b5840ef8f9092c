"""The built-in losses, simplest first. Shapes: y_pred, y and out (n_outputs, n_samples); m is the number of samples.

Every cost is a mean over samples, and ``gradient`` is exactly the derivative of ``value``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnexp.basics.kernels import logistic_residual, softmax
from nnexp.plugin import Activation, Array, Loss


@dataclass(frozen=True)
class Mse(Loss):
    """J = mean((y_pred - y)^2) over samples and outputs, no 1/2; dJ/dy_pred = 2 (y_pred - y) / (m n_outputs).

    Least squares (Legendre, 1805; Gauss, 1809); on probabilities, the Brier score (Brier, 1950).
    """

    outputs = {"regression": "identity", "binary": "sigmoid", "multiclass": "softmax"}

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.square(y_pred - y).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.subtract(y_pred, y, out=out)
        np.multiply(out, 2.0 / y.size, out=out)


@dataclass(frozen=True)
class Mae(Loss):
    """J = mean(|y_pred - y|) over samples and outputs; dJ/dy_pred = sign(y_pred - y) / (m n_outputs), 0 at the kink.

    Least absolute deviations (Boscovich, 1757; Laplace, 1789); its minimum is the conditional median.
    """

    outputs = {"regression": "identity"}

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.abs(y_pred - y).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.subtract(y_pred, y, out=out)
        np.sign(out, out=out)
        np.multiply(out, 1.0 / y.size, out=out)

    def kink(self, y_pred: Array, y: Array) -> Array:
        return y_pred - y


@dataclass(frozen=True)
class Bce(Loss):
    """J = -mean(y log p + (1 - y) log(1 - p)) over samples and outputs, p = y_pred; dJ/dp = (p - y) / (p (1 - p) m n_outputs).

    Binary cross-entropy, the negative log-likelihood of Bernoulli outcomes (Cox, 1958). p and 1 - p are kept above the
    smallest normal number of the dtype, so the cost is finite even for a certain and wrong prediction.
    """

    outputs = {"binary": "sigmoid"}
    domain = (0.0, 1.0)

    def value(self, y_pred: Array, y: Array) -> float:
        tiny = np.finfo(y_pred.dtype).tiny
        likelihood = y * np.log(np.maximum(y_pred, tiny)) + (1 - y) * np.log(np.maximum(1 - y_pred, tiny))
        return -float(likelihood.mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        tiny = np.finfo(y_pred.dtype).tiny
        np.divide(1 - y, np.maximum(1 - y_pred, tiny), out=out)
        np.subtract(out, y / np.maximum(y_pred, tiny), out=out)
        np.multiply(out, 1.0 / y.size, out=out)

    def on_logits(self, activation: Activation) -> Loss | None:
        return BceOnLogits() if activation.link == "logit" else None


@dataclass(frozen=True)
class BceOnLogits(Bce):
    """J = mean(max(z, 0) - y z + log(1 + exp(-|z|))); dJ/dz = (1 / (1 + exp(-z)) - y) / (m n_outputs). Exact at any z."""

    def value(self, y_pred: Array, y: Array) -> float:
        z = y_pred
        return float((np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        logistic_residual(y_pred, y, out)


@dataclass(frozen=True)
class Cce(Loss):
    """J = -mean over samples of sum_k y_k log p_k, p = y_pred; dJ/dp = -y / (p m).

    Categorical cross-entropy, the negative log-likelihood of one outcome among several (Bridle, 1990). p is kept above the
    smallest normal number of the dtype.
    """

    outputs = {"multiclass": "softmax"}
    domain = (0.0, 1.0)
    distribution = True

    def value(self, y_pred: Array, y: Array) -> float:
        tiny = np.finfo(y_pred.dtype).tiny
        return -float((y * np.log(np.maximum(y_pred, tiny))).sum(axis=0).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.divide(y, np.maximum(y_pred, np.finfo(y_pred.dtype).tiny), out=out)
        np.multiply(out, -1.0 / y.shape[1], out=out)

    def on_logits(self, activation: Activation) -> Loss | None:
        return CceOnLogits() if activation.link == "multinomial logit" else None


@dataclass(frozen=True)
class CceOnLogits(Cce):
    """J = mean over samples of log sum_j exp(z_j) - sum_k y_k z_k, with sum_k y_k = 1; dJ/dz = (softmax(z) - y) / m.

    Exact at any z: the largest logit is subtracted first (for the gradient see ``kernels.softmax``).
    """

    def value(self, y_pred: Array, y: Array) -> float:
        shifted = y_pred - np.maximum.reduce(y_pred, axis=0)
        of_actual = np.vdot(y, shifted)
        log_sum = np.log(np.add.reduce(np.exp(shifted, out=shifted), axis=0))
        return float((log_sum.sum() - of_actual) / y.shape[1])

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        softmax(y_pred, out)
        np.subtract(out, y, out=out)
        np.multiply(out, 1.0 / y.shape[1], out=out)
