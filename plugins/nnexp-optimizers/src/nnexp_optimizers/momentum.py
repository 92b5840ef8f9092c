"""Gradient descent with a velocity: what past gradients add up to carries the parameters on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnexp.plugin import Array, Optimizer, State, param


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v <- momentum v - rate g, theta <- theta + v: the heavy ball (Polyak, 1964).

    The rate lies inside the velocity: when a schedule changes it, the steps already made keep the rate they were made with.
    A steady gradient ends in steps of rate / (1 - momentum) times g, so the default rate is a tenth of ``minibatch``'s.
    """

    batch_size: int | None = param(32, at_least=1, doc="samples a step; null for the whole training set")
    learning_rate: float = param(0.01, above=0, doc="the step size")
    momentum: float = param(0.9, at_least=0, below=1, doc="the share of the velocity that is kept")

    def init(self, theta: Array) -> State:
        return {"velocity": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        velocity = state["velocity"]
        np.multiply(velocity, self.momentum, out=velocity)
        np.multiply(grad, learning_rate, out=grad)
        np.subtract(velocity, grad, out=velocity)
        np.add(theta, velocity, out=theta)


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v <- momentum v - rate g(phi + momentum v), phi <- phi + v (Nesterov, 1983; Sutskever et al., 2013).

    The gradient is wanted at the point phi + momentum v that the velocity leads to. That point is what theta holds here, as in
    scikit-learn and PyTorch, so that g is simply the gradient at theta, and the same rule reads

        v <- momentum v - rate g(theta),  theta <- theta + momentum v - rate g(theta).

    The memory is ``ahead`` = momentum v, the way from phi to theta. The rate lies inside the velocity, as for ``momentum``.
    """

    batch_size: int | None = param(32, at_least=1, doc="samples a step; null for the whole training set")
    learning_rate: float = param(0.01, above=0, doc="the step size")
    momentum: float = param(0.9, at_least=0, below=1, doc="the share of the velocity that is kept")

    def init(self, theta: Array) -> State:
        return {"ahead": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        ahead = state["ahead"]
        np.multiply(grad, learning_rate, out=grad)
        np.subtract(ahead, grad, out=ahead)  # the new velocity
        np.multiply(ahead, self.momentum, out=ahead)
        np.add(theta, ahead, out=theta)
        np.subtract(theta, grad, out=theta)
