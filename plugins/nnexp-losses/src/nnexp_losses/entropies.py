"""Variations of cross-entropy. Shapes: y_pred, y and out (n_outputs, n_samples); m is the number of samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnexp.errors import NnexpError
from nnexp.plugin import Activation, Array, Loss, param


@dataclass(frozen=True)
class Focal(Loss):
    """J = mean over samples of -w (1 - p)^gamma log(p), p being the predicted probability of the true class (Lin et al., 2017).

    dJ/dp = w (gamma (1 - p)^(gamma - 1) log(p) - (1 - p)^gamma / p) / m. What is already predicted well counts less; gamma = 0
    is cross-entropy. w is 1, or with ``alpha``, for two classes only, alpha for the second and 1 - alpha for the first; the
    paper has gamma = 2, alpha = 0.25. Where gamma > 0 the outputs tell the likelier class but not how likely it is
    (Charoenphakdee et al., 2021): with gamma = 2, J is least at p = 0.69 for what is true in 9 of 10 cases. p and 1 - p are
    kept above the smallest normal number of the dtype.
    """

    outputs = {"binary": "sigmoid", "multiclass": "softmax"}
    domain = (0.0, 1.0)
    distribution = True

    gamma: float = param(2.0, at_least=0, doc="how much less what is predicted well counts")
    alpha: float | None = param(None, above=0, below=1, doc="weight of the second of two classes; null: both weigh 1")

    def value(self, y_pred: Array, y: Array) -> float:
        p, q = self._of_true_class(y_pred, y)
        return -float((self.weight(y) * q**self.gamma * np.log(p)).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        p, q = self._of_true_class(y_pred, y)
        slope = self.weight(y) * (self.gamma * q ** (self.gamma - 1) * np.log(p) - q**self.gamma / p)
        np.multiply(toward_true_class(y), slope / y.shape[1], out=out)

    def _of_true_class(self, y_pred: Array, y: Array) -> tuple[Array, Array]:
        """Its probability p and 1 - p, each (1, m)."""
        tiny = np.finfo(y_pred.dtype).tiny
        p = np.where(y > 0, y_pred, 1 - y_pred) if len(y) == 1 else (y * y_pred).sum(axis=0, keepdims=True)
        q = np.where(y > 0, 1 - y_pred, y_pred) if len(y) == 1 else 1 - p
        return np.maximum(p, tiny), np.maximum(q, tiny)

    def weight(self, y: Array) -> Array | float:
        """The samples' weights w, (1, m), or 1. Raises NnexpError where ``alpha`` meets several classes."""
        if self.alpha is None:
            return 1.0
        if len(y) > 1:
            raise NnexpError(ALPHA_IS_BINARY)
        return np.where(y > 0, self.alpha, 1 - self.alpha).astype(y.dtype)

    def on_logits(self, activation: Activation) -> Loss | None:
        if activation.distribution and self.alpha is not None:
            raise NnexpError(ALPHA_IS_BINARY)
        stable = activation.link in ("logit", "multinomial logit")
        return FocalOnLogits(self.gamma, self.alpha) if stable else None


ALPHA_IS_BINARY = "loss.alpha weighs the second of two classes; there are several. Type loss.alpha=null."


@dataclass(frozen=True)
class FocalOnLogits(Focal):
    """J = mean(w q^gamma s), s = log(1 + exp(-x)), q = 1 / (1 + exp(x)); dJ/dx = -w q^gamma (gamma (1 - q) s + q) / m.

    x is the log-odds of the true class, so that q = 1 - p and s = -log(p): of two classes z or -z, of several
    z_c - log sum_(j != c) exp(z_j). Exact at any z.
    """

    def value(self, y_pred: Array, y: Array) -> float:
        x, _ = log_odds(y_pred, y)
        return float((self.weight(y) * (1 / (1 + np.exp(x))) ** self.gamma * softplus(-x)).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        x, dx = log_odds(y_pred, y)
        p, q = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x))
        slope = self.weight(y) * q**self.gamma * (self.gamma * p * softplus(-x) + q)
        np.multiply(dx, slope * (-1.0 / y.shape[1]), out=out)


def toward_true_class(y: Array) -> Array:
    """The derivative of the true class's probability by the predictions: -1 or 1 for one output, else the one-hot ``y``."""
    return 2 * y - 1 if len(y) == 1 else y


def log_odds(z: Array, y: Array) -> tuple[Array, Array]:
    """The log-odds x of each sample's true class, (1, m), by sigmoid or softmax, and dx/dz, like ``z``."""
    if len(y) == 1:
        t = 2 * y - 1
        return t * z, t
    rivals = np.where(y > 0, -np.inf, z)
    strongest = rivals.max(axis=0, keepdims=True)
    share = np.exp(rivals - strongest)
    total = share.sum(axis=0, keepdims=True)
    own = (y * z).sum(axis=0, keepdims=True)
    return own - strongest - np.log(total), y - share / total


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), for any x."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@dataclass(frozen=True)
class SmoothCce(Loss):
    """J = -mean over samples of sum_k t_k log(p_k), t = (1 - smoothing) y + smoothing / n_classes; dJ/dp = -t / (p m).

    p = y_pred. Categorical cross-entropy with label smoothing (Szegedy et al., 2016): the probability of the true class is
    drawn to 1 - smoothing + smoothing / n_classes instead of 1. p is kept above the smallest normal number of the dtype.
    """

    outputs = {"multiclass": "softmax"}
    domain = (0.0, 1.0)
    distribution = True

    smoothing: float = param(0.1, at_least=0, below=1, doc="what is taken from the true class and spread over all")

    def smoothed(self, y: Array) -> Array:
        """The targets t (n_classes, m)."""
        return (1 - self.smoothing) * y + self.smoothing / len(y)

    def value(self, y_pred: Array, y: Array) -> float:
        p = np.maximum(y_pred, np.finfo(y_pred.dtype).tiny)
        return -float((self.smoothed(y) * np.log(p)).sum(axis=0).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.divide(self.smoothed(y), np.maximum(y_pred, np.finfo(y_pred.dtype).tiny), out=out)
        np.multiply(out, -1.0 / y.shape[1], out=out)

    def on_logits(self, activation: Activation) -> Loss | None:
        return SmoothCceOnLogits(self.smoothing) if activation.link == "multinomial logit" else None


@dataclass(frozen=True)
class SmoothCceOnLogits(SmoothCce):
    """J = mean over samples of sum_k t_k (log sum_j exp(z_j) - z_k); dJ/dz = (softmax(z) - t) / m. Exact at any z."""

    def value(self, y_pred: Array, y: Array) -> float:
        shifted = y_pred - y_pred.max(axis=0)
        log_sum = np.log(np.exp(shifted).sum(axis=0))
        return float((self.smoothed(y) * (log_sum - shifted)).sum(axis=0).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.subtract(y_pred, y_pred.max(axis=0), out=out)
        np.exp(out, out=out)
        np.divide(out, out.sum(axis=0), out=out)
        np.subtract(out, self.smoothed(y), out=out)
        np.multiply(out, 1.0 / y.shape[1], out=out)
