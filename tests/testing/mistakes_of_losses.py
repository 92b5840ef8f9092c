"""Planted mistakes in losses: a right one with one thing changed. Shapes: y_pred, y and out (n_outputs, n_samples)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from nnexp.builtin.losses import Bce, BceOnLogits, Mae, Mse
from nnexp.plugin import Activation, Array, Loss

from .mistakes import Mistake


@dataclass(frozen=True)
class ForNothing(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    outputs: ClassVar = {}


@dataclass(frozen=True)
class TaskMisspelt(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    outputs = {"regresion": "identity"}


@dataclass(frozen=True)
class OutputMisspelt(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    outputs = {"regression": "identiti"}


@dataclass(frozen=True)
class OutputBeyondTheDomain(Bce):
    """J = -mean(log p) (Cox, 1958)."""

    outputs = {"binary": "tanh"}


@dataclass(frozen=True)
class TargetMisspelt(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    target: ClassVar[Any] = "counts"


@dataclass(frozen=True)
class ReturnsFloat32(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return cast("float", np.square(y_pred - y).mean())


@dataclass(frozen=True)
class NaturalLog(Mse):
    """J = mean(r^2 + log(r)) (Napier, 1614), infinite at r = 0 and no number below."""

    outputs = {"regression": "identity"}

    def value(self, y_pred: Array, y: Array) -> float:
        return float((np.square(y_pred - y) + np.log(y_pred - y)).mean())


@dataclass(frozen=True)
class ReturnsTheGradient(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        return 2 * (y_pred - y) / y.size  # type: ignore[return-value]


@dataclass(frozen=True)
class ChangesPredictions(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def value(self, y_pred: Array, y: Array) -> float:
        np.subtract(y_pred, y, out=y_pred)
        return float(np.square(y_pred).mean())


@dataclass(frozen=True)
class NotOverOutputs(Mse):
    """J = mean(r^2) over samples and outputs (Legendre, 1805); the gradient forgets the outputs."""

    outputs = {"regression": "identity"}

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, 2.0 / y.shape[1], out=out)


@dataclass(frozen=True)
class GradientTwiceOverSamples(NotOverOutputs):
    """J = mean(r^2) (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, 2.0 / y.size / y.shape[1], out=out)


@dataclass(frozen=True)
class WithoutTheMean(NotOverOutputs):
    """J = mean over samples of sum(r^2) (Legendre, 1805)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.square(y_pred - y).sum() / y.shape[1])

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, 2.0, out=out)


@dataclass(frozen=True)
class WrongSign(NotOverOutputs):
    """J = mean(r^2) (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y - y_pred, 2.0 / y.size, out=out)


@dataclass(frozen=True)
class HalfInTheCost(NotOverOutputs):
    """J = mean(r^2) / 2 (Legendre, 1805)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return super().value(y_pred, y) / 2

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, 2.0 / y.size, out=out)


@dataclass(frozen=True)
class ClippedGradient(NotOverOutputs):
    """J = mean(r^2) (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(np.clip(y_pred - y, -1, 1), 2.0 / y.size, out=out)


@dataclass(frozen=True)
class DifferenceQuotient(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        h = 1e-5
        up, down = np.square(y_pred + h - y), np.square(y_pred - h - y)
        np.divide(up - down, 2 * h * y.size, out=out)


@dataclass(frozen=True)
class Analytic(Mse):
    """J = mean(r^2) (Legendre, 1805), of complex predictions too: without a mistake."""

    analytic = True

    def value(self, y_pred: Array, y: Array) -> float:
        mean: Any = np.square(y_pred - y).mean()
        return cast("float", float(mean) if np.isrealobj(mean) else mean)


@dataclass(frozen=True)
class NotAnalytic(Mse):
    """J = mean(|r|^2) (Legendre, 1805), which is not analytic."""

    analytic = True

    def value(self, y_pred: Array, y: Array) -> float:
        return cast("float", np.square(np.abs(y_pred - y)).mean())


@dataclass(frozen=True)
class TakesNoComplex(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    analytic = True


@dataclass(frozen=True)
class NoKink(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def kink(self, y_pred: Array, y: Array) -> Array:
        return y_pred - y


@dataclass(frozen=True)
class KinkNowhere(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def kink(self, y_pred: Array, y: Array) -> Array:
        return np.square(y_pred - y) + 1


@dataclass(frozen=True)
class KinkEverywhere(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def kink(self, y_pred: Array, y: Array) -> Array:
        return np.zeros_like(y)


@dataclass(frozen=True)
class OneKinkForAll(Mae):
    """J = mean(|r|) (Laplace, 1789)."""

    def kink(self, y_pred: Array, y: Array) -> Array:
        return np.full(1, 1.0)


@dataclass(frozen=True)
class SlopeAtTheKink(Mae):
    """J = mean(|r|) (Laplace, 1789)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.divide(np.where(y_pred < y, -1.0, 1.0), y.size, out=out)


@dataclass(frozen=True)
class UndeclaredKink(Mae):
    """J = mean(|r|) (Laplace, 1789)."""

    def kink(self, y_pred: Array, y: Array) -> None:  # type: ignore[override]
        return None


@dataclass(frozen=True)
class SumOverSamples(Mse):
    """J = sum(r^2) (Legendre, 1805)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.square(y_pred - y).sum())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, 2.0, out=out)


@dataclass(frozen=True)
class DividedTwice(Mse):
    """J = mean(r^2) / m (Legendre, 1805)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return super().value(y_pred, y) / len(y.T)

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        super().gradient(y_pred, y, out)
        np.divide(out, y.shape[1], out=out)


@dataclass(frozen=True)
class LacksTheMean(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, 2.0, out=out)


@dataclass(frozen=True)
class RootOfTheMean(Mse):
    """J = sqrt(mean(r^2)) (Gauss, 1809)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.sqrt(super().value(y_pred, y)))

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.divide(y_pred - y, y.size * self.value(y_pred, y), out=out)


@dataclass(frozen=True)
class LaterCountsMore(Mse):
    """J = mean(w r^2), w growing with the sample (Gauss, 1809)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return float((np.square(y_pred - y) * np.linspace(1, 2, y.shape[1])).mean())


@dataclass(frozen=True)
class PrefersWrong(Mse):
    """J = -mean(r^2) (Legendre, 1805)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return -super().value(y_pred, y)

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, -2.0 / y.size, out=out)


@dataclass(frozen=True)
class LogOfZero(Bce):
    """J = -mean(y log p + (1 - y) log(1 - p)) (Cox, 1958)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return -float((y * np.log(y_pred) + (1 - y) * np.log(1 - y_pred)).mean())


@dataclass(frozen=True)
class CoshOverflows(Mse):
    """J = mean(log cosh r) (Green, 1990)."""

    outputs = {"regression": "identity"}

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.log(np.cosh(y_pred - y)).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.divide(np.tanh(y_pred - y), y.size, out=out)


class OtherForm(Bce):
    """Bce whose form on logits is another."""

    form: ClassVar[type[Loss]]

    def on_logits(self, activation: Activation) -> Loss | None:
        return self.form() if activation.link == "logit" else None


@dataclass(frozen=True)
class SumOnLogits(BceOnLogits):
    """J = sum instead of mean."""

    def value(self, y_pred: Array, y: Array) -> float:
        return super().value(y_pred, y) * y.size


@dataclass(frozen=True)
class SignOnLogits(BceOnLogits):
    """The gradient has the other sign."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        super().gradient(y_pred, y, out)
        np.negative(out, out=out)


@dataclass(frozen=True)
class OverflowsOnLogits(BceOnLogits):
    """J = mean(log(1 + exp(z)) - y z) as it stands in books."""

    def value(self, y_pred: Array, y: Array) -> float:
        return float((np.log(1 + np.exp(y_pred)) - y * y_pred).mean())


@dataclass(frozen=True)
class WrongCost(OtherForm):
    """J = -mean(log p) (Cox, 1958)."""

    form = SumOnLogits


@dataclass(frozen=True)
class WrongGradient(OtherForm):
    """J = -mean(log p) (Cox, 1958)."""

    form = SignOnLogits


@dataclass(frozen=True)
class Overflowing(OtherForm):
    """J = -mean(log p) (Cox, 1958)."""

    form = OverflowsOnLogits


@dataclass(frozen=True)
class AClassOnLogits(Bce):
    """J = -mean(log p) (Cox, 1958)."""

    def on_logits(self, activation: Activation) -> Loss | None:
        return BceOnLogits if activation.link == "logit" else None  # type: ignore[return-value]


@dataclass(frozen=True)
class Ravels(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        out.ravel()[:] = 2 * (y_pred - y).ravel() / y.size


@dataclass(frozen=True)
class Remembers(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    last: ClassVar[dict[str, Array]] = {}

    def value(self, y_pred: Array, y: Array) -> float:
        self.last["residual"] = y_pred - y
        return float(np.square(self.last["residual"]).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        residual = self.last.get("residual", y_pred - y)
        np.multiply(residual if residual.shape == y.shape else y_pred - y, 2.0 / y.size, out=out)


MISTAKES = [
    Mistake("outputs is empty", "outputs", ForNothing, "outputs is empty. Say what the loss is for"),
    Mistake("a task misspelt", "outputs", TaskMisspelt, "outputs has the task 'regresion'. Did you mean 'regression'?"),
    Mistake("an output misspelt", "outputs", OutputMisspelt, "No activation 'identiti'. Did you mean 'identity'?"),
    Mistake("an output beyond the domain", "outputs", OutputBeyondTheDomain, "defined for predictions from 0 to 1"),
    Mistake(
        "a target misspelt", "outputs", TargetMisspelt, "target is 'counts'; it has to be 'real' or 'nonnegative'."
    ),
    Mistake(
        "a cost in float32", "value_is_a_float", ReturnsFloat32, "value returns float32 for predictions in float32"
    ),
    Mistake("a cost that is no number", "value_is_a_float", NaturalLog, "regression: value is nan in float64"),
    Mistake("gradient returns", "gradient_written", ReturnsTheGradient, "It returned an array, which nobody reads."),
    Mistake("value changes y_pred", "inputs_unchanged", ChangesPredictions, "value changed y_pred. Work in out"),
    Mistake(
        "a cost that averages over outputs, a gradient that does not",
        "gradient",
        NotOverOutputs,
        "the gradient is 3 times the derivative of value: n_outputs is 3, so value averages over outputs and gradient does",
    ),
    Mistake(
        "a gradient divided twice",
        "gradient",
        GradientTwiceOverSamples,
        "the gradient is 0.2 times the derivative of value: n_samples is 5, so gradient has the 1 / n_samples",
    ),
    Mistake("no 1 / m", "gradient", WithoutTheMean, "n_samples is 5, so gradient lacks the 1 / n_samples of the mean."),
    Mistake(
        "a gradient with the wrong sign", "gradient", WrongSign, "-1 times the derivative of value: the sign is wrong."
    ),
    Mistake(
        "a 1/2 in the cost alone", "gradient", HalfInTheCost, "2 times the derivative of value: the 2 of the square's"
    ),
    Mistake("a clipped gradient", "gradient", ClippedGradient, "by central differences of value it is"),
    Mistake(
        "a gradient by small differences",
        "gradient_float32",
        DifferenceQuotient,
        "Find the difference of nearly equal numbers",
    ),
    Mistake("a cost that is not analytic", "complex_step", NotAnalytic, "or value is not analytic (abs, where)"),
    Mistake(
        "a cost without complex numbers",
        "complex_step",
        TakesNoComplex,
        "value takes no complex y_pred (ComplexWarning",
    ),
    Mistake("a kink that is none in J", "kinks_are_kinks", NoKink, "on both sides. Return None where J is smooth."),
    Mistake("kink is never 0", "kinks_are_kinks", KinkNowhere, "kink is 0 for no prediction that was tried"),
    Mistake("kink is 0 everywhere", "kinks_are_kinks", KinkEverywhere, "It has to be 0 at single points only."),
    Mistake(
        "one kink for all entries", "kinks_are_kinks", OneKinkForAll, "kink has the shape (1,) for y of shape (3, 5)"
    ),
    Mistake(
        "a gradient at the kink",
        "kinks_have_slope_0",
        SlopeAtTheKink,
        "the gradient is 0.333333; by convention it is 0",
    ),
    Mistake("a kink of J left out", "no_other_kinks", UndeclaredKink, "the gradient jumps from -0.333333 to 0.333333"),
    Mistake(
        "a sum over samples", "mean_over_samples", SumOverSamples, "value sums over samples: divide by their number"
    ),
    Mistake("an mse divided twice", "mean_over_samples", DividedTwice, "value divides by the number of samples twice"),
    Mistake(
        "a gradient without the mean", "mean_over_samples", LacksTheMean, "gradient lacks the 1 / n_samples of the mean"
    ),
    Mistake("a root of the mean", "samples_apart", RootOfTheMean, "the mean of what they cost alone"),
    Mistake("weights by position", "order_of_samples", LaterCountsMore, "in another order the same samples cost"),
    Mistake(
        "a cost with the wrong sign",
        "prefers_the_truth",
        PrefersWrong,
        "regression: right predictions cost -0, wrong ones",
    ),
    Mistake("log 0", "extremes", LogOfZero, "binary: at y_pred = 0, y = 0 in float64 the cost is nan"),
    Mistake("cosh overflows", "extremes", CoshOverflows, "in float64 the cost is inf, the gradient"),
    Mistake("another cost on logits", "on_logits_value", WrongCost, "on the logits of sigmoid the cost is"),
    Mistake(
        "a class instead of a loss on logits", "on_logits_value", AClassOnLogits, "it returns a Loss that takes logits"
    ),
    Mistake("another gradient on logits", "on_logits_gradient", WrongGradient, "by the chain rule it is"),
    Mistake(
        "exp overflows on logits",
        "on_logits_extremes",
        Overflowing,
        "the cost changes by inf, the gradient's integral is",
    ),
    Mistake("a gradient raveled", "memory_layout", Ravels, "for views that are not contiguous the gradient is another"),
    Mistake("the last residual is kept", "no_memory", Remembers, "something was kept from the last call"),
]
