"""What is minimised: a loss of the output activation's predictions, as a function of the logits.

The loss finds its closed form by the activation's ``link`` ("logit", "multinomial logit") and not by its name, so a
third-party sigmoid gets it, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnexp.plugin import Activation, Array, Loss, Task

Gradient = Callable[[Array, Array, Array], None]
"""(logits, y, out): write dJ/dlogits into ``out``; all (n_outputs, n_samples)."""


class Objective:
    """J(z, y) = loss(output(z), y), in the loss's closed form on the logits z where it has one for this output activation."""

    def __init__(self, loss: Loss, output: Activation) -> None:
        self.loss = loss
        self.output = output
        self._fused = loss.on_logits(output)

    @property
    def gradient(self) -> Gradient:
        """The function that writes dJ/dz."""
        return self._composed if self._fused is None else self._fused.gradient

    def cost(self, logits: Array, y_pred: Array, y: Array) -> float:
        """J, given also ``y_pred`` = output(``logits``): exactly the function that ``gradient`` differentiates."""
        return self.loss.value(y_pred, y) if self._fused is None else self._fused.value(logits, y)

    def _composed(self, z: Array, y: Array, out: Array) -> None:
        a = np.empty_like(z)
        self.output.forward(z, a)
        self.loss.gradient(a, y, out)
        self.output.backward(out, z, a)


def mismatch(loss: Loss, output: Activation, n_outputs: int, task: Task) -> str:
    """Why the loss cannot take this output activation's predictions, in words; empty where it can."""
    low, high = loss.domain
    least, most = output.range
    if least < low or most > high:
        return (
            f"the loss is defined for predictions from {low:g} to {high:g}, this activation gives {least:g} to {most:g}"
        )
    one_of_two = task == "binary" and task in loss.outputs  # one output p, which stands for 1 - p and p
    if loss.distribution and not output.distribution and not one_of_two:
        return "the loss needs predictions that sum to one over the classes"
    if output.distribution and n_outputs == 1:
        return f"over the one output of a {task} task it is always 1"
    if task != "regression" and not least < loss.threshold < most:
        return f"the loss needs predictions on both sides of {loss.threshold:g}, this activation gives {least:g} to {most:g}"
    return ""
