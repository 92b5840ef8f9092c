"""Planted mistakes in datasets: a right one, a line with noise, with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnexp.plugin import Data, Dataset

from .mistakes import Mistake

KEPT = np.linspace(-1, 1, 20)[:, None]


def changed(data: Data, **values: Any) -> Data:
    """The same data with some attributes changed."""
    return replace(data, **values)


@dataclass(frozen=True)
class Line(Dataset):
    """y = x + 0.1 e, e standard normal (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        x = rng.uniform(-1, 1, (20, 1))
        return Data(x, x[:, 0] + 0.1 * rng.standard_normal(20), names=("x",), task="regression")


@dataclass(frozen=True)
class Sides(Dataset):
    """y = 1 where x > 0, else 0 (Rosenblatt, 1958)."""

    def load(self, rng: np.random.Generator) -> Data:
        x = rng.uniform(-1, 1, (20, 1))
        return Data(x, (x[:, 0] > 0).astype(np.int64), names=("x",), task="binary", classes=("left", "right"))


@dataclass(frozen=True)
class ATuple(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Any:
        return KEPT, KEPT[:, 0]


@dataclass(frozen=True)
class Texts(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), x=np.array([["a"]] * 20))


@dataclass(frozen=True)
class Missing(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        data = super().load(rng)
        data.x[3, 0] = np.nan
        return data


@dataclass(frozen=True)
class Unseeded(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return super().load(np.random.default_rng())


@dataclass(frozen=True)
class HandsOutItsOwn(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), x=KEPT)


@dataclass(frozen=True)
class NamesTwice(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), x=np.hstack([KEPT, KEPT]), names=("x", "x"))


@dataclass(frozen=True)
class NamesInAList(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), names=["x"])


@dataclass(frozen=True)
class TargetIsAFeature(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), target="x")


@dataclass(frozen=True)
class TaskMisspelt(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), task="regresion")


@dataclass(frozen=True)
class ClassesOfARegression(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), classes=("low", "high"))


@dataclass(frozen=True)
class ThreeClassesOfTwo(Sides):
    """y = 1 where x > 0, else 0 (Rosenblatt, 1958)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), classes=("left", "middle", "right"))


@dataclass(frozen=True)
class LabelsTwice(Sides):
    """y = 1 where x > 0, else 0 (Rosenblatt, 1958)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), classes=("left", "left"))


@dataclass(frozen=True)
class CountsFromOne(Sides):
    """y = 2 where x > 0, else 1 (Rosenblatt, 1958)."""

    def load(self, rng: np.random.Generator) -> Data:
        data = super().load(rng)
        return changed(data, y=data.y + 1)


@dataclass(frozen=True)
class CategoryOfNoFeature(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), categories={"X": ("a", "b")})


@dataclass(frozen=True)
class NoIndices(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), categories={"x": ("a", "b")})


@dataclass(frozen=True)
class CategoriesTwice(Line):
    """y = x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        return changed(super().load(rng), categories={"x": ("a", "a")})


@dataclass(frozen=True)
class LossMisspelt(Line):
    """y = x (Galton, 1886)."""

    loss = "msee"


@dataclass(frozen=True)
class LossOfAnotherTask(Line):
    """y = x (Galton, 1886)."""

    loss = "cce"


@dataclass(frozen=True)
class TooLarge(Line):
    """y = 1e308 x (Galton, 1886)."""

    def load(self, rng: np.random.Generator) -> Data:
        data = super().load(rng)
        return changed(data, x=1e308 * np.sign(data.x))


MISTAKES = [
    Mistake("a tuple", "loads", ATuple, "load returned tuple. Return Data(x, y, names=..., task=...)."),
    Mistake("texts", "loads", Texts, "x is <U1; it has to be a NumPy array of numbers"),
    Mistake("a value missing", "loads", Missing, "The feature 'x' is nan in sample 3; it must be finite."),
    Mistake("data without a seed", "deterministic", Unseeded, "two loads with the same generator differ"),
    Mistake(
        "an array that is kept", "arrays_of_its_own", HandsOutItsOwn, "load hands out one it keeps. Return a copy."
    ),
    Mistake("names twice", "names", NamesTwice, "names has x more than once"),
    Mistake("names in a list", "names", NamesInAList, "names is ['x']. It has to be a tuple of texts"),
    Mistake(
        "a target called as a feature", "names", TargetIsAFeature, "target is 'x', which is no name or a feature's"
    ),
    Mistake("a dataset's task misspelt", "task", TaskMisspelt, "task is 'regresion'. Did you mean 'regression'?"),
    Mistake("classes of a regression", "task", ClassesOfARegression, "task is regression, but there are 2 classes"),
    Mistake("three classes of two", "task", ThreeClassesOfTwo, "task is binary, but there are 3 classes"),
    Mistake("labels twice", "task", LabelsTwice, "classes has a label more than once: left, left."),
    Mistake(
        "classes counted from one", "task", CountsFromOne, "y of shape (20,) holds 1, 2; for 2 classes it has to be"
    ),
    Mistake("a category of no feature", "categories", CategoryOfNoFeature, "categories has 'X', which is no feature."),
    Mistake("numbers for categories", "categories", NoIndices, "with 2 categories it has to be 0 to 1."),
    Mistake("categories twice", "categories", CategoriesTwice, "the categories of 'x' have a text more than once"),
    Mistake("a loss misspelt", "own_loss", LossMisspelt, "No loss 'msee'. Did you mean 'mse'?"),
    Mistake(
        "a loss of another task",
        "own_loss",
        LossOfAnotherTask,
        "loss is 'cce', which is for multiclass; this is a regression",
    ),
    Mistake("numbers too large to scale", "trains", TooLarge, "are too far apart for float64"),
]
