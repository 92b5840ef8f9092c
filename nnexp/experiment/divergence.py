"""Divergence that the numbers did not end: a training that blew up, and whose cost ended far above where it began.

An infinite cost or metric is divergence. A finite cost a thousand times that of the untrained network and of logits 0 is told
and not refused: a sound run cannot have it. Where training diverged and the untrained network's cost was as far above that of
logits 0, it is the initial weights that are too large, and not the learning rate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nnexp.discovery import registry
from nnexp.engine.network import MLP
from nnexp.engine.training import Part, blas_limit
from nnexp.experiment.contracts import initialize
from nnexp.plugin import Array

if TYPE_CHECKING:
    from nnexp.experiment.experiment import Experiment

DIVERGENCE_FACTOR = 1000
"""A cost that is so many times that of the baseline, logits of 0, is far above it."""


def divergence_warning(experiment: Experiment) -> str:
    """What to say of a training that blew up; empty where it did not.

    It did where the cost on the training part, in the last epoch or of the weights that are kept, is more than
    ``DIVERGENCE_FACTOR`` times both that of the untrained network and that of the baseline, logits of 0, which is to answer
    the same to everything. What is minimised does not get there by noise: a network that begins badly is still below the
    first, one that begins trained is below the second. A cost on the validation part, which may also grow by overfitting, only
    makes it worth a look.
    """
    last = experiment.history[-1].metrics
    part, threads = experiment.samples.part("training"), experiment.plan.settings.threads
    with blas_limit(threads), np.errstate(all="ignore"):
        limit = DIVERGENCE_FACTOR * abs(cost(experiment, np.zeros_like(part.y), part))
        if not any(value > limit for name, value in last.items() if name.startswith("cost/")):
            return ""
        kept = cost(experiment, experiment.network.logits(part.design), part)
        untrained = cost(experiment, initial_logits(experiment, part), part)
    reached = max(last["cost/train"], kept)
    if not reached > max(limit, DIVERGENCE_FACTOR * abs(untrained)):
        return ""
    rate = experiment.plan.optimizer.learning_rate
    return (
        f"The cost on the training part grew from {untrained:.3g}, untrained, to {reached:.3g}: the learning rate, {rate:g}, "
        f"is too large. Type optimizer.learning_rate={rate / 10:g}, or smaller."
    )


def initialization_warning(experiment: Experiment) -> str:
    """What to say of initial weights with which a training had to diverge; empty where they are of a usual size."""
    part, initializer = experiment.samples.part("training"), experiment.plan.initializer
    with blas_limit(experiment.plan.settings.threads), np.errstate(all="ignore"):
        untrained = cost(experiment, initial_logits(experiment, part), part)
        usual = DIVERGENCE_FACTOR * max(abs(cost(experiment, np.zeros_like(part.y), part)), 1)
    if untrained <= usual:  # not where it is no number
        return ""
    was = f"{untrained:.3g}" if math.isfinite(untrained) else "not finite"
    return (
        f"Before the first step the cost was {was}: the initial weights are too large, those of "
        f"initializer={registry.known_as(initializer)}. Make them smaller, or choose another initializer."
    )


def cost(experiment: Experiment, logits: Array, part: Part) -> float:
    """The cost of these logits."""
    y_pred = np.empty_like(logits)
    experiment.objective.output.forward(logits, y_pred)
    return float(experiment.objective.cost(logits, y_pred, part.y))


def initial_logits(experiment: Experiment, part: Part) -> Array:
    """The logits of the network as it was before the first epoch."""
    trained = experiment.network
    network = MLP(trained.sizes, trained.hidden, trained.output, trained.dtype)
    initialize(network, experiment.plan.initializer, np.random.default_rng(experiment.seeds[2]))
    return network.logits(part.design)
