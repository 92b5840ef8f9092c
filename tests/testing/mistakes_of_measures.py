"""Planted mistakes in the outputs and the cost that an engine leaves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnexp.engine.objective import Objective
from nnexp.plugin import Array, State, Training

from .mistakes import Mistake
from .wrong_engine import Around, with_runner


class Measuring(Around):
    """Leaves outputs and cost, as they are right."""

    def __init__(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> None:
        super().__init__(training, design, y, theta, state)
        self.objective = Objective(training.loss, training.output)
        self.size = training.optimizer.batch_size or len(design)

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        self.outputs = self.predicted(self.logits)
        self.cost = self.objective.cost(self.logits, self.outputs, self.y)

    def predicted(self, logits: Array) -> Array:
        """The output activation's values."""
        outputs = np.empty_like(logits)
        self.objective.output.forward(logits, outputs)
        return outputs


class LogitsAsOutputs(Measuring):
    """Takes the logits for the outputs."""

    def predicted(self, logits: Array) -> Array:
        return logits


class DoubleOutputs(Measuring):
    """Its outputs are float64, whatever the run's dtype."""

    def predicted(self, logits: Array) -> Array:
        return super().predicted(logits).astype(np.float64)


class MeanOfMeans(Measuring):
    """Its cost is the mean of the batches' costs."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        parts = [slice(start, start + self.size) for start in range(0, len(self.design), self.size)]
        batches = [(self.logits[:, part], self.y[:, part]) for part in parts]
        costs = [self.objective.cost(logits, self.predicted(logits), y) for logits, y in batches]
        self.cost = float(np.mean(costs))


class Overflows(Measuring):
    """Its softmax takes exponentials of the logits as they are."""

    def predicted(self, logits: Array) -> Array:
        if not self.objective.output.distribution:
            return super().predicted(logits)
        exponentials = np.exp(logits)
        outputs: Array = exponentials / exponentials.sum(axis=0)
        return outputs


class NumberOfNumpy(Measuring):
    """Its cost is an array."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        self.cost = np.array(self.cost)  # type: ignore[assignment]


class OutputsBefore(Measuring):
    """Its outputs and cost are the first epoch's."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        before = self.outputs, self.cost
        super().run(order, learning_rate)
        if before[0] is not None:
            self.outputs, self.cost = before


class HidesNan(Measuring):
    """Its cost leaves out what is no number."""

    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        super().run(order, learning_rate)
        self.cost = float(np.nan_to_num(np.float64(self.cost or 0.0)))


MISTAKES = [
    Mistake(
        "logits for outputs", "every_combination", with_runner(LogitsAsOutputs), "the outputs differs from NumPy's"
    ),
    Mistake("outputs in float64", "every_combination_in_float32", with_runner(DoubleOutputs), "the outputs is float64"),
    Mistake("the cost is a mean of means", "every_size", with_runner(MeanOfMeans), "the cost differs from NumPy's"),
    Mistake("outputs of the first epoch", "every_size", with_runner(OutputsBefore), "the outputs differs from NumPy's"),
    Mistake("a cost without what is no number", "keeps_what_is_not_finite", with_runner(HidesNan), "and the cost is"),
    Mistake("exponentials overflow", "measures_its_logits", with_runner(Overflows), "the outputs must be finite"),
    Mistake("the cost is an array", "measures_its_logits", with_runner(NumberOfNumpy), "must be a float"),
]
