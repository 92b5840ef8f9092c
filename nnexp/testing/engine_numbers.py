"""When an engine's numbers are NumPy's: how far they are apart, and how far rounding alone moves them."""

from __future__ import annotations

import math

import numpy as np

from nnexp.engine.numpy_engine import Numpy
from nnexp.plugin import Array
from nnexp.testing.engine_cases import TOLERANCE, Case, Trained, measured, trained
from nnexp.testing.numerics import shown
from nnexp.testing.verdict import Failed

SENSITIVE = 30
"""Where rounding is amplified (1 / p of a probability near 0), so many times what moves NumPy's own result is rounding."""
TRIES = 5
SCALE = {"the cost": 1e-3}
"""A cost below this is compared as if it were this: its summands may be large, and cancel."""


def apart(given: Array, right: Array, least: float = 0.0) -> float:
    """The largest difference, relative to the largest number of ``right``, if that is at least ``least``; else to ``least``.

    Infinite where ``given`` is not finite.
    """
    largest = max(float(np.abs(right).max(initial=0)), least, float(np.finfo(right.dtype).tiny))
    off = float(np.abs(given.astype(np.float64) - right).max(initial=0)) / largest
    return off if math.isfinite(off) else math.inf


def named(result: Trained) -> dict[str, Array]:
    """The arrays that are compared: of outputs and cost what was left."""
    found = {"theta": result.theta, "the logits": result.logits}
    found |= {f"the state's {name}": array for name, array in result.state.items()}
    if result.outputs is not None:
        found["the outputs"] = result.outputs
    if result.cost is not None:
        found["the cost"] = np.array(result.cost, result.logits.dtype)
    return found


def sensitivity(case: Case, name: str) -> float:
    """How far NumPy's own result moves when parameters and samples are rounded otherwise: the most of a few tries."""
    right = named(measured(case, trained(Numpy(), case)))[name]
    found = []
    for seed in range(TRIES):
        rng = np.random.default_rng([4, seed])
        theta, design = (rounded(each, rng) for each in (case.theta, case.design))
        moved = case._replace(theta=theta, design=design)
        found.append(apart(named(measured(moved, trained(Numpy(), moved)))[name], right, SCALE.get(name, 0)))
    return max(found)


def rounded(array: Array, rng: np.random.Generator) -> Array:
    """Each number moved by its last place, up or down; the column of ones stays."""
    moved = (array * (1 + rng.choice([-1, 1], array.shape) * np.finfo(array.dtype).eps)).astype(array.dtype)
    return np.where(array == 1, array, moved)


def compare(case: Case, given: Trained, right: Trained) -> None:
    """Raise Failed where parameters, state, logits, or the outputs and the cost it leaves are not NumPy's, but for rounding."""
    most = TOLERANCE[case.training.dtype.name]
    right_of = named(measured(case, right))
    for name, found in named(given).items():
        wanted = right_of[name]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise Failed(f"{case}: {name} is {found.dtype} {found.shape}; it must be {wanted.dtype} {wanted.shape}.")
        if not (off := apart(found, wanted, SCALE.get(name, 0))) <= most and not off <= SENSITIVE * sensitivity(
            case, name
        ):
            raise Failed(
                f"{case}: after {len(case.orders)} epochs {name} differs from NumPy's by {shown(off)}, relative to the "
                f"largest number; at most {most:g} is rounding. Where it has no code for a plugin, refusal has to say so."
            )
