"""Metrics against scikit-learn's, and their edge cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from nnexp.metrics import accuracy, class_indices, classification, confusion_matrix, for_task, regression


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


@pytest.mark.parametrize(("y_pred", "r2"), [([5.0, 5, 5], 1), ([5.0, 5, 6], 0)])
def test_r2_of_a_constant_target(y_pred: list[float], r2: float) -> None:
    """Where y never changes r2 is 1 for perfect predictions and 0 for others, as in scikit-learn; nothing is divided by 0."""
    y = np.array([[5.0, 5, 5]])
    assert regression(np.array([y_pred]), y)["r2"] == r2
    assert theirs.r2_score(y[0], y_pred) == r2


def test_r2_of_one_sample() -> None:
    """One sample is a constant target: a finite number comes out."""
    assert regression(np.array([[5.0]]), np.array([[4.0]])) == {"mae": 1, "rmse": 1, "r2": 0}


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
    assert accuracy(p.argmax(axis=0), actual) == pytest.approx(expected)


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
