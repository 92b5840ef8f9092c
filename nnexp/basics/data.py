"""What plugins and the engine exchange: arrays, layers, and what a dataset loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""A float array in the run's dtype (float64 or float32)."""

State = dict[str, Array]
"""An optimizer's memory: arrays by name, updated in place."""

Task = Literal["regression", "binary", "multiclass"]
TASKS: tuple[Task, ...] = ("regression", "binary", "multiclass")


class Layer(NamedTuple):
    """Where an initializer stands: the layer's number (1 is the first after the inputs) and its sizes."""

    number: int
    n_in: int
    n_out: int


@dataclass(frozen=True, eq=False)
class Data:
    """What a dataset loads: samples in rows, before any split or scaling.

    ``x`` (n_samples, n_features) holds numbers; the column of a categorical feature holds the index into its categories.
    ``y`` (n_samples,) holds values for regression ((n_samples, n_outputs) for several), class indices otherwise.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    names: tuple[str, ...]
    task: Task
    classes: tuple[str | int | float | bool, ...] = ()
    """The label of each class index; empty for regression."""
    target: str = "target"
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The categories of each categorical feature."""
    notes: tuple[str, ...] = ()
    """What a user should know about how they were read, one line each."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """How the table was written, where not as usual (``nnexp.tables.format``); kept in the model, for new rows."""


MOST_NUMBER_CLASSES = 10
"""Whole numbers with more distinct values than this are a quantity unless the user says otherwise."""


def likely_task(labels: Sequence[str | float], n_samples: int) -> Task:
    """What the distinct target values ``labels`` of ``n_samples`` samples say about the task.

    Two values are two classes; texts, and a few whole numbers that repeat, are classes; other numbers are a quantity.
    """
    if len(labels) == 2:
        return "binary"
    whole = all(isinstance(label, str | int) or float(label).is_integer() for label in labels)
    few = len(labels) <= MOST_NUMBER_CLASSES and n_samples >= 3 * len(labels)
    text = any(isinstance(label, str) for label in labels)
    return "multiclass" if text or (few and whole) else "regression"
