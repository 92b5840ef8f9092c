"""Training as a generator of epochs: logging, stopping and saving are the caller's ordinary loop.

for epoch in train(network, objective, optimizer, part, rng=rng, epochs=50, metrics=metrics):
    print(epoch.number, epoch.cost)
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from threadpoolctl import ThreadpoolController

from nnexp.engine.metrics import UNDEFINED, Metrics
from nnexp.engine.network import MLP, Evaluator, Step, make_step
from nnexp.engine.objective import Objective
from nnexp.errors import NnexpError
from nnexp.plugin import Array, Optimizer, Schedule, State

CHUNK_BYTES = 1 << 18
"""Samples are gathered into a chunk of about this size at a time: small enough for the processor's cache."""
BLOCK_BATCHES = 2048
"""At most this many batches have views of their own at a time."""

Batch = tuple[Step, Array, Array, Array, Array]
"""A batch's (step, x, x transposed, y, logits): views that are made once and used every epoch."""


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


@dataclass(frozen=True, eq=False)
class Part:
    """Samples of one purpose: a design matrix (n_samples, n_features + 1) and targets (n_outputs, n_samples)."""

    design: Array
    y: Array


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
) -> Iterator[Epoch]:
    """Train ``network`` in place and yield each epoch when it ends.

    All randomness is one permutation of the samples an epoch, from ``rng`` (none for full batches or ``shuffle=False``).
    ``schedule`` sets each epoch's learning rate; None keeps the optimizer's own.
    ``threads`` BLAS threads are used within an epoch; the caller's setting holds in between. To go on with a training that was
    interrupted, ``before`` has the costs of the epochs that were trained, and ``network``, ``state`` (the optimizer's, changed
    in place; None makes a new one) and ``rng`` are as these left them. Raises Diverged.
    """
    grad = np.zeros_like(network.theta)
    source = Source(network, objective, optimizer.batch_size, training, grad)
    state = optimizer.init(network.theta) if state is None else state
    learning_rate = np.array(optimizer.learning_rate, network.dtype)  # an array is cheaper for ufuncs than a float
    evaluate = Evaluator(network, validation.design) if validation else None
    limits = blas_threads()
    varying = schedule if schedule and schedule.varies else None
    factor, history = 1.0, list(before)

    for number in range(len(history) + 1, epochs + 1):
        with limits.limit(limits=threads, user_api="blas"), np.errstate(all="ignore"):
            if varying:
                factor = rate_factor(varying, number, epochs, history)
                learning_rate[...] = optimizer.learning_rate * factor
            for batches in source.chunks(rng if shuffle else None):
                run_epoch(batches, optimizer, network.theta, grad, state, learning_rate)
            found = measure(objective, metrics, source.logits, source.y, "train")
            if evaluate and validation:
                found |= measure(objective, metrics, evaluate(), validation.y, "validation")
        if lost := not_finite(found):
            raise Diverged(number, optimizer.learning_rate, factor, lost)
        if varying:
            found["learning_rate"] = optimizer.learning_rate * factor
        epoch = Epoch(number, found)
        history.append(epoch.cost)
        yield epoch


def rate_factor(schedule: Schedule, epoch: int, epochs: int, history: Sequence[float]) -> float:
    """The schedule's factor for an epoch, refused unless it is a finite number of at least 0."""
    factor = schedule.factor(epoch, epochs, history)
    if not isinstance(factor, Real) or not math.isfinite(factor) or factor < 0:
        raise NnexpError(
            f"The schedule {type(schedule).__name__} gave the factor {factor!r} for epoch {epoch} of {epochs}; it must be a "
            "finite number of at least 0. Choose another schedule: type schedule=NAME."
        )
    return float(factor)


def run_epoch(batches: list[Batch], optimizer: Optimizer, theta: Array, grad: Array, state: State, rate: Array) -> None:
    """The inner loop: for each batch in order its gradient into ``grad``, then the optimizer's update of ``theta``."""
    update = optimizer.update
    for step, x, x_t, y, z in batches:
        step(x, x_t, y, z)
        update(theta, grad, state, rate)  # type: ignore[arg-type]  # a 0-d array stands for the float


def measure(objective: Objective, metrics: Metrics, logits: Array, y: Array, part: str) -> dict[str, float]:
    """Cost and metrics of one part, named ``cost/train`` and so on."""
    y_pred = np.empty_like(logits)
    objective.output.forward(logits, y_pred)
    found = {"cost": objective.cost(logits, y_pred, y), **metrics(y_pred, y)}
    return {f"{name}/{part}": value for name, value in found.items()}


def not_finite(found: Mapping[str, float]) -> str:
    """The name of the first cost or metric that is infinite, or not a number though it always has to be one; else empty."""
    for name, value in found.items():
        if math.isinf(value) or (math.isnan(value) and name.partition("/")[0] not in UNDEFINED):
            return name
    return ""


@functools.cache
def blas_threads() -> ThreadpoolController:
    """The one controller of this process's BLAS libraries; finding them takes a millisecond, limiting them ten microseconds."""
    return ThreadpoolController()


class Source:
    """The training samples as shuffled batches, in buffers and views that are made once.

    Samples are gathered a chunk at a time into a small buffer, so memory stays at one copy of the data and a batch is read
    while it is still in the processor's cache. Full batches are read in place.
    """

    def __init__(self, network: MLP, objective: Objective, batch_size: int | None, part: Part, grad: Array) -> None:
        n_samples, width = part.design.shape
        self._part = part
        self._in_place = batch_size is None or batch_size >= n_samples
        size = n_samples if batch_size is None else min(batch_size, n_samples)
        steps = {m: make_step(network, objective.gradient, grad, m) for m in {size, *filter(None, [n_samples % size])}}
        x = part.design
        if not self._in_place:
            chunk = max(1, CHUNK_BYTES // (width * x.itemsize * size)) * size
            x = np.empty((min(chunk, n_samples), width), x.dtype)

        rows = min(BLOCK_BATCHES * size, n_samples)
        tail = n_samples % rows
        whole = Block.make(x, rows, len(part.y), size, steps)
        self._blocks = [(start, whole) for start in range(0, n_samples - tail, rows)]
        if tail:
            self._blocks.append((n_samples - tail, Block.make(x, tail, len(part.y), size, steps)))
        self._targets = np.ascontiguousarray(part.y.T)
        if self._in_place:
            whole.set_targets(self._targets)
        self.y = part.y if self._in_place else np.empty_like(part.y)
        """The targets of the last epoch, (n_outputs, n_samples), in the order in which they were used."""
        self.logits = np.empty_like(part.y)
        """The logits of the last epoch, each from before its batch's update, in the same order."""

    def chunks(self, rng: np.random.Generator | None) -> Iterator[list[Batch]]:
        """Yield one epoch's batches, chunk by chunk, in a new order from ``rng``; ``logits`` and ``y`` are complete then."""
        design = self._part.design
        n_samples = len(design)
        order = np.arange(n_samples) if rng is None or self._in_place else rng.permutation(n_samples)
        for start, block in self._blocks:
            here = order[start : start + block.n_samples]
            if not self._in_place:
                block.set_targets(np.take(self._targets, here, axis=0, mode="clip"))
                block.copy(block.y, self.y[:, start : start + block.n_samples])
            for first, x, batches in block.chunks:
                if not self._in_place:
                    np.take(design, here[first : first + len(x)], axis=0, out=x, mode="clip")
                yield batches
            block.copy(block.z, self.logits[:, start : start + block.n_samples])


@dataclass(frozen=True, eq=False)
class Block:
    """The targets and logits of some batches, and the batches, chunk by chunk.

    ``y`` and ``z`` hold the batches' targets and logits one batch after the other, so that each batch's (n_outputs, m) is
    contiguous. A chunk is its first sample's place in the block, the design matrix its samples are gathered into, and its
    batches, which are views of all these.
    """

    n_samples: int
    y: Array
    z: Array
    chunks: list[tuple[int, Array, list[Batch]]]

    @classmethod
    def make(cls, x: Array, n_samples: int, n_outputs: int, batch_size: int, steps: dict[int, Step]) -> Block:
        """The buffers and views for ``n_samples`` samples, of which as many as ``x`` has rows are gathered at a time."""
        k = n_outputs
        y, z = np.empty(k * n_samples, x.dtype), np.empty(k * n_samples, x.dtype)
        chunks = []
        for first in range(0, n_samples, len(x)):
            here = x[: n_samples - first]
            batches: list[Batch] = []
            for start in range(0, len(here), batch_size):
                rows = here[start : start + batch_size]
                part = slice((first + start) * k, (first + start + len(rows)) * k)
                batches.append((steps[len(rows)], rows.T, rows, y[part].reshape(k, -1), z[part].reshape(k, -1)))
            chunks.append((first, here, batches))
        return cls(n_samples, y, z, chunks)

    @property
    def _shape(self) -> tuple[int, int]:
        """(n_outputs, batch size)."""
        k, m = self.chunks[0][2][0][3].shape
        return k, m

    def set_targets(self, targets: Array) -> None:
        """Write the samples' targets (n, n_outputs) into ``y``, batch by batch."""
        k, m = self._shape
        n = len(targets) // m * m
        self.y[: n * k].reshape(-1, k, m)[...] = targets[:n].reshape(-1, m, k).transpose(0, 2, 1)
        if n < len(targets):
            self.y[n * k :].reshape(k, -1)[...] = targets[n:].T

    def copy(self, flat: Array, out: Array) -> None:
        """Write ``y`` or ``z`` into ``out`` (n_outputs, n), in the order of the samples."""
        k, m = self._shape
        n = out.shape[1] // m * m
        out[:, :n].reshape(k, -1, m)[...] = flat[: n * k].reshape(-1, k, m).transpose(1, 0, 2)
        if n < out.shape[1]:
            out[:, n:] = flat[n * k :].reshape(k, -1)
