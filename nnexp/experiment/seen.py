"""A trained experiment as pictures see it: plain arrays and functions.

While it trains only a copy of the parameters is taken at some epochs' ends (``moments``); all else is computed when
pictures are drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.picture import Moment, Predict, Seen
from nnexp.engine.metrics import class_indices
from nnexp.engine.network import MLP, make_step
from nnexp.engine.training import blas_threads
from nnexp.experiment.experiment import Experiment
from nnexp.experiment.model import Model
from nnexp.experiment.moments import Moments
from nnexp.plugin import Array

S = TypeVar("S", bound=np.generic)
MOST_SAMPLES = 1000
"""Training samples that gradients are of."""


def seen(experiment: Experiment, kept: Moments | None = None) -> Seen:
    """The experiment, trained."""
    data, model = experiment.data, experiment.model()
    threshold = experiment.objective.loss.threshold
    moments = sorted(kept.kept.items()) if kept else []
    return Seen(
        task=data.task,
        target=data.target,
        classes=tuple(map(str, data.classes)),
        features=data.names,
        categories=data.categories,
        x=to_read(data.x),
        y=to_read(data.y.reshape(len(data.y), -1) if data.task == "regression" else data.y),
        parts={name: to_read(rows) for name, rows in experiment.split._asdict().items() if len(rows)},
        predict=predicting(model),
        label=lambda outputs: class_indices(outputs.T, threshold),
        activations=lambda x: activations(model, x),
        weights=tuple((to_read(w[:, :-1]), to_read(w[:, -1])) for w in experiment.network.matrices),
        moments=[moment(experiment, number, theta) for number, theta in moments],
    )


def to_read(array: NDArray[S]) -> NDArray[S]:
    """The same numbers, which cannot be changed: one picture sees what another does."""
    view = array.view()
    view.flags.writeable = False
    return view


def predicting(model: Model) -> Predict:
    """What a model answers for raw samples, sample-major."""

    def predict(x: Array) -> Array:
        with np.errstate(all="ignore"):
            outputs = model.network.predict(model.preprocessing.design(x, dtype=model.network.dtype))
        return model.preprocessing.original(outputs) if model.task == "regression" else outputs.T.astype(np.float64)

    return predict


def activations(model: Model, x: Array) -> Sequence[Array]:
    """Each layer's activations (n, n_units)."""
    network = model.network
    found, extended = [], model.preprocessing.design(x, dtype=network.dtype).T
    with np.errstate(all="ignore"):
        for number, matrix in enumerate(network.matrices, 1):
            z = matrix @ extended
            a = np.empty_like(z)
            (network.output if number == len(network.matrices) else network.hidden).forward(z, a)
            found.append(a.T)
            extended = np.concatenate([a, np.ones_like(a[:1])])
    return found


def moment(experiment: Experiment, number: int, theta: Array) -> Moment:
    """The network with the parameters that it had at an epoch's end."""
    of = experiment.network
    network = MLP(of.sizes, of.hidden, of.output, of.dtype, theta)
    model = Model(network, experiment.preprocessing, experiment.objective.loss.threshold)
    return Moment(number, predicting(model), functools.partial(gradient_norms, experiment, network))


def gradient_norms(experiment: Experiment, network: MLP) -> tuple[float, ...]:
    """The norm of each layer's gradient, computed in NumPy whichever engine trained."""
    part = experiment.samples.of(experiment.split.training[:MOST_SAMPLES])
    m = len(part.design)
    gradient = np.empty_like(network.theta)
    step = make_step(network, experiment.objective.gradient, gradient, m)
    threads = experiment.plan.settings.threads
    with blas_threads().limit(limits=threads, user_api="blas"), np.errstate(all="ignore"):
        step(np.ascontiguousarray(part.design.T), part.design, part.y, np.empty_like(part.y))
    return tuple(float(np.linalg.norm(each)) for each in network.views(gradient))
