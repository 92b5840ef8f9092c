"""What mistakes are planted in: NumPy's engine with something around its runner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.engine.numpy_engine import Numpy, NumpyRunner
from nnexp.plugin import Array, Engine, Runner, State, Training


class Around(Runner):
    """NumPy's runner with something before or after an epoch."""

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        self.inner = NumpyRunner(training, design, y, theta, state)
        self.design, self.targets, self.theta, self.state = design, y, theta, state
        self.logits, self.y = self.inner.logits, self.inner.y

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        self.inner.run(order, learning_rate)


@dataclass(frozen=True)
class Wrong(Numpy):
    """NumPy's engine, with ``Around`` in place of its runner."""

    def runner(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> Any:
        return Around(training, design, y, theta, state)


def with_runner(cls: type[Around]) -> Engine:
    """NumPy's engine with another runner."""

    def runner(_: Any, *given: Any) -> Any:
        return cls(*given)

    made: Any = dataclass(frozen=True)(type(cls.__name__, (Wrong,), {"runner": runner, "__doc__": cls.__doc__}))
    engine: Engine = made()
    return engine
