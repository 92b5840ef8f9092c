"""Metrics against scikit-learn's, and their edge cases."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from nnexp.engine.metrics import class_indices, classification, confusion_matrix, for_task, regression


@pytest.mark.parametrize("n_outputs", [1, 3])
@settings(deadline=None)
@given(n=st.integers(2, 30), seed=st.integers(0, 99))
def test_regression_is_scikit_learns(n_outputs: int, n: int, seed: int) -> None:
    """mae, rmse and r2 of one or several outputs are scikit-learn's (r2: the mean over outputs)."""
    rng = np.random.default_rng(seed)
    y, y_pred = rng.normal(3, 10, (n_outputs, n)), rng.normal(3, 10, (n_outputs, n))
    found = regression(y_pred, y)
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(y.T, y_pred.T))
    assert found["rmse"] == pytest.approx(np.sqrt(theirs.mean_squared_error(y.T, y_pred.T)))
    assert found["r2"] == pytest.approx(theirs.r2_score(y.T, y_pred.T))


def test_regression_by_hand() -> None:
    """Predictions 2, 4, 6 of 1, 5, 6: residuals 1, -1, 0; mae 2/3, rmse sqrt(2/3), r2 = 1 - 2 / 14."""
    found = regression(np.array([[2.0, 4, 6]]), np.array([[1.0, 5, 6]]))
    assert found == pytest.approx({"mae": 2 / 3, "rmse": np.sqrt(2 / 3), "r2": 1 - 2 / 14})


@pytest.mark.parametrize("y", [[5.0, 5, 5], [0.1, 0.1, 0.1], [0.0, 0, 0], [1e-300] * 7, [4.0], [-1.7e308]])
def test_r2_of_what_does_not_vary_is_undefined(y: list[float]) -> None:
    """A constant target and a single sample have no r2, whether all was predicted or not; mae and rmse are as ever."""
    for error in (0.0, 0.01):
        found = regression(np.array([y]) + error, np.array([y]))
        assert math.isnan(found["r2"])
        wrong = abs((y[0] + error) - y[0])
        assert (found["mae"], found["rmse"]) == pytest.approx((wrong, wrong))


def test_r2_of_several_outputs_of_which_one_does_not_vary_is_undefined() -> None:
    """The mean over the outputs is undefined as soon as one of them is."""
    y = np.array([[1.0, 2, 3], [7, 7, 7]])
    assert math.isnan(regression(y, y)["r2"])
    assert regression(y[:1], y[:1])["r2"] == 1


exponents = st.integers(-320, 300)
series = st.lists(st.tuples(st.integers(-999, 999), st.integers(-999, 999)), min_size=2, max_size=9)


@settings(deadline=None)
@given(pairs=series, size=exponents, size_of_errors=exponents, offset=st.sampled_from([0, 0, 1, -12345]))
def test_metrics_of_any_size_are_exact(
    pairs: list[tuple[int, int]], size: int, size_of_errors: int, offset: int
) -> None:
    """From the smallest numbers to the largest, mae, rmse and r2 are what exact fractions give."""
    y = np.array([[(offset + value) * float(f"1e{size}") for value, _ in pairs]])
    y_pred = y + np.array([[error * float(f"1e{size_of_errors}") for _, error in pairs]])
    with np.errstate(all="ignore"):
        found = regression(y_pred, y)
    exact = [Fraction(value) for value in y[0]]
    residuals = [Fraction(given) - value for given, value in zip(y_pred[0], exact, strict=True)]
    squares, mean = sum((r * r for r in residuals), Fraction()), sum(exact, Fraction()) / len(exact)
    total = sum(((value - mean) * (value - mean) for value in exact), Fraction())
    step = 2.0**-1074  # the smallest number that there is
    with localcontext(prec=60, Emin=-99999, Emax=99999):
        rmse = (decimal(squares) / len(exact)).sqrt()
        assert found["mae"] == pytest.approx(
            float(sum(map(abs, residuals), Fraction()) / len(exact)), rel=1e-12, abs=step
        )
        assert found["rmse"] == pytest.approx(float(rmse), rel=1e-12, abs=step)
        r2 = float(1 - decimal(squares) / decimal(total)) if total else math.nan
    near = abs(1 - r2) * 1e-12 if math.isfinite(r2) else 0
    assert found["r2"] == pytest.approx(r2, rel=1e-12, abs=near, nan_ok=True)


def decimal(value: Fraction) -> Decimal:
    """The number to as many digits as decimals have here."""
    return Decimal(value.numerator) / Decimal(value.denominator)


@settings(deadline=None)
@given(power=st.integers(-1000, 1010), seed=st.integers(0, 99))
def test_r2_does_not_depend_on_the_unit(power: int, seed: int) -> None:
    """A unit that is a power of two changes nothing in r2, and mae and rmse by that power alone."""
    rng = np.random.default_rng(seed)
    y, y_pred = rng.normal(1, 1, (2, 6)), rng.normal(1, 1, (2, 6))
    with np.errstate(all="ignore"):
        one, other = regression(y_pred, y), regression(np.ldexp(y_pred, power), np.ldexp(y, power))
    assert other["r2"] == pytest.approx(one["r2"], rel=1e-14)
    for name in ("mae", "rmse"):
        assert other[name] == pytest.approx(math.ldexp(one[name], power), rel=1e-14)


def test_predictions_that_are_not_finite() -> None:
    """An infinite prediction gives an infinite mae and rmse, one that is not a number gives no number."""
    y = np.array([[1.0, 2]])
    with np.errstate(all="ignore"):
        assert regression(np.array([[np.inf, 2]]), y) == {"mae": np.inf, "rmse": np.inf, "r2": -np.inf}
        assert all(map(math.isnan, regression(np.array([[np.nan, 2]]), y).values()))


@settings(deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 99))
def test_accuracy_is_scikit_learns(n: int, seed: int) -> None:
    """The share of right answers, of two classes and of four, is accuracy_score."""
    rng = np.random.default_rng(seed)
    p, actual = rng.uniform(size=(1, n)), rng.integers(0, 2, n)
    expected = theirs.accuracy_score(actual, p[0] > 0.5)
    assert classification(p, actual[None].astype(float))["accuracy"] == pytest.approx(expected)
    p, actual = rng.uniform(size=(4, n)), rng.integers(0, 4, n)
    expected = theirs.accuracy_score(actual, p.argmax(axis=0))
    assert classification(p, np.eye(4)[:, actual])["accuracy"] == pytest.approx(expected)


def test_ties() -> None:
    """Exactly at the threshold a binary prediction is the first class; among equal outputs the first one counts."""
    assert class_indices(np.array([[0.5, np.nextafter(0.5, 1), 0.0]])).tolist() == [0, 1, 0]
    assert class_indices(np.array([[0.2, 0.4], [0.4, 0.4], [0.4, 0.2]])).tolist() == [1, 0]
    assert classification(np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]])) == {"accuracy": 0.5}


def test_another_threshold() -> None:
    """A loss without probabilities decides by the sign: the threshold 0."""
    logits, y = np.array([[-0.1, 0.0, 0.1, 3]]), np.array([[0.0, 0, 1, 1]])
    assert class_indices(logits, 0.0).tolist() == [0, 0, 1, 1]
    assert for_task("binary", 0.0, np.zeros(1), np.ones(1))(logits, y) == {"accuracy": 1}
    assert for_task("binary", 0.5, np.zeros(1), np.ones(1))(logits, y) == {"accuracy": 0.75}


def test_original_units() -> None:
    """Scaled numbers are turned back first, output by output: y = shift + scale * y'."""
    shift, scale = np.array([100.0, -5]), np.array([10.0, 2])
    y_pred, y = np.array([[0.0, 1, 2], [0, 0, 1]]), np.array([[0.0, 1, 1], [1, 0, 2]])
    found = for_task("regression", 0.5, shift, scale)(y_pred, y)
    original = regression(shift[:, None] + scale[:, None] * y_pred, shift[:, None] + scale[:, None] * y)
    assert found == original
    assert found["mae"] == pytest.approx((10 + 2 + 2) / 6)
    assert found["rmse"] == pytest.approx(np.sqrt((100 + 4 + 4) / 6))


def test_metrics_by_task() -> None:
    """A regression has mae, rmse and r2, a classification accuracy."""
    one, three = np.array([[0.25, 0.75]]), np.eye(3)
    assert set(for_task("regression", 0.5, np.zeros(1), np.ones(1))(one, one)) == {"mae", "rmse", "r2"}
    assert set(for_task("binary", 0.5, np.zeros(1), np.ones(1))(one, one)) == {"accuracy"}
    assert for_task("multiclass", 0.5, np.zeros(3), np.ones(3))(three, three) == {"accuracy": 1}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_plain_floats(dtype: Any) -> None:
    """Metrics are Python floats whatever the arrays are."""
    one = np.array([[0.25, 0.75, 1]], dtype)
    for found in (
        regression(one, one * 2),
        classification(one, np.round(one)),
        classification(np.eye(3, dtype=dtype), np.eye(3, dtype=dtype)),
    ):
        assert {type(value) for value in found.values()} == {float}


@settings(deadline=None)
@given(n=st.integers(0, 40), seed=st.integers(0, 99))
def test_confusion_matrix_is_scikit_learns(n: int, seed: int) -> None:
    """Rows are the actual classes, columns the predicted ones, as in confusion_matrix; classes that never occur are there."""
    rng = np.random.default_rng(seed)
    predicted, actual = rng.integers(0, 3, n), rng.integers(0, 3, n)
    found = confusion_matrix(predicted, actual, 4)
    assert found.shape == (4, 4)
    assert found.sum() == n
    if n:
        np.testing.assert_array_equal(found, theirs.confusion_matrix(actual, predicted, labels=[0, 1, 2, 3]))


def test_confusion_matrix_by_hand() -> None:
    """One sample of class 0 that was called 1 stands in row 0, column 1."""
    assert confusion_matrix(np.array([1, 1, 0]), np.array([0, 1, 0]), 2).tolist() == [[1, 1], [0, 1]]
