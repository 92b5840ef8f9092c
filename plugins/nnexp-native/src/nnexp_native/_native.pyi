# The compiled part: cpp/door.cpp.
from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]

class Plan(TypedDict):
    hidden: tuple[str, list[float]]
    output: tuple[str, list[float]]
    loss: tuple[str, list[float]]
    optimizer: tuple[str, list[float]]
    batch_size: int
    matmul: str
    timed: bool

class Trainer:
    def __init__(
        self,
        target: str,
        plan: Plan,
        sizes: Sequence[int],
        design: Array,
        y: Array,
        theta: Array,
        state: Sequence[Array],
        logits: Array,
        y_used: Array,
        outputs: Array | None,
    ) -> None: ...
    def epoch(self, order: NDArray[np.intp] | None, learning_rate: float) -> None: ...
    @property
    def cost(self) -> float: ...
    @property
    def product_seconds(self) -> float: ...

class Evaluator:
    def __init__(
        self, target: str, plan: Plan, sizes: Sequence[int], design: Array, theta: Array, logits: Array
    ) -> None: ...
    def run(self) -> None: ...

def targets() -> list[str]: ...
def elementary(target: str, name: str, x: Array, out: Array) -> None: ...
