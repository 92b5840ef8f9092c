"""Planted mistakes in what holds for every kind: the class, its fields, its documentation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from nnexp.builtin.activations import Identity, LeakyRelu
from nnexp.builtin.losses import Mse
from nnexp.errors import NnexpError
from nnexp.plugin import Array, Loss, param

from .mistakes import Mistake


class NotDecorated(Identity):
    """a = z (Widrow and Hoff, 1960)."""

    slope: float = param(1.0, doc="the slope")


@dataclass(frozen=True)
class WithoutGradient(Loss):
    """J = mean(r^2) (Legendre, 1805)."""

    outputs = {"regression": "identity"}

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.square(y_pred - y).mean())


@dataclass(frozen=True)
class HydrasName(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    name: str = param("mine", doc="a name")


@dataclass(frozen=True)
class AnnotatedClassVariable(Identity):
    """a = z (Widrow and Hoff, 1960)."""

    inplace: bool = True  # type: ignore[misc]


@dataclass(frozen=True)
class HiddenMethod(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    kink: float = param(0.0, doc="where")  # type: ignore[assignment]


@dataclass(frozen=True)
class ComplexField(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    weight: complex = param(1j, doc="a weight")


@dataclass(frozen=True)
class UnknownType(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    weight: Weight = param(1.0, doc="a weight")  # type: ignore[name-defined]  # noqa: F821, RUF009


@dataclass(frozen=True)
class FileIsANumber(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    weight: float = param(1.0, file=True, doc="a weight")


@dataclass(frozen=True)
class NamesAFile(Mse):
    """J = mean(r^2), weighted by what a file says (Legendre, 1805)."""

    weights: str | None = param(__file__, doc="the file of weights")


@dataclass(frozen=True)
class DefaultOutside(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    delta: float = param(0.0, above=0, doc="the width")


@dataclass(frozen=True)
class Unbounded(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    delta: float = param(1.0, above=0, doc="the width")

    def __post_init__(self) -> None:
        pass


@dataclass(frozen=True)
class RaisesValueError(Unbounded):
    """J = mean(r^2) (Legendre, 1805)."""

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise ValueError("delta has to be positive")


@dataclass(frozen=True)
class NamesNoField(Unbounded):
    """J = mean(r^2) (Legendre, 1805)."""

    def __post_init__(self) -> None:
        try:
            super(Unbounded, self).__post_init__()
        except NnexpError:
            raise NnexpError("This value cannot be.") from None


@dataclass(frozen=True)
class ChangesItsField(LeakyRelu):
    """a = max(z, alpha z) (Maas et al., 2013)."""

    def validate(self) -> None:
        object.__setattr__(self, "alpha", self.alpha / 2)


@dataclass(frozen=True, eq=False)
class NeverEqual(LeakyRelu):
    """a = max(z, alpha z) (Maas et al., 2013)."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(frozen=True, eq=False)
class WithoutEquality(Loss):
    """J = mean(delta r^2) (Legendre, 1805)."""

    outputs = {"regression": "identity"}
    delta: float = param(1.0, above=0, doc="the width")

    def value(self, y_pred: Array, y: Array) -> float:
        return self.delta * float(np.square(y_pred - y).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.multiply(y_pred - y, 2.0 * self.delta / y.size, out=out)


@dataclass(frozen=True)
class AlwaysEqual(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    delta: float = dataclasses.field(default=1.0, compare=False, metadata={"doc": "the width"})


@dataclass(frozen=True)
class NoFormula(Mse):
    """Least squares (Legendre, 1805)."""


@dataclass(frozen=True)
class NoDocstring(Mse):  # noqa: D101
    delta: float = param(1.0, above=0, doc="the width")


@dataclass(frozen=True)
class NoSource(Mse):
    """J = mean(r^2), of at most 1000 samples."""


@dataclass(frozen=True)
class NoHelp(Mse):
    """J = mean(r^2) (Legendre, 1805)."""

    delta: float = param(1.0, above=0)


MISTAKES = [
    Mistake("no dataclass", "frozen_dataclass", NotDecorated, "Write @dataclass(frozen=True) in the line above it."),
    Mistake("a method is missing", "methods", WithoutGradient, "WithoutGradient lacks gradient."),
    Mistake("a field called name", "field_names", HydrasName, "the field name 'name' belongs to Hydra"),
    Mistake(
        "a class variable with a type", "field_names", AnnotatedClassVariable, "write inplace = True, without a type"
    ),
    Mistake("a field hides a method", "field_names", HiddenMethod, "the field 'kink' hides the method Loss.kink"),
    Mistake(
        "a field of an odd type", "supported_types", ComplexField, "the field 'weight' has the type <class 'complex'>"
    ),
    Mistake("a type nobody knows", "supported_types", UnknownType, "cannot be read: name 'Weight' is not defined"),
    Mistake(
        "a number for a file", "supported_types", FileIsANumber, "is declared to name a file and has the type <class"
    ),
    Mistake("a file that is not declared", "declared_files", NamesAFile, "weights: ... = param(..., file=True)"),
    Mistake(
        "a default out of bounds", "defaults_in_bounds", DefaultOutside, "loss.delta must be a float above 0. Got 0.0."
    ),
    Mistake(
        "bounds that are not checked", "bounds_enforced", Unbounded, "loss.delta = 0.0 is taken, though it must be"
    ),
    Mistake("a refusal by ValueError", "bounds_enforced", RaisesValueError, "It has to be refused by an NnexpError"),
    Mistake("a refusal without the name", "bounds_enforced", NamesNoField, "is refused without naming the field"),
    Mistake("a field that changes", "config_round_trip", ChangesItsField, "ChangesItsField(alpha=0.005) became"),
    Mistake("an equality of its own", "comparable", NeverEqual, "two NeverEqual with the same fields are not equal"),
    Mistake("eq=False", "comparable", WithoutEquality, "compare equal. Leave eq=False, compare=False and __eq__ out."),
    Mistake("compare=False", "comparable", AlwaysEqual, "compare equal. Leave eq=False, compare=False and __eq__ out."),
    Mistake("no formula", "formula", NoFormula, "the docstring opens with 'Least squares (Legendre, 1805).'"),
    Mistake("no docstring", "formula", NoDocstring, "NoDocstring has no docstring. Open it with the formula"),
    Mistake("no source", "source", NoSource, "the docstring names no source. Add who and when"),
    Mistake("a field without help", "field_docs", NoHelp, "the field 'delta' (a float) has no line of help."),
]
