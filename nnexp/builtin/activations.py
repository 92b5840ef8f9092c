"""The built-in activations, simplest first. Shapes: z, a and grad (n_units, n_samples)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnexp.basics.kernels import logistic, positive_part
from nnexp.plugin import Activation, Array, param


@dataclass(frozen=True)
class Identity(Activation):
    """a = z; da/dz = 1. Some books call it linear: the unit of least squares and of adaline (Widrow and Hoff, 1960)."""

    inplace = True
    analytic = True

    def forward(self, z: Array, out: Array) -> None:
        if out is not z:
            np.copyto(out, z)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        pass


@dataclass(frozen=True)
class Sigmoid(Activation):
    """a = 1 / (1 + exp(-z)); da/dz = a (1 - a). The logistic function (Verhulst, 1845).

    Accurate in both tails: for large negative z, exp(-z) grows until it overflows to infinity and a becomes 0.
    """

    inplace = True
    analytic = True
    range = (0.0, 1.0)
    link = "logit"

    def forward(self, z: Array, out: Array) -> None:
        logistic(z, out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, a, out=grad)
        np.multiply(grad, 1.0 - a, out=grad)


@dataclass(frozen=True)
class Tanh(Activation):
    """a = tanh(z); da/dz = 1 - a^2. A sigmoid centred at zero (LeCun et al., 1998, Efficient BackProp)."""

    inplace = True
    analytic = True
    range = (-1.0, 1.0)

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        slope = np.square(a)
        np.subtract(1.0, slope, out=slope)
        np.multiply(grad, slope, out=grad)


@dataclass(frozen=True)
class Relu(Activation):
    """a = max(z, 0); da/dz = 1 where z > 0, else 0 (Nair and Hinton, 2010)."""

    inplace = True
    range = (0.0, math.inf)
    kinks = (0.0,)

    def forward(self, z: Array, out: Array) -> None:
        positive_part(z, out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, np.sign(a), out=grad)  # a >= 0, so its sign is the derivative


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """a = z where z > 0, else alpha z; da/dz = 1 where z > 0, alpha where z < 0, 0 at the kink (Maas et al., 2013)."""

    kinks = (0.0,)
    alpha: float = param(0.01, at_least=0, below=1, doc="the slope for negative z")

    @property
    def range(self) -> tuple[float, float]:
        """From 0 where alpha is 0: then it is relu."""
        return (-math.inf if self.alpha else 0.0, math.inf)

    def forward(self, z: Array, out: Array) -> None:
        np.multiply(z, self.alpha, out=out)
        np.maximum(z, out, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        # sign(z) is -1, 0 or 1: with s = sign(z), the slope is max(s, -alpha s), which is 0 at s = 0.
        slope = np.sign(z)
        np.maximum(slope, -self.alpha * slope, out=slope)
        np.multiply(grad, slope, out=grad)


@dataclass(frozen=True)
class Softmax(Activation):
    """a_i = exp(z_i - max z) / sum_j exp(z_j - max z), over the units of one sample (Bridle, 1990).

    Its Jacobian is da_i/dz_j = a_i (1[i = j] - a_j), so dJ/dz = a * (dJ/da - sum_j a_j dJ/da_j).
    """

    inplace = True
    analytic = True
    range = (0.0, 1.0)
    distribution = True
    link = "multinomial logit"

    def forward(self, z: Array, out: Array) -> None:
        np.subtract(z, np.maximum.reduce(z, axis=0), out=out)
        np.exp(out, out=out)
        np.divide(out, np.add.reduce(out, axis=0), out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        mean = np.add.reduce(grad * a, axis=0)
        np.subtract(grad, mean, out=grad)
        np.multiply(grad, a, out=grad)
