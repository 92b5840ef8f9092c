"""The cost as a function of the logits: fused where there is a closed form, composed otherwise; and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
from scipy import special  # type: ignore[import-untyped]
from sklearn.metrics import log_loss

from nnexp.builtin.activations import Identity, Relu, Sigmoid, Softmax, Tanh
from nnexp.builtin.losses import Bce, Cce, Mae, Mse
from nnexp.discovery import registry
from nnexp.engine.objective import Objective, mismatch
from nnexp.plugin import Activation, Array, Loss, Task


def both(objective: Objective, z: Array, y: Array) -> tuple[float, Array]:
    """Cost and gradient at the logits z, with warnings off as in the engine."""
    y_pred, out = np.empty_like(z), np.full_like(z, np.nan)
    with np.errstate(all="ignore"):
        objective.output.forward(z, y_pred)
        objective.gradient(z, y, out)
        return objective.cost(z, y_pred, y), out


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_softmax_and_cce(dtype: str) -> None:
    """Cost and gradient are log_loss and (softmax(z) - y) / m."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, (3, 6)).astype(dtype)
    labels = rng.integers(0, 3, 6)
    cost, grad = both(Objective(Cce(), Softmax()), z, np.eye(3, dtype=dtype)[:, labels])
    p = special.softmax(z.astype(float), axis=0)
    assert cost == pytest.approx(log_loss(labels, p.T, labels=[0, 1, 2]), rel=1e-6)
    np.testing.assert_allclose(grad, (p - np.eye(3)[:, labels]) / 6, rtol=1e-4, atol=1e-7)
    assert grad.dtype == dtype


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sigmoid_and_bce(dtype: str) -> None:
    """Cost and gradient are log_loss and (expit(z) - y) / m."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, (1, 6)).astype(dtype)
    labels = rng.integers(0, 2, 6)
    cost, grad = both(Objective(Bce(), Sigmoid()), z, labels[None].astype(dtype))
    p = special.expit(z.astype(float))
    assert cost == pytest.approx(log_loss(labels, p[0], labels=[0, 1]), rel=1e-6)
    np.testing.assert_allclose(grad, (p - labels) / 6, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_logits(dtype: str, sign: int) -> None:
    """Logits of +-1000 give the exact finite cost and gradient: bce 1000 and +-1, cce 2000 and +-1."""
    z = np.array([[1000.0 * sign]], dtype)
    wrong = np.array([[float(sign < 0)]], dtype)
    cost, grad = both(Objective(Bce(), Sigmoid()), z, wrong)
    assert cost == 1000
    assert grad.tolist() == [[sign]]
    cost, grad = both(Objective(Bce(), Sigmoid()), z, 1 - wrong)
    assert cost == 0
    assert grad.tolist() == [[0]]
    pair = np.array([[1000.0 * sign], [-1000.0 * sign]], dtype)
    cost, grad = both(Objective(Cce(), Softmax()), pair, np.array([[sign < 0], [sign > 0]], dtype))
    assert cost == 2000
    assert grad.tolist() == [[sign], [-sign]]


def test_composed_by_hand() -> None:
    """The chain rule for mse on a sigmoid: at z = ln 3, y = 1: p = 3/4, J = 1/16, dJ/dz = 2 (-1/4) 3/16."""
    cost, grad = both(Objective(Mse(), Sigmoid()), np.array([[np.log(3)]]), np.array([[1.0]]))
    assert cost == pytest.approx(1 / 16)
    assert grad.item() == pytest.approx(-3 / 32)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("output", [Sigmoid(), Softmax(), Tanh()])
def test_composed_at_extreme_logits(output: Activation, dtype: str) -> None:
    """Where there is no closed form the composed gradient at +-1000 is finite (and 0: the output is saturated)."""
    z = np.array([[1000.0, -1000], [-1000, 1000]], dtype)
    cost, grad = both(Objective(Mse(), output), z, np.array([[0.0, 1], [1, 0]], dtype))
    assert np.isfinite(cost)
    assert grad.tolist() == [[0, 0], [0, 0]]


def test_the_logits_are_not_changed() -> None:
    """Neither gradient overwrites the logits or the targets, which are kept for the epoch's metrics."""
    z, y = np.random.default_rng(0).normal(size=(3, 4)), np.eye(3)[:, [0, 1, 2, 0]]
    kept = z.copy(), y.copy()
    for loss, output in ((Cce(), Softmax()), (Mse(), Softmax()), (Mse(), Identity()), (Mae(), Relu())):
        both(Objective(loss, output), z, y)
    np.testing.assert_array_equal(z, kept[0])
    np.testing.assert_array_equal(y, kept[1])


@dataclass(frozen=True)
class Logit(Activation):
    """A third party's sigmoid."""

    link = "logit"
    range = (0.0, 1.0)

    def forward(self, z: Array, out: Array) -> None:
        out[...] = special.expit(z)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        grad *= a * (1 - a)


def test_fusion_knows_no_names() -> None:
    """Any activation that says it inverts the logit gets bce's closed form, exact at +-1000."""
    cost, grad = both(Objective(Bce(), Logit()), np.array([[1000.0, -1000]]), np.array([[0.0, 0]]))
    assert cost == 500
    assert grad.tolist() == [[0.5, 0]]


RANGES = {"identity": 0, "sigmoid": 1, "tanh": 0, "relu": 0, "leaky_relu": 0, "softmax": 1}
"""Whether an activation's values all lie from 0 to 1."""


@pytest.mark.parametrize("output", RANGES)
@pytest.mark.parametrize(
    ("task", "n_outputs"), [("regression", 1), ("regression", 2), ("binary", 1), ("multiclass", 3)]
)
@pytest.mark.parametrize("loss", ["mse", "mae", "bce", "cce"])
def test_mismatch(loss: str, output: str, task: Task, n_outputs: int) -> None:
    """The losses bce and cce need values from 0 to 1, cce ones that sum to 1; softmax over one output is always 1."""
    reason = mismatch(
        cast("Loss", registry.build("loss", {"name": loss})),
        cast("Activation", registry.build("activation", {"name": output})),
        n_outputs,
        task,
    )
    fine = (
        (loss not in {"bce", "cce"} or RANGES[output] == 1)
        and (loss != "cce" or output == "softmax")
        and (output != "softmax" or n_outputs > 1)
    )
    assert (reason == "") is fine


@dataclass(frozen=True)
class Scores(Mse):
    """A loss of scores around 0 that are no probabilities, for several classes too."""

    threshold = 0.0


@dataclass(frozen=True)
class Certainty(Cce):
    """A loss of probabilities for two classes in one output, or for several."""

    outputs = {"binary": "sigmoid", "multiclass": "softmax"}


@dataclass(frozen=True)
class Stretched(Identity):
    """An activation whose range depends on a field."""

    low: float = 0.0

    @property
    def range(self) -> tuple[float, float]:
        return (self.low, 2.0)


def test_predictions_must_reach_both_classes() -> None:
    """Of a loss that decides by the sign, outputs that are never negative are refused; a regression decides nothing."""
    reason = "the loss needs predictions on both sides of 0, this activation gives 0 to 1"
    assert mismatch(Scores(), Sigmoid(), 1, "binary") == reason
    assert mismatch(Scores(), Softmax(), 3, "multiclass") == reason
    assert mismatch(Scores(), Stretched(), 1, "binary").endswith("this activation gives 0 to 2")
    assert mismatch(Mse(), Stretched(low=0.5), 1, "binary").startswith(
        "the loss needs predictions on both sides of 0.5"
    )
    for output in (Identity(), Tanh(), Stretched(low=-0.1)):
        assert mismatch(Scores(), output, 1, "binary") == ""
    assert mismatch(Scores(), Relu(), 1, "regression") == ""


def test_one_output_is_a_distribution_of_two_classes() -> None:
    """A loss of distributions takes one output p for two classes, if it is for these; of several they must sum to one."""
    assert mismatch(Certainty(), Sigmoid(), 1, "binary") == ""
    assert (
        mismatch(Certainty(), Sigmoid(), 3, "multiclass")
        == "the loss needs predictions that sum to one over the classes"
    )
    assert mismatch(Certainty(), Softmax(), 1, "binary") == "over the one output of a binary task it is always 1"
    assert mismatch(Cce(), Sigmoid(), 1, "binary") == "the loss needs predictions that sum to one over the classes"
