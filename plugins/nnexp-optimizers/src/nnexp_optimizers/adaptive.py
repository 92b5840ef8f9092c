"""Gradient descent with a step size for every parameter, from the gradients that it has had.

Running means are kept as running sums, which saves a call to NumPy: with s <- rho s + g^2 the mean is (1 - rho) s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnexp.plugin import Array, Optimizer, State, param


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """s <- s + g^2, theta <- theta - rate g / (sqrt(s) + epsilon) (Duchi et al., 2011).

    Steps only ever get smaller, quickly for parameters with large gradients and slowly for those that rarely have any.
    The memory is ``squares`` = s; ``scratch`` is room for sqrt(s) + epsilon.
    """

    batch_size: int | None = param(32, at_least=1, doc="samples a step; null for the whole training set")
    learning_rate: float = param(0.1, above=0, doc="the step size: how far the first step moves each parameter")
    epsilon: float = param(1e-10, above=0, doc="keeps the divisor above 0")

    def init(self, theta: Array) -> State:
        return {"squares": np.zeros_like(theta), "scratch": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        squares, scratch = state["squares"], state["scratch"]
        np.multiply(grad, grad, out=scratch)
        np.add(squares, scratch, out=squares)
        np.sqrt(squares, out=scratch)
        np.add(scratch, self.epsilon, out=scratch)
        np.divide(grad, scratch, out=grad)
        np.multiply(grad, learning_rate, out=grad)
        np.subtract(theta, grad, out=theta)


@dataclass(frozen=True)
class RmsProp(Optimizer):
    """s <- rho s + (1 - rho) g^2, theta <- theta - rate g / (sqrt(s) + epsilon) (Tieleman and Hinton, 2012).

    The lecture's rule, without a correction for s starting at zero: the first step is rate / sqrt(1 - rho).
    The memory is ``squares`` = s / (1 - rho); ``scratch`` is room for its root.
    """

    batch_size: int | None = param(32, at_least=1, doc="samples a step; null for the whole training set")
    learning_rate: float = param(0.003, above=0, doc="the step size: about how far a step moves each parameter")
    rho: float = param(0.9, at_least=0, below=1, doc="the share of the mean square that is kept")
    epsilon: float = param(1e-8, above=0, doc="keeps the divisor above 0")

    def init(self, theta: Array) -> State:
        return {"squares": np.zeros_like(theta), "scratch": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        squares, scratch = state["squares"], state["scratch"]
        root = math.sqrt(1 - self.rho)
        np.multiply(grad, grad, out=scratch)
        np.multiply(squares, self.rho, out=squares)
        np.add(squares, scratch, out=squares)
        np.sqrt(squares, out=scratch)
        np.add(scratch, self.epsilon / root, out=scratch)
        np.divide(grad, scratch, out=grad)
        np.multiply(grad, float(learning_rate) / root, out=grad)
        np.subtract(theta, grad, out=theta)


@dataclass(frozen=True)
class Adam(Optimizer):
    """theta <- theta - rate m^ / (sqrt(v^) + epsilon), m^ and v^ the running means of g and g^2 (Kingma and Ba, 2015).

    Algorithm 1 of the paper, with t = 1, 2, ... counting the steps:

        m <- beta1 m + (1 - beta1) g,    m^ = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2,  v^ = v / (1 - beta2^t)

    The memory is ``m`` / (1 - beta1), ``v`` / (1 - beta2) and the number ``t``, a scalar array in theta's dtype.
    """

    batch_size: int | None = param(32, at_least=1, doc="samples a step; null for the whole training set")
    learning_rate: float = param(0.01, above=0, doc="the step size: about how far a step moves each parameter")
    beta1: float = param(0.9, at_least=0, below=1, doc="the share of the mean gradient that is kept")
    beta2: float = param(0.999, at_least=0, below=1, doc="the share of the mean square that is kept")
    epsilon: float = param(1e-8, above=0, doc="keeps the divisor above 0")

    def init(self, theta: Array) -> State:
        return moments(theta)

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        to_direction(grad, state, self.beta1, self.beta2, self.epsilon, float(learning_rate))
        np.subtract(theta, grad, out=theta)


@dataclass(frozen=True)
class AdamW(Optimizer):
    """theta <- theta - rate (m^ / (sqrt(v^) + epsilon) + weight_decay theta), with Adam's m^, v^ (Loshchilov and Hutter, 2019).

    The decay is not part of the gradient, so it is the same share of every parameter, whatever its gradients; it applies to all
    of theta, biases included. It is multiplied by the rate, as in PyTorch and Keras; the paper multiplies it by the schedule's
    factor alone, so its lambda is rate weight_decay here. The memory is Adam's.
    """

    batch_size: int | None = param(32, at_least=1, doc="samples a step; null for the whole training set")
    learning_rate: float = param(0.01, above=0, doc="the step size: about how far a step moves each parameter")
    beta1: float = param(0.9, at_least=0, below=1, doc="the share of the mean gradient that is kept")
    beta2: float = param(0.999, at_least=0, below=1, doc="the share of the mean square that is kept")
    epsilon: float = param(1e-8, above=0, doc="keeps the divisor above 0")
    weight_decay: float = param(
        0.01, at_least=0, doc="times the rate: the share of each parameter that a step takes off"
    )

    def init(self, theta: Array) -> State:
        return moments(theta)

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        rate = float(learning_rate)
        to_direction(grad, state, self.beta1, self.beta2, self.epsilon, rate)
        np.multiply(theta, 1 - rate * self.weight_decay, out=theta)
        np.subtract(theta, grad, out=theta)


def moments(theta: Array) -> State:
    """Adam's memory before the first step."""
    return {"m": np.zeros_like(theta), "v": np.zeros_like(theta), "t": np.zeros((), theta.dtype)}


def to_direction(grad: Array, state: State, beta1: float, beta2: float, epsilon: float, rate: float) -> None:  # noqa: PLR0913, PLR0917
    """Turn the gradient, in place, into rate m^ / (sqrt(v^) + epsilon), and bring the memory up to date.

    With the sums M = m / (1 - beta1) and V = v / (1 - beta2), and c = sqrt((1 - beta2^t) / (1 - beta2)), that is
    rate c (1 - beta1) / (1 - beta1^t) M / (sqrt(V) + c epsilon).
    """
    m, v = state["m"], state["v"]
    t = float(state["t"]) + 1
    state["t"][...] = t
    c = math.sqrt((1 - beta2**t) / (1 - beta2))
    np.multiply(m, beta1, out=m)
    np.add(m, grad, out=m)
    np.multiply(v, beta2, out=v)
    np.multiply(grad, grad, out=grad)
    np.add(v, grad, out=v)
    np.sqrt(v, out=grad)
    np.add(grad, c * epsilon, out=grad)
    np.divide(m, grad, out=grad)
    np.multiply(grad, rate * c * (1 - beta1) / (1 - beta1**t), out=grad)
