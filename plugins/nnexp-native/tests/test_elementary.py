"""The elementary functions against the C library's in a wider format of numbers, in units of the last place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nnexp_native import _native
from numpy.typing import NDArray

Array = NDArray[Any]
TARGETS = _native.targets()
DTYPES = ("float64", "float32")
SAMPLES = 50_000


def wider(dtype: str) -> Any:
    """What has digits to spare for ``dtype``: float64 for float32, and long double where it has more than float64."""
    if dtype == "float32":
        return np.float64
    if np.finfo(np.longdouble).nmant < 63:
        pytest.skip("this machine's long double has no digits to spare")
    return np.longdouble


def computed(target: str, name: str, x: Array) -> Array:
    out = np.empty_like(x)
    _native.elementary(target, name, x, out)
    return out


def softplus(z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def log_cosh(r: Array) -> Array:
    """log(1 + 2 sinh(r/2)^2) near 0, |r| - log(2) + log(1 + exp(-2 |r|)) further out."""
    size = np.abs(r)
    far = size - np.log(r.dtype.type(2)) + np.log1p(np.exp(-2 * size))
    return np.asarray(np.where(size < 1, np.log1p(2 * np.sinh(size / 2) ** 2), far))


def normal(z: Array) -> Array:
    """Phi: its Taylor series at 0, or far out the density times Laplace's continued fraction (1805)."""
    x = np.abs(z)
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.arccos(z.dtype.type(-1)))
    term, series = x.copy(), x.copy()
    for k in range(1, 120):  # x + x^3 / 3 + x^5 / 15 + ...
        term *= x * x / (2 * k + 1)
        series += term
    fraction = x.copy()
    for k in range(100, 0, -1):  # enough from 3 on, where it is taken
        fraction = x + k / fraction
    with np.errstate(divide="ignore"):
        tail = np.where(x < 3, z.dtype.type(0.5) - density * series, density / fraction)
    phi: Array = np.where(z > 0, 1 - tail, tail)
    return phi


# name, reference, the least and the largest argument in float64 and in float32, units of the last place
FUNCTIONS: list[tuple[str, Callable[[Array], Array], tuple[float, float], tuple[float, float], float]] = [
    ("exp", np.exp, (-708, 709.7), (-87, 88.7), 1.5),
    ("expm1", np.expm1, (-50, 0), (-30, 0), 1.5),
    ("log1p", np.log1p, (0, 1), (0, 1), 2.5),
    ("log", np.log, (1e-16, 1e6), (1e-16, 1e6), 1),
    ("log_cosh", log_cosh, (-50, 50), (-50, 50), 8),
    ("sigmoid", lambda z: 1 / (1 + np.exp(-z)), (-708, 50), (-87, 20), 2.5),
    ("tanh", np.tanh, (-30, 30), (-15, 15), 3),
    ("softplus", softplus, (-708, 50), (-87, 20), 3),
    ("sin", np.sin, (-1e5, 1e5), (-1e3, 1e3), 2.5),
    ("cos", np.cos, (-1e5, 1e5), (-1e3, 1e3), 2.5),
    ("normal", normal, (-37, 8), (-12.5, 5), 8),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: str(each[0]))
def test_to_the_last_digits(function: Any, dtype: str) -> None:
    """Over the whole range, near 0 and down to 1e-15, a function is off by a few units in the last place at most.

    What is exact takes longest, and is computed once for all targets.
    """
    name, reference, range64, range32, most = function
    least, largest = range64 if dtype == "float64" else range32
    rng = np.random.default_rng(1)
    x = np.concatenate(
        [
            rng.uniform(least, largest, SAMPLES),
            rng.uniform(max(least, -2), min(largest, 2), SAMPLES),
            rng.choice([-1, 1], SAMPLES) * 10.0 ** rng.uniform(-15, 0, SAMPLES),
        ]
    ).astype(dtype)
    x = x[(x >= least) & (x <= largest)]
    wide = wider(dtype)
    exact = reference(x.astype(wide))
    if name in {"sin", "cos"}:  # near a zero the reference itself has few digits: off by the last place of 1e-5
        unit = np.spacing(np.maximum(np.abs(exact), 1e-5).astype(dtype))
    else:
        unit = np.spacing(np.abs(exact).astype(dtype))
    for target in TARGETS:
        off = np.abs(computed(target, name, x).astype(wide) - exact) / unit
        worst = int(off.argmax())
        assert off[worst] <= most, f"{target}: {name}({x[worst]!r}) is off by {off[worst]:.2f} units in the last place"


LIMITS = [
    ("exp", [0.0, math.inf, math.inf, 0.0, 1.0]),
    ("sigmoid", [0.0, 1.0, 1.0, 0.0, 0.5]),
    ("tanh", [-1.0, 1.0, 1.0, -1.0, 0.0]),
    ("softplus", [0.0, math.inf, 1000.0, 0.0, math.log(2)]),
    ("log_cosh", [math.inf, math.inf, 1000 - math.log(2), 1000 - math.log(2), 0.0]),
    ("normal", [0.0, 1.0, 1.0, 0.0, 0.5]),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "limits"), LIMITS)
@pytest.mark.parametrize("target", TARGETS)
def test_limits(target: str, name: str, limits: list[float], dtype: str) -> None:
    """At infinity, far out and at 0 the values are the limits; what is no number stays so, in every lane."""
    x = np.array([-math.inf, math.inf, 1000, -1000, 0], dtype)
    assert computed(target, name, x).tolist() == np.array(limits, dtype).tolist()
    for place in range(2 * 64 // x.itemsize):
        mixed = np.zeros(2 * 64 // x.itemsize, dtype)
        mixed[place] = math.nan
        assert np.isnan(computed(target, name, mixed)).nonzero()[0].tolist() == [place]


@pytest.mark.parametrize("target", TARGETS)
def test_the_smallest_numbers(target: str) -> None:
    """The exponential ends where numbers end: its values below the least normal number are right, too, and rise."""
    x = np.linspace(-745.2, -708, 10_000)
    values = computed(target, "exp", x)
    assert np.abs(values - np.exp(x)).max() <= 5e-324 + 1e-15 * np.exp(-708)
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", TARGETS)
def test_the_logarithm_of_every_size(target: str, dtype: str) -> None:
    """From the least normal number to the largest, and next to 1, where it is smallest, a logarithm has all its digits."""
    kind = np.finfo(dtype)
    rng = np.random.default_rng(1)
    powers = np.ldexp(rng.uniform(1, 2, SAMPLES).astype(dtype), rng.integers(kind.minexp, kind.maxexp, SAMPLES))
    steps = 1 + kind.eps * np.arange(-1000, 1000)
    x = np.concatenate([powers, steps, [kind.tiny, kind.max]]).astype(dtype)
    exact = np.log(x.astype(wider(dtype)))
    assert (np.abs(computed(target, "log", x) - exact) <= np.spacing(np.abs(exact).astype(dtype))).all()
    ends = np.array([1, math.inf, math.nan], dtype)
    assert computed(target, "log", ends).tolist()[:2] == [0, math.inf]
    assert np.isnan(computed(target, "log", ends)[2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", TARGETS)
def test_sine_of_large_arguments(target: str, dtype: str) -> None:
    """Where the reduction by pi ends the C library's sine takes over; an infinite argument has none."""
    x = np.array([1e7, -3e9, 1e22, 1e300 if dtype == "float64" else 1e30, 0.5, math.inf, math.nan], dtype)
    wide = x.astype(np.float64)
    with np.errstate(invalid="ignore"):
        assert np.allclose(computed(target, "sin", x), np.sin(wide), rtol=1e-6, atol=0, equal_nan=True)
        assert np.allclose(computed(target, "cos", x), np.cos(wide), rtol=1e-6, atol=0, equal_nan=True)
