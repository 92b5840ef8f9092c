"""That an activation's ``backward`` is the derivative of its ``forward``, and where it has none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from nnexp.plugin import Activation, Array
from nnexp.testing import numerics
from nnexp.testing.numerics import DTYPES, SAME_ATOL, SAME_RTOL, Dtype, apart, limit, shown
from nnexp.testing.verdict import Failed, Skipped

FAR = (-300.0, -100.0, -30.0, 30.0, 100.0, 300.0)
WIDEST = 10.0
"""Kinks are looked for up to this size of z."""


def forward(f: Activation, z: Array) -> Array:
    """The values a = f(z), with NumPy's warnings off as in the engine; what is not written stays NaN."""
    a = np.full(z.shape, np.nan, z.dtype)
    with np.errstate(all="ignore"):
        f.forward(z, a)
    if np.isnan(a).all():
        raise Failed("forward leaves all of out NaN: see writes_out.")
    return a


def backward(f: Activation, grad: Array, z: Array, a: Array | None = None) -> Array:
    """What ``backward`` makes of a copy of ``grad``."""
    a = forward(f, z) if a is None else a
    result = grad.copy()
    with np.errstate(all="ignore"):
        f.backward(result, z.copy(), a)
    return result


def points(f: Activation, shape: tuple[int, int] = (3, 40), seed: int = 1) -> Array:
    """Random z, most within +-4, away from the declared kinks."""
    z: Array = np.random.default_rng(seed).normal(0, 2, shape)
    for kink in f.kinks:
        near = np.abs(z - kink) < numerics.MARGIN
        z = np.where(near, kink + numerics.MARGIN * np.where(z < kink, -1, 1), z)
    return z


def incoming(z: Array, seed: int = 2) -> Array:
    """A gradient that comes from above: random numbers, so that one which is not multiplied shows."""
    return np.random.default_rng(seed).normal(0, 1, z.shape).astype(z.dtype)


def sweep(values: Sequence[float] | Array, dtype: Dtype = DTYPES[0]) -> Array:
    """Pre-activations (3, n) whose first unit takes ``values``; the others keep still."""
    z = np.empty((3, len(values)), dtype)
    z[0], z[1], z[2] = values, 0.3, -0.7
    return z


def slopes(f: Activation, grad: Array, z: Array) -> Array:
    """dJ/dz for J = sum(grad * f(z)), by differences: one unit moves at a time, all samples at once."""
    found = np.empty(z.shape)
    for unit in range(len(z)):
        e = np.zeros((len(z), 1))
        e[unit] = 1

        def quotient(h: float, e: Array = e) -> Array:
            change: Array = (grad * (forward(f, z + h * e) - forward(f, z - h * e))).sum(axis=0)
            return change / (2 * h)

        found[unit] = limit(quotient)
    return found


def derivative(f: Activation, z: Array) -> Array:
    """The slope of the first unit by its own z, for z (n,)."""
    grad = np.zeros((3, len(z)))
    grad[0] = 1
    slope: Array = backward(f, grad, sweep(z))[0]
    return slope


def gradient_multiplied(f: Activation) -> None:
    """The incoming gradient is multiplied, not replaced."""
    z = points(f)
    grad = incoming(z)
    once, twice, none = backward(f, grad, z), backward(f, 2 * grad, z), backward(f, 0 * grad, z)
    if apart(twice, 2 * once, SAME_RTOL, SAME_ATOL) is not None or np.any(none):
        at = apart(twice, 2 * once, SAME_RTOL, SAME_ATOL) or tuple(int(i) for i in np.argwhere(none)[0])
        raise Failed(
            f"backward replaces the incoming gradient instead of multiplying it: at z = {shown(z[at])} it makes "
            f"{shown(once[at])} of grad = {shown(grad[at])}, {shown(twice[at])} of twice as much and {shown(none[at])} "
            "of 0. Write np.multiply(grad, slope, out=grad)."
        )


def gradient(f: Activation) -> None:
    """``backward`` is the slope of forward (differences)."""
    for z in (points(f), sweep(FAR)):
        grad = incoming(z)
        expected, found = slopes(f, grad, z), backward(f, grad, z)
        at = apart(found, expected, numerics.RTOL, numerics.ATOL)
        if at is None:
            continue
        if np.array_equal(found, grad):
            raise Failed(
                "backward left grad as it was. `grad = grad * slope` binds the name to a new array, which nobody "
                "reads: write np.multiply(grad, slope, out=grad)."
            )
        factor = numerics.ratio(found, expected)
        everywhere = f" It is {shown(factor)} times the derivative everywhere." if factor is not None else ""
        raise Failed(
            f"at z = {shown(z[at])}, for grad = {shown(grad[at])}, backward gives {shown(found[at])}; by central "
            f"differences of forward it is {shown(expected[at])}.{everywhere}"
        )


def gradient_float32(f: Activation) -> None:
    """The same in float32, to 1e-4."""
    z = points(f).astype(np.float32)
    grad = incoming(z)
    double, z64 = grad.astype(np.float64), z.astype(np.float64)
    exact, found = slopes(f, double, z64), backward(f, grad, z)
    if (at := apart(found, exact, numerics.FLOAT32_RTOL, numerics.FLOAT32_ATOL)) is not None:
        raise Failed(
            f"in float32 backward gives {shown(found[at])} at z = {shown(z[at])} for grad = {shown(grad[at])} instead "
            f"of {shown(exact[at])}. {numerics.remedy(backward(f, double, z64), exact)}"
        )


def complex_step(f: Activation) -> None:
    """The same to the last digits (complex steps)."""
    if not f.analytic:
        raise Skipped("analytic is False")
    z = points(f)
    grad, expected = incoming(z), np.empty_like(z)
    for unit in range(len(z)):
        moved = z.astype(np.complex128)
        moved[unit] += 1j * numerics.COMPLEX_STEP
        a = np.full_like(moved, np.nan)
        try:
            with (
                warnings.catch_warnings(action="error", category=np.exceptions.ComplexWarning),
                np.errstate(all="ignore"),
            ):
                f.forward(moved, a)  # type: ignore[arg-type]
        except (TypeError, KeyError, np.exceptions.ComplexWarning) as error:
            raise Failed(
                f"analytic is True, but forward takes no complex z ({type(error).__name__}: {error}). Take analytic = "
                "True out, or compute with functions that take complex numbers."
            ) from None
        expected[unit] = (grad * a.imag / numerics.COMPLEX_STEP).sum(axis=0)
    found = backward(f, grad, z)
    if (at := apart(found, expected, numerics.COMPLEX_RTOL, numerics.COMPLEX_ATOL)) is not None:
        raise Failed(
            f"at z = {shown(z[at])} backward gives {float(found[at]):.15g}, a complex step of forward "
            f"{float(expected[at]):.15g}. Either the slope is inexact, or forward is not analytic (abs, sign, where): "
            "take analytic = True out then."
        )


def kinks_are_kinks(f: Activation) -> None:
    """At declared kinks the slope jumps."""
    if not f.kinks:
        raise Skipped("kinks is empty: f is smooth")
    for kink in f.kinks:
        left, right = numerics.sides(lambda z: float(forward(f, sweep([z]))[0, 0]), kink)
        if numerics.same_side(left, right):
            raise Failed(
                f"kinks declares {kink:g}, but the slope is {shown(left)} on both sides. Take {kink:g} out of kinks, "
                "so that the gradient is checked there."
            )


def kinks_have_slope_0(f: Activation) -> None:
    """At declared kinks the slope is taken as 0."""
    if not f.kinks:
        raise Skipped("kinks is empty: f is smooth")
    for kink in f.kinks:
        for dtype in DTYPES:
            z = sweep([kink], dtype)
            found = backward(f, np.ones_like(z), z)[0, 0]
            if found != 0 and float(z[0, 0]) == kink:
                raise Failed(
                    f"at the kink z = {kink:g} backward takes the slope {shown(found)} in {dtype}; by convention it is "
                    "0."
                )


def no_other_kinks(f: Activation) -> None:
    """The slope jumps nowhere else."""
    for z in numerics.jumps(lambda z: derivative(f, z), -WIDEST, WIDEST + 1e-3):
        if not any(abs(z - kink) < 1e-6 for kink in f.kinks):
            left, right = derivative(f, np.array([z - 1e-6, z + 1e-6]))
            raise Failed(
                f"at z = {shown(z)} the slope jumps from {shown(left)} to {shown(right)}. If f has a kink there, "
                f"declare it: kinks = ({shown(z)},). Otherwise backward is wrong on one side."
            )


CHECKS = (
    gradient_multiplied,
    gradient,
    gradient_float32,
    complex_step,
    kinks_are_kinks,
    kinks_have_slope_0,
    no_other_kinks,
)
