"""Planted mistakes in activations: a right one with one thing changed. Shapes: z, a and grad (n_units, n_samples)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnexp.builtin.activations import Identity, LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from nnexp.plugin import Activation, Array

from .mistakes import Mistake


@dataclass(frozen=True)
class Returns(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def forward(self, z: Array, out: Array) -> None:
        return np.tanh(z)  # type: ignore[return-value]


@dataclass(frozen=True)
class ReturnsTheGradient(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        return grad * (1 - a**2)  # type: ignore[return-value]


@dataclass(frozen=True)
class ChangesZ(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out=z)
        np.copyto(out, z)


@dataclass(frozen=True)
class ChangesA(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.square(a, out=a)
        np.multiply(grad, 1 - a, out=grad)


@dataclass(frozen=True)
class Silu(Activation):
    """a = z / (1 + exp(-z)) (Elfwing, Uchibe and Doya, 2018); forward reads z once more after writing out."""

    inplace = True
    range = (-0.2784645427610738, np.inf)

    def forward(self, z: Array, out: Array) -> None:
        Sigmoid().forward(z, out)
        np.multiply(out, z, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        s = 1 / (1 + np.exp(-z))
        np.multiply(grad, s * (1 + z * (1 - s)), out=grad)


@dataclass(frozen=True)
class ReadsZ(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, 1 - np.tanh(z) ** 2, out=grad)


@dataclass(frozen=True)
class Replaces(LeakyRelu):
    """a = z where z > 0, else alpha z (Maas et al., 2013)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        grad[z < 0] = self.alpha


@dataclass(frozen=True)
class Rebinds(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        grad = grad * (1 - a**2)


@dataclass(frozen=True)
class WrongSlope(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, a * (1 - a), out=grad)


@dataclass(frozen=True)
class HalfTheSlope(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, (1 - a**2) / 2, out=grad)


@dataclass(frozen=True)
class DifferenceQuotient(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    inplace = False

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        h = 1e-5
        np.multiply(grad, (np.tanh(z + h) - np.tanh(z - h)) / (2 * h), out=grad)


@dataclass(frozen=True)
class Softsign(Activation):
    """a = z / (1 + |z|) (Bergstra et al., 2009), which is not analytic."""

    analytic = True
    range = (-1.0, 1.0)

    def forward(self, z: Array, out: Array) -> None:
        np.divide(z, 1 + np.abs(z), out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, 1 / (1 + np.abs(z)) ** 2, out=grad)


@dataclass(frozen=True)
class TakesNoComplex(Softsign):
    """a = z / (1 + |z|) (Bergstra et al., 2009)."""

    def forward(self, z: Array, out: Array) -> None:
        np.divide(z, 1 + np.fabs(z), out=out)


@dataclass(frozen=True)
class Overflows(Activation):
    """a = log(1 + exp(z)), the softplus (Dugas et al., 2001)."""

    range = (0.0, np.inf)

    def forward(self, z: Array, out: Array) -> None:
        np.log1p(np.exp(z), out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, 1 / (1 + np.exp(-z)), out=grad)


@dataclass(frozen=True)
class SlopeOverflows(Overflows):
    """a = log(1 + exp(z)), the softplus (Dugas et al., 2001)."""

    def forward(self, z: Array, out: Array) -> None:
        np.logaddexp(z, 0, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, np.exp(z) / (1 + np.exp(z)), out=grad)


@dataclass(frozen=True)
class RangeTooNarrow(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    range = (0.0, 1.0)


@dataclass(frozen=True)
class RangeTooWide(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    range = (-2.0, 1.0)


@dataclass(frozen=True)
class RangeForgotten(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    range = (-np.inf, np.inf)


@dataclass(frozen=True)
class OverSamples(Softmax):
    """a_i = exp(z_i) / sum_j exp(z_j) (Bridle, 1990)."""

    def forward(self, z: Array, out: Array) -> None:
        np.exp(z - z.max(axis=1, keepdims=True), out=out)
        np.divide(out, out.sum(axis=1, keepdims=True), out=out)


@dataclass(frozen=True)
class UndeclaredDistribution(Softmax):
    """a_i = exp(z_i) / sum_j exp(z_j) (Bridle, 1990)."""

    distribution = False


@dataclass(frozen=True)
class NoKink(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    kinks = (0.0,)


@dataclass(frozen=True)
class SlopeAtTheKink(Relu):
    """a = max(z, 0) (Nair and Hinton, 2010)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, a >= 0, out=grad)
        np.multiply(grad, (a > 0) | (z == 0), out=grad)


@dataclass(frozen=True)
class UndeclaredKink(Relu):
    """a = max(z, 0) (Nair and Hinton, 2010)."""

    kinks = ()  # type: ignore[assignment]


@dataclass(frozen=True)
class Centred(Identity):
    """a = z - mean z over everything (Ioffe and Szegedy, 2015)."""

    def forward(self, z: Array, out: Array) -> None:
        np.subtract(z, z.mean(), out=out)


@dataclass(frozen=True)
class Ravels(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def forward(self, z: Array, out: Array) -> None:
        out.ravel()[:] = np.tanh(z).ravel()


@dataclass(frozen=True)
class Remembers(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    last: ClassVar[dict[str, Array]] = {}

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out=out)
        self.last["slope"] = 1 - np.square(out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, self.last["slope"], out=grad)


MISTAKES = [
    Mistake("forward returns a", "writes_out", Returns, "It returned an array, which nobody reads. Write into out"),
    Mistake("backward returns the gradient", "writes_out", ReturnsTheGradient, "backward returned an array"),
    Mistake("forward changes z", "inputs_unchanged", ChangesZ, "forward changed z, though out is another array"),
    Mistake("backward changes a", "inputs_unchanged", ChangesA, "backward changed a; only grad may change"),
    Mistake("z is read after out is written", "inplace_forward", Silu, "it reads z after writing out"),
    Mistake(
        "backward reads z", "inplace_backward", ReadsZ, "inplace is True, but backward reads z: with NaN in its place"
    ),
    Mistake(
        "the seeds' leaky relu",
        "gradient_multiplied",
        Replaces,
        "replaces the incoming gradient instead of multiplying",
    ),
    Mistake("grad is rebound", "gradient", Rebinds, "`grad = grad * slope` binds the name to a new array"),
    Mistake("a wrong slope", "gradient", WrongSlope, "by central differences of forward it is"),
    Mistake("half the slope", "gradient", HalfTheSlope, "It is 0.5 times the derivative everywhere."),
    Mistake(
        "a slope by small differences",
        "gradient_float32",
        DifferenceQuotient,
        "Find the difference of nearly equal numbers",
    ),
    Mistake("not analytic", "complex_step", Softsign, "or forward is not analytic (abs, sign, where)"),
    Mistake(
        "no complex numbers",
        "complex_step",
        TakesNoComplex,
        "analytic is True, but forward takes no complex z (TypeError",
    ),
    Mistake("exp overflows", "extremes", Overflows, "forward gives inf at z = 750 in float64"),
    Mistake("inf / inf", "extremes", SlopeOverflows, "backward gives nan at z = 750 in float64"),
    Mistake("a range too narrow", "range_holds", RangeTooNarrow, "range is (0, 1), but there is a value -1."),
    Mistake("a range too wide", "range_holds", RangeTooWide, "range is (-2, 1), but no value beyond -1 was found."),
    Mistake("a range left out", "range_holds", RangeForgotten, "range is (-inf, inf), but the values end at -1"),
    Mistake("softmax over samples", "distribution", OverSamples, "the outputs of a sample sum to"),
    Mistake(
        "distribution left out", "distribution", UndeclaredDistribution, "but distribution is False. Write distribution"
    ),
    Mistake("a kink that is none", "kinks_are_kinks", NoKink, "kinks declares 0, but the slope is 1 on both sides."),
    Mistake(
        "slope 1 at the kink", "kinks_have_slope_0", SlopeAtTheKink, "at the kink z = 0 backward takes the slope 1"
    ),
    Mistake(
        "a kink left out",
        "no_other_kinks",
        UndeclaredKink,
        "at z = 0 the slope jumps from 0 to 1. If f has a kink there, declare it: kinks = (0,).",
    ),
    Mistake("a mean over samples", "samples_apart", Centred, "forward mixes samples: a sample alone gives"),
    Mistake(
        "ravel of a view", "memory_layout", Ravels, "forward gives something else for views that are not contiguous"
    ),
    Mistake("the last batch is kept", "no_memory", Remembers, "something was kept from the last call"),
]
