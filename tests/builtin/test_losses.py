"""The built-in losses against scikit-learn and values worked out by hand."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error

from nnexp.builtin.activations import Identity, Sigmoid, Softmax, Tanh
from nnexp.builtin.losses import Bce, BceOnLogits, Cce, CceOnLogits, Mae, Mse
from nnexp.discovery import registry
from nnexp.plugin import Array, Loss

DTYPES = ["float64", "float32"]
RTOL = {"float64": 1e-13, "float32": 1e-5}


def array(values: Any, dtype: str = "float64") -> Array:
    return np.array(values, dtype, ndmin=2)


def gradient(loss: Loss, y_pred: Array, y: Array) -> Array:
    """What the loss writes, with NumPy's warnings off as in the engine."""
    out = np.full_like(y_pred, np.nan)
    with np.errstate(all="ignore"):
        loss.gradient(y_pred, y, out)
    return out


def value(loss: Loss, y_pred: Array, y: Array) -> float:
    with np.errstate(all="ignore"):
        return loss.value(y_pred, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_mse_by_hand(dtype: str) -> None:
    """Residuals 1, -2, 3, 0 of two outputs and two samples: (1 + 4 + 9) / 4 without a 1/2, gradient 2 r / 4."""
    y_pred, y = array([[2, 1], [3, 5]], dtype), array([[1, 3], [0, 5]], dtype)
    assert Mse().value(y_pred, y) == pytest.approx(3.5)
    assert gradient(Mse(), y_pred, y).tolist() == [[0.5, -1], [1.5, 0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_mae_by_hand(dtype: str) -> None:
    """The same residuals: (1 + 2 + 3) / 4, gradient sign(r) / 4, and 0 where the residual is 0."""
    y_pred, y = array([[2, 1], [3, 5]], dtype), array([[1, 3], [0, 5]], dtype)
    assert Mae().value(y_pred, y) == pytest.approx(1.5)
    assert gradient(Mae(), y_pred, y).tolist() == [[0.25, -0.25], [0.25, 0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_bce_by_hand(dtype: str) -> None:
    """With p = 1/2 for a 1, 3/4 for a 0: (ln 2 + ln 4) / 2; dJ/dp = (-2, 4) / 2."""
    y_pred, y = array([0.5, 0.75], dtype), array([1, 0], dtype)
    assert Bce().value(y_pred, y) == pytest.approx(1.5 * np.log(2), rel=1e-6)
    np.testing.assert_allclose(gradient(Bce(), y_pred, y), [[-1, 2]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cce_by_hand(dtype: str) -> None:
    """With p = 1/2 and 1/4 for the true classes: (ln 2 + ln 4) / 2; dJ/dp = -1 / (p m) at the true class, 0 elsewhere."""
    y_pred, y = array([[0.5, 0.25], [0.25, 0.25], [0.25, 0.5]], dtype), array([[1, 0], [0, 1], [0, 0]], dtype)
    assert Cce().value(y_pred, y) == pytest.approx(1.5 * np.log(2), rel=1e-6)
    np.testing.assert_allclose(gradient(Cce(), y_pred, y), [[-1, 0], [0, -2], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_fused_by_hand(dtype: str) -> None:
    """At logits 0: bce is ln 2 with gradient (1/2 - y) / m, cce over three classes ln 3 with (1/3 - y) / m."""
    z, y = array([0, 0], dtype), array([1, 0], dtype)
    assert BceOnLogits().value(z, y) == pytest.approx(np.log(2), rel=1e-6)
    np.testing.assert_allclose(gradient(BceOnLogits(), z, y), [[-0.25, 0.25]], rtol=1e-6)
    np.testing.assert_allclose(gradient(BceOnLogits(), z[:, :1], y[:, :1]), [[-0.5]], rtol=1e-6)
    z, y = np.zeros((3, 2), dtype), array([[1, 0], [0, 0], [0, 1]], dtype)
    assert CceOnLogits().value(z, y) == pytest.approx(np.log(3), rel=1e-6)
    np.testing.assert_allclose(
        gradient(CceOnLogits(), z, y), [[-1 / 3, 1 / 6], [1 / 6, 1 / 6], [1 / 6, -1 / 3]], rtol=1e-6
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 2, 9])
def test_scikit_learns_metrics(m: int, dtype: str) -> None:
    """The costs are scikit-learn's mean_squared_error, mean_absolute_error and log_loss on the same numbers."""
    rng = np.random.default_rng(m)
    y_pred, y = (rng.normal(size=(2, m)).astype(dtype) for _ in range(2))
    rel = RTOL[dtype]
    assert Mse().value(y_pred, y) == pytest.approx(mean_squared_error(y.T, y_pred.T), rel=rel)
    assert Mae().value(y_pred, y) == pytest.approx(mean_absolute_error(y.T, y_pred.T), rel=rel)

    z = rng.normal(0, 3, (1, m)).astype(dtype)
    p = np.empty_like(z)
    Sigmoid().forward(z, p)
    labels = rng.integers(0, 2, m)
    target = labels[None].astype(dtype)
    expected = log_loss(labels, p[0].astype(float), labels=[0, 1])
    assert Bce().value(p, target) == pytest.approx(expected, rel=10 * rel)
    assert BceOnLogits().value(z, target) == pytest.approx(expected, rel=10 * rel)

    z = rng.normal(0, 3, (4, m)).astype(dtype)
    p = np.empty_like(z)
    Softmax().forward(z, p)
    labels = rng.integers(0, 4, m)
    target = np.eye(4, dtype=dtype)[:, labels]
    wide = p.T.astype(float)
    expected = log_loss(labels, wide / wide.sum(axis=1, keepdims=True), labels=[0, 1, 2, 3])
    assert Cce().value(p, target) == pytest.approx(expected, rel=10 * rel)
    assert CceOnLogits().value(z, target) == pytest.approx(expected, rel=10 * rel)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bce_at_extreme_logits(dtype: str) -> None:
    """Logits of +-1000: the cost of a wrong certainty is exactly 1000, of a right one 0; the gradient is +-1 / m or 0."""
    z, y = array([1000, -1000, 1000, -1000], dtype), array([1, 0, 0, 1], dtype)
    costs = [value(BceOnLogits(), z[:, i : i + 1], y[:, i : i + 1]) for i in range(4)]
    assert costs == [0, 0, 1000, 1000]
    assert value(BceOnLogits(), z, y) == 500
    assert gradient(BceOnLogits(), z, y).tolist() == [[0, 0, 0.25, -0.25]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_cce_at_extreme_logits(dtype: str) -> None:
    """Logits of +-1000: wrong by 2000 costs exactly 2000, right costs 0; the gradient is (softmax - y) / m, exactly."""
    z = array([[1000, 1000, -1000], [-1000, -1000, -1000]], dtype)
    y = array([[1, 0, 1], [0, 1, 0]], dtype)
    assert value(CceOnLogits(), z[:, :1], y[:, :1]) == 0
    assert value(CceOnLogits(), z[:, 1:2], y[:, 1:2]) == 2000
    assert value(CceOnLogits(), z[:, 2:], y[:, 2:]) == pytest.approx(np.log(2), rel=1e-6)
    np.testing.assert_allclose(gradient(CceOnLogits(), z, y), [[0, 1 / 3, -1 / 6], [0, -1 / 3, 1 / 6]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bce_of_one_sample(dtype: str) -> None:
    """One sample's gradient is that of the same sample in a batch, at any logit, +-inf and NaN included."""
    logits = [
        0.0,
        0.3,
        -0.3,
        20.5,
        -20.5,
        88.0,
        -88.0,
        710.0,
        -709.0,
        -710.0,
        -745.0,
        1000.0,
        -1000.0,
        np.inf,
        -np.inf,
        np.nan,
    ]
    z = array([logits, logits], dtype).reshape(1, -1)
    y = array([[0.0] * len(logits), [1.0] * len(logits)], dtype).reshape(1, -1)
    batch = gradient(BceOnLogits(), z, y) * z.size
    single = [gradient(BceOnLogits(), z[:, i : i + 1], y[:, i : i + 1]).item() for i in range(z.size)]
    np.testing.assert_allclose(single, batch[0], rtol=0, atol=float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", DTYPES)
@settings(deadline=None)
@given(data=st.data())
def test_cce_gradient_over_the_whole_range(dtype: str, data: st.DataObject) -> None:
    """Whatever the logits of a batch, ordinary or huge or both, the gradient is (softmax - y) / m to the last digits."""
    m = data.draw(st.integers(1, 4))
    sizes = st.sampled_from([0.0, 1.0, 80.0, 90.0, 100.0, 700.0, 710.0, 745.0, 760.0, 1e4])
    centres = [data.draw(sizes) * data.draw(st.sampled_from([-1, 1])) for _ in range(m)]
    offsets = [[data.draw(st.floats(-20, 20, width=32)) for _ in range(m)] for _ in range(3)]
    z = np.asarray(np.add(centres, offsets), dtype)
    y = np.eye(3, dtype=dtype)[:, [data.draw(st.integers(0, 2)) for _ in range(m)]]
    e = np.exp(z.astype(np.longdouble) - z.max(axis=0))
    expected = (e / e.sum(axis=0) - y) / m
    np.testing.assert_allclose(
        gradient(CceOnLogits(), z, y), expected, rtol=0, atol=16 * float(np.finfo(dtype).eps) / m
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", [Bce(), Cce()])
def test_probabilities_of_exactly_0_and_1(loss: Loss, dtype: str) -> None:
    """A certain prediction costs nothing if right and a finite amount if wrong; every gradient is finite."""
    two = isinstance(loss, Cce)
    right, wrong = array([1, 0], dtype), array([0, 1], dtype)
    if two:
        right, wrong = array([[1, 0], [0, 1]], dtype), array([[0, 1], [1, 0]], dtype)
    y = right.copy()
    assert value(loss, right, y) == 0
    assert value(loss, wrong, y) == pytest.approx(-np.log(float(np.finfo(dtype).tiny)), rel=1e-6)
    for y_pred in (right, wrong):
        assert np.isfinite(gradient(loss, y_pred, y)).all()


def test_tails_are_accurate() -> None:
    """At z = 40 the cost of a right answer is exp(-40), which 1 - p cannot show; of z = -40, 40 + exp(-40)."""
    one = array([1])
    assert value(BceOnLogits(), array([40]), one) == pytest.approx(np.exp(-40), rel=1e-12)
    assert value(BceOnLogits(), array([-40]), one) == pytest.approx(40, rel=1e-15)
    assert gradient(BceOnLogits(), array([-700]), array([0])).item() == pytest.approx(np.exp(-700), rel=1e-12)


@settings(deadline=None)
@given(
    z=st.lists(st.floats(-8, 8), min_size=6, max_size=6),
    classes=st.lists(st.integers(0, 2), min_size=2, max_size=2),
)
def test_fused_is_composed(z: list[float], classes: list[int]) -> None:
    """Softmax + cce, and sigmoid + bce, in closed form: the same cost and gradient as the two after each other."""
    for logits, y, output, loss in (
        (np.reshape(z, (3, 2)), np.eye(3)[:, classes].copy(), Softmax(), Cce()),
        (np.reshape(z[:2], (1, 2)), np.minimum(array(classes), 1), Sigmoid(), Bce()),
    ):
        fused = loss.on_logits(output)
        assert fused is not None
        p = np.empty_like(logits)
        output.forward(logits, p)
        assert fused.value(logits, y) == pytest.approx(loss.value(p, y), rel=1e-9, abs=1e-12)
        composed = gradient(loss, p, y)
        output.backward(composed, logits, p)
        np.testing.assert_allclose(gradient(fused, logits, y), composed, rtol=1e-9, atol=1e-12)


def test_fused_only_where_the_link_fits() -> None:
    """A closed form on logits is offered for the sigmoid by bce and for softmax by cce, and for nothing else."""
    assert isinstance(Bce().on_logits(Sigmoid()), BceOnLogits)
    assert isinstance(Cce().on_logits(Softmax()), CceOnLogits)
    for loss, output in (
        (Bce(), Softmax()),
        (Cce(), Sigmoid()),
        (Bce(), Tanh()),
        (Mse(), Sigmoid()),
        (Mae(), Identity()),
    ):
        assert loss.on_logits(output) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", registry.available("loss"))
def test_contracts(name: str, dtype: str) -> None:
    """For every installed loss: y_pred and y stay as they are, the gradient is in out's dtype and all of it is written."""
    loss = cast("Loss", registry.build("loss", {"name": name}))
    rng = np.random.default_rng(5)
    n_outputs = 3 if loss.distribution else 1
    y_pred = rng.uniform(0.1, 0.9, (n_outputs, 4)).astype(dtype)
    y_pred /= y_pred.sum(axis=0) if loss.distribution else 1
    y = np.eye(3, dtype=dtype)[:, [0, 1, 2, 0]] if loss.distribution else array([0, 1, 1, 0], dtype)
    kept = y_pred.copy(), y.copy()
    found = gradient(loss, y_pred, y)
    cost = loss.value(y_pred, y)
    np.testing.assert_array_equal(y_pred, kept[0])
    np.testing.assert_array_equal(y, kept[1])
    assert found.dtype == dtype
    assert np.isfinite(found).all()
    assert isinstance(cost, float)


@pytest.mark.parametrize("name", registry.available("loss"))
@settings(deadline=None)
@given(seed=st.integers(0, 999), m=st.integers(1, 6))
def test_gradient_is_the_derivative(name: str, seed: int, m: int) -> None:
    """For every installed loss: gradient is the central difference of value, each prediction moved alone."""
    loss = cast("Loss", registry.build("loss", {"name": name}))
    rng = np.random.default_rng(seed)
    n_outputs = 3 if loss.distribution else 1
    y = np.eye(3)[:, rng.integers(0, 3, m)] if loss.distribution else rng.integers(0, 2, (1, m)).astype(float)
    y_pred = rng.uniform(0.1, 0.9, (n_outputs, m))
    h = 1e-5
    expected = np.empty_like(y_pred)
    for place in np.ndindex(y_pred.shape):
        e = np.zeros_like(y_pred)
        e[place] = h
        expected[place] = (loss.value(y_pred + e, y) - loss.value(y_pred - e, y)) / (2 * h)
    np.testing.assert_allclose(gradient(loss, y_pred, y), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", registry.available("loss"))
def test_a_mean_over_samples(name: str) -> None:
    """Twice the same samples: the same cost, and half the gradient for each."""
    loss = cast("Loss", registry.build("loss", {"name": name}))
    y_pred = array([[0.2, 0.6], [0.3, 0.3], [0.5, 0.1]]) if loss.distribution else array([0.2, 0.6])
    y = array([[1, 0], [0, 0], [0, 1]]) if loss.distribution else array([1, 0])
    twice = np.tile(y_pred, 2), np.tile(y, 2)
    assert loss.value(*twice) == pytest.approx(loss.value(y_pred, y))
    np.testing.assert_allclose(gradient(loss, *twice), np.tile(gradient(loss, y_pred, y) / 2, 2), rtol=1e-12)
