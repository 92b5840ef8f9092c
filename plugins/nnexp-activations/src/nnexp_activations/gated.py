"""z times a gate between 0 and 1 that opens with z: smooth, with a minimum below 0. Shapes: z, a and grad (n_units, n_samples).

The gate is computed without overflow and without cancellation, so values and derivatives are accurate to the last digits for
every z: they go to 0 for small z, the value to z and the derivative to 1 for large z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nnexp.plugin import ONE, Activation, Array


@dataclass(frozen=True)
class Silu(Activation):
    """a = z s, s = 1 / (1 + exp(-z)); da/dz = s (1 + z (1 - s)), 1 - s = 1 / (1 + exp(z)) (Elfwing et al., 2018).

    Sigmoid linear unit, later also called swish (Ramachandran et al., 2017). Its minimum is -0.2785 at z = -1.2785.
    """

    range = (-0.2784645427610738, math.inf)
    analytic = True

    def forward(self, z: Array, out: Array) -> None:
        np.negative(z, out=out)
        np.exp(out, out=out)
        np.add(out, 1.0, out=out)
        np.divide(z, out, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        slope = np.exp(z)
        np.add(slope, ONE[z.dtype], out=slope)
        np.divide(z, slope, out=slope)
        np.add(slope, ONE[z.dtype], out=slope)
        inverse = np.negative(z)  # of s
        np.exp(inverse, out=inverse)
        np.add(inverse, ONE[z.dtype], out=inverse)
        np.divide(slope, inverse, out=slope)
        np.multiply(grad, slope, out=grad)


@dataclass(frozen=True)
class Gelu(Activation):
    """a = z Phi(z), Phi(z) = (1 + erf(z / sqrt 2)) / 2; da/dz = Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi).

    Gaussian error linear unit (Hendrycks and Gimpel, 2016), in its exact form and not by the approximation with tanh; its
    minimum is -0.1700 at z = -0.7518.
    """

    range = (-0.16997120747990366, math.inf)
    analytic = True

    def forward(self, z: Array, out: Array) -> None:
        normal_distribution(z, out)
        np.multiply(out, z, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        density = np.square(z)
        np.multiply(density, -0.5, out=density)
        np.exp(density, out=density)
        np.multiply(density, 1 / math.sqrt(2 * math.pi), out=density)
        slope = np.empty_like(z)
        normal_distribution(z, slope)
        np.multiply(density, z, out=density)
        np.add(slope, density, out=slope)
        np.multiply(grad, slope, out=grad)


def normal_distribution(z: Array, out: Array) -> None:
    """Write Phi(z), the standard normal distribution function, into ``out``.

    SciPy's is accurate in both tails and takes 3 us for 512 numbers; erf by rational functions in NumPy (Cody, 1969) takes 45.
    It is imported here, by who uses gelu (0.1 s, once), and not with the module, which is imported whenever options are listed.
    """
    from scipy.special import ndtr  # type: ignore[import-untyped]

    ndtr(z, out=out)


@dataclass(frozen=True)
class Mish(Activation):
    """a = z g, g = tanh(log(1 + exp(z))); da/dz = g + z (1 - g^2) / (1 + exp(-z)) (Misra, 2019).

    With e = exp(z) and n = e (e + 2) that is g = n / (n + 2) and da/dz = g + 4 z e (e + 1) / (n + 2)^2. Its minimum is -0.3088
    at z = -1.1925.
    """

    range = (-0.30884341301725043, math.inf)
    analytic = True

    def forward(self, z: Array, out: Array) -> None:
        np.exp(z, out=out)
        np.multiply(out, out + 2.0, out=out)
        np.divide(2.0, out, out=out)
        np.add(out, 1.0, out=out)
        np.divide(z, out, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        slope = np.minimum(z, OPEN)
        e = np.exp(slope)
        np.multiply(slope, e, out=slope)
        np.multiply(slope, 4.0 * (e + 1.0), out=slope)
        n = e * (e + 2.0)
        np.divide(slope, n + 2.0, out=slope)
        np.add(slope, n, out=slope)
        np.divide(slope, n + 2.0, out=slope)
        np.multiply(grad, slope, out=grad)


OPEN = 30.0
"""From here on mish's gate and slope are 1 to the last digit, and what they are computed from does not overflow."""
