"""nnexp without Hydra and MLflow: ``fit`` arrays, predict, save, ``load``."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnexp.basics.data import likely_task
from nnexp.basics.exact import as_array, as_quantities, unmasked
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.experiment.experiment import Experiment, assemble
from nnexp.experiment.model import Model, load
from nnexp.experiment.plan import plan
from nnexp.plugin import (
    TASKS,
    Activation,
    Array,
    Data,
    Dataset,
    Engine,
    Initializer,
    Loss,
    Optimizer,
    Schedule,
    Task,
)
from nnexp.terminal.console import shown

__all__ = ["Result", "fit", "load"]

PluginSpec = str | Mapping[str, Any]
"""A plugin's name, or ``{"name": ..., field: value, ...}``."""


ARGUMENTS: Mapping[str, str] = {
    "dataset.task": "task",
    "network.hidden": "hidden",
    "split.validation": "validation",
    "split.test": "test",
    "split.seed": "split_seed",
    "scale.features": "scale_features",
    "scale.target": "scale_target",
}
"""Keys of a configuration that ``fit`` calls otherwise."""


@dataclass(frozen=True)
class InMemory(Dataset):
    """Arrays that are already there: what ``fit`` trains on."""

    task: str = "auto"

    def load(self, rng: np.random.Generator) -> Data:
        raise NnexpError("Arrays cannot be loaded again. Call fit(x, y).")


@dataclass(frozen=True, eq=False)
class Result:
    """A trained network: predictions in original units, and how training went."""

    experiment: Experiment
    model: Model

    def __repr__(self) -> str:
        """Say what was trained and how well, in one line."""
        last = self.experiment.kept or self.experiment.history[-1]
        scores = ", ".join(
            f"{name} {shown(value)}" for name, value in last.metrics.items() if name.endswith("/validation")
        )
        sizes = "-".join(map(str, self.model.network.sizes))
        return f"<nnexp Result: {self.model.task}, {sizes}, epoch {last.number}; {scores}>"

    @property
    def history(self) -> dict[str, list[float]]:
        """Each metric's values by epoch: ``cost/train``, ``cost/validation``, ``accuracy/train``, ..."""
        epochs = self.experiment.history
        return {name: [epoch.metrics[name] for epoch in epochs] for name in epochs[0].metrics}

    @property
    def best_epoch(self) -> int:
        """The number of the epoch with the lowest cost (validation, or without a validation part training)."""
        return self.experiment.best.number if self.experiment.best else 0

    @property
    def kept_epoch(self) -> int:
        """The number of the epoch whose weights the model has."""
        return self.experiment.kept.number if self.experiment.kept else 0

    @property
    def test(self) -> dict[str, float]:
        """Cost and metrics on the test part, if there is one."""
        return self.experiment.test()

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Labels, or for regression values in original units."""
        return self.model.predict(x)

    def predict_proba(self, x: ArrayLike) -> Array:
        """Class probabilities (n_samples, n_classes), in the order of ``model.classes``."""
        return self.model.predict_proba(x)

    def save(self, path: str | Path) -> Path:
        """Write the model to one ``.npz`` file without pickle; ``nnexp.load`` reads it."""
        return self.model.save(path)


def fit(
    x: ArrayLike,
    y: ArrayLike,
    *,
    hidden: Sequence[int] = (16,),
    activation: PluginSpec | Activation = "relu",
    output: PluginSpec | Activation = "auto",
    loss: PluginSpec | Loss = "auto",
    optimizer: PluginSpec | Optimizer = "minibatch",
    schedule: PluginSpec | Schedule = "constant",
    initializer: PluginSpec | Initializer = "glorot",
    epochs: int = 80,
    seed: int = 0,
    task: Task | Literal["auto"] = "auto",
    dtype: str = "float64",
    shuffle: bool = True,
    patience: int | None = None,
    keep: Literal["last", "best"] = "last",
    validation: float = 0.2,
    test: float = 0.0,
    split_seed: int | None = None,
    scale_features: str = "standard",
    scale_target: str = "standard",
    threads: int = 1,
    engine: PluginSpec | Engine = "numpy",
    names: Sequence[str] | None = None,
) -> Result:
    """Train a multi-layer perceptron on arrays, with the defaults of ``python -m nnexp``.

    ``x`` is (n_samples, n_features), ``y`` (n_samples,) labels or numbers, or (n_samples, n_outputs) numbers. ``task="auto"``
    takes text, booleans, two values or a few repeated whole numbers for classes, anything else for a regression. A plugin is
    given as its name, as ``{"name": "sgd", "learning_rate": 0.05}`` or as an object. Raises NnexpError for an unknown option, a
    value out of bounds, data that cannot be trained on and a cost that diverges.
    """
    config = {
        "dataset": InMemory(task),
        "loss": loss,
        "output": output,
        "activation": activation,
        "optimizer": optimizer,
        "schedule": schedule,
        "initializer": initializer,
        "engine": engine,
        "epochs": epochs,
        "seed": seed,
        "dtype": dtype if isinstance(dtype, str) else np.dtype(dtype).name,
        "shuffle": shuffle,
        "patience": patience,
        "keep": keep,
        "threads": threads,
        "network": {"hidden": as_sizes(hidden)},
        "split": {"validation": validation, "test": test, "seed": split_seed},
        "scale": {"features": scale_features, "target": scale_target},
    }
    with own_words():
        chosen = plan(config)
        seeds = np.random.SeedSequence(chosen.settings.seed).spawn(4)
        experiment = assemble(chosen, as_data(x, y, task, names), seeds)
        deque(experiment.epochs(), maxlen=0)
    return Result(experiment, experiment.model())


@contextmanager
def own_words() -> Iterator[None]:
    """Have what is refused in the block name the arguments of ``fit`` in place of the keys of a configuration."""
    try:
        yield
    except NnexpError as error:
        error.args = (re.sub("|".join(map(re.escape, ARGUMENTS)), lambda key: ARGUMENTS[key[0]], str(error)),)
        raise


def as_data(x: ArrayLike, y: ArrayLike, task: Task | Literal["auto"], names: Sequence[str] | None) -> Data:
    """The arrays as a dataset: classes become indices, the task is told by ``y`` where it is ``auto``."""
    if task not in (*TASKS, "auto"):
        raise NnexpError(f"task must be one of {listed((*TASKS, 'auto'))}. Got {task!r}.{did_you_mean(task, TASKS)}")
    if names is None and hasattr(x, "columns"):
        names = [str(each) for each in x.columns]
    samples, values = as_samples(x), as_targets(y)
    names = tuple(names or (f"x{i}" for i in range(samples.shape[1])))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    check_targets(samples, values)
    labels, indices = as_labels(values)
    found = likely_task(labels, len(values)) if task == "auto" and labels else task
    if found in ("auto", "regression"):
        if values.dtype.kind not in "fiub" and not all(isinstance(each, Real | Decimal) for each in values.flat):
            raise NnexpError(f"A regression needs numbers in y. Got {values.dtype}.")
        return Data(samples, as_quantities(values, "y"), names, "regression")
    check_labels(values, labels)
    if found == "binary" and len(labels) != 2:
        raise NnexpError(f"task='binary' needs two classes. Got {len(labels)}: {listed(map(str, labels), most=5)}.")
    return Data(samples, indices, names, cast("Task", found), labels)


def check_targets(samples: NDArray[Any], values: NDArray[Any]) -> None:
    """Refuse targets that are not one for each sample, and numbers that are not finite."""
    if values.ndim not in (1, 2) or len(values) != len(samples) or not values.size:
        raise NnexpError(f"y must have one entry per sample. Got shapes {samples.shape} and {values.shape}.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise NnexpError(f"y must hold finite numbers. Got {values[row]} in sample {row}.")


def check_labels(values: NDArray[Any], labels: Sequence[Any]) -> None:
    """Refuse what makes no classes."""
    if values.ndim == 2:
        one_hot = ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
        cure = " It is one-hot: give y.argmax(axis=1)." if one_hot else ""
        raise NnexpError(f"Classes need one label per sample in y. Got the shape {values.shape}.{cure}")
    if len(labels) < 2:
        raise NnexpError(
            f"Classes need at least two labels in y. Got {len(labels)} distinct value in shape {values.shape}."
        )


def as_sizes(hidden: Any) -> Any:
    """``hidden`` with its NumPy numbers made plain; what is no list of numbers stays as it is, to be refused by its key."""
    try:
        return np.asarray(hidden).tolist()
    except ValueError:  # lists of different lengths
        return hidden


def as_samples(x: ArrayLike) -> NDArray[Any]:
    """Check ``x``: a matrix of real numbers, not copied where it is one already."""
    if np.iscomplexobj(x):
        raise NnexpError("x must hold numbers (real ones). Got complex numbers.")
    for name, kind in getattr(x, "dtypes", {}).items() if hasattr(x, "columns") else ():
        if getattr(kind, "kind", "") in "mM":
            raise NnexpError(
                f"The column '{name}' of x holds dates or times. Write them as numbers (a year, a month, seconds)."
            )
    if hasattr(x, "toarray"):
        raise NnexpError("x is a sparse matrix. Give x.toarray(), which needs memory for each zero.")
    try:
        x = unmasked(x, "x")
        samples = x if isinstance(x, np.ndarray) and x.dtype.kind in "fiub" else as_quantities(x, "x")
    except (TypeError, ValueError, OverflowError) as error:
        raise NnexpError(
            f"x must hold numbers ({error}). For a table with text type dataset=csv dataset.path=FILE."
        ) from None
    if samples.ndim != 2:
        raise NnexpError(f"x must have the shape (n_samples, n_features). Got {samples.shape}.")
    if not len(samples):
        raise NnexpError(f"x holds no samples: its shape is {samples.shape}. Give at least 2.")
    return samples


def as_targets(y: ArrayLike) -> NDArray[Any]:
    """``y`` as an array: numbers, labels, or one label's column for each class. Refuses dates, bytes and what is missing."""
    values = as_array(y, "y")
    if values.dtype.kind in "mM":
        raise NnexpError("y holds dates or times. Give numbers (a year, a month, seconds), or texts for classes.")
    if values.dtype.kind == "S":
        raise NnexpError(
            f"y holds bytes, as {bytes(values.flat[0])!r} in sample 0. Decode them: y = [each.decode() for each in y]"
        )
    for place, value in np.ndenumerate(values) if values.dtype.kind == "O" else ():
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            raise NnexpError(f"y misses a value in sample {place[0]}. Fill it in, or leave the sample out.")
        if isinstance(value, bytes):
            raise NnexpError(f"y holds bytes, as {value!r} in sample {place[0]}. Decode them: each.decode()")
        if not isinstance(value, str | Real | Decimal | bool):
            raise NnexpError(
                f"y holds a {type(value).__name__} in sample {place[0]}. Give numbers, or texts for classes."
            )
    return values


def as_labels(y: NDArray[Any]) -> tuple[tuple[str | int | float | bool, ...], NDArray[Any]]:
    """The distinct values of ``y`` in order, as plain values, and each sample's index among them; none for a matrix."""
    if np.iscomplexobj(y):
        raise NnexpError("y must hold numbers (real ones) or labels. Got complex numbers.")
    if y.ndim != 1:
        return (), y
    try:
        labels, indices = np.unique(y, return_inverse=True)
    except TypeError:
        raise NnexpError("The labels in y must be of one type: all text or all numbers, none missing.") from None
    return tuple(value.item() if isinstance(value, np.generic) else value for value in labels), indices
