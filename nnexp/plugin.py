"""What a plugin is: the six kinds, their fields (``param``) and the arrays they exchange with the engine.

A plugin is one frozen dataclass and one entry-point line. Its fields are its hyperparameters, its methods its mathematics::

    @dataclass(frozen=True)
    class Huber(Loss):
        \"\"\"J = mean( r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2) ), r = y_pred - y  (Huber, 1964).\"\"\"

        outputs = {"regression": "identity"}
        delta: float = param(1.0, above=0, doc="where the parabola becomes a line")

        def value(self, y_pred, y): ...
        def gradient(self, y_pred, y, out): ...

Arrays inside the engine are feature-major, as in the textbook equation Z = W A + b: ``a``, ``z``, ``y`` and ``y_pred`` have the
shape (n_units, n_samples), so a method that reduces over units uses ``axis=0``. Everything happens in the run's dtype and in
buffers the engine owns: a method writes into ``out`` and changes no other argument unless its contract says so.
The engine calls plugins with NumPy's floating-point warnings off; an overflow that ends in the right limit is fine.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.fields import check_fields, param
from nnexp.basics.kernels import ONE, ZERO

__all__ = [
    "KINDS",
    "ONE",
    "TASKS",
    "ZERO",
    "Activation",
    "Array",
    "Data",
    "Dataset",
    "Initializer",
    "Layer",
    "Loss",
    "Optimizer",
    "Plugin",
    "Schedule",
    "State",
    "Task",
    "param",
]

Array = NDArray[np.floating[Any]]
"""A float array in the run's dtype (float64 or float32)."""

State = dict[str, Array]
"""An optimizer's memory: arrays by name, updated in place."""

Task = Literal["regression", "binary", "multiclass"]
TASKS: tuple[Task, ...] = ("regression", "binary", "multiclass")


@dataclass(frozen=True)
class Plugin(ABC):
    """The base of every kind. Bounds are checked when an object is made, whoever makes it."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        check_fields(self, f"{self.kind}.")
        self.validate()

    def validate(self) -> None:
        """Override to check fields against each other: raise ``NnexpError`` with the rule and a remedy."""


@dataclass(frozen=True)
class Activation(Plugin):
    """A function a = f(z) applied to a layer's pre-activations, and its derivative."""

    kind: ClassVar[str] = "activation"
    inplace: ClassVar[bool] = False
    """True: ``backward`` does not read ``z``, so ``forward`` may be called with ``out`` being ``z`` itself."""
    analytic: ClassVar[bool] = False
    """True: ``forward`` also takes complex arrays and is complex-analytic near the real axis, so that its derivative can be
    checked by complex steps, to the last digit (Squire and Trapp, 1998)."""
    distribution: ClassVar[bool] = False
    """True: the outputs of one sample are positive and sum to one, like softmax's."""
    link: ClassVar[str] = ""
    """The link function this is the inverse of (McCullagh and Nelder, 1989), if it has a name: ``"logit"`` for the sigmoid,
    ``"multinomial logit"`` for softmax. Losses offer a stable closed form by it."""

    @property
    def range(self) -> tuple[float, float]:
        """The smallest interval that holds every value of f: a class variable, or a property where it depends on fields."""
        return (-math.inf, math.inf)

    @property
    def kinks(self) -> tuple[float, ...]:
        """The z at which f has no derivative; ``backward`` takes 0 there. A class variable, or a property."""
        return ()

    @abstractmethod
    def forward(self, z: Array, out: Array) -> None:
        """Write a = f(z) into ``out``; both (n_units, n_samples)."""

    @abstractmethod
    def backward(self, grad: Array, z: Array, a: Array) -> None:
        """Turn ``grad`` from dJ/da into dJ/dz, in place. At a kink the derivative is 0."""


@dataclass(frozen=True)
class Loss(Plugin):
    """A cost J(y_pred, y), mean over samples, and exactly its gradient.

    ``y`` is (n_outputs, n_samples): values for regression, 0 or 1 in one row for binary, one-hot for multiclass.
    """

    kind: ClassVar[str] = "loss"
    outputs: ClassVar[Mapping[str, str]] = {}
    """The tasks it can be used for, each with its natural output activation."""
    domain: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The interval predictions have to lie in; an output activation whose range is wider is refused."""
    distribution: ClassVar[bool] = False
    """True: needs predictions that sum to one over the outputs; the one output p of a binary task stands for 1 - p and p."""
    target: ClassVar[Literal["real", "nonnegative"]] = "real"
    """``"nonnegative"``: regression targets are counts or rates, so they are neither shifted nor scaled."""
    threshold: ClassVar[float] = 0.5
    """A binary prediction above it is the second class; of several classes the largest prediction tells. 0 for a loss of scores
    that are no probabilities. An output activation whose range does not reach to both sides of it is refused."""
    analytic: ClassVar[bool] = False
    """True: ``value`` also takes complex ``y_pred``, returns a complex number then, and is complex-analytic near the real
    axis, so that the gradient can be checked by complex steps, to the last digit (Squire and Trapp, 1998)."""

    @abstractmethod
    def value(self, y_pred: Array, y: Array) -> float:
        """The cost."""

    @abstractmethod
    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        """Write dJ/dy_pred into ``out``, the 1/n_samples of the mean included."""

    def kink(self, y_pred: Array, y: Array) -> Array | None:
        """An expression (n_outputs, n_samples) that is 0 just where J has no derivative by that entry of ``y_pred``.

        ``gradient`` is 0 in that entry there; for mae it is y_pred - y. None where J is smooth.
        """
        return None

    def on_logits(self, activation: Activation) -> Loss | None:
        """The same cost as a function of the logits z with y_pred = ``activation``(z), where a stable closed form exists."""
        return None


@dataclass(frozen=True)
class Optimizer(Plugin):
    """A rule that changes the parameters by the gradient of one batch. Subclasses have the field ``learning_rate``."""

    kind: ClassVar[str] = "optimizer"

    @property
    @abstractmethod
    def batch_size(self) -> int | None:
        """Samples a step: None for the whole training set, 1 for stochastic. A class variable or a field."""

    @property
    @abstractmethod
    def learning_rate(self) -> float:
        """The step size. A field of every optimizer."""

    def init(self, theta: Array) -> State:
        """The memory to start with, for parameters like ``theta`` (flat): arrays by name."""
        return {}

    @abstractmethod
    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        """Change ``theta`` (and ``state``) in place by the gradient ``grad``, which may be overwritten.

        ``learning_rate`` is a float or a scalar array in theta's dtype.
        """


class Layer(NamedTuple):
    """Where an initializer stands: the layer's number (1 is the first after the inputs) and its sizes."""

    number: int
    n_in: int
    n_out: int


@dataclass(frozen=True)
class Initializer(Plugin):
    """The parameters before the first step."""

    kind: ClassVar[str] = "initializer"

    @abstractmethod
    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        """Write the layer's W into ``out``, (n_out, n_in)."""

    def biases(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        """Write the layer's b into ``out``, (n_out,); zero unless overridden."""
        out[...] = 0

    def weights_std(self, layer: Layer) -> float | None:
        """The standard deviation the layer's weights are drawn with, their mean being 0; None where they are not drawn."""
        return None


@dataclass(frozen=True)
class Schedule(Plugin):
    """The learning rate over the epochs, as a multiple of the optimizer's own; it goes with every optimizer.

    A schedule has no memory: what it needs to know is in the arguments, so that a run that is resumed goes on exactly.
    """

    kind: ClassVar[str] = "schedule"
    varies: ClassVar[bool] = True
    """False: the factor is always 1, so it is neither asked for in each epoch nor shown and recorded."""

    @abstractmethod
    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        """What the learning rate is multiplied by in this epoch: a finite number of at least 0.

        ``epoch`` counts from 1 to ``epochs``. ``history`` (not to be changed) has the cost of each epoch before it, on the
        validation part, or without one on the training part; so it has ``epoch - 1`` entries. Raise ``NnexpError`` where
        ``epochs`` does not fit the fields: ``factor(1, epochs, ())`` is asked before anything else is done.
        """


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


@dataclass(frozen=True)
class Dataset(Plugin):
    """Samples and what to predict from them; splitting and scaling are nnexp's."""

    kind: ClassVar[str] = "dataset"
    loss: ClassVar[str | None] = None
    """The loss that ``loss=auto`` chooses; None for the task's own (mse, bce or cce)."""

    @abstractmethod
    def load(self, rng: np.random.Generator) -> Data:
        """Read or make the data; all randomness from ``rng``."""


KINDS: Mapping[str, type[Plugin]] = {
    kind.kind: kind for kind in (Activation, Loss, Optimizer, Schedule, Initializer, Dataset)
}
"""The kinds by name; a kind's entry points are in the group ``nnexp.<kind>``."""


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
