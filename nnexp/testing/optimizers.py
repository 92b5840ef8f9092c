"""What an optimizer has to keep. theta and grad are flat, (n_parameters,); so are most arrays of a state."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nnexp.basics.fields import hyperparameters
from nnexp.errors import listed
from nnexp.plugin import Array, Optimizer, State
from nnexp.testing.numerics import DTYPES, SAME_ATOL, SAME_RTOL, Dtype, apart, shown
from nnexp.testing.verdict import Failed, Skipped

SIZE = 7
STEPS = 20
MOST_STEPS = 10_000
RATES = (1.0, 0.1, 0.01)
"""An optimizer converges with its own learning rate, or with a tenth or a hundredth of it where the user's is bold."""
CONVERGED = 0.01
"""The part of the first cost below which it has converged; one with steps of a fixed length stays around the optimum."""
FLOAT32_PATH = 1e-3
"""How far 20 steps in float32 and in float64 may be apart, relative to the largest parameter."""
EXPLODED = 1e6
CURVATURE = np.array([0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0])
OPTIMUM = np.array([0.5, -0.4, 0.3, -0.2, 0.45, -0.35, 0.25])
"""The quadratic J = sum(CURVATURE (theta - OPTIMUM)^2) / 2, from theta = 0."""


def start(dtype: Dtype = DTYPES[0], size: int = SIZE) -> Array:
    """Parameters to start from."""
    return np.random.default_rng(1).normal(0, 0.5, size).astype(dtype)


def gradients(dtype: Dtype = DTYPES[0], size: int = SIZE, steps: int = STEPS) -> list[Array]:
    """The gradients of some batches."""
    rng = np.random.default_rng(2)
    return [rng.normal(0, 1, size).astype(dtype) for _ in range(steps)]


def step(optimizer: Optimizer, theta: Array, grad: Array, state: State, rate: float | None = None) -> None:
    """One update in place, with a copy of ``grad``, at the optimizer's own rate unless another is given."""
    with np.errstate(all="ignore"):
        optimizer.update(theta, grad.copy(), state, optimizer.learning_rate if rate is None else rate)


def path(optimizer: Optimizer, theta: Array, grads: list[Array], rate: float | None = None) -> Array:
    """Where ``grads`` lead from a copy of ``theta``."""
    theta = theta.copy()
    state = optimizer.init(theta)
    for grad in grads:
        step(optimizer, theta, grad, state, rate)
    return theta


def updates_in_place(optimizer: Optimizer) -> None:
    """``theta`` is changed in place."""
    theta = start()
    before = theta.copy()
    state = optimizer.init(theta)
    if not np.array_equal(theta, before):
        raise Failed("init changed theta. It only makes the state: {'velocity': np.zeros_like(theta)}, or {}.")
    for grad in gradients():
        step(optimizer, theta, grad, state)
    if np.array_equal(theta, before):
        raise Failed(
            f"after {STEPS} updates theta is as before. `theta = theta - step` binds the name to a new array, which "
            "nobody reads: write np.subtract(theta, step, out=theta)."
        )


def state_in_place(optimizer: Optimizer) -> None:
    """The state's arrays are changed in place."""
    theta = start()
    state = optimizer.init(theta)
    if not state:
        raise Skipped("init returns no state")
    before = dict(state)
    for grad in gradients():
        step(optimizer, theta, grad, state)
    if set(state) != set(before):
        changed = listed(sorted(set(state) ^ set(before)))
        raise Failed(f"update added or removed {changed}. init has to return every array of the state.")
    for name, array in before.items():
        if state[name] is not array:
            raise Failed(
                f"update put a new array at state['{name}']. Change the one that is there: state['{name}'][...] = ..., "
                f"or np.multiply(..., out=state['{name}'])."
            )


def state_arrays(optimizer: Optimizer) -> None:
    """The state holds arrays of theta's dtype."""
    for dtype in DTYPES:
        theta = start(dtype)
        state = optimizer.init(theta)
        if not isinstance(state, dict):
            raise Failed(
                f"init returns {type(state).__name__}. Return a dict of arrays: {{}} where there is nothing to keep."
            )
        for name, array in state.items():
            if not isinstance(array, np.ndarray) or array.dtype != dtype:
                found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
                raise Failed(
                    f"state['{name}'] is {found} for a theta of {dtype}. Make it np.zeros_like(theta), or for a number "
                    "np.zeros(1, theta.dtype)."
                )
            others = [theta, *(other for key, other in state.items() if key != name)]
            if any(np.shares_memory(array, other) for other in others):
                raise Failed(f"state['{name}'] shares its memory with theta or another array. Make a copy of its own.")


def converges(optimizer: Optimizer) -> None:
    """It finds the minimum of a quadratic."""
    rates = [factor * optimizer.learning_rate for factor in RATES]
    reached = []
    for rate in rates:
        cost = quadratic(optimizer, rate)
        if cost < CONVERGED:
            return
        reached.append(f"{shown(cost)} (learning_rate {rate:g})")
    raise Failed(
        f"after {MOST_STEPS} steps on a quadratic the cost, in parts of the first one, is {listed(reached)}. A step "
        "goes against the gradient: theta - learning_rate * grad."
    )


def quadratic(optimizer: Optimizer, rate: float) -> float:
    """The cost reached on the quadratic, relative to the first one; ends once it has converged or exploded."""
    theta = np.zeros(SIZE)
    state = optimizer.init(theta)
    first = float((CURVATURE * OPTIMUM**2).sum())
    cost = 1.0
    for number in range(1, MOST_STEPS + 1):
        step(optimizer, theta, CURVATURE * (theta - OPTIMUM), state, rate)
        if number % 100 == 0:
            cost = float((CURVATURE * (theta - OPTIMUM) ** 2).sum()) / first
            if not CONVERGED <= cost < EXPLODED:
                break
    return cost


def gradient_buffer(optimizer: Optimizer) -> None:
    """The next gradient may overwrite the last."""
    theta, buffer = start(), np.empty(SIZE)
    state = optimizer.init(theta)
    for grad in gradients():
        buffer[...] = grad
        with np.errstate(all="ignore"):
            optimizer.update(theta, buffer, state, optimizer.learning_rate)
        buffer[...] = np.nan
    if not np.array_equal(theta, path(optimizer, start(), gradients())):
        raise Failed(
            "once the next gradient is written into the same array, the path is another one: the state keeps grad "
            "itself. Copy it: np.copyto(state['...'], grad)."
        )


def no_hidden_state(optimizer: Optimizer) -> None:
    """Two networks in turn do not disturb each other."""
    first, second = start(), -start()
    state, other = optimizer.init(first), optimizer.init(second)
    for grad in gradients():
        step(optimizer, first, grad, state)
        step(optimizer, second, 2 * grad, other)
    if not np.array_equal(first, path(optimizer, start(), gradients())):
        raise Failed(
            "training another network in between changes the path: something is kept outside the state. Whatever "
            "update remembers belongs into the arrays that init returns."
        )


def saved_and_restored(optimizer: Optimizer) -> None:
    """Saved and resumed, it goes on bit for bit."""
    theta, grads = start(), gradients()
    state = optimizer.init(theta)
    for grad in grads[: STEPS // 2]:
        step(optimizer, theta, grad, state)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        restored = {name: saved[name] for name in saved}
    fresh = replace(optimizer)
    for grad in grads[STEPS // 2 :]:
        step(fresh, theta, grad, restored)
    if not np.array_equal(theta, path(optimizer, start(), grads)):
        raise Failed(
            "a run that is resumed from its saved state goes another way than one that was not interrupted: the state "
            "is not all that update remembers. Keep a count of steps, for example, as np.zeros(1, theta.dtype) in the "
            "state."
        )


def float32(optimizer: Optimizer) -> None:
    """In float32 it goes the same way, to 1e-3."""
    single = path(optimizer, start(DTYPES[1]), gradients(DTYPES[1]))
    double = path(
        optimizer, start(DTYPES[1]).astype(np.float64), [each.astype(np.float64) for each in gradients(DTYPES[1])]
    )
    if (at := apart(single, double, 0, FLOAT32_PATH)) is not None:
        raise Failed(
            f"after {STEPS} steps a parameter is {shown(single[at])} in float32 and {shown(double[at])} in float64. "
            "Look for a constant that float32 cannot hold, such as an epsilon of 1e-50."
        )


def batch_size(optimizer: Optimizer) -> None:
    """``batch_size`` is None or a whole number from 1."""
    size = optimizer.batch_size
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
        raise Failed(f"batch_size is {size!r}. It is None for the whole training set, or an int of 1 or more.")


def learning_rate(optimizer: Optimizer) -> None:
    """The learning rate given to update is obeyed."""
    if "learning_rate" not in {item.name for item in hyperparameters(optimizer)}:
        raise Failed(
            "learning_rate is no field. Write learning_rate: float = param(0.1, above=0, doc='the step size')."
        )
    rate = optimizer.learning_rate
    theta, (grad, *_) = start(), gradients()
    moves = [np.abs(path(optimizer, theta, [grad], each) - theta).max() for each in (0.0, rate / 100, rate)]
    if moves[0] != 0:
        raise Failed(
            f"with learning_rate 0 a step moves theta by {shown(moves[0])}. Use update's argument learning_rate."
        )
    if not moves[1] < moves[2]:
        raise Failed(
            f"with a learning rate of {rate / 100:g} a step moves theta by {shown(moves[1])}, with {rate:g} by "
            f"{shown(moves[2])}. Use update's argument learning_rate, not self.learning_rate."
        )


def learning_rate_array(optimizer: Optimizer) -> None:
    """The rate may be an array without dimensions."""
    rate = np.array(optimizer.learning_rate)
    theta, grads = start(), gradients()
    state = optimizer.init(theta)
    with np.errstate(all="ignore"):
        for grad in grads:
            optimizer.update(theta, grad.copy(), state, rate)  # type: ignore[arg-type]  # as the engine does
    if rate != optimizer.learning_rate:
        raise Failed("update changed the array learning_rate. Write learning_rate * ..., without *=.")
    if apart(theta, path(optimizer, start(), grads), SAME_RTOL, SAME_ATOL) is not None:
        raise Failed("with learning_rate as an array instead of a float the path is another one.")


def parameters_alike(optimizer: Optimizer) -> None:
    """Parameters in another order go the same way."""
    order = np.random.default_rng(3).permutation(SIZE)
    moved = path(optimizer, start()[order], [grad[order] for grad in gradients()])
    if apart(moved, path(optimizer, start(), gradients())[order], SAME_RTOL, SAME_ATOL) is not None:
        raise Failed("in another order the parameters go another way. theta is one flat vector: use no position in it.")


def any_size(optimizer: Optimizer) -> None:
    """One parameter, and none, are fine."""
    for size in (1, 0):
        theta = path(optimizer, start(size=size), gradients(size=size))
        if theta.shape != (size,) or not np.isfinite(theta).all():
            raise Failed(f"theta of {size} parameters became {theta}.")


def extremes(optimizer: Optimizer) -> None:
    """Gradients of 0, 1e-30 and 1e15 leave it finite."""
    for dtype in DTYPES:
        for size in (0.0, 1e-30, 1e15):
            theta = path(optimizer, start(dtype), [np.full(SIZE, size, dtype)] * 3)
            if not np.isfinite(theta).all():
                raise Failed(
                    f"a gradient of {size:g} makes theta {theta[0]} in {dtype}. Keep what is divided by above 0: "
                    "np.sqrt(v) + epsilon."
                )


CHECKS: tuple[Callable[[Optimizer], None], ...] = (
    updates_in_place,
    state_in_place,
    state_arrays,
    converges,
    gradient_buffer,
    no_hidden_state,
    saved_and_restored,
    float32,
    batch_size,
    learning_rate,
    learning_rate_array,
    parameters_alike,
    any_size,
    extremes,
)
