"""That what ``on_logits`` returns is the same cost, as a function of the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np

from nnexp.discovery import registry
from nnexp.engine.objective import mismatch
from nnexp.errors import NnexpError
from nnexp.plugin import Activation, Array, Loss, Task
from nnexp.testing.activation_derivatives import backward, forward
from nnexp.testing.loss_cases import Entry, cases, cost_of, gradient_of
from nnexp.testing.numerics import apart, shown
from nnexp.testing.verdict import Failed, Skipped, may_be_infinite

RTOL, ATOL = 1e-9, 1e-12
"""The two forms for logits within +-4, where the composed one still has 14 digits."""
EXTREME = 1000.0
"""Logits up to this size: the composed form fails beyond 37 (float64), where 1 - sigmoid(z) is 0."""
HUGE = 1e150
"""A closed form that says where it is infinite is followed until its slope is this steep."""
INTEGRAL_RTOL = 1e-3
"""The change of the cost up to there against the gradient's integral by the trapezoidal rule in steps of 1/20."""


class Form(NamedTuple):
    """A loss on the logits of one output activation."""

    name: str
    activation: Activation
    fused: Loss
    task: Task
    z: Array
    y: Array


def forms(loss: Loss) -> Iterator[Form]:
    """The forms for every installed activation and task; skips a loss that has none."""
    found = False
    for name in registry.available("activation"):
        try:
            activation = cast("Activation", registry.build("activation", {"name": name}))
        except NnexpError:
            continue  # it needs values
        fused = loss.on_logits(activation)
        if fused is None:
            continue
        if not isinstance(fused, Loss):
            raise Failed(f"on_logits({name}) returned {fused!r}; it returns a Loss that takes logits, or None.")
        for case in cases(loss):
            if not mismatch(loss, activation, len(case.y), case.task):
                found = True
                z: Array = np.random.default_rng(3).normal(0, 1.5, case.y.shape)
                yield Form(name, activation, fused, case.task, z, case.y)
    if not found:
        raise Skipped("on_logits returns None for every installed activation")


def on_logits_value(loss: Loss) -> None:
    """On logits the cost is the same."""
    for form in forms(loss):
        a = forward(form.activation, form.z)
        composed, fused = cost_of(loss, a, form.y), cost_of(form.fused, form.z, form.y)
        if apart(fused, composed, RTOL, 0) is not None:
            raise Failed(
                f"{form.task}: on the logits of {form.name} the cost is {shown(fused)}, by way of the predictions "
                f"it is {shown(composed)}. The closed form has to be the same function."
            )


def on_logits_gradient(loss: Loss) -> None:
    """On logits the gradient is the same."""
    for form in forms(loss):
        a = forward(form.activation, form.z)
        composed = backward(form.activation, gradient_of(loss, a, form.y), form.z, a)
        fused = gradient_of(form.fused, form.z, form.y)
        if (at := apart(fused, composed, RTOL, ATOL)) is not None:
            raise Failed(
                f"{form.task}: at the logit {shown(form.z[at])} of {form.name}, y = {shown(form.y[at])}, the gradient "
                f"on logits is {shown(fused[at])}, by the chain rule it is {shown(composed[at])}."
            )


def on_logits_extremes(loss: Loss) -> None:
    """On logits up to +-1000 all is finite and right."""
    for form in forms(loss):
        case = cases(loss)[0]._replace(task=form.task, y_pred=form.z, y=form.y)
        for unit, sample, sign in (
            (u, s, d) for u in range(len(form.y)) for s in range(form.y.shape[1]) for d in (1, -1)
        ):
            entry = Entry(form.fused, case, unit, sample)
            way = sign * np.linspace(2.0, EXTREME, 20 * round(EXTREME - 2) + 1)
            slopes = entry.slope(way)
            if may_be_infinite(form.fused):
                huge = np.abs(slopes) > HUGE
                way, slopes = way[~huge], slopes[~huge]
            change = entry.cost(way[-1]) - entry.cost(way[0])
            integral = float(((slopes[1:] + slopes[:-1]) / 2 * np.diff(way)).sum())
            close = abs(change - integral) <= INTEGRAL_RTOL * max(1.0, abs(integral))
            if not (np.isfinite(slopes).all() and np.isfinite(change) and close):
                raise Failed(
                    f"{form.task}, y = {shown(form.y[unit, sample])}: from the logit {shown(way[0])} of {form.name} to "
                    f"{shown(way[-1])} the cost changes by {shown(change)}, the gradient's integral is "
                    f"{shown(integral)}. Rearrange the closed form so that nothing overflows, as in max(z, 0) - y z + "
                    "log(1 + exp(-|z|))."
                )


CHECKS = (on_logits_value, on_logits_gradient, on_logits_extremes)
