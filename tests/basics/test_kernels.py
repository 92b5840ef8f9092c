"""The kernels are the formulas that they stand for, to a few units in the last place, at ordinary and at extreme numbers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnexp.basics.kernels import logistic, logistic_residual, positive_part, softmax

logits = st.one_of(st.floats(-40, 40), st.floats(-2000, 2000), st.sampled_from([0.0, 745.2, -745.2, 709.8, -709.8]))
columns = st.lists(logits, min_size=1, max_size=5)


def exact(z: float) -> Decimal:
    """1 / (1 + exp(-z)) to 28 digits."""
    return 1 / (1 + (-Decimal(z)).exp())


@pytest.fixture(scope="module", autouse=True)
def no_warnings() -> Iterator[None]:
    """As the engine calls them."""
    with np.errstate(all="ignore"):
        yield


@settings(deadline=None)
@given(columns)
def test_logistic(zs: list[float]) -> None:
    """1 / (1 + exp(-z)), in place, too; below 1e-300, where exp(-z) overflows, it may be 0."""
    z = np.array([zs])
    logistic(z, z)
    np.testing.assert_allclose(z[0], [float(exact(each)) for each in zs], rtol=1e-14, atol=1e-300)


@settings(deadline=None)
@given(st.lists(st.tuples(logits, st.sampled_from([0.0, 1.0])), min_size=1, max_size=4))
def test_logistic_residual(pairs: list[tuple[float, float]]) -> None:
    """(1 / (1 + exp(-z)) - y) / n: of one number, which has a way of its own, and of several."""
    z, y = (np.array([part]) for part in zip(*pairs, strict=True))
    out = np.empty_like(z)
    logistic_residual(z, y, out)
    expected = [float((exact(a) - Decimal(b)) / len(pairs)) for a, b in pairs]
    np.testing.assert_allclose(out[0], expected, rtol=1e-14, atol=2e-16)


@settings(deadline=None)
@given(columns, columns)
@example([0.0, 0.0], [-55.0, -742.0])
def test_softmax(first: list[float], second: list[float]) -> None:
    """exp(z_i) / sum_j exp(z_j), small ones to their last places, too, also where the sum of one of two columns overflows."""
    n = min(len(first), len(second))
    z = np.array([first[:n], second[:n]]).T
    out = np.empty_like(z)
    softmax(z, out)
    for column in (0, 1):
        powers = [Decimal(each).exp() for each in z[:, column]]
        np.testing.assert_allclose(
            out[:, column], [float(each / sum(powers)) for each in powers], rtol=1e-13, atol=1e-300
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_positive_part(dtype: str) -> None:
    """max(z, 0) in the dtype of z."""
    z = np.array([[-1.5, 0.0, 2.5]], dtype)
    out = np.empty_like(z)
    positive_part(z, out)
    assert out.tolist() == [[0.0, 0.0, 2.5]]
    assert out.dtype == dtype
