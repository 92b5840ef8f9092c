"""Training as a generator of epochs: logging, stopping and saving are the caller's ordinary loop.

for epoch in train(network, objective, optimizer, part, rng=rng, epochs=50, metrics=metrics):
    print(epoch.number, epoch.cost)
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from threadpoolctl import ThreadpoolController

from nnexp.engine.metrics import UNDEFINED, Metrics
from nnexp.engine.network import MLP
from nnexp.engine.numpy_engine import Numpy
from nnexp.engine.objective import Objective
from nnexp.errors import NnexpError
from nnexp.plugin import Array, Engine, Optimizer, Schedule, State, Training


@dataclass(frozen=True)
class Epoch:
    """One pass over the training samples. ``metrics`` has ``cost/train``, ``cost/validation`` and the task's metrics.

    Train metrics are of the predictions made during the epoch, each batch before its update, pooled over the epoch;
    validation is measured at the epoch's end. ``learning_rate`` is among them where a schedule changes it. ``time`` is when
    the epoch ended, in seconds since 1970.
    """

    number: int
    metrics: dict[str, float]
    time: float = field(default_factory=time.time)

    @property
    def cost(self) -> float:
        """The cost to compare epochs by: on the validation part, or without one on the training part."""
        return self.metrics.get("cost/validation", self.metrics["cost/train"])


class Diverged(NnexpError):  # noqa: N818 (what happened, not a mistake)
    """The cost, or a metric, is no longer finite."""

    def __init__(self, epoch: int, learning_rate: float, factor: float = 1.0, lost: str = "") -> None:
        """``learning_rate`` is the optimizer's own, ``factor`` what the schedule multiplied it by in this epoch.

        ``lost`` names what is not finite; the cost need not be named.
        """
        rate = f"{learning_rate}"
        if factor != 1:
            rate = f"{learning_rate * factor:g} ({learning_rate} times the schedule's {factor:g})"
        what = "" if not lost or lost.startswith("cost/") else f" ({lost} is not finite)"
        self.reason = f"diverged at epoch {epoch}{what}; learning_rate={rate}"
        super().__init__(f"{self.reason}. Type optimizer.learning_rate={learning_rate / 10:g}, or smaller.")
        self.epoch = epoch

    def because(self, cause: str) -> Diverged:
        """The same with a cause in the place of the advice; as it is where ``cause`` is empty."""
        if cause:
            self.args = (f"{self.reason}. {cause}",)
        return self


@dataclass(frozen=True, eq=False)
class Part:
    """Samples of one purpose: a design matrix (n_samples, n_features + 1) and targets (n_outputs, n_samples)."""

    design: Array
    y: Array


@dataclass
class Clock:
    """What the epochs took."""

    epochs: int = 0
    seconds: float = 0.0
    """In all steps, with what the runner itself computes of outputs and cost."""
    product_seconds: float = 0.0
    """Of these, in matrix products."""

    def note(self, seconds: float, product_seconds: float) -> None:
        """Count an epoch; ``product_seconds`` are those since the training began."""
        self.epochs += 1
        self.seconds += seconds
        self.product_seconds = product_seconds


def train(
    network: MLP,
    objective: Objective,
    optimizer: Optimizer,
    training: Part,
    *,
    rng: np.random.Generator,
    epochs: int,
    metrics: Metrics,
    schedule: Schedule | None = None,
    validation: Part | None = None,
    shuffle: bool = True,
    threads: int = 1,
    state: State | None = None,
    before: Sequence[float] = (),
    engine: Engine | None = None,
    clock: Clock | None = None,
) -> Iterator[Epoch]:
    """Train ``network`` in place and yield each epoch when it ends.

    All randomness is one permutation of the samples an epoch, from ``rng`` (none for full batches or ``shuffle=False``).
    ``schedule`` sets each epoch's learning rate; None keeps the optimizer's own.
    ``threads`` BLAS threads are used within an epoch; the caller's setting holds in between. To go on with a training that was
    interrupted, ``before`` has the costs of the epochs that were trained, and ``network``, ``state`` (the optimizer's, changed
    in place; None makes a new one) and ``rng`` are as these left them. ``engine`` computes; None is NumPy. ``clock`` is told
    what takes how long. Raises Diverged.
    """
    engine = engine or Numpy()
    state = optimizer.init(network.theta) if state is None else state
    work = to_train(network, objective, optimizer, len(training.design), timed=clock is not None)
    runner = engine.runner(work, training.design, training.y, network.theta, state)
    evaluate = engine.evaluator(work, validation.design, network.theta) if validation else None
    shuffled = shuffle and not (optimizer.batch_size is None or optimizer.batch_size >= work.n_samples)
    varying = schedule if schedule and schedule.varies else None
    factor, history = 1.0, list(before)

    for number in range(len(history) + 1, epochs + 1):
        with blas_limit(threads), np.errstate(all="ignore"):
            if varying:
                factor = rate_factor(varying, number, epochs, history)
            order = rng.permutation(work.n_samples) if shuffled else None
            began = time.perf_counter()
            runner.run(order, optimizer.learning_rate * factor)
            if clock:
                clock.note(time.perf_counter() - began, runner.product_seconds)
            found = measure(
                objective, metrics, runner.logits, runner.y, "train", outputs=runner.outputs, cost=runner.cost
            )
            if evaluate and validation:
                found |= measure(objective, metrics, evaluate(), validation.y, "validation")
        if lost := not_finite(found):
            raise Diverged(number, optimizer.learning_rate, factor, lost)
        if varying:
            found["learning_rate"] = optimizer.learning_rate * factor
        epoch = Epoch(number, found)
        history.append(epoch.cost)
        yield epoch


def to_train(
    network: MLP, objective: Objective, optimizer: Optimizer, n_samples: int, *, timed: bool = False
) -> Training:
    """What an engine is asked to take."""
    return Training(
        network.sizes, network.hidden, network.output, objective.loss, optimizer, network.dtype, n_samples, timed
    )


def rate_factor(schedule: Schedule, epoch: int, epochs: int, history: Sequence[float]) -> float:
    """The schedule's factor for an epoch, refused unless it is a finite number of at least 0."""
    factor = schedule.factor(epoch, epochs, history)
    if not isinstance(factor, Real) or not math.isfinite(factor) or factor < 0:
        raise NnexpError(
            f"The schedule {type(schedule).__name__} gave the factor {factor!r} for epoch {epoch} of {epochs}; it must be a "
            "finite number of at least 0. Choose another schedule: type schedule=NAME."
        )
    return float(factor)


def measure(
    objective: Objective,
    metrics: Metrics,
    logits: Array,
    y: Array,
    part: str,
    *,
    outputs: Array | None = None,
    cost: float | None = None,
) -> dict[str, float]:
    """Cost and metrics of one part, named ``cost/train`` and so on. ``outputs`` and ``cost``: where an engine has left them."""
    if outputs is None:
        outputs = np.empty_like(logits)
        objective.output.forward(logits, outputs)
    if cost is None:
        cost = objective.cost(logits, outputs, y)
    found = {"cost": cost, **metrics(outputs, y)}
    return {f"{name}/{part}": value for name, value in found.items()}


def not_finite(found: Mapping[str, float]) -> str:
    """The name of the first cost or metric that is infinite, or not a number though it always has to be one; else empty."""
    for name, value in found.items():
        if math.isinf(value) or (math.isnan(value) and name.partition("/")[0] not in UNDEFINED):
            return name
    return ""


@contextmanager
def blas_limit(threads: int) -> Iterator[None]:
    """So many BLAS threads within, and the caller's number afterwards.

    The controller's own ``limit`` asks each library for all it knows: in small networks a twentieth of an epoch's time.
    """
    libraries = [(each, each.num_threads) for each in blas_threads().lib_controllers if each.user_api == "blas"]
    others = [(library, before) for library, before in libraries if before != threads]
    for library, _ in others:
        library.set_num_threads(threads)
    try:
        yield
    finally:
        for library, before in others:
            library.set_num_threads(before)


@functools.cache
def blas_threads() -> ThreadpoolController:
    """The one controller of this process's BLAS libraries; finding them takes a millisecond."""
    return ThreadpoolController()
