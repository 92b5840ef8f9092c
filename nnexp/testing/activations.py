"""What an activation has to keep. Shapes: z, a and grad (n_units, n_samples)."""

from __future__ import annotations

import numpy as np

from nnexp.plugin import Activation
from nnexp.testing import activation_derivatives, numerics
from nnexp.testing.activation_derivatives import WIDEST, backward, forward, incoming, points, sweep
from nnexp.testing.numerics import DTYPES, SAME_ATOL, SAME_RTOL, apart, shown
from nnexp.testing.verdict import Failed, Skipped, may_be_infinite

SHAPES = ((1, 1), (1, 5), (4, 1), (3, 7))
EXTREMES = (0.0, 5e-324, 1e-30, 1.0, 20.0, 100.0, 750.0, 1000.0)
"""Sizes of z that must not end in NaN: denormal, then past what exp holds in float32 (88) and in float64 (709)."""
TIGHT = 0.01
"""How close to a finite end of its range f has to come for z up to 1000."""


def writes_out(f: Activation) -> None:
    """Results are written into out and grad."""
    for dtype in DTYPES:
        for shape in SHAPES:
            z = points(f, shape).astype(dtype)
            a, grad = np.full(shape, np.nan, dtype), incoming(z)
            with np.errstate(all="ignore"):
                result = f.forward(z, a)
                if np.isnan(a).any():
                    rebound = "It returned an array, which nobody reads. " if result is not None else ""
                    raise Failed(
                        f"forward left {np.isnan(a).sum()} of {a.size} entries of out unwritten or NaN for z of shape "
                        f"{shape} in {dtype}. {rebound}Write into out: np.copyto(out, ...) or out=out."
                    )
                result = f.backward(grad, z, a)
            if result is not None and result is not grad:
                raise Failed(
                    "backward returned an array, which nobody reads. Change grad in place: np.multiply(..., out=grad)."
                )


def inputs_unchanged(f: Activation) -> None:
    """``z`` and ``a`` stay as they are."""
    z = points(f)
    given = z.copy()
    a = np.empty_like(z)
    with np.errstate(all="ignore"):
        f.forward(z, a)
        if not np.array_equal(z, given):
            raise Failed("forward changed z, though out is another array. Work in out: np.multiply(z, 2, out=out).")
        kept = a.copy()
        f.backward(incoming(z), z, a)
    for name, before, after in (("z", given, z), ("a", kept, a)):
        if not np.array_equal(before, after, equal_nan=True):
            raise Failed(f"backward changed {name}; only grad may change. Work in grad, or in an array of your own.")


def inplace_forward(f: Activation) -> None:
    """``forward(z, out=z)`` gives the same."""
    if not f.inplace:
        raise Skipped("inplace is False")
    z = points(f)
    expected, a = forward(f, z), z.copy()
    with np.errstate(all="ignore"):
        f.forward(a, a)
    if (at := apart(a, expected, SAME_RTOL, SAME_ATOL)) is not None:
        raise Failed(
            f"inplace is True, but forward(z, out=z) gives {shown(a[at])} at z = {shown(z[at])} instead of "
            f"{shown(expected[at])}: it reads z after writing out. Read z once, or take inplace = True out."
        )


def inplace_backward(f: Activation) -> None:
    """``backward`` does not read z."""
    if not f.inplace:
        raise Skipped("inplace is False")
    z = points(f)
    a, grad = forward(f, z), incoming(z)
    expected, found = backward(f, grad, z, a), backward(f, grad, np.full_like(z, np.nan), a)
    if apart(found, expected, SAME_RTOL, SAME_ATOL) is not None:
        raise Failed(
            "inplace is True, but backward reads z: with NaN in its place the gradient changes. Compute the slope from "
            "a, or take inplace = True out."
        )


def extremes(f: Activation) -> None:
    """All is finite for z to +-1000 and for denormals."""
    for dtype in DTYPES:
        z = sweep([sign * size for size in EXTREMES for sign in (1, -1)], dtype)
        a = forward(f, z)
        for name, result in (("forward", a), ("backward", backward(f, np.ones_like(z), z, a))):
            bad = np.isnan(result) if may_be_infinite(f) else ~np.isfinite(result)
            if bad.any():
                unit, sample = np.argwhere(bad)[0]
                raise Failed(
                    f"{name} gives {result[unit, sample]} at z = {shown(z[0, sample])} in {dtype}. Rearrange the "
                    "formula so that nothing overflows; where infinity is right, say in the docstring where it "
                    "overflows."
                )


def range_holds(f: Activation) -> None:
    """The values fill just the interval range."""
    low, high = f.range
    z = sweep(np.concatenate([np.linspace(-WIDEST, WIDEST, 2001), [-1000, -500, 500, 1000]]))
    a = forward(f, z)
    for end, found, value in (("low", a.min(), low), ("high", a.max(), high)):
        sign = 1 if end == "high" else -1
        if sign * found > sign * value + SAME_RTOL * max(1.0, abs(value)):
            raise Failed(f"range is ({low:g}, {high:g}), but there is a value {shown(found)}. Correct range.")
        if np.isfinite(value) and sign * found < sign * value - TIGHT * max(1.0, abs(value)):
            raise Failed(f"range is ({low:g}, {high:g}), but no value beyond {shown(found)} was found. Correct range.")
        far, near = ((sign * a[:, columns]).max() for columns in ([-4, -1], [-3, -2]))
        if np.isinf(value) and np.isfinite(far) and far <= max(0.0, 1.05 * near):
            raise Failed(
                f"range is ({low:g}, {high:g}), but the values end at {shown(found)}: they do not grow from |z| = 500 "
                "to 1000. Say the true range, or losses on probabilities refuse this activation."
            )


def distribution(f: Activation) -> None:
    """Outputs sum to one if, and only if, it says so."""
    for dtype in DTYPES:
        a = forward(f, points(f).astype(dtype))
        sums = a.sum(axis=0, dtype=np.float64)
        is_one = np.abs(sums - 1).max() < 100 * np.finfo(dtype).eps and (a >= 0).all()
        if f.distribution and not is_one:
            raise Failed(
                f"distribution is True, but in {dtype} the outputs of a sample sum to {shown(sums[0])} and the least "
                f"is {shown(a.min())}. Reduce over the units: axis=0."
            )
        if is_one and not f.distribution:
            raise Failed(
                "the outputs of every sample sum to one, but distribution is False. Write distribution = True."
            )


def samples_apart(f: Activation) -> None:
    """A sample alone gives the same as in a batch."""
    z = points(f, (3, 6))
    grad = incoming(z)
    for name, batch in (("forward", forward(f, z)), ("backward", backward(f, grad, z))):
        for j in range(z.shape[1]):
            column = z[:, j : j + 1].copy()
            alone = forward(f, column) if name == "forward" else backward(f, grad[:, j : j + 1], column)
            if apart(batch[:, j : j + 1], alone, SAME_RTOL, SAME_ATOL) is not None:
                raise Failed(
                    f"{name} mixes samples: a sample alone gives {shown(alone[0, 0])}, among others "
                    f"{shown(batch[0, j])}. Samples are columns: reduce over units only, with axis=0."
                )


def memory_layout(f: Activation) -> None:
    """Views of larger arrays give the same."""
    z = points(f)
    grad = incoming(z)
    expected = forward(f, z), backward(f, grad, z)
    a, slope = numerics.strided(np.zeros_like(z)), numerics.strided(grad)
    with np.errstate(all="ignore"):
        f.forward(numerics.strided(z), a)
        f.backward(slope, numerics.strided(z), a)
    for name, found, right in zip(("forward", "backward"), (a, slope), expected, strict=True):
        if apart(found, right, SAME_RTOL, SAME_ATOL) is not None:
            raise Failed(
                f"{name} gives something else for views that are not contiguous. Avoid reshape and ravel: they copy."
            )


def no_memory(f: Activation) -> None:
    """``backward`` does not depend on the last forward."""
    z = points(f)
    a, grad = forward(f, z), incoming(z)
    expected = backward(f, grad, z, a)
    forward(f, points(f, seed=9))
    if apart(backward(f, grad, z, a), expected, 0, 0) is not None:
        raise Failed(
            "after forward of another batch, backward gives another gradient for the same arguments: something was "
            "kept from the last call. Several layers share one object: take what backward needs from z and a."
        )


CHECKS = (
    writes_out,
    inputs_unchanged,
    inplace_forward,
    inplace_backward,
    *activation_derivatives.CHECKS,
    extremes,
    range_holds,
    distribution,
    samples_apart,
    memory_layout,
    no_memory,
)
