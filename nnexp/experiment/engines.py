"""Which engine trains a run: what ``engine=auto`` means, and one epoch of a few samples held against NumPy's.

The engine that is there in any case is the one that ``plan.DEFAULTS`` names. It is no part of a run's parameters and key, so
that a record without an engine means this one.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from nnexp.discovery import registry
from nnexp.engine.numpy_engine import Numpy
from nnexp.errors import NnexpError
from nnexp.experiment.contracts import breach
from nnexp.experiment.plan import DEFAULTS
from nnexp.plugin import Array, Engine, Training

TOLERANCE = {"float64": 1e-8, "float32": 1e-2}
"""How far the parameters may be from NumPy's after ``SAMPLES`` samples, relative to the largest one."""


class Choice(NamedTuple):
    """The engine of a run."""

    engine: Engine
    """With nothing left open."""
    why: str
    """Why ``auto`` took it; empty where it was typed."""


def choose(typed: Engine | None, training: Training) -> Choice:
    """The engine that was typed, or for ``auto`` (None) the fastest that takes the training. Raises NnexpError if none does."""
    if typed is None:
        return fastest(training)
    engine = typed.settled()
    if refusal := engine.refusal(training):
        raise NnexpError(refusal)
    return Choice(engine, "")


def fastest(training: Training) -> Choice:
    """What ``auto`` takes, and why."""
    best = cast("Engine", registry.build("engine", {"name": DEFAULTS["engine"]}))
    others = [name for name in registry.available("engine") if name != DEFAULTS["engine"]]
    if not others:
        return Choice(best, "auto; no other is installed")
    reasons = []
    for name in others:
        engine = cast("Engine", registry.build("engine", {"name": name})).settled()
        if refusal := engine.refusal(training):
            reasons.append(refusal.partition(". ")[0])
        elif engine.speed(training) > best.speed(training):
            best = engine
        else:
            reasons.append(f"{name} is not faster at this size")
    return Choice(best, "auto" if not is_default(best) else f"auto; {'; '.join(reasons)}")


def is_default(engine: Engine | None) -> bool:
    """Whether it is the engine of a record that names none."""
    return engine is not None and registry.known_as(engine) == DEFAULTS["engine"]


def without_default(config: dict[str, Any], engine: Engine | None) -> dict[str, Any]:
    """A run's configuration as it is recorded: the engine is left out where it is the default."""
    return {key: value for key, value in config.items() if key != "engine" or not is_default(engine)}


def rehearse_engine(engine: Engine, training: Training, design: Array, y: Array) -> None:
    """Train one epoch on a few samples, in arrays of its own, with this engine and with NumPy, and refuse other numbers.

    From drawn parameters, not from the run's: at a point where a function has a kink rounding alone decides the derivative.
    """
    if type(engine) is Numpy:
        return
    training = dataclasses.replace(training, n_samples=len(design))
    size = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(training.sizes))
    drawn = np.random.default_rng(0).normal(size=size) / np.sqrt(max(training.sizes))
    found: list[tuple[Array, Array]] = []
    for each in (Numpy(), engine):
        theta = drawn.astype(training.dtype)
        state = training.optimizer.init(theta)
        with np.errstate(all="ignore"):
            runner = each.runner(training, design, y, theta, state)
            runner.run(None, training.optimizer.learning_rate)
        found.append((theta, runner.logits))
    (theta, logits), (own_theta, own_logits) = found
    for name, expected, given in (("logits", logits, own_logits), ("parameters", theta, own_theta)):
        if not np.isfinite(expected).all():
            return
        off = np.abs(given - expected).max() / max(np.abs(expected).max(), np.finfo(training.dtype).tiny)
        if not off <= TOLERANCE[training.dtype.name]:
            raise breach(
                "engine",
                engine,
                f"its {name} differ from NumPy's by {off:.1g}, relative to the largest one, after one epoch",
            )
