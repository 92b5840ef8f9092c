"""Trainings to ask an engine for, and what NumPy makes of them. A case is one training with its samples and parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import cycle, pairwise, product
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.fields import hyperparameters
from nnexp.discovery import registry
from nnexp.engine.numpy_engine import Numpy
from nnexp.engine.objective import Objective, mismatch
from nnexp.plugin import TASKS, Activation, Array, Engine, Loss, Optimizer, State, Task, Training
from nnexp.testing.loss_cases import OUTPUTS, targets
from nnexp.testing.numerics import DTYPES, Dtype

STEPS = 64
"""At most so many steps lie between equal parameters and the comparison; rounding grows with every one."""
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
"""How far parameters may be apart then, relative to the largest one."""
GROWN = 1e3
"""Parameters above this have exploded: rounding has, too."""
RATE = 0.02


class Case(NamedTuple):
    """One training; nothing in it is changed."""

    training: Training
    design: Array
    """(n_samples, n_features + 1), a last column of ones."""
    y: Array
    theta: Array
    orders: list[NDArray[np.intp] | None]
    """The order of the samples in each epoch."""

    def __str__(self) -> str:
        plugins = {
            "activation": self.training.hidden,
            "output": self.training.output,
            "loss": self.training.loss,
            "optimizer": self.training.optimizer,
        }
        named = " ".join(f"{key}={registry.known_as(plugin)}" for key, plugin in plugins.items())
        sizes = "-".join(map(str, self.training.sizes))
        return f"{sizes} {named} dtype={self.training.dtype} with {self.training.n_samples} samples"


class Trained(NamedTuple):
    """What an engine made of a case."""

    theta: Array
    state: State
    logits: Array
    y: Array
    outputs: Array | None
    """None where it leaves them to nnexp; so is the cost."""
    cost: float | None


def trained(engine: Engine, case: Case, rate: float = RATE, theta: Array | None = None) -> Trained:
    """All epochs of a case, in arrays of their own; in ``theta`` itself where it is given."""
    theta = case.theta.copy() if theta is None else theta
    with np.errstate(all="ignore"):
        state = case.training.optimizer.init(theta)
        runner = engine.runner(case.training, case.design, case.y, theta, state)
        for order in case.orders:
            runner.run(order, rate)
    return Trained(theta, state, runner.logits, runner.y, runner.outputs, runner.cost)


def measured(case: Case, result: Trained) -> Trained:
    """The result with the outputs and the cost that the plugins' own methods make of its logits."""
    objective = Objective(case.training.loss, case.training.output)
    outputs = np.empty_like(result.logits)
    with np.errstate(all="ignore"):
        objective.output.forward(result.logits, outputs)
        return result._replace(outputs=outputs, cost=objective.cost(result.logits, outputs, result.y))


def expected(case: Case, rate: float = RATE) -> Trained | None:
    """The same by NumPy; None where the parameters explode, so that the numbers say nothing."""
    found = trained(Numpy(), case, rate)
    return found if np.abs(found.theta).max() < GROWN and np.isfinite(found.logits).all() else None


def make(  # noqa: PLR0913 (what a training is made of)
    *,
    hidden: tuple[int, ...] = (5,),
    activation: Activation,
    output: Activation,
    loss: Loss,
    optimizer: Optimizer,
    task: Task,
    n_features: int = 3,
    n_samples: int = 7,
    epochs: int = 2,
    dtype: Dtype = DTYPES[0],
    outputs: int = 0,
    seed: int = 1,
) -> Case:
    """A case of random samples and parameters."""
    rng = np.random.default_rng(seed)
    sizes = (n_features, *hidden, outputs or OUTPUTS[task])
    training = Training(sizes, activation, output, loss, optimizer, np.dtype(dtype), n_samples)
    design = np.hstack([rng.normal(size=(n_samples, n_features)), np.ones((n_samples, 1))]).astype(dtype)
    y = targets(loss, task, (sizes[-1], n_samples), rng).astype(dtype)
    theta = np.concatenate(
        [rng.normal(size=n_out * (n_in + 1)) / np.sqrt(n_in + 1) for n_in, n_out in pairwise(sizes)]
    ).astype(dtype)
    orders = [rng.permutation(n_samples) for _ in range(epochs)]
    return Case(training, design, y, theta, in_turn(orders, optimizer))


def in_turn(orders: list[NDArray[np.intp]], optimizer: Optimizer) -> list[NDArray[np.intp] | None]:
    """The order of each epoch; none where a step is on all samples."""
    full = optimizer.batch_size is None or optimizer.batch_size >= len(orders[0])
    return [None if full else order for order in orders]


def others(case: Case, activations: list[Activation], optimizers: list[Optimizer]) -> Iterator[Case]:
    """The same samples and parameters with every activation and every optimizer."""
    orders = [order for order in case.orders if order is not None]
    for activation, optimizer in product(activations, optimizers):
        training = dataclasses.replace(case.training, hidden=activation, optimizer=optimizer)
        yield case._replace(training=training, orders=in_turn(orders, optimizer))


def installed(kind: str) -> list[Any]:
    """An object of each plugin of a kind that can be made without values."""
    found = []
    for name in registry.available(kind):
        cls = registry.load(kind, name)
        if all(item.default is not dataclasses.MISSING for item in hyperparameters(cls)):
            found.append(cls())
    return found


@dataclasses.dataclass(frozen=True)
class Heavy(Optimizer):
    """v <- 0.9 v + grad, theta <- theta - learning_rate v (Polyak, 1964): it has a memory, whatever is installed."""

    batch_size: int | None = 3
    learning_rate: float = RATE

    def init(self, theta: Array) -> State:
        return {"velocity": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        velocity = state["velocity"]
        np.multiply(velocity, 0.9, out=velocity)
        np.add(velocity, grad, out=velocity)
        np.subtract(theta, learning_rate * velocity, out=theta)


def optimizers(batch_size: int = 3) -> list[Optimizer]:
    """Every installed optimizer, with small batches where these can be chosen, and one that is not installed."""
    found: list[Any] = installed("optimizer")
    fields = [{item.name for item in hyperparameters(each)} for each in found]
    small = [
        dataclasses.replace(each, batch_size=batch_size) if "batch_size" in names else each
        for each, names in zip(found, fields, strict=True)
    ]
    return [*small, Heavy()]


def objectives() -> list[tuple[Loss, Activation, Task]]:
    """Every installed loss with every output activation that goes with it, for each of its tasks."""
    return [
        (loss, output, task)
        for loss in cast("list[Loss]", installed("loss"))
        for task in TASKS
        if task in loss.outputs
        for output in cast("list[Activation]", installed("activation"))
        if not mismatch(loss, output, OUTPUTS[task], task)
    ]


def claimed(engine: Engine, cases: Iterator[Case]) -> Iterator[Case]:
    """The cases that the engine takes."""
    return (case for case in cases if not engine.refusal(case.training))


def combinations() -> Iterator[Case]:
    """Every installed activation with every objective and every optimizer."""
    activations, rules = installed("activation"), optimizers()
    for loss, output, task in objectives():
        case = make(activation=activations[0], output=output, loss=loss, optimizer=Heavy(), task=task)
        yield from others(case, activations, rules)


def combinations_in_float32() -> Iterator[Case]:
    """Every installed activation with every objective, in float32; the optimizers take turns."""
    turns = cycle(optimizers())
    activations = installed("activation")
    for loss, output, task in objectives():
        case = make(activation=activations[0], output=output, loss=loss, optimizer=Heavy(), task=task, dtype=DTYPES[1])
        for activation in activations:
            yield from others(case, [activation], [next(turns)])


def plain(**changes: Any) -> Case:
    """A case of built-in plugins: tanh, mse with identity, batches of 3."""
    given: dict[str, Any] = {
        "activation": registry.build("activation", {"name": "tanh"}),
        "output": registry.build("activation", {"name": "identity"}),
        "loss": registry.build("loss", {"name": "mse"}),
        "optimizer": registry.build("optimizer", {"name": "minibatch", "batch_size": 3}),
        "task": "regression",
    }
    return make(**given | changes)


def shapes() -> Iterator[Case]:
    """Sizes from 1 to 70 units, 0 to 4 hidden layers, batches that divide and that do not, one sample."""
    rng = np.random.default_rng(3)
    for number in range(80):
        hidden = tuple(int(each) for each in rng.integers(1, 71, size=number % 5))
        n_samples, batch_size = int(rng.integers(1, 40)), int(rng.integers(1, 40))
        optimizer = registry.build("optimizer", {"name": "minibatch", "batch_size": batch_size})
        yield plain(
            hidden=hidden,
            optimizer=optimizer,
            n_features=int(rng.integers(1, 71)),
            outputs=int(rng.integers(1, 20)),
            n_samples=n_samples,
            epochs=max(1, min(3, STEPS * batch_size // n_samples)),
            seed=number,
        )
