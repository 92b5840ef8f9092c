"""``engine=native``: what it takes, and the arrays that it hands to the extension."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import NnexpError, listed
from nnexp.plugin import Array, Engine, Runner, State, Training, param
from nnexp_native import _native
from nnexp_native.known import OPTIMIZERS, class_of, codes, unknown

PRODUCTS = ("naive", "blocked", "simd")
TARGETS = ("auto", "baseline", "avx2", "avx512")
LARGE = 2e8
"""Products a step from which on NumPy's own library is as fast."""


def available() -> list[str]:
    """The instruction sets that were compiled and that the processor has, the best last."""
    return [each for each in _native.targets() if each in TARGETS and _native.supported(each)]


@dataclass(frozen=True)
class Native(Engine):
    """The same steps in C++, compiled for the processor's instruction set: no call per array, no array per call.

    ``target`` is the instruction set; auto is the best that the processor has. ``matmul`` is how matrices are multiplied: naive
    is a textbook's three loops, blocked the same loops in blocks that stay in the cache, simd sums many products at once in
    registers; the numbers are the same but for rounding. One thread.
    """

    target: str = param("auto", choices=TARGETS, doc="the instruction set; auto: the processor's best")
    matmul: str = param("simd", choices=PRODUCTS, doc="how matrices are multiplied: to compare what it costs")

    def settled(self) -> Engine:
        return dataclasses.replace(self, target=available()[-1]) if self.target == "auto" else self

    def refusal(self, training: Training) -> str:
        if self.target not in ("auto", *available()):
            has = listed(available())
            return f"engine.target={self.target} is nothing that this processor has. It has {has}. Type engine.target=auto."
        if found := unknown(training):
            key, plugin = found
            name = type(plugin).__name__
            return (
                f"engine=native has no code for the {key} {name} of {type(plugin).__module__}. Type engine=numpy, or "
                "engine=auto, which takes what is there."
            )
        return ""

    def speed(self, training: Training) -> float:
        batch = training.optimizer.batch_size or training.n_samples
        weights = sum(n_in * n_out for n_in, n_out in pairwise(training.sizes))
        if self.matmul != "simd":
            return 0.5
        return 0.9 if weights * min(batch, training.n_samples) > LARGE else 4.0

    def runner(  # noqa: PLR0913 (a training, its samples, what changes)
        self, training: Training, design: Array, y: Array, theta: Array, state: State, *, timed: bool = False
    ) -> NativeRunner:
        return NativeRunner(self, training, design, y, theta, state, timed=timed)

    def evaluator(self, training: Training, design: Array, theta: Array) -> Callable[[], Array]:
        logits = np.empty((training.sizes[-1], len(design)), training.dtype)
        made = make(
            f"Logits{8 * training.dtype.itemsize}",
            training,
            target=self.target_name(),
            product=PRODUCTS.index(self.matmul),
            design=np.ascontiguousarray(design),
            theta=theta,
            logits=logits,
        )

        def evaluate() -> Array:
            made.run()
            return logits

        return evaluate

    def target_name(self) -> str:
        """The instruction set, auto decided."""
        settled: Any = self.settled()
        return str(settled.target)


class NativeRunner(Runner):
    """One training in the extension, on the caller's arrays."""

    def __init__(  # noqa: PLR0913, PLR0917 (a training, its samples, what changes)
        self, engine: Native, training: Training, design: Array, y: Array, theta: Array, state: State, *, timed: bool
    ) -> None:
        rule = OPTIMIZERS[class_of(training.optimizer)]
        self.logits, self._used, self._given = np.empty(y.shape, y.dtype), np.empty(y.shape, y.dtype), y
        self.y = y
        self._trainer = make(
            f"Trainer{8 * training.dtype.itemsize}",
            training,
            target=engine.target_name(),
            batch=training.optimizer.batch_size or training.n_samples,
            product=PRODUCTS.index(engine.matmul),
            timed=timed,
            design=np.ascontiguousarray(design),
            y=np.ascontiguousarray(y),
            theta=theta,
            state=[state[name] for name in rule.memory],
            steps=state["t"] if rule.counts else None,
            logits=self.logits,
            y_used=self._used,
        )

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        self._trainer.run(order, learning_rate)
        self.y = self._given if order is None else self._used
        self.product_seconds = self._trainer.product_seconds


def make(name: str, training: Training, **given: Any) -> Any:
    """An object of the extension; NnexpError where the memory does not suffice."""
    try:
        return getattr(_native, name)(sizes=list(training.sizes), plugins=codes(training), **given)
    except MemoryError:
        sizes = "-".join(map(str, training.sizes))
        raise NnexpError(
            f"engine=native has no memory for a network of {sizes} units and {training.n_samples} samples. Type smaller "
            "network.hidden=[...], or dtype=float32, which takes half."
        ) from None
