"""The plugins that there is C++ code for, by their classes: ``cpp/codes.hpp`` has the same tables.

A plugin is known by the module and name of its class, so that none of the distributions has to be installed. A class that is
merely called the same, or is derived from a known one, is not mistaken for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nnexp.plugin import Activation, Loss, Plugin, Training

ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "nnexp.builtin.activations:Identity": (),
    "nnexp.builtin.activations:Sigmoid": (),
    "nnexp.builtin.activations:Tanh": (),
    "nnexp.builtin.activations:Relu": (),
    "nnexp.builtin.activations:LeakyRelu": ("alpha",),
    "nnexp.builtin.activations:Softmax": (),
    "nnexp_activations.rectifiers:Elu": ("alpha",),
    "nnexp_activations.rectifiers:Selu": (),
    "nnexp_activations.gated:Gelu": (),
    "nnexp_activations.gated:Silu": (),
    "nnexp_activations.gated:Mish": (),
    "nnexp_activations.rectifiers:Softplus": (),
    "nnexp_activations.bounded:Softsign": (),
    "nnexp_activations.bounded:HardSigmoid": (),
    "nnexp_activations.bounded:HardTanh": (),
    "nnexp_activations.bounded:Sine": ("omega",),
    "nnexp_losses.counts:Exp": (),
}
"""Class -> the fields that are handed over. The place in the table is the code."""

LOSSES: Mapping[str, tuple[str, ...]] = {
    "nnexp.builtin.losses:Mse": (),
    "nnexp.builtin.losses:Mae": (),
    "nnexp.builtin.losses:Bce": (),
    "nnexp.builtin.losses:Cce": (),
    "nnexp.builtin.losses:BceOnLogits": (),
    "nnexp.builtin.losses:CceOnLogits": (),
    "nnexp_losses.residuals:Huber": ("delta",),
    "nnexp_losses.residuals:LogCosh": (),
    "nnexp_losses.residuals:Quantile": ("q",),
    "nnexp_losses.counts:Poisson": (),
    "nnexp_losses.margins:Hinge": (),
    "nnexp_losses.margins:SquaredHinge": (),
    "nnexp_losses.entropies:Focal": ("gamma", "alpha"),
    "nnexp_losses.entropies:SmoothCce": ("smoothing",),
    "nnexp_losses.counts:PoissonOnLogits": (),
    "nnexp_losses.entropies:FocalOnLogits": ("gamma", "alpha"),
    "nnexp_losses.entropies:SmoothCceOnLogits": ("smoothing",),
}


class Rule(NamedTuple):
    """An optimizer: its code, its fields and the arrays of its memory that are like theta."""

    code: int
    fields: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
    counts: bool = False
    """Whether it keeps the number of steps, ``t``."""


OPTIMIZERS: Mapping[str, Rule] = {
    "nnexp.builtin.optimizers:Batch": Rule(0),
    "nnexp.builtin.optimizers:MiniBatch": Rule(0),
    "nnexp.builtin.optimizers:Sgd": Rule(0),
    "nnexp_optimizers.momentum:Momentum": Rule(1, ("momentum",), ("velocity",)),
    "nnexp_optimizers.momentum:Nesterov": Rule(2, ("momentum",), ("ahead",)),
    "nnexp_optimizers.adaptive:Adagrad": Rule(3, ("epsilon",), ("squares", "scratch")),
    "nnexp_optimizers.adaptive:RmsProp": Rule(4, ("rho", "epsilon"), ("squares", "scratch")),
    "nnexp_optimizers.adaptive:Adam": Rule(5, ("beta1", "beta2", "epsilon"), ("m", "v"), counts=True),
    "nnexp_optimizers.adaptive:AdamW": Rule(6, ("beta1", "beta2", "epsilon", "weight_decay"), ("m", "v"), counts=True),
}

NONE = -1.0
"""What stands for a field that is None."""
Code = tuple[int, list[float]]
"""A plugin's number, and its fields."""


def class_of(plugin: Plugin) -> str:
    """``module:Name`` of its class."""
    return f"{type(plugin).__module__}:{type(plugin).__qualname__}"


def values(plugin: Plugin, fields: tuple[str, ...]) -> list[float]:
    """The fields as numbers."""
    found = [getattr(plugin, name) for name in fields]
    return [NONE if each is None else float(each) for each in found]


def coded(plugin: Plugin, table: Mapping[str, tuple[str, ...]]) -> Code:
    """The number and the fields of an activation or a loss, which has to be known."""
    name = class_of(plugin)
    return list(table).index(name), values(plugin, table[name])


def objective(loss: Loss, output: Activation) -> tuple[Activation | None, Loss]:
    """The output activation and the loss that are differentiated: the loss's closed form on the logits has no activation."""
    closed = loss.on_logits(output)
    return (output, loss) if closed is None else (None, closed)


def codes(training: Training) -> tuple[Code, Code, Code, Code]:
    """Activation, output activation, loss and optimizer, as the extension takes them."""
    output, loss = objective(training.loss, training.output)
    rule = OPTIMIZERS[class_of(training.optimizer)]
    return (
        coded(training.hidden, ACTIVATIONS),
        (0, []) if output is None else coded(output, ACTIVATIONS),
        coded(loss, LOSSES),
        (rule.code, values(training.optimizer, rule.fields)),
    )


def unknown(training: Training) -> tuple[str, Plugin] | None:
    """The first plugin that there is no code for, with its key."""
    output, loss = objective(training.loss, training.output)
    hidden = training.hidden if len(training.sizes) > 2 else None
    for key, plugin, named, table in (
        ("activation", hidden, hidden, ACTIVATIONS),
        ("output", output, training.output, ACTIVATIONS),
        ("loss", loss, training.loss, LOSSES),
        ("optimizer", training.optimizer, training.optimizer, OPTIMIZERS),
    ):
        if plugin is not None and named is not None and class_of(plugin) not in table:
            return key, named
    return None
