"""Schedules: the learning rate of each epoch, what a schedule is told, and what it may answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from nnexp import NnexpError, fit
from nnexp.builtin.activations import Identity, Tanh
from nnexp.builtin.losses import Mse
from nnexp.builtin.optimizers import Batch, MiniBatch, Sgd
from nnexp.builtin.schedules import Constant
from nnexp.engine.metrics import for_task
from nnexp.engine.network import MLP, design_matrix
from nnexp.engine.objective import Objective
from nnexp.engine.training import Diverged, Epoch, Part, train
from nnexp.experiment.experiment import prepare
from nnexp.experiment.plan import plan
from nnexp.plugin import Array, Optimizer, Schedule, State, param


@dataclass(frozen=True)
class Halving(Schedule):
    """factor = 2^(1 - epoch)."""

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return 0.5 ** (epoch - 1)


@dataclass(frozen=True)
class Answer(Schedule):
    """The factor that the test gives."""

    value: Any = field(default=1.0)

    def __post_init__(self) -> None:
        """Take anything."""

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return self.value if epoch > 1 else 1.0


def network(dtype: str = "float64") -> MLP:
    made = MLP((3, 4, 1), Tanh(), Identity(), dtype)
    made.theta[...] = np.random.default_rng(3).normal(0, 0.6, made.theta.size)
    return made


def part(n: int, dtype: str = "float64") -> Part:
    rng = np.random.default_rng(n)
    return Part(design_matrix(rng.normal(size=(n, 3)), np.dtype(dtype)), rng.normal(size=(1, n)).astype(dtype))


def trained(made: MLP, optimizer: Optimizer, epochs: int, schedule: Schedule | None, **more: Any) -> list[Epoch]:
    """Train in place on eleven samples."""
    metrics = for_task("regression", 0.5, np.zeros(1), np.ones(1))
    options = {"rng": np.random.default_rng(7), "metrics": metrics, **more}
    data = part(11, made.dtype.name)
    return list(train(made, Objective(Mse(), Identity()), optimizer, data, epochs=epochs, schedule=schedule, **options))


def test_two_steps_by_hand() -> None:
    """With mse, w x + b, w = b = 0, samples (1, 2), (3, 4), rate 0.1, then 0.05.

    The first gradient (-14, -6) gives w = 1.4, b = 0.6; the errors 0 and 0.8 then give the gradient (2.4, 0.8).
    """
    made = MLP((1, 1), Tanh(), Identity())
    data = Part(design_matrix(np.array([[1.0], [3.0]])), np.array([[2.0, 4.0]]))
    metrics = for_task("regression", 0.5, np.zeros(1), np.ones(1))
    optimizer, objective = Batch(learning_rate=0.1), Objective(Mse(), Identity())
    rng = np.random.default_rng(0)
    epochs = list(train(made, objective, optimizer, data, rng=rng, epochs=2, schedule=Halving(), metrics=metrics))
    assert made.theta.tolist() == pytest.approx([1.28, 0.56])
    assert [epoch.metrics["learning_rate"] for epoch in epochs] == [0.1, 0.05]


@pytest.mark.parametrize("make", [Batch, MiniBatch, Sgd])
def test_a_halved_rate_is_a_training_with_half_the_rate(make: type[Optimizer]) -> None:
    """Three epochs at rate, rate / 2, rate / 4 leave the bits of three trainings of one epoch each at these rates."""
    scheduled, by_hand = network(), network()
    trained(scheduled, make(learning_rate=0.2), 3, Halving())  # type: ignore[call-arg]  # every optimizer has it
    rng = np.random.default_rng(7)
    for rate in (0.2, 0.1, 0.05):
        trained(by_hand, make(learning_rate=rate), 1, None, rng=rng)  # type: ignore[call-arg]
    np.testing.assert_array_equal(scheduled.theta, by_hand.theta)


@pytest.mark.parametrize("make", [Batch, MiniBatch, Sgd])
def test_constant_changes_no_bit(make: type[Optimizer]) -> None:
    """The default schedule's weights and metrics are those of a training without a schedule."""
    constant, without = network(), network()
    first, second = (trained(each, make(), 4, s) for each, s in ((constant, Constant()), (without, None)))
    np.testing.assert_array_equal(constant.theta, without.theta)
    assert [epoch.metrics for epoch in first] == [epoch.metrics for epoch in second]
    assert "learning_rate" not in first[0].metrics


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_any_optimizer_gets_the_epochs_rate(dtype: str) -> None:
    """A third-party optimizer is given rate times factor in each step, as a scalar array in the run's dtype."""
    seen: list[Any] = []

    @dataclass(frozen=True)
    class Monitor(Optimizer):
        batch_size = 4
        learning_rate: float = param(0.3, above=0)

        def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
            seen.append(np.array(learning_rate))

    epochs = trained(network(dtype), Monitor(), 3, Halving())
    rates = [0.3, 0.15, 0.075]
    assert [float(rate) for rate in seen] == [float(np.array(rate, dtype)) for rate in np.repeat(rates, 3)]
    assert {(rate.dtype.name, rate.shape) for rate in seen} == {(dtype, ())}
    assert [epoch.metrics["learning_rate"] for epoch in epochs] == rates


@pytest.mark.parametrize("validation", [None, part(5)])
def test_a_schedule_knows_the_costs_before(validation: Part | None) -> None:
    """It is told the epoch from 1, their number, and the cost to compare by (validation first) of each epoch before."""
    seen: list[tuple[int, int, list[float]]] = []

    @dataclass(frozen=True)
    class Monitor(Schedule):
        def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
            seen.append((epoch, epochs, list(history)))
            return 1

    epochs = trained(network(), MiniBatch(), 3, Monitor(), validation=validation)
    costs = [epoch.metrics["cost/validation" if validation else "cost/train"] for epoch in epochs]
    assert seen == [(1, 3, []), (2, 3, costs[:1]), (3, 3, costs[:2])]


def test_a_factor_of_zero_stands_still() -> None:
    """From the second epoch on the rate is 0: the weights are those of one epoch."""
    still, one = network(), network()
    trained(still, MiniBatch(), 4, Answer(0))
    trained(one, MiniBatch(), 1, None)
    np.testing.assert_array_equal(still.theta, one.theta)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e-9, None, "1", np.ones(1)])
def test_a_factor_that_cannot_be(value: Any) -> None:
    """A factor that is not a finite number of at least 0 is refused by its schedule's name, with the epoch."""
    with pytest.raises(NnexpError) as error:
        trained(network(), MiniBatch(), 3, Answer(value))
    assert str(error.value) == (
        f"The schedule Answer gave the factor {value!r} for epoch 2 of 3; it must be a finite number of at least 0. "
        "Choose another schedule: type schedule=NAME."
    )


@pytest.mark.parametrize("value", [2, 0.5, np.float32(0.5), np.int64(3)])
def test_a_factor_may_be_any_real_number(value: Any) -> None:
    """Whole numbers and NumPy's scalars are numbers, too; the recorded rate is a plain float."""
    epochs = trained(network(), MiniBatch(learning_rate=0.25), 2, Answer(value))
    rate = epochs[1].metrics["learning_rate"]
    assert type(rate) is float
    assert rate == 0.25 * float(value)


def test_divergence_names_the_rate_in_force() -> None:
    """Steps of 1e-9, then 1e291: the message has the product, its factors, and what to type for the optimizer's own rate."""
    with pytest.raises(Diverged) as error:
        trained(network(), Batch(learning_rate=1e-9), 4, Answer(1e300), validation=part(5))
    reason = "diverged at epoch 2; learning_rate=1e+291 (1e-09 times the schedule's 1e+300)"
    assert error.value.reason == reason
    assert str(error.value) == f"{reason}. Type optimizer.learning_rate=1e-10, or smaller."


# --- In an experiment ---


@dataclass(frozen=True)
class Long(Schedule):
    """factor = 1, for ten epochs or more."""

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        if epochs < 10:
            raise NnexpError(f"It takes ten epochs. Got {epochs}. Type epochs=10.")
        return 1.0


def test_a_schedule_may_refuse_the_epochs() -> None:
    """A number of epochs that does not fit is refused when the configuration is checked, before any data are loaded."""
    assert plan({"dataset": "moons", "schedule": Long(), "epochs": 10}).schedule == Long()
    with pytest.raises(NnexpError, match=r"^It takes ten epochs\. Got 9\."):
        plan({"dataset": "moons", "schedule": Long(), "epochs": 9})


def test_the_default() -> None:
    """Without a choice the schedule is constant, and the resolved configuration says so."""
    experiment = prepare(plan({"dataset": "moons"}))
    assert experiment.plan.schedule == Constant()
    assert experiment.config()["schedule"] == {"name": "constant"}


def test_fit_takes_a_schedule() -> None:
    """fit(schedule=...) trains with it, and the history has the learning rate of every epoch."""
    x = np.random.default_rng(0).normal(size=(40, 2))
    y = x[:, 0] + 1
    result = fit(x, y, epochs=3, schedule=Halving())
    assert result.history["learning_rate"] == [0.1, 0.05, 0.025]
    assert result.history["cost/train"] != fit(x, y, epochs=3).history["cost/train"]
    assert "learning_rate" not in fit(x, y, epochs=1, schedule="constant").history
