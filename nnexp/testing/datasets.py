"""What a dataset has to keep. Shapes: x (n_samples, n_features), y (n_samples,) or (n_samples, n_outputs)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnexp.discovery import registry
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.experiment.contracts import check_data
from nnexp.experiment.experiment import prepare
from nnexp.experiment.plan import plan
from nnexp.plugin import TASKS, Data, Dataset
from nnexp.testing.verdict import Failed, Skipped


def loaded(dataset: Dataset, seed: int = 1) -> Data:
    """The data, with a generator that starts anew."""
    data = dataset.load(np.random.default_rng(seed))
    if not isinstance(data, Data):
        raise Failed(f"load returned {type(data).__name__}. Return Data(x, y, names=..., task=...).")
    return data


def loads(dataset: Dataset) -> None:
    """Finite numbers, and a name for each feature."""
    data = loaded(dataset)
    for name, array in (("x", data.x), ("y", data.y)):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise Failed(
                f"{name} is {kind}; it has to be a NumPy array of numbers. Text becomes indices into categories."
            )
    try:
        check_data(data, "load")
    except NnexpError as error:
        raise Failed(str(error)) from None


def same(one: Data, other: Data) -> bool:
    """Whether two Data are equal in everything."""
    arrays = np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y)
    return arrays and all(
        getattr(one, name) == getattr(other, name) for name in ("names", "task", "classes", "target", "categories")
    )


def deterministic(dataset: Dataset) -> None:
    """The same generator gives the same data."""
    if not same(loaded(dataset), loaded(dataset)):
        raise Failed(
            "two loads with the same generator differ. Draw everything from rng, nothing from np.random or the clock, "
            "and do not rely on the order of a set."
        )


def arrays_of_its_own(dataset: Dataset) -> None:
    """Changed arrays do not change the next load."""
    first = loaded(dataset)
    kept = first.x.copy(), first.y.copy()
    for array in (first.x, first.y):
        if array.flags.writeable:
            array[...] = 0
    second = loaded(dataset)
    if not (np.array_equal(second.x, kept[0]) and np.array_equal(second.y, kept[1])):
        raise Failed(
            "an array that was changed after loading stays changed: load hands out one it keeps. Return a copy."
        )


def names(dataset: Dataset) -> None:
    """Features and target have names, each once."""
    data = loaded(dataset)
    if not isinstance(data.names, tuple) or not all(isinstance(name, str) and name for name in data.names):
        raise Failed(f"names is {data.names!r}. It has to be a tuple of texts, one for each feature.")
    twice = sorted({name for name in data.names if data.names.count(name) > 1})
    if twice:
        raise Failed(f"names has {listed(twice)} more than once. Tables for prediction are read by these names.")
    if not data.target or data.target in data.names:
        raise Failed(f"target is '{data.target}', which is no name or a feature's. Give the target a name of its own.")


def task(dataset: Dataset) -> None:
    """The task, the classes and y fit together."""
    data = loaded(dataset)
    if data.task not in TASKS:
        raise Failed(f"task is '{data.task}'.{did_you_mean(str(data.task), TASKS)} Tasks: {listed(TASKS)}.")
    count = len(data.classes)
    if data.task == "regression":
        if count:
            raise Failed(f"task is regression, but there are {count} classes. Leave classes empty.")
        return
    if (data.task == "binary") != (count == 2) or count < 2:
        raise Failed(f"task is {data.task}, but there are {count} classes: binary has 2, multiclass 3 or more.")
    if len(set(data.classes)) != count:
        raise Failed(f"classes has a label more than once: {listed(map(str, data.classes))}.")
    present = sorted(set(np.ravel(data.y).tolist()))
    if data.y.ndim != 1 or present != list(range(count)):
        raise Failed(
            f"y of shape {data.y.shape} holds {listed(map(str, present), most=6)}; for {count} classes it has to be "
            f"one index from 0 to {count - 1} a sample, and every class has to occur."
        )


def categories(dataset: Dataset) -> None:
    """A categorical column holds indices."""
    data = loaded(dataset)
    if not data.categories:
        raise Skipped("categories is empty: every feature is a number")
    for name, texts in data.categories.items():
        if name not in data.names:
            raise Failed(f"categories has '{name}', which is no feature.{did_you_mean(name, data.names)}")
        if len(set(texts)) != len(texts):
            raise Failed(f"the categories of '{name}' have a text more than once: {listed(texts)}.")
        column = data.x[:, data.names.index(name)]
        wrong = column[~np.isin(column, np.arange(len(texts)))]
        if wrong.size:
            raise Failed(
                f"the column of '{name}' holds {wrong[0]:g}; with {len(texts)} categories it has to be 0 to "
                f"{len(texts) - 1}."
            )


def own_loss(dataset: Dataset) -> None:
    """The loss it names is installed and fits."""
    if dataset.loss is None:
        raise Skipped("loss is None: loss=auto takes the task's own")
    try:
        loss = registry.load("loss", dataset.loss)
    except NnexpError as error:
        raise Failed(f"loss is '{dataset.loss}'. {error}") from None
    given = loaded(dataset).task
    tasks = getattr(loss, "outputs", {})
    if given not in tasks:
        raise Failed(f"loss is '{dataset.loss}', which is for {listed(tasks)}; this is a {given} dataset.")


def trains(dataset: Dataset) -> None:
    """It can be split, scaled and trained on."""
    try:
        list(prepare(plan({"dataset": dataset, "epochs": 1, "network": {"hidden": [4]}})).epochs())
    except NnexpError as error:
        raise Failed(str(error)) from None


CHECKS: tuple[Callable[[Dataset], None], ...] = (
    loads,
    deterministic,
    arrays_of_its_own,
    names,
    task,
    categories,
    own_loss,
    trains,
)
