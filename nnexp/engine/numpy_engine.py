"""The engine in NumPy: a step is a few calls on whole arrays, by the plugins' own methods. Others are compared with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.engine.network import MLP, Evaluator, Step, make_step
from nnexp.engine.objective import Objective
from nnexp.plugin import Array, Engine, Runner, State, Training

CHUNK_BYTES = 1 << 18
"""Samples are gathered into a chunk of about this size at a time: small enough for the processor's cache."""
BLOCK_BATCHES = 2048
"""At most this many batches have views of their own at a time."""

Batch = tuple[Step, Array, Array, Array, Array]
"""A batch's (step, x, x transposed, y, logits): views that are made once and used every epoch."""


@dataclass(frozen=True)
class Numpy(Engine):
    """NumPy's calls on a batch's arrays, by the formulas of the chosen plugins: takes every plugin, and is the reference."""

    def runner(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> NumpyRunner:
        return NumpyRunner(training, design, y, theta, state)

    def evaluator(self, training: Training, design: Array, theta: Array) -> Callable[[], Array]:
        return Evaluator(network_of(training, theta), design)


def network_of(training: Training, theta: Array) -> MLP:
    """The network that is trained, with ``theta`` itself as its parameters."""
    return MLP(training.sizes, training.hidden, training.output, training.dtype, theta)


class NumpyRunner(Runner):
    """The training samples as batches, in buffers and views that are made once, and the inner loop over them.

    Samples are gathered a chunk at a time into a small buffer, so memory stays at one copy of the data and a batch is read
    while it is still in the processor's cache. Full batches are read in place.
    """

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        n_samples, width = design.shape
        batch_size = training.optimizer.batch_size
        self._design, self._optimizer, self._theta, self._state = design, training.optimizer, theta, state
        self._grad = np.zeros_like(theta)
        self._rate = np.zeros((), training.dtype)  # an array is cheaper for ufuncs than a float
        self._in_place = batch_size is None or batch_size >= n_samples
        size = n_samples if batch_size is None else min(batch_size, n_samples)
        network = network_of(training, theta)
        gradient = Objective(training.loss, training.output).gradient
        dot = self._timed_dot if training.timed else np.dot
        steps = {m: make_step(network, gradient, self._grad, m, dot) for m in {size, *filter(None, [n_samples % size])}}
        x = design
        if not self._in_place:
            chunk = max(1, CHUNK_BYTES // (width * x.itemsize * size)) * size
            x = np.empty((min(chunk, n_samples), width), x.dtype)

        rows = min(BLOCK_BATCHES * size, n_samples)
        tail = n_samples % rows
        whole = Block.make(x, rows, len(y), size, steps)
        self._blocks = [(start, whole) for start in range(0, n_samples - tail, rows)]
        if tail:
            self._blocks.append((n_samples - tail, Block.make(x, tail, len(y), size, steps)))
        self._targets = np.ascontiguousarray(y.T)
        if self._in_place:
            whole.set_targets(self._targets)
        self.y = y if self._in_place else np.empty_like(y)
        self.logits = np.empty_like(y)

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        self._rate[...] = learning_rate
        update, theta, grad, state, rate = self._optimizer.update, self._theta, self._grad, self._state, self._rate
        for batches in self._chunks(np.arange(len(self._design)) if order is None else order):
            for step, x, x_t, y, z in batches:
                step(x, x_t, y, z)
                update(theta, grad, state, rate)  # type: ignore[arg-type]  # a 0-d array stands for the float

    def _chunks(self, order: NDArray[np.intp]) -> Iterator[list[Batch]]:
        """Yield one epoch's batches, chunk by chunk; ``logits`` and ``y`` are complete then."""
        for start, block in self._blocks:
            here = order[start : start + block.n_samples]
            if not self._in_place:
                block.set_targets(np.take(self._targets, here, axis=0, mode="clip"))
                block.copy(block.y, self.y[:, start : start + block.n_samples])
            for first, x, batches in block.chunks:
                if not self._in_place:
                    np.take(self._design, here[first : first + len(x)], axis=0, out=x, mode="clip")
                yield batches
            block.copy(block.z, self.logits[:, start : start + block.n_samples])

    def _timed_dot(self, a: Any, b: Any, out: Any) -> None:
        began = time.perf_counter()
        np.dot(a, b, out)
        self.product_seconds += time.perf_counter() - began


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
