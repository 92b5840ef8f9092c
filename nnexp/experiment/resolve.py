"""What ``auto`` means once the data are known, and whether loss, output and task go together.

What is natural for a loss depends on the task, so losses declare both in one mapping, ``outputs``: mse is for a regression
with identity, and on one-hot classes the Brier score with softmax.

Which output can go with which loss follows from ``range`` and ``domain``, ``distribution`` and ``threshold``; a pair that
cannot be is refused. Hinge with sigmoid would call everything the second class; focal may be for sigmoid and for softmax,
since one output p stands for the distribution (1 - p, p). A model whose outputs are no probabilities tells labels only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import cast

import numpy as np

from nnexp.basics.fields import hyperparameters
from nnexp.discovery import registry
from nnexp.engine.objective import mismatch
from nnexp.errors import NnexpError, listed
from nnexp.experiment.plan import Plan
from nnexp.plugin import (
    Activation,
    Data,
    Dataset,
    Loss,
    Task,
)
from nnexp.tables.classes import fit_for_classes

NATURAL_LOSS: Mapping[Task, str] = {"regression": "mse", "binary": "bce", "multiclass": "cce"}
"""What ``loss=auto`` becomes where the dataset names no loss of its own."""


def resolve(chosen: Plan, data: Data) -> Plan:
    """Replace ``auto`` by the loss of the data's task and the loss's output activation; refuse a pair that makes no sense."""
    loss = chosen.loss
    if loss is None:
        loss = cast("Loss", registry.build("loss", {"name": chosen.dataset.loss or NATURAL_LOSS[data.task]}))
    check_task(loss, data, chosen.dataset)
    output = chosen.output
    if output is None:
        output = cast("Activation", registry.build("activation", {"name": loss.outputs[data.task]}, "output"))
    reason = mismatch(loss, output, n_outputs=len(data.classes) if data.task == "multiclass" else 1, task=data.task)
    if reason:
        natural = loss.outputs[data.task]
        raise NnexpError(
            f"output={registry.known_as(output)} does not go with loss={registry.known_as(loss)}: {reason}. "
            f"Type output={natural}."
        )
    if loss.target == "nonnegative" and data.task == "regression" and (data.y < 0).any():
        raise NnexpError(
            f"loss={registry.known_as(loss)} needs targets of 0 or more; the least '{data.target}' is {data.y.min():g}."
        )
    return dataclasses.replace(chosen, loss=loss, output=output)


def check_task(loss: Loss, data: Data, dataset: Dataset) -> None:
    """Refuse a loss that is not for the data's task; name those that are, and the task that is the loss's."""
    if data.task in loss.outputs:
        return
    losses = [
        name
        for name in registry.available("loss")
        if data.task in cast("type[Loss]", registry.load("loss", name)).outputs
    ]
    natural = NATURAL_LOSS[data.task]
    losses.sort(key=lambda name: name != natural)
    tasks = " and ".join(loss.outputs) or "no task (its class declares no outputs)"
    others = f" (or {listed(losses[1:])})" if losses[1:] else ""
    other = next((task for task in loss.outputs if could_be(task, data)), None) if "task" in names(dataset) else None
    meant = "is a quantity" if other == "regression" else "holds classes"
    choice = f", or dataset.task={other} if '{data.target}' {meant}" if other else ""
    raise NnexpError(
        f"loss={registry.known_as(loss)} is for {tasks}; this is a {TASK_WORDS[data.task]} "
        f"(target '{data.target}'). Type loss={losses[0]}{others}{choice}."
    )


def names(dataset: Dataset) -> list[str]:
    """The fields of a dataset."""
    return [item.name for item in hyperparameters(dataset)]


def could_be(task: str, data: Data) -> bool:
    """Whether a target could be meant for the task: numbers for any, as far as they are no more values than classes may be."""
    if task == "regression":
        return not any(isinstance(label, str) for label in data.classes)
    if data.classes:
        return task == "multiclass" or len(data.classes) == 2
    values = np.unique(data.y)
    whole = bool((values % 1 == 0).all())
    labels = [int(value) if whole else value for value in values.tolist()]
    return data.y.ndim == 1 and (task == "multiclass" or len(labels) == 2) and fit_for_classes(labels, len(data.y))


TASK_WORDS: Mapping[Task, str] = {
    "regression": "regression",
    "binary": "classification of two classes (binary)",
    "multiclass": "classification of several classes (multiclass)",
}
