"""Each activation against its textbook formula in 420-digit arithmetic, and against values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnexp_activations import Elu, Gelu, HardSigmoid, HardTanh, Mish, Selu, Silu, Sine, Softplus, Softsign

from nnexp.errors import NnexpError
from nnexp.plugin import Activation, Array

DTYPES = ["float64", "float32"]
EPS = {"float64": 2.0**-52, "float32": 2.0**-23}
DIGITS = 420
"""Enough for the textbook formulas: 1 + exp(-700) - 1 still has 116 digits."""
ONE = Decimal(1)
SELU_S, SELU_A = Decimal("1.0507009873554804934193349852946"), Decimal("1.6732632423543772848170429916717")


def pi() -> Decimal:
    """16 arctan(1/5) - 4 arctan(1/239) (Machin, 1706)."""

    def arctan_of_inverse(n: int) -> Decimal:
        power = total = ONE / n
        for k in range(3, 3 * DIGITS, 2):
            power /= -n * n
            total += power / k
        return total

    return 16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)


def erf(x: Decimal) -> Decimal:
    """2 / sqrt(pi) sum_n (-1)^n x^(2n + 1) / (n! (2n + 1)), its Maclaurin series; for |x| < 30."""
    term = total = x
    n = 0
    while n < 2 * x * x or abs(term) > ONE.scaleb(-DIGITS):
        n += 1
        term *= -x * x / n
        total += term / (2 * n + 1)
    return 2 * total / cached_pi().sqrt()


@cache
def cached_pi() -> Decimal:
    return pi()


def tanh(x: Decimal) -> Decimal:
    return ((2 * x).exp() - 1) / ((2 * x).exp() + 1)


def sin(x: Decimal) -> Decimal:
    """sum_n (-1)^n x^(2n + 1) / (2n + 1)!."""
    term = total = x
    n = 1
    while n < abs(x) or abs(term) > ONE.scaleb(-DIGITS):
        n += 2
        term *= -x * x / (n * (n - 1))
        total += term
    return total


class Case(NamedTuple):
    """An activation, its formula as in the paper, and where it is tried."""

    f: Activation
    textbook: Callable[[Decimal], Decimal]
    largest: float = 700.0


CASES = {
    "elu": Case(Elu(), lambda z: z if z > 0 else z.exp() - 1),
    "elu_0.25": Case(Elu(alpha=0.25), lambda z: z if z > 0 else (z.exp() - 1) / 4),
    "elu_2": Case(Elu(alpha=2.0), lambda z: z if z > 0 else 2 * (z.exp() - 1)),
    "selu": Case(Selu(), lambda z: SELU_S * (z if z > 0 else SELU_A * (z.exp() - 1))),
    "gelu": Case(Gelu(), lambda z: z * (1 + erf(z / Decimal(2).sqrt())) / 2, largest=38.0),
    "silu": Case(Silu(), lambda z: z / (1 + (-z).exp())),
    "mish": Case(Mish(), lambda z: z * tanh((1 + z.exp()).ln())),
    "softplus": Case(Softplus(), lambda z: (1 + z.exp()).ln()),
    "softsign": Case(Softsign(), lambda z: z / (1 + abs(z))),
    "hard_sigmoid": Case(HardSigmoid(), lambda z: min(max(z / 6 + Decimal("0.5"), Decimal(0)), ONE)),
    "hard_tanh": Case(HardTanh(), lambda z: min(max(z, -ONE), ONE)),
    "sine": Case(Sine(), sin, largest=100.0),
    "sine_30": Case(Sine(omega=30.0), lambda z: sin(30 * z), largest=10.0),
}
KINKS = {
    "elu_0.25": (0.0,),
    "elu_2": (0.0,),
    "selu": (0.0,),
    "hard_sigmoid": (-3.0, 3.0),
    "hard_tanh": (-1.0, 1.0),
}
SIZES = [1e-30, 1e-8, 1e-3, 0.1, 0.5, 0.751, 1.19, 1.28, 2.0, 2.999, 4.0, 9.5, 20.0, 31.0, 37.5, 80.0, 300.0, 700.0]


def forward(f: Activation, z: Any, dtype: str = "float64") -> Array:
    """f(z), with NumPy's warnings off as in the engine."""
    points: Array = np.array(z, dtype, ndmin=2)
    out = np.full_like(points, np.nan)
    with np.errstate(all="ignore"):
        f.forward(points, out)
    return out


def slope(f: Activation, z: Any, grad: Any = 1.0, dtype: str = "float64") -> Array:
    """What backward makes of a gradient that comes from above."""
    points: Array = np.array(z, dtype, ndmin=2)
    found: Array = np.broadcast_to(np.array(grad, dtype), points.shape).copy()
    a = forward(f, z, dtype)
    with np.errstate(all="ignore"):
        f.backward(found, points, a)
    return found


def points_of(name: str, dtype: str) -> list[float]:
    """Where a case is tried: numbers of the dtype, of both signs, away from kinks."""
    sizes = {float(np.array(size, dtype)) for size in SIZES if size <= CASES[name].largest} - {0.0}
    return sorted(sign * size for size in sizes for sign in (-1, 1))


@cache
def exact(name: str, z: float) -> tuple[float, float, float]:
    """f(z), f'(z) and f''(z) from the textbook formula; the derivatives by central differences of step 1e-30 |z|."""
    with localcontext(prec=DIGITS):
        textbook, at = CASES[name].textbook, Decimal(z)
        h = abs(at).scaleb(-30)
        low, here, high = textbook(at - h), textbook(at), textbook(at + h)
        return float(here), float((high - low) / (2 * h)), float((high - 2 * here + low) / (h * h))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_values_to_the_last_digits(name: str, dtype: str) -> None:
    """In both tails and near 0 values differ from the textbook's by few units in the last place of z or of f(z).

    What is smaller than z times the smallest normal number may become 0.
    """
    zs = points_of(name, dtype)
    found = forward(CASES[name].f, zs, dtype)[0].astype(float)
    for z, value in zip(zs, found, strict=True):
        expected, first, _ = exact(name, z)
        allowed = 4 * EPS[dtype] * (abs(expected) + abs(z * first)) + (1 + abs(z)) * np.finfo(dtype).tiny
        assert abs(value - expected) <= allowed, f"f({z}) is {value}, should be {expected}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_slopes_to_the_last_digits(name: str, dtype: str) -> None:
    """The derivative, too, in both tails and near 0: few units in the last place of z or of f'(z)."""
    zs = points_of(name, dtype)
    found = slope(CASES[name].f, zs, 1.0, dtype)[0].astype(float)
    for z, value in zip(zs, found, strict=True):
        _, expected, second = exact(name, z)
        allowed = 4 * EPS[dtype] * (abs(expected) + abs(z * second)) + (1 + abs(z)) * np.finfo(dtype).tiny
        assert abs(value - expected) <= allowed, f"f'({z}) is {value}, should be {expected}"


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None)
@given(z=st.lists(st.floats(-8, 8), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_backward_is_the_derivative(name: str, z: list[float], seed: int) -> None:
    """Away from kinks backward is the central difference of grad f(z), of fourth order in a step of 0.001."""
    f, h = CASES[name].f, 1e-3
    points = np.array(z)
    for kink in KINKS.get(name, (0.0,)):  # elu and softsign are smooth at 0 to first order only
        points[np.abs(points - kink) < 3 * h] = 0.5
    grad = np.random.default_rng(seed).normal(size=points.shape)
    near = forward(f, points + h) - forward(f, points - h)
    far = forward(f, points + 2 * h) - forward(f, points - 2 * h)
    tolerance = 1e-7 if name != "sine_30" else 1e-4  # its fifth derivative is 30^5
    np.testing.assert_allclose(slope(f, points, grad), grad * (8 * near - far) / (12 * h), rtol=0, atol=tolerance * 5)


@settings(deadline=None)
@given(z=st.floats(-8, 8))
def test_gelu_is_the_error_functions(z: float) -> None:
    """Its values are z (1 + erf(z / sqrt 2)) / 2 with Python's own erf, to 1e-15."""
    expected = z * (1 + math.erf(z / math.sqrt(2))) / 2
    assert forward(Gelu(), z).item() == pytest.approx(expected, rel=1e-15, abs=1e-15)


def test_by_hand() -> None:
    """Values and slopes that can be worked out: at 0, at ln 2 and at the joints of the straight lines."""
    ln2 = math.log(2)
    assert slope(Elu(), [-ln2, 0, 3], 2.0).tolist() == [[pytest.approx(1), 2, 2]]
    assert forward(Elu(alpha=4.0), [-ln2, 0, 3]).tolist() == [[pytest.approx(-2), 0, 3]]
    assert slope(Elu(alpha=4.0), [-ln2, 0, 3]).tolist() == [[pytest.approx(2), 0, 1]]
    assert forward(Selu(), [-ln2, 0, 1]).tolist() == [[pytest.approx(-1.7580993408473766 / 2), 0, 1.0507009873554805]]
    assert slope(Selu(), [-ln2, 0, 1]).tolist() == [[pytest.approx(1.7580993408473766 / 2), 0, 1.0507009873554805]]
    assert forward(Gelu(), [0, 1]).tolist() == [[0, pytest.approx(0.8413447460685429, rel=1e-15)]]  # a table of Phi
    assert slope(Gelu(), 0).item() == 0.5
    assert forward(Silu(), [0, ln2]).tolist() == [[0, pytest.approx(2 / 3 * ln2)]]
    assert slope(Silu(), [0, ln2]).tolist() == [[0.5, pytest.approx(2 / 3 + 2 / 9 * ln2)]]
    assert forward(Mish(), [0, ln2]).tolist() == [[0, pytest.approx(0.8 * ln2)]]  # tanh(ln 3) = (9 - 1) / (9 + 1)
    assert slope(Mish(), [0, ln2]).tolist() == [[0.6, pytest.approx(0.8 + ln2 * 0.36 * 2 / 3)]]
    assert forward(Softplus(), [0, ln2]).tolist() == [[pytest.approx(ln2), pytest.approx(math.log(3))]]
    assert slope(Softplus(), [0, ln2]).tolist() == [[pytest.approx(1 / 2), pytest.approx(2 / 3)]]
    assert forward(Softsign(), [-3, 0, 1]).tolist() == [[-0.75, 0, 0.5]]
    assert slope(Softsign(), [-3, 0, 1], 16.0).tolist() == [[1, 16, 4]]
    assert forward(HardSigmoid(), [-4, -3, -1.5, 0, 3, 4]).tolist() == [[0, 0, 0.25, 0.5, 1, 1]]
    assert slope(HardSigmoid(), [-4, -3, -1.5, 0, 3, 4], 6.0).tolist() == [[0, 0, 1, 1, 0, 0]]
    assert forward(HardTanh(), [-2, -1, 0.5, 1, 2]).tolist() == [[-1, -1, 0.5, 1, 1]]
    assert slope(HardTanh(), [-2, -1, 0.5, 1, 2], 3.0).tolist() == [[0, 0, 3, 0, 0]]
    assert forward(Sine(omega=2.0), [0, math.pi / 12]).tolist() == [[0, pytest.approx(0.5)]]
    assert slope(Sine(omega=2.0), [0, math.pi / 6]).tolist() == [[2, pytest.approx(1)]]


FAR = {
    "elu": (-1, 1000, 0, 1),
    "elu_0.25": (-0.25, 1000, 0, 1),
    "elu_2": (-2, 1000, 0, 1),
    "selu": (-1.7580993408473766, 1050.7009873554805, 0, 1.0507009873554805),
    "gelu": (0, 1000, 0, 1),
    "silu": (0, 1000, 0, 1),
    "mish": (0, 1000, 0, 1),
    "softplus": (0, 1000, 0, 1),
    "softsign": (-1000 / 1001, 1000 / 1001, 1001.0**-2, 1001.0**-2),
    "hard_sigmoid": (0, 1, 0, 0),
    "hard_tanh": (-1, 1, 0, 0),
}
"""f(-1000), f(1000), f'(-1000), f'(1000), exactly."""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAR)
def test_far_out(name: str, dtype: str) -> None:
    """At -1000 and 1000 values and slopes are the limits; for any finite z they are finite."""
    f = CASES[name].f
    expected = np.array(FAR[name], dtype)
    np.testing.assert_allclose(forward(f, [-1000, 1000], dtype)[0], expected[:2], rtol=2 * EPS[dtype])
    np.testing.assert_allclose(slope(f, [-1000, 1000], 1.0, dtype)[0], expected[2:], rtol=4 * EPS[dtype])
    largest = float(np.finfo(dtype).max) / 2
    for z in (-largest, largest):
        assert np.isfinite(forward(f, z, dtype)).all()
        assert np.isfinite(slope(f, z, 1.0, dtype)).all()


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("elu", (-1, math.inf)),
        ("elu_0.25", (-0.25, math.inf)),
        ("selu", (-1.7580993408473766, math.inf)),
        ("softplus", (0, math.inf)),
        ("hard_sigmoid", (0, 1)),
        ("hard_tanh", (-1, 1)),
    ],
)
def test_at_infinity(name: str, limits: tuple[float, float]) -> None:
    """Where the limits are numbers or infinity for every term of the formula, f(-inf) and f(inf) are those limits."""
    np.testing.assert_allclose(forward(CASES[name].f, [-np.inf, np.inf])[0], limits, rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_the_range_is_the_smallest(name: str, dtype: str) -> None:
    """No value lies outside the range, to the dtype's rounding, and values come as near to both its ends as one likes."""
    f = CASES[name].f
    low, high = f.range
    far = np.geomspace(1e-3, 1e8, 500)
    a = forward(f, np.concatenate([-far, np.linspace(-4, 4, 80_001), far]), dtype).astype(float)
    rounding = 2 * EPS[dtype]
    assert a.min() >= low - rounding * abs(low)
    assert a.max() <= high
    assert a.min() <= low + 1e-6
    assert a.max() >= min(high - 1e-6, 1e8)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("gelu", "-0.7517915246935644574579"),
        ("silu", "-1.2784645427610737951093"),
        ("mish", "-1.1924312145154952121375"),
    ],
)
def test_minima(name: str, at: str) -> None:
    """The range of these begins at their minimum: where the slope is 0, to the last digit."""
    f = CASES[name].f
    with localcontext(prec=DIGITS):
        assert f.range == (float(CASES[name].textbook(Decimal(at))), math.inf)
    assert slope(f, float(at)).item() == pytest.approx(0, abs=2e-16)


@pytest.mark.parametrize("name", KINKS)
def test_kinks(name: str) -> None:
    """At a declared kink the slopes of the two sides differ, and backward takes 0."""
    f = CASES[name].f
    assert f.kinks == KINKS[name]
    for kink in f.kinks:
        left, here, right = slope(f, [kink - 1e-6, kink, kink + 1e-6])[0]
        assert here == 0
        assert abs(right - left) > 0.1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_buffers(name: str, dtype: str) -> None:
    """Only out and grad are written, also where they are views with strides; in place, backward never reads z."""
    f = CASES[name].f
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3, 4)).astype(dtype)
    room = np.full((4, 4), np.nan, dtype)
    a, kept = room[:-1], z.copy()
    with np.errstate(all="ignore"):
        f.forward(z, a)
    np.testing.assert_array_equal(a, forward(f, z, dtype))
    assert np.isnan(room[-1]).all()
    grad = rng.normal(size=z.shape).astype(dtype)
    expected = slope(f, z, grad, dtype)
    unread = np.full_like(z, np.nan) if f.inplace else z
    f.backward(grad, unread, a)
    np.testing.assert_array_equal(grad, expected)
    np.testing.assert_array_equal(a, forward(f, kept, dtype))
    np.testing.assert_array_equal(z, kept)
    if f.inplace:
        f.forward(z, z)
        np.testing.assert_array_equal(z, a)


def test_what_is_in_place() -> None:
    """The derivatives of these three can be told from the activation alone, without loss of digits."""
    assert {type(case.f).__name__ for case in CASES.values() if case.f.inplace} == {
        "Softplus",
        "HardSigmoid",
        "HardTanh",
    }


def test_analytic_ones_by_complex_steps() -> None:
    """Im f(z + ih) / h is the derivative to the last digits, where an activation says that it takes complex arrays."""
    z = np.array([[-20.0, -3, -0.7, 0, 0.4, 2, 20]])
    analytic = {name: case.f for name, case in CASES.items() if getattr(case.f, "analytic", False)}
    assert set(analytic) == {"gelu", "silu", "mish", "sine", "sine_30"}
    for f in analytic.values():
        out = np.empty_like(z, complex)
        f.forward(z + 1e-30j, out)  # type: ignore[arg-type]
        np.testing.assert_allclose(slope(f, z), out.imag / 1e-30, rtol=1e-13, atol=1e-15)


def test_selu_keeps_mean_and_variance() -> None:
    """The fixed point (Klambauer et al., 2017): of standard normal z, selu(z) has mean 0 and variance 1 (Gauss-Hermite)."""
    z, weights = np.polynomial.hermite_e.hermegauss(180)
    weights /= weights.sum()
    a = forward(Selu(), z)[0]
    assert (weights * a).sum() == pytest.approx(0, abs=1e-3)
    assert (weights * a * a).sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Elu(alpha=0.0), "activation.alpha must be a float above 0. Got 0.0."),
        (lambda: Elu(alpha=math.inf), "activation.alpha must be a float above 0. Got inf."),
        (lambda: Sine(omega=-1.0), "activation.omega must be a float above 0. Got -1.0."),
    ],
)
def test_bounds(make: Callable[[], Activation], text: str) -> None:
    """A hyperparameter out of bounds is refused with the rule."""
    with pytest.raises(NnexpError) as error:
        make()
    assert str(error.value) == text
