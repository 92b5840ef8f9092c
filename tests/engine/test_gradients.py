"""The gradient of every combination of plugins against central differences of the cost that is logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.discovery import registry
from nnexp.engine.network import MLP, design_matrix, make_step
from nnexp.engine.objective import Objective, mismatch
from nnexp.plugin import TASKS, Activation, Array, Loss, Task

OUTPUTS: dict[Task, int] = {"regression": 2, "binary": 1, "multiclass": 3}
HIDDEN = ((), (4,), (4, 3), (3, 4, 2))
BATCHES = (1, 5)
"""One sample has a path of its own; ``test_any_sizes`` has the others."""
STEP = 1e-3
MARGIN = 0.04
"""Pre-activations and residuals keep this far from 0, where some functions have a kink."""


class Combination(NamedTuple):
    """One way to put a network together."""

    loss: Loss
    output: Activation
    hidden: Activation
    task: Task


def activation(name: str) -> Activation:
    return cast("Activation", registry.build("activation", {"name": name}))


def combination(loss: str, output: str, hidden: str) -> Combination:
    """The named plugins, for the first task that the loss lists."""
    made = cast("Loss", registry.build("loss", {"name": loss}))
    return Combination(made, activation(output), activation(hidden), cast("Task", next(iter(made.outputs))))


def every() -> Iterator[Any]:
    """Every combination of installed plugins that nnexp does not refuse."""
    for loss_name in registry.available("loss"):
        loss = cast("Loss", registry.build("loss", {"name": loss_name}))
        for task in (each for each in TASKS if each in loss.outputs):
            for output in registry.available("activation"):
                if mismatch(loss, activation(output), OUTPUTS[task], task):
                    continue
                for hidden in registry.available("activation"):
                    made = Combination(loss, activation(output), activation(hidden), task)
                    yield pytest.param(made, id=f"{loss_name}-{task}-{output}-{hidden}")


COMBINATIONS = list(every())


class Problem(NamedTuple):
    """A network with parameters, and one batch."""

    network: MLP
    objective: Objective
    design: Array
    y: Array

    def cost(self, theta: Array) -> float:
        """The cost that would be logged with the parameters ``theta``."""
        self.network.theta[...] = theta
        logits = self.network.logits(self.design).copy()
        return self.objective.cost(logits, self.network.activate(logits), self.y)

    def gradient(self) -> Array:
        """What a training step writes; the place holds NaN before."""
        grad = np.full_like(self.network.theta, np.nan)
        step = make_step(self.network, self.objective.gradient, grad, len(self.design))
        with np.errstate(all="ignore"):
            step(self.design.T, self.design, self.y, np.full_like(self.y, np.nan))
        return grad

    def smooth_here(self) -> bool:
        """Whether no pre-activation and no residual is near 0, and every layer's gradient can be seen."""
        a = self.design[:, :-1].T
        matrices = self.network.matrices
        z = a
        for matrix in matrices:
            z = matrix[:, :-1] @ a + matrix[:, -1:]
            if np.abs(z).min() < MARGIN:
                return False
            a = np.empty_like(z)
            self.network.hidden.forward(z, a)
        if np.abs(self.network.activate(z) - self.y).min() < MARGIN / 4:
            return False
        return all(np.abs(part).max() > 1e-4 for part in self.network.views(self.gradient()))


def problem(made: Combination, hidden: tuple[int, ...], m: int, seed: int, n_in: int = 3) -> Problem:
    """A random network and batch."""
    rng = np.random.default_rng([seed, m, len(hidden)])
    network = MLP((n_in, *hidden, OUTPUTS[made.task]), made.hidden, made.output)
    network.theta[...] = rng.normal(0, 0.9, network.theta.size)
    return Problem(
        network, Objective(made.loss, made.output), design_matrix(rng.normal(size=(m, n_in))), target(made.task, m, rng)
    )


def target(task: Task, m: int, rng: np.random.Generator) -> Array:
    if task == "regression":
        return rng.normal(size=(OUTPUTS[task], m))
    classes = rng.integers(0, max(2, OUTPUTS[task]), m)
    return np.eye(OUTPUTS[task])[classes].T.copy() if task == "multiclass" else classes[None].astype(float)


def smooth_problem(made: Combination, hidden: tuple[int, ...], m: int) -> Problem:
    """The first random problem away from kinks."""
    for seed in range(3000):
        found = problem(made, hidden, m, seed)
        if found.smooth_here():
            return found
    pytest.fail("no problem in which every layer has a gradient")


def central_differences(given: Problem) -> Array:
    """The slopes to fourth order: (8 (J(h) - J(-h)) - (J(2h) - J(-2h))) / 12 h (Abramowitz and Stegun, 25.3.21)."""
    theta = given.network.theta.copy()
    slopes = np.empty_like(theta)
    for index in range(theta.size):
        e = np.zeros_like(theta)
        e[index] = STEP
        near = given.cost(theta + e) - given.cost(theta - e)
        far = given.cost(theta + 2 * e) - given.cost(theta - 2 * e)
        slopes[index] = (8 * near - far) / (12 * STEP)
    given.network.theta[...] = theta
    return slopes


@pytest.mark.parametrize("made", COMBINATIONS)
def test_every_combination(made: Combination) -> None:
    """Each hidden activation, output activation and loss: the step's gradient is the derivative of the logged cost."""
    for hidden in HIDDEN:
        for m in BATCHES:
            given = smooth_problem(made, hidden, m)
            np.testing.assert_allclose(
                given.gradient(), central_differences(given), rtol=1e-7, atol=1e-9, err_msg=f"hidden={hidden} m={m}"
            )


def test_all_built_in_combinations_are_there() -> None:
    """The combinations are the ones counted by hand from the losses' domains, each with the 6 hidden activations.

    mse: regression with 6 outputs, binary with 5 (no softmax over one output), multiclass with 6; mae: regression with 6;
    bce: sigmoid; cce: softmax.
    """
    built_in = {"identity", "sigmoid", "tanh", "relu", "leaky_relu", "softmax"}
    ids = {str(each.id) for each in COMBINATIONS}
    names = {tuple(each.split("-")) for each in ids}
    ours = {n for n in names if n[0] in {"mse", "mae", "bce", "cce"} and {n[2], n[3]} <= built_in}
    assert len(ours) == (6 + 5 + 6 + 6 + 1 + 1) * 6


@settings(max_examples=40, deadline=None)
@given(
    pair=st.sampled_from([("mse", "identity"), ("mse", "tanh"), ("bce", "sigmoid"), ("cce", "softmax")]),
    hidden=st.sampled_from(["identity", "sigmoid", "tanh", "softmax"]),
    layers=st.lists(st.integers(1, 6), max_size=3),
    n_in=st.integers(1, 5),
    m=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_sizes(*, pair: tuple[str, str], hidden: str, layers: list[int], n_in: int, m: int, seed: int) -> None:
    """Whatever the layers' sizes, the batch and the seed: the gradient is the derivative of the cost."""
    made = combination(pair[0], pair[1], hidden)
    found = problem(made, tuple(layers), m, seed, n_in)
    np.testing.assert_allclose(found.gradient(), central_differences(found), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("made", COMBINATIONS)
def test_float32(made: Combination) -> None:
    """In float32 the gradient is float64's to 5 digits of the largest entry, and every array stays float32."""
    exact = smooth_problem(made, (4, 3), 5)
    network = MLP(exact.network.sizes, made.hidden, made.output, np.float32)
    network.theta[...] = exact.network.theta
    rough = Problem(network, exact.objective, exact.design.astype(np.float32), exact.y.astype(np.float32))
    grad, reference = rough.gradient(), exact.gradient()
    assert grad.dtype == np.float32
    assert network.logits(rough.design).dtype == np.float32
    np.testing.assert_allclose(grad, reference, rtol=1e-4, atol=1e-5 * np.abs(reference).max())


def test_a_step_can_be_used_again() -> None:
    """A step keeps nothing of the batch before: the second batch's gradient and logits are those of a fresh step."""
    made = combination("cce", "softmax", "relu")
    first, second = (problem(made, (4, 3), 5, seed) for seed in (1, 2))
    grad = np.full_like(first.network.theta, np.nan)
    step = make_step(first.network, first.objective.gradient, grad, 5)
    logits = np.empty_like(first.y)
    step(first.design.T, first.design, first.y, logits)
    step(second.design.T, second.design, second.y, logits)
    alone = second._replace(network=first.network)
    np.testing.assert_array_equal(grad, alone.gradient())
    np.testing.assert_allclose(logits, first.network.logits(second.design), rtol=1e-14)


def test_a_gradient_by_hand() -> None:
    """1-1-1 with tanh, mse, worked out: z1 = 0.5, a1 = tanh 0.5, y_pred = 2 a1 - 1; every derivative by the chain rule."""
    network = MLP((1, 1, 1), activation("tanh"), activation("identity"))
    network.theta[...] = [0.5, 0.0, 2.0, -1.0]  # W1, b1, W2, b2
    objective = Objective(cast("Loss", registry.build("loss", {"name": "mse"})), activation("identity"))
    found = Problem(network, objective, design_matrix(np.array([[1.0]])), np.array([[0.25]]))
    a = np.tanh(0.5)
    delta = 2 * (2 * a - 1 - 0.25)
    below = delta * 2 * (1 - a * a)
    np.testing.assert_allclose(found.gradient(), [below * 1, below, delta * a, delta], rtol=1e-14)
