"""What a plugin is: the seven kinds, their fields (``param``), the arrays they exchange with the engine; exports and others.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.data import TASKS, Array, Data, Layer, State, Task
from nnexp.basics.export import Described, Export, Trained
from nnexp.basics.fields import Plugin, param
from nnexp.basics.kernels import ONE, ZERO
from nnexp.basics.picture import Moment, Picture, Seen
from nnexp.basics.schedule import Schedule
from nnexp.basics.search import Dimension, Direction, Options, Sampling, Search, Space, Span, Steps, Trial, Value

__all__ = [
    "KINDS",
    "ONE",
    "TASKS",
    "ZERO",
    "Activation",
    "Array",
    "Data",
    "Dataset",
    "Described",
    "Dimension",
    "Direction",
    "Engine",
    "Export",
    "Initializer",
    "Layer",
    "Loss",
    "Moment",
    "Optimizer",
    "Options",
    "Picture",
    "Plugin",
    "Runner",
    "Sampling",
    "Schedule",
    "Search",
    "Seen",
    "Space",
    "Span",
    "State",
    "Steps",
    "Task",
    "Trained",
    "Training",
    "Trial",
    "Value",
    "param",
]


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
class Dataset(Plugin):
    """Samples and what to predict from them; splitting and scaling are nnexp's."""

    kind: ClassVar[str] = "dataset"
    loss: ClassVar[str | None] = None
    """The loss that ``loss=auto`` chooses; None for the task's own (mse, bce or cce)."""

    @abstractmethod
    def load(self, rng: np.random.Generator) -> Data:
        """Read or make the data; all randomness from ``rng``."""


@dataclass(frozen=True, eq=False)
class Training:
    """What an engine is to train: network, objective, optimizer, and how many samples."""

    sizes: tuple[int, ...]
    """Units of each layer, the inputs first."""
    hidden: Activation
    output: Activation
    loss: Loss
    optimizer: Optimizer
    dtype: np.dtype[Any]
    n_samples: int
    timed: bool = False
    """Whether the runner counts ``product_seconds``."""


class Runner(ABC):
    """A training under way. Its arrays, (n_outputs, n_samples), are the last epoch's, in the order of its samples.

    ``outputs`` and ``cost`` may be left: None, as they are unless a runner sets them, are computed from ``logits`` by the
    plugins' own methods. A runner that has the numbers at hand saves that time; nothing else depends on it.
    """

    logits: Array
    """Each batch's from before its update."""
    y: Array
    outputs: Array | None = None
    """The output activation's values of ``logits``."""
    cost: float | None = None
    """J of ``logits`` and ``y``, one mean over all samples of the epoch, whatever the batches."""
    product_seconds: float = 0.0
    """Spent in matrix products so far, where that is timed."""

    @abstractmethod
    def run(self, order: NDArray[np.intp] | None, learning_rate: float) -> None:
        """Train one epoch: a step for each batch of the samples in ``order``; None: as they are."""


@dataclass(frozen=True)
class Engine(Plugin):
    """What computes: the steps of an epoch, and logits. All engines give the same numbers, but for rounding.

    Arrays: ``design`` (n_samples, n_features + 1), the samples with a last column of ones; ``y`` (n_outputs, n_samples);
    ``theta``, layer by layer [W b] (n_out, n_in + 1), flat; ``state``, what the optimizer's ``init`` made. A runner changes
    ``theta`` and ``state`` in place, and keeps these arrays.
    """

    kind: ClassVar[str] = "engine"

    def settled(self) -> Engine:
        """The same with every choice made that is left to the machine: what is recorded."""
        return self

    def refusal(self, training: Training) -> str:
        """Why it cannot take this, in words that name the plugin and say what to type; empty where it can."""
        return ""

    def speed(self, training: Training) -> float:
        """About how many times as fast as NumPy it is at this; ``engine=auto`` takes the fastest."""
        return 1.0

    @abstractmethod
    def runner(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> Runner:
        """A runner of its epochs."""

    @abstractmethod
    def evaluator(self, training: Training, design: Array, theta: Array) -> Callable[[], Array]:
        """What gives the logits (n_outputs, n_samples) with ``theta`` as it is when called; its array may be reused."""


KINDS: Mapping[str, type[Plugin]] = {
    kind.kind: kind for kind in (Activation, Loss, Optimizer, Schedule, Initializer, Dataset, Engine)
}
"""What a run is made of, by kind; a kind's entry points are in the group ``nnexp.<kind>``."""
