"""The plugins that there is C++ code for, and the numbers that each formula takes.

A plugin is known by its class's module and qualified name, exactly: a subclass, or a class of that name from elsewhere, may
compute anything. So nothing is imported that is not installed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import NamedTuple

from nnexp.plugin import Activation, Loss, Plugin, Training


class Formula(NamedTuple):
    """What the C++ code calls a formula (``cpp/names.hpp``), and the fields that it takes, in the order it takes them."""

    name: str
    fields: tuple[str, ...] = ()


ACTIVATIONS: Mapping[str, Formula] = {
    "nnexp.builtin.activations.Identity": Formula("identity"),
    "nnexp.builtin.activations.LeakyRelu": Formula("leaky_relu", ("alpha",)),
    "nnexp.builtin.activations.Relu": Formula("relu"),
    "nnexp.builtin.activations.Sigmoid": Formula("sigmoid"),
    "nnexp.builtin.activations.Softmax": Formula("softmax"),
    "nnexp.builtin.activations.Tanh": Formula("tanh"),
    "nnexp_activations.bounded.HardSigmoid": Formula("hard_sigmoid"),
    "nnexp_activations.bounded.HardTanh": Formula("hard_tanh"),
    "nnexp_activations.bounded.Sine": Formula("sine", ("omega",)),
    "nnexp_activations.bounded.Softsign": Formula("softsign"),
    "nnexp_activations.gated.Gelu": Formula("gelu"),
    "nnexp_activations.gated.Mish": Formula("mish"),
    "nnexp_activations.gated.Silu": Formula("silu"),
    "nnexp_activations.rectifiers.Elu": Formula("elu", ("alpha",)),
    "nnexp_activations.rectifiers.Selu": Formula("selu"),
    "nnexp_activations.rectifiers.Softplus": Formula("softplus"),
    "nnexp_losses.counts.Exp": Formula("exp"),
}
LOSSES: Mapping[str, Formula] = {
    "nnexp.builtin.losses.Bce": Formula("bce"),
    "nnexp.builtin.losses.BceOnLogits": Formula("bce_on_logits"),
    "nnexp.builtin.losses.Cce": Formula("cce"),
    "nnexp.builtin.losses.CceOnLogits": Formula("cce_on_logits"),
    "nnexp.builtin.losses.Mae": Formula("mae"),
    "nnexp.builtin.losses.Mse": Formula("mse"),
    "nnexp_losses.counts.Poisson": Formula("poisson"),
    "nnexp_losses.counts.PoissonOnLogits": Formula("poisson_on_logits"),
    "nnexp_losses.entropies.Focal": Formula("focal", ("gamma", "alpha")),
    "nnexp_losses.entropies.FocalOnLogits": Formula("focal_on_logits", ("gamma", "alpha")),
    "nnexp_losses.entropies.SmoothCce": Formula("smooth_cce", ("smoothing",)),
    "nnexp_losses.entropies.SmoothCceOnLogits": Formula("smooth_cce_on_logits", ("smoothing",)),
    "nnexp_losses.margins.Hinge": Formula("hinge"),
    "nnexp_losses.margins.SquaredHinge": Formula("squared_hinge"),
    "nnexp_losses.residuals.Huber": Formula("huber", ("delta",)),
    "nnexp_losses.residuals.LogCosh": Formula("log_cosh"),
    "nnexp_losses.residuals.Quantile": Formula("quantile", ("q",)),
}
OPTIMIZERS: Mapping[str, Formula] = {
    "nnexp.builtin.optimizers.Batch": Formula("gradient_descent"),
    "nnexp.builtin.optimizers.MiniBatch": Formula("gradient_descent"),
    "nnexp.builtin.optimizers.Sgd": Formula("gradient_descent"),
    "nnexp_optimizers.adaptive.Adagrad": Formula("adagrad", ("epsilon",)),
    "nnexp_optimizers.adaptive.Adam": Formula("adam", ("beta1", "beta2", "epsilon")),
    "nnexp_optimizers.adaptive.AdamW": Formula("adamw", ("beta1", "beta2", "epsilon", "weight_decay")),
    "nnexp_optimizers.adaptive.RmsProp": Formula("rmsprop", ("rho", "epsilon")),
    "nnexp_optimizers.momentum.Momentum": Formula("momentum", ("momentum",)),
    "nnexp_optimizers.momentum.Nesterov": Formula("nesterov", ("momentum",)),
}
FORMULAS: Mapping[str, Formula] = {**ACTIVATIONS, **LOSSES, **OPTIMIZERS}

STATES: Mapping[str, tuple[str, ...]] = {
    "gradient_descent": (),
    "momentum": ("velocity",),
    "nesterov": ("ahead",),
    "adagrad": ("squares", "scratch"),
    "rmsprop": ("squares", "scratch"),
    "adam": ("m", "v", "t"),
    "adamw": ("m", "v", "t"),
}
"""The arrays of each rule's memory by their names in the plugin's state, in the order that the C++ code has them."""


def class_name(plugin: Plugin) -> str:
    """The module and the qualified name of a plugin's class."""
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"


def option(plugin: Plugin) -> str:
    """What a configuration calls it, with its class: ``swish (my_module.Swish)``."""
    value = f"{type(plugin).__module__}:{type(plugin).__qualname__}"
    return f"{names(plugin.kind).get(value, type(plugin).__name__)} ({class_name(plugin)})"


@functools.cache  # the files of all that is installed are read for it
def names(kind: str) -> Mapping[str, str]:
    """The names of the installed plugins of a kind, by where their classes are."""
    return {point.value: point.name for point in reversed([*entry_points(group=f"nnexp.{kind}")])}


def objective(training: Training) -> tuple[Loss, Activation | None]:
    """The loss whose gradient is computed, and the output activation before it; None where it takes the logits themselves."""
    fused = training.loss.on_logits(training.output)
    return (training.loss, training.output) if fused is None else (fused, None)


def strangers(training: Training) -> list[str]:
    """What there is no code for, as it is typed: ``activation=swish (my_module.Swish)``."""
    loss, output = objective(training)
    asked = {"activation": training.hidden, "output": output, "loss": loss, "optimizer": training.optimizer}
    return [f"{key}={option(each)}" for key, each in asked.items() if each and not knows(each)]


def knows(plugin: Plugin) -> bool:
    """Whether there is code for it."""
    return class_name(plugin) in FORMULAS


def chosen(plugin: Plugin) -> tuple[str, list[float]]:
    """The formula's name and its numbers; NaN stands for None."""
    formula = FORMULAS[class_name(plugin)]
    values = [getattr(plugin, name) for name in formula.fields]
    return formula.name, [math.nan if value is None else float(value) for value in values]
