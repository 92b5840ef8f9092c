"""Planted mistakes in engines: NumPy's with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.builtin.activations import Relu, Sigmoid
from nnexp.builtin.losses import Cce
from nnexp.engine.numpy_engine import Numpy
from nnexp.plugin import Array, Engine, State, Training, param

from . import mistakes_of_measures
from .mistakes import Mistake
from .wrong_engine import Around, Wrong, with_runner


@dataclass(frozen=True)
class OtherActivation(Wrong):
    """Takes the sigmoid for relu."""

    def runner(self, training: Training, *rest: Any) -> Any:
        changed = replace(training, hidden=Sigmoid()) if isinstance(training.hidden, Relu) else training
        return super().runner(changed, *rest)


@dataclass(frozen=True)
class OtherLoss(Wrong):
    """Scales the gradient of cross-entropy by the number of classes."""

    def runner(self, training: Training, design: Array, y: Array, *rest: Any) -> Any:
        return super().runner(training, design, y * 1.01 if isinstance(training.loss, Cce) else y, *rest)


@dataclass(frozen=True)
class DoubleOnly(Wrong):
    """Float32 with a relative error of a thousandth."""

    def runner(self, training: Training, design: Array, *rest: Any) -> Any:
        single = training.dtype == np.float32
        return super().runner(training, (design * 1.001).astype(training.dtype) if single else design, *rest)


@dataclass(frozen=True)
class LeavesOne(Wrong):
    """Leaves a parameter of a deep network as it was, where the last batch is smaller."""

    def runner(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> Any:
        size = training.optimizer.batch_size or len(design)
        whole = max(len(design) // size * size, 1)
        if len(training.sizes) < 6 or whole == len(design):
            return super().runner(training, design, y, theta, state)
        return Dropping(training, design, y, theta, state)


class Dropping(Around):
    """Leaves the last parameter as it was."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        before = self.theta.copy()
        self.inner.run(order, learning_rate)
        self.theta[-1] = before[-1]


class CopiesTheta(Around):
    """Trains a copy of the parameters."""

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        super().__init__(training, design, y, theta.copy(), state)


class ForgetsState(Around):
    """Trains with a memory of its own."""

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        super().__init__(training, design, y, theta, {name: each.copy() for name, each in state.items()})


class SortsTargets(Around):
    """Leaves the targets as they were given."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        self.y = self.targets


class LogitsAfter(Around):
    """Its logits are from after the epoch."""

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        super().__init__(training, design, y, theta, state)
        self.evaluate = Numpy().evaluator(training, design, theta)

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        self.logits = self.evaluate()[:, slice(None) if order is None else order]


class OwnRate(Around):
    """Takes the optimizer's own learning rate."""

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        super().__init__(training, design, y, theta, state)
        self.rate = training.optimizer.learning_rate

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, min(self.rate, learning_rate) if learning_rate else 1e-9)


class ByAddress(Around):
    """Rounds otherwise where the parameters begin at another place."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        if self.theta.ctypes.data % 16:
            self.theta *= 1 + 1e-15


class Counts(Around):
    """Keeps something that is neither in theta nor in the state."""

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        super().__init__(training, design, y, theta, state)
        self.epochs = 0

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        self.epochs += 1
        super().run(order, learning_rate * (1 + 1e-13 * self.epochs))


class HidesWhatIsNotFinite(Around):
    """Makes numbers of what is none."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        np.nan_to_num(self.theta, copy=False)


@dataclass(frozen=True)
class OldLogits(Numpy):
    """Evaluates the parameters it began with."""

    def evaluator(self, training: Training, design: Array, theta: Array) -> Callable[[], Array]:
        return super().evaluator(training, design, theta.copy())


@dataclass(frozen=True)
class TakesLookalikes(Wrong):
    """Takes a plugin by the name of its class."""

    def runner(self, training: Training, *rest: Any) -> Any:
        alike = type(training.hidden).__name__ == "Tanh"
        return super().runner(replace(training, hidden=Sigmoid()) if alike and foreign(training) else training, *rest)


def foreign(training: Training) -> bool:
    """Whether the activation is not nnexp's own."""
    return not type(training.hidden).__module__.startswith("nnexp.builtin")


@dataclass(frozen=True)
class NamesNobody(Numpy):
    """Refuses without saying what."""

    def refusal(self, training: Training) -> str:
        return "engine=names_nobody cannot take this." if foreign(training) else ""


@dataclass(frozen=True)
class NeverSettles(Numpy):
    """Counts how often it was settled."""

    times: int = param(0, at_least=0, doc="how often")

    def settled(self) -> Engine:
        return replace(self, times=self.times + 1)


@dataclass(frozen=True)
class NoSpeed(Numpy):
    """Does not tell how fast it is."""

    def speed(self, training: Training) -> float:
        return 0.0


MISTAKES = [
    Mistake("relu by another's code", "every_combination", OtherActivation, "activation=relu"),
    Mistake("another gradient of a loss", "every_combination", OtherLoss, "loss=cce"),
    Mistake("float32 without its digits", "every_combination_in_float32", DoubleOnly, "differs from NumPy's by"),
    Mistake("a last batch that is wrong", "every_size", LeavesOne, "theta differs from NumPy's by"),
    Mistake("theta is copied", "changes_in_place", with_runner(CopiesTheta), "theta is as before"),
    Mistake("the state is copied", "changes_in_place", with_runner(ForgetsState), "another array, or as before"),
    Mistake("targets not in order", "keeps_the_order", with_runner(SortsTargets), "y does not hold the targets"),
    Mistake(
        "logits from after the epoch", "keeps_the_order", with_runner(LogitsAfter), "the logits differs from NumPy's"
    ),
    Mistake("the optimizer's own rate", "takes_the_rate", with_runner(OwnRate), "differs from NumPy's by"),
    Mistake("sums by address", "same_bits", with_runner(ByAddress), "gives other bits a second time"),
    Mistake("an epoch's number is kept", "no_memory", with_runner(Counts), "gives other bits than one for all"),
    Mistake("evaluates a copy", "follows_theta", OldLogits, "keeps theta itself, not a copy"),
    Mistake("plugins by their class's name", "refuses_strangers", TakesLookalikes, "differs from NumPy's by"),
    Mistake("a refusal without a name", "refuses_strangers", NamesNobody, "does not name it"),
    Mistake(
        "not finite becomes finite",
        "keeps_what_is_not_finite",
        with_runner(HidesWhatIsNotFinite),
        "would not be noticed",
    ),
    Mistake("settles to another", "settles", NeverSettles, "settles to itself"),
    Mistake("a speed of zero", "tells_its_speed", NoSpeed, "speed is 0.0"),
    *mistakes_of_measures.MISTAKES,
]
