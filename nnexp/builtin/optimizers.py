"""The built-in optimizers: three ways of gradient descent, which differ in how many samples make one step."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import numpy as np

from nnexp.plugin import Array, Optimizer, State, param


@dataclass(frozen=True)
class GradientDescent(Optimizer, ABC):
    """theta <- theta - learning_rate * dJ/dtheta."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.multiply(grad, learning_rate, out=grad)
        np.subtract(theta, grad, out=theta)


@dataclass(frozen=True)
class Batch(GradientDescent):
    """theta <- theta - learning_rate * dJ/dtheta with J over the whole training set: one step an epoch (Cauchy, 1847)."""

    batch_size = None
    learning_rate: float = param(0.1, above=0, doc="the step size")


@dataclass(frozen=True)
class MiniBatch(GradientDescent):
    """theta <- theta - learning_rate * dJ/dtheta with J over batch_size samples; a last batch may be smaller (Bottou, 2010)."""

    batch_size: int = param(32, at_least=1, doc="samples a step")
    learning_rate: float = param(0.1, above=0, doc="the step size")


@dataclass(frozen=True)
class Sgd(GradientDescent):
    """theta <- theta - learning_rate * dJ/dtheta with J of one sample at a time (Robbins and Monro, 1951)."""

    batch_size = 1
    learning_rate: float = param(0.01, above=0, doc="the step size")
