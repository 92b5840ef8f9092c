"""Smoother relatives of relu: linear for large z, level for small. Shapes: z, a and grad (n_units, n_samples)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnexp.plugin import ZERO, Activation, Array, param


@dataclass(frozen=True)
class Softplus(Activation):
    """a = log(1 + exp(z)); da/dz = 1 / (1 + exp(-z)), the sigmoid (Dugas et al., 2001).

    Computed as max(z, 0) + log(1 + exp(-|z|)), and the derivative from the activation as 1 - exp(-a): no overflow, and
    accurate to the last digits in both tails.
    """

    inplace = True
    range = (0.0, math.inf)

    def forward(self, z: Array, out: Array) -> None:
        relu = np.maximum(z, ZERO[z.dtype])  # first, since out may be z
        np.abs(z, out=out)
        np.negative(out, out=out)
        np.exp(out, out=out)
        np.log1p(out, out=out)
        np.add(out, relu, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        slope = np.negative(a)
        np.expm1(slope, out=slope)
        np.multiply(grad, slope, out=grad)
        np.negative(grad, out=grad)


@dataclass(frozen=True)
class Elu(Activation):
    """a = z where z > 0, else alpha (exp(z) - 1); da/dz = 1 where z > 0, else alpha exp(z) (Clevert et al., 2016).

    Exponential linear unit. With alpha = 1 the derivative is continuous; otherwise it jumps at 0, where it is taken as 0.
    """

    alpha: float = param(1.0, above=0, doc="a approaches -alpha for small z")

    @property
    def range(self) -> tuple[float, float]:
        return (-self.alpha, math.inf)

    @property
    def kinks(self) -> tuple[float, ...]:
        return () if self.alpha == 1 else (0.0,)

    def forward(self, z: Array, out: Array) -> None:
        exponential_linear(z, out, above=1.0, below=self.alpha)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, exponential_linear_slope(z, above=1.0, below=self.alpha), out=grad)


SELU_SCALE = 1.0507009873554804934
SELU_ALPHA = 1.6732632423543772848
"""The fixed point of Klambauer et al. (2017, equation 14): layers of many units keep mean 0 and variance 1."""


@dataclass(frozen=True)
class Selu(Activation):
    """a = s z where z > 0, else s alpha (exp(z) - 1); da/dz = s where z > 0, s alpha exp(z) where z < 0, 0 at the kink.

    s = 1.0507009873554805, alpha = 1.6732632423543772: scaled exponential linear unit (Klambauer et al., 2017). Activations of
    mean 0 and variance 1 keep them from layer to layer if the weights are drawn with mean 0 and variance 1 / n_in (LeCun
    normal), as initializer=normal does with its standard deviation set to 1 / sqrt(n_in).
    """

    range = (-SELU_SCALE * SELU_ALPHA, math.inf)
    kinks = (0.0,)

    def forward(self, z: Array, out: Array) -> None:
        exponential_linear(z, out, above=SELU_SCALE, below=SELU_SCALE * SELU_ALPHA)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        slope = exponential_linear_slope(z, above=SELU_SCALE, below=SELU_SCALE * SELU_ALPHA)
        np.multiply(grad, slope, out=grad)


def exponential_linear(z: Array, out: Array, above: float, below: float) -> None:
    """Write ``above`` z where z > 0, else ``below`` (exp(z) - 1) into ``out``, which is not ``z``."""
    np.minimum(z, ZERO[z.dtype], out=out)
    np.expm1(out, out=out)
    np.multiply(out, below, out=out)
    linear = np.maximum(z, ZERO[z.dtype])
    if above != 1:
        np.multiply(linear, above, out=linear)
    np.add(out, linear, out=out)  # one of the two is 0


def exponential_linear_slope(z: Array, above: float, below: float) -> Array:
    """Return its derivative: ``above`` where z > 0, ``below`` exp(z) where z < 0; at 0 their common value, or 0 at a kink."""
    slope: Array = np.minimum(z, ZERO[z.dtype])
    np.exp(slope, out=slope)
    if above == below == 1:
        return slope
    np.multiply(slope, below, out=slope)
    np.putmask(slope, z > 0, above)
    if above != below:
        np.putmask(slope, z == 0, 0)
    return slope
