"""Activations with values between two limits. Shapes: z, a and grad (n_units, n_samples)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnexp.plugin import ONE, ZERO, Activation, Array, param


@dataclass(frozen=True)
class Softsign(Activation):
    """a = z / (1 + |z|); da/dz = 1 / (1 + |z|)^2 (Bergstra et al., 2009). Like tanh, with limits approached slowly."""

    range = (-1.0, 1.0)

    def forward(self, z: Array, out: Array) -> None:
        np.abs(z, out=out)
        np.add(out, ONE[out.dtype], out=out)
        np.divide(z, out, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        root = np.abs(z)
        np.add(root, ONE[root.dtype], out=root)
        np.divide(grad, root, out=grad)
        np.divide(grad, root, out=grad)


@dataclass(frozen=True)
class HardTanh(Activation):
    """a = min(max(z, -1), 1); da/dz = 1 where |z| < 1, else 0 (Collobert, 2004)."""

    inplace = True
    range = (-1.0, 1.0)
    kinks = (-1.0, 1.0)

    def forward(self, z: Array, out: Array) -> None:
        np.maximum(z, -ONE[z.dtype], out=out)
        np.minimum(out, ONE[z.dtype], out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, np.abs(a) < 1, out=grad)


@dataclass(frozen=True)
class HardSigmoid(Activation):
    """a = min(max(z / 6 + 1/2, 0), 1); da/dz = 1/6 where |z| < 3, else 0.

    The sigmoid in straight lines (Courbariaux et al., 2015), with the slope 1/6 of Howard et al. (2019) that PyTorch and
    Keras 3 use; in the first paper it is 1/2, in Keras 2 it was 1/5.
    """

    inplace = True
    range = (0.0, 1.0)
    kinks = (-3.0, 3.0)

    def forward(self, z: Array, out: Array) -> None:
        np.divide(z, 6.0, out=out)
        np.add(out, 0.5, out=out)
        np.maximum(out, ZERO[out.dtype], out=out)
        np.minimum(out, ONE[out.dtype], out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        inside = a > 0
        np.logical_and(inside, a < 1, out=inside)
        np.multiply(grad, inside, out=grad)
        np.divide(grad, 6.0, out=grad)


@dataclass(frozen=True)
class Sine(Activation):
    """a = sin(omega z); da/dz = omega cos(omega z) (Sitzmann et al., 2020).

    For signals with fine detail. The paper's omega is 30, together with weights drawn from +-sqrt(6 / n_in) / omega; with
    nnexp's initializers, which know nothing of omega, 1 trains.
    """

    range = (-1.0, 1.0)
    analytic = True

    omega: float = param(1.0, above=0, doc="angular frequency, in radians per unit of z")

    def forward(self, z: Array, out: Array) -> None:
        np.multiply(z, self.omega, out=out)
        np.sin(out, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        slope = np.multiply(z, self.omega)
        np.cos(slope, out=slope)
        np.multiply(slope, self.omega, out=slope)
        np.multiply(grad, slope, out=grad)
