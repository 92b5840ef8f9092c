"""Predictions and targets to ask a loss about, for each task it is for. Shapes: y_pred and y (n_outputs, n_samples)."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from nnexp.plugin import TASKS, Array, Loss, Task
from nnexp.testing.numerics import MARGIN, Dtype
from nnexp.testing.verdict import Failed

OUTPUTS: dict[Task, int] = {"regression": 3, "binary": 1, "multiclass": 3}
SAMPLES = 5
"""Not 2, 3 or 4: a factor in a wrong gradient tells where it comes from."""
FAR = 1000.0
"""How far predictions go where the domain has no end."""


class Case(NamedTuple):
    """One batch of one task."""

    task: Task
    y_pred: Array
    y: Array

    def astype(self, dtype: Dtype) -> Case:
        """The same batch in another dtype."""
        return Case(self.task, self.y_pred.astype(dtype), self.y.astype(dtype))


def cases(loss: Loss, samples: int = SAMPLES, seed: int = 1, outputs: int | None = None) -> list[Case]:
    """One random batch for each task in ``outputs``, predictions inside the domain and away from declared kinks."""
    found = []
    for task in TASKS:
        if task in loss.outputs:
            k = outputs if outputs and task == "regression" else OUTPUTS[task]
            rng = np.random.default_rng([seed, TASKS.index(task)])
            y = targets(loss, task, (k, samples), rng)
            found.append(Case(task, smooth(loss, y, task, rng), y))
    if not found:
        raise Failed("outputs names no task, so there is nothing to try the loss on.")
    return found


def targets(loss: Loss, task: Task, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Values, multiples of 1/8 (counts where targets are nonnegative), 0 and 1 in turn, or one-hot classes in turn."""
    if task == "regression":
        counts = loss.target == "nonnegative"
        return rng.poisson(2.0, shape).astype(np.float64) if counts else np.round(8 * rng.normal(0, 1, shape)) / 8
    classes = np.arange(shape[1]) % max(2, shape[0])
    return classes[None].astype(np.float64) if task == "binary" else np.eye(shape[0])[:, classes]


def inside(loss: Loss, task: Task, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Random predictions well inside the domain, probabilities of the classes where the loss needs them."""
    low, high = loss.domain
    if loss.distribution and task == "multiclass":
        weights = np.exp(rng.normal(0, 0.7, shape))
        return cast("Array", weights / weights.sum(axis=0))
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) * rng.uniform(0.1, 0.9, shape)
    spread: Array = rng.normal(0, 0.5, shape)
    if np.isfinite(low):
        return low + np.exp(spread)
    return high - np.exp(spread) if np.isfinite(high) else 3 * spread


def smooth(loss: Loss, y: Array, task: Task, rng: np.random.Generator) -> Array:
    """Predictions that keep ``MARGIN`` from the declared kinks: entries that are too near are drawn again."""
    y_pred = inside(loss, task, y.shape, rng)
    for _ in range(200):
        kink = loss.kink(y_pred, y)
        if kink is None or not (near := np.abs(kink) < MARGIN).any():
            return y_pred
        y_pred = np.where(near, inside(loss, task, y.shape, rng), y_pred)
    raise Failed(
        f"{task}: kink is within {MARGIN} of 0 for all predictions that were tried. It has to be 0 at single points "
        "only."
    )


def cost_of(loss: Loss, y_pred: Array, y: Array) -> float:
    """J, with NumPy's warnings off as in the engine."""
    with np.errstate(all="ignore"):
        return loss.value(y_pred, y)


def gradient_of(loss: Loss, y_pred: Array, y: Array) -> Array:
    """dJ/dy_pred; what is not written stays NaN."""
    out = np.full(y_pred.shape, np.nan, y_pred.dtype)
    with np.errstate(all="ignore"):
        loss.gradient(y_pred, y, out)
    if np.isnan(out).all():
        raise Failed("gradient leaves all of out NaN: see gradient_written.")
    return out


class Entry(NamedTuple):
    """One entry of y_pred that moves while all else of its sample keeps still."""

    loss: Loss
    case: Case
    unit: int
    sample: int

    def columns(self, positions: Array) -> tuple[Array, Array]:
        """y_pred and y (n_outputs, n): the sample once for each of ``positions`` (n,) of the entry."""
        y_pred = np.repeat(self.case.y_pred[:, self.sample : self.sample + 1], len(positions), axis=1)
        y_pred[self.unit] = positions
        return y_pred, np.repeat(self.case.y[:, self.sample : self.sample + 1], len(positions), axis=1)

    def cost(self, position: float) -> float:
        """The cost of the sample alone."""
        return cost_of(self.loss, *self.columns(np.array([position])))

    def slope(self, positions: Array) -> Array:
        """The entry of the gradient at each position, as if each were the only sample."""
        found: Array = gradient_of(self.loss, *self.columns(positions))[self.unit]
        return found * len(positions)

    def kink(self, positions: Array) -> Array | None:
        """The declared expression at each position."""
        found = self.loss.kink(*self.columns(positions))
        return None if found is None else found[self.unit]

    def grid(self) -> Array:
        """Positions across the domain, a hundredth of its width from its ends; multiples of 1/32 where it has none."""
        low, high = self.loss.domain
        if np.isfinite(low) and np.isfinite(high):
            return np.linspace(low + 0.01 * (high - low), high - 0.01 * (high - low), 99)
        first, last = max(-8.0, low + 0.125), min(8.0, high - 0.125)
        return np.linspace(first, last, round(32 * (last - first)) + 1)


def entries(loss: Loss, samples: int = 3) -> list[Entry]:
    """Every entry of a small batch of each task.

    Where the domain has no ends the predictions are multiples of 1/32, no two of a sample alike, so that arithmetic with them
    is exact and a kink can be hit.
    """
    found = []
    for case in cases(loss, samples):
        if not np.isfinite(loss.domain).any():
            case.y_pred[...] = np.round(8 * case.y_pred) / 8 + np.arange(len(case.y))[:, None] / 32
        found += [Entry(loss, case, unit, sample) for unit in range(len(case.y)) for sample in range(samples)]
    return found
