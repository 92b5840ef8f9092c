"""The built-in activations against SciPy and values worked out by hand."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special  # type: ignore[import-untyped]

from nnexp.builtin.activations import Identity, LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from nnexp.discovery import registry
from nnexp.errors import NnexpError
from nnexp.plugin import Activation, Array

DTYPES = ["float64", "float32"]
ALL = registry.available("activation")
Z = [-1000.0, -30, -2, -0.5, -1e-9, 0, 1e-9, 0.5, 2, 30, 1000]


def activation(name: str) -> Activation:
    return cast("Activation", registry.build("activation", {"name": name}))


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
    a = forward(f, z, dtype)
    given_grad: Array = np.broadcast_to(np.array(grad, dtype), points.shape).copy()
    with np.errstate(all="ignore"):
        f.backward(given_grad, points, a)
    return given_grad


def close(found: Array, expected: Any) -> None:
    """Equal to a few units in the last place of found's dtype; smaller than its smallest normal number counts as 0."""
    kind = np.finfo(found.dtype)
    np.testing.assert_allclose(found, np.array(expected, ndmin=2), rtol=8 * float(kind.eps), atol=float(kind.tiny))


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid(dtype: str) -> None:
    """1 / (1 + exp(-z)) is SciPy's expit in both tails, and its slope is a (1 - a): 1/4 at 0, 0 far out."""
    z = np.array(Z, dtype)
    close(forward(Sigmoid(), z, dtype), special.expit(z.astype(float)))
    close(slope(Sigmoid(), [0], 2.0, dtype), [0.5])
    assert slope(Sigmoid(), [-1000, 1000], 1.0, dtype).tolist() == [[0, 0]]
    close(slope(Sigmoid(), [np.log(3)], 1.0), [3 / 16])


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh(dtype: str) -> None:
    """The hyperbolic tangent: tanh(ln 2) = 3/5 with slope 16/25; 1 and -1 far out, with slope 0."""
    close(forward(Tanh(), [np.log(2), 0], dtype), [0.6, 0])
    close(slope(Tanh(), [np.log(2), 0], [2.0, 1], dtype), [1.28, 1])
    assert forward(Tanh(), [-1000, 1000], dtype).tolist() == [[-1, 1]]
    assert slope(Tanh(), [-1000, 1000], 1.0, dtype).tolist() == [[0, 0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu(dtype: str) -> None:
    """max(z, 0); the incoming gradient passes where z > 0, and nowhere else: the derivative at the kink is 0."""
    assert forward(Relu(), [-2, -0.0, 0, 3], dtype).tolist() == [[0, 0, 0, 3]]
    assert slope(Relu(), [-2, -0.0, 0, 1e-30, 3], 5.0, dtype).tolist() == [[0, 0, 0, 5, 5]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alpha", [0.0, 0.25])
def test_leaky_relu(alpha: float, dtype: str) -> None:
    """z, or alpha z below 0; the incoming gradient is multiplied by 1, alpha, and 0 at the kink."""
    f = LeakyRelu(alpha=alpha)
    assert forward(f, [-2, 0, 3], dtype).tolist() == [[-2 * alpha, 0, 3]]
    assert slope(f, [-2, -1e-30, -0.0, 0, 1e-30, 3], 8.0, dtype).tolist() == [[8 * alpha, 8 * alpha, 0, 0, 8, 8]]


def test_leaky_relu_bounds() -> None:
    """The slope alpha is at least 0 and below 1, by default 0.01."""
    assert LeakyRelu().alpha == 0.01
    for alpha in (-0.1, 1.0):
        with pytest.raises(NnexpError, match=r"activation\.alpha must be a float at least 0 and below 1"):
            LeakyRelu(alpha=alpha)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax(dtype: str) -> None:
    """exp(z_i) / sum_j exp(z_j) over the units of each sample is SciPy's softmax; logits of +-1000 give exact limits."""
    z = np.random.default_rng(0).normal(0, 5, (4, 7)).astype(dtype)
    close(forward(Softmax(), z, dtype), special.softmax(z.astype(float), axis=0))
    close(forward(Softmax(), [[0, np.log(2)], [0, 0], [0, 0]], dtype), [[1 / 3, 1 / 2], [1 / 3, 1 / 4], [1 / 3, 1 / 4]])
    extreme = [[1000, -1000, -1000], [-1000, 1000, -1000], [-1000, -1000, -1000]]
    expected = [[1, 0, 1 / 3], [0, 1, 1 / 3], [0, 0, 1 / 3]]
    close(forward(Softmax(), extreme, dtype), expected)


def test_softmax_jacobian() -> None:
    """dJ/dz = (diag(a) - a a^T) dJ/da for each sample, written out as a matrix."""
    rng = np.random.default_rng(1)
    z, grad = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    a = special.softmax(z, axis=0)
    expected = [(np.diag(column) - np.outer(column, column)) @ g for column, g in zip(a.T, grad.T, strict=True)]
    np.testing.assert_allclose(slope(Softmax(), z, grad), np.transpose(expected), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_identity(dtype: str) -> None:
    """What comes in goes out, both ways."""
    assert forward(Identity(), [-1000, 0, 7], dtype).tolist() == [[-1000, 0, 7]]
    assert slope(Identity(), [-1000, 0, 7], [1, 2, 3], dtype).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None)
@given(z=st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_backward_is_the_derivative(name: str, z: list[list[float]], seed: int) -> None:
    """For every installed activation, away from 0: backward is the central difference of sum(grad * f(z))."""
    f = activation(name)
    points = np.array(z)
    points[np.abs(points) < 1e-3] = 0.5
    grad = np.random.default_rng(seed).normal(size=points.shape)
    h = 1e-4
    expected = np.empty_like(points)
    for place in np.ndindex(points.shape):
        e = np.zeros_like(points)
        e[place] = h
        expected[place] = (grad * (forward(f, points + e) - forward(f, points - e))).sum() / (2 * h)
    np.testing.assert_allclose(slope(f, points, grad), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_contracts(name: str, dtype: str) -> None:
    """Forward writes out and leaves z, backward writes grad and leaves z and a; dtypes stay; in place where it is claimed."""
    f = activation(name)
    rng = np.random.default_rng(2)
    z = rng.normal(size=(3, 4)).astype(dtype)
    z[0, 0] = 0
    kept = z.copy()
    a = forward(f, z, dtype)
    f.forward(z, a)
    np.testing.assert_array_equal(z, kept)
    kept_a = a.copy()
    grad = rng.normal(size=z.shape).astype(dtype)
    expected = grad.copy()
    f.backward(expected, z, a)
    np.testing.assert_array_equal(z, kept)
    np.testing.assert_array_equal(a, kept_a)
    assert a.dtype == grad.dtype == dtype
    if f.inplace:
        f.forward(z, z)  # the output overwrites z, which backward then must not need
        np.testing.assert_array_equal(z, kept_a)
        f.backward(grad, np.full_like(z, np.nan), z)
        np.testing.assert_array_equal(grad, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_values_lie_in_the_range(name: str, dtype: str) -> None:
    """The range that an activation states holds its values from -1000 to 1000; outputs of a distribution sum to 1."""
    f = activation(name)
    z = np.random.default_rng(3).permutation(np.tile(Z, 3)).reshape(3, -1)
    a = forward(f, z, dtype)
    low, high = f.range
    assert np.isfinite(a).all()
    assert low <= a.min()
    assert a.max() <= high
    if f.distribution:
        np.testing.assert_allclose(a.sum(axis=0), 1, rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_views(name: str) -> None:
    """Arrays that are views with strides, as the engine's rows of [a; 1] are, give the same values."""
    f = activation(name)
    z = np.random.default_rng(4).normal(size=(3, 4))
    room = np.full((4, 4), np.nan)
    f.forward(z, room[:-1])
    np.testing.assert_array_equal(room[:-1], forward(f, z))
    assert np.isnan(room[-1]).all()
