"""The engine ``native``: what nnexp asks of an engine, answered by the compiled part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import NnexpError, listed
from nnexp.plugin import Array, Engine, Runner, State, Training, param
from nnexp_native import _native
from nnexp_native.plugins import STATES, chosen, knows, objective, strangers
from nnexp_native.speed import times_numpy

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Native(Engine):
    """C++ with vectors of the processor's width: NumPy's numbers, but for rounding, in a fraction of the time."""

    target: str = param(
        "auto",
        choices=("auto", "baseline", "avx2", "avx512", "neon"),
        doc="the instruction set; auto: the best that this processor has",
    )
    matmul: str = param(
        "simd",
        choices=("simd", "blocked", "naive"),
        doc="how matrices are multiplied: tiles of vectors, blocks, or three plain loops",
    )

    def settled(self) -> Native:
        return dataclasses.replace(self, target=_native.targets()[0]) if self.target == "auto" else self

    def refusal(self, training: Training) -> str:
        if self.target not in {"auto", *_native.targets()}:
            return (
                f"engine.target={self.target} is not for this processor, which has {listed(_native.targets())}. "
                "Type engine.target=auto."
            )
        if training.dtype.name not in DTYPES:
            return f"engine=native has no code for dtype={training.dtype}. Type engine=numpy."
        unknown = strangers(training)
        return f"engine=native has no code for {listed(unknown)}. Type engine=numpy." if unknown else ""

    def speed(self, training: Training) -> float:
        return times_numpy(training, self.settled().target, self.matmul)

    def runner(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> NativeRunner:
        return NativeRunner(self.settled(), training, design, y, theta, state)

    def evaluator(self, training: Training, design: Array, theta: Array) -> Callable[[], Array]:
        engine = self.settled()
        with in_memory(training, len(design)):
            logits = np.empty((training.sizes[-1], len(design)), training.dtype)
            design = np.ascontiguousarray(design)
            evaluator = _native.Evaluator(engine.target, plan(engine, training), training.sizes, design, theta, logits)

        def evaluate() -> Array:
            evaluator.run()
            return logits

        return evaluate


class NativeRunner(Runner):
    """Epochs that the compiled part trains, in the arrays it was given."""

    def __init__(  # noqa: PLR0913, PLR0917 (a training, its samples, what changes)
        self, engine: Native, training: Training, design: Array, y: Array, theta: Array, state: State
    ) -> None:
        made = plan(engine, training)
        arrays = [state[name] for name in STATES[made["optimizer"][0]]]
        with in_memory(training, len(design)):
            self.logits, self.y = np.empty(y.shape, y.dtype), np.empty(y.shape, y.dtype)
            # Where the loss has a closed form for its link, the output activation may be anybody's.
            self.outputs = np.empty(y.shape, y.dtype) if knows(training.output) else None
            design, y = np.ascontiguousarray(design), np.ascontiguousarray(y)
            self._trainer = _native.Trainer(
                engine.target, made, training.sizes, design, y, theta, arrays, self.logits, self.y, self.outputs
            )

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        self._trainer.epoch(order, learning_rate)
        self.cost = self._trainer.cost
        self.product_seconds = self._trainer.product_seconds


def plan(engine: Native, training: Training) -> _native.Plan:
    """What the compiled part is to train. Raises NnexpError where there is no code for it."""
    if refusal := engine.refusal(training):
        raise NnexpError(refusal)
    loss, output = objective(training)
    return {
        "hidden": chosen(training.hidden),
        "output": chosen(output) if output else ("identity", []),
        "loss": chosen(loss),
        "optimizer": chosen(training.optimizer),
        "batch_size": training.optimizer.batch_size or 0,
        "matmul": engine.matmul,
        "timed": training.timed,
    }


@contextmanager
def in_memory(training: Training, n_samples: int) -> Iterator[None]:
    """Say what was too large, where memory ends."""
    try:
        yield
    except MemoryError as error:
        parameters = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(training.sizes))
        sizes = "-".join(map(str, training.sizes))
        raise NnexpError(
            f"There is not enough memory to train the network {sizes} ({parameters:,} parameters) on {n_samples:,} samples "
            "with engine=native. Type a smaller network.hidden, or dtype=float32."
        ) from error
