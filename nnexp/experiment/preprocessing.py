"""From raw samples to what a network takes: splitting, one-hot categories, and scaling fitted on the training part only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnexp.errors import NnexpError, listed
from nnexp.plugin import Array, Data, Task
from nnexp.tables.spelling import cell

Rows = NDArray[np.intp]
"""Row numbers, ascending."""

CHUNK_BYTES = 1 << 22
"""Samples are converted this many bytes at a time, so that no second copy of the data is ever made."""


class Split(NamedTuple):
    """The rows of each part."""

    training: Rows
    validation: Rows
    test: Rows


def split(data: Data, validation: float, test: float, rng: np.random.Generator) -> Split:
    """Draw the validation and the test part: ``validation`` and ``test`` are shares of all samples, rounded.

    For classification each class is shared out alike (stratified), and keeps at least one sample for training.
    """
    n_samples = len(data.y)
    if round(test * n_samples) + round(validation * n_samples) >= n_samples:
        raise NnexpError(
            f"split.validation={validation} and split.test={test} leave none of {n_samples} samples to train on. "
            "Type split.validation=0.2 split.test=0."
        )
    groups = [np.arange(n_samples)]
    if data.task != "regression":
        groups = [np.flatnonzero(data.y == index) for index in range(len(data.classes))]
    groups = [rng.permutation(group) for group in groups]
    parts = []
    for name, fraction in (("test", test), ("validation", validation)):
        counts = _shares([len(group) for group in groups], round(fraction * n_samples))
        parts.append(np.sort(np.concatenate([group[:count] for group, count in zip(groups, counts, strict=True)])))
        groups = [group[count:] for group, count in zip(groups, counts, strict=True)]
        if fraction and not len(parts[-1]):
            raise _none_left(data, name, fraction, room=any(len(group) > 1 for group in groups))
    training = np.sort(np.concatenate(groups))
    return Split(training, parts[1], parts[0])


def _none_left(data: Data, name: str, fraction: float, *, room: bool) -> NnexpError:
    """The message where a part has no sample, be it that training keeps the only one of each class."""
    why = ""
    if data.classes and not room:
        counts = _counts(data, np.arange(len(data.y)))
        why = f": training keeps one of {_named(data, counts, np.argsort(counts, kind='stable'))}"
    return NnexpError(
        f"split.{name}={fraction} of {len(data.y)} samples leaves none for {name}{why}. Type split.{name}=0."
    )


def _shares(sizes: list[int], total: int) -> list[int]:
    """Share ``total`` out over groups of ``sizes`` by the largest remainder, leaving at least one sample in each group."""
    room = np.maximum(np.array(sizes) - 1, 0)
    exact = np.minimum(np.array(sizes) * total / sum(sizes), room)
    counts = np.floor(exact).astype(int)
    for index in np.argsort(-(exact - counts), kind="stable"):
        if counts.sum() < total and counts[index] < room[index]:
            counts[index] += 1
    for index in np.argsort(-(room - counts), kind="stable"):  # small groups had no room: take from those that have
        extra = min(total - counts.sum(), room[index] - counts[index])
        counts[index] += max(extra, 0)
    return [int(count) for count in counts]


def few(data: Data, parts: Split) -> Iterator[str]:
    """Which classes a part has no sample of, and of which training has the only one where there is no other part."""
    counts = _counts(data, np.arange(len(data.y)))
    for name, rows in parts._asdict().items():
        if len(rows) and (absent := np.flatnonzero(_counts(data, rows) == 0)).size:
            yield f"{name} has no sample of {_named(data, counts, absent)}"
    if len(parts.training) == len(data.y) and (single := np.flatnonzero(counts == 1)).size:
        yield f"training has a single sample of {_named(data, counts, single)}"


def _counts(data: Data, rows: Rows) -> NDArray[np.intp]:
    """How many of the given rows are of each class; nothing for a regression."""
    return np.bincount(data.y[rows].astype(np.intp), minlength=len(data.classes)) if data.classes else np.zeros(0, int)


def _named(data: Data, counts: Rows, indices: Rows) -> str:
    """Classes, each with how many samples it has."""
    words = [f"{cell(repr(data.classes[index]))} ({counts[index]} in all)" for index in indices]
    return f"{'classes' if words[1:] else 'class'} {listed(words, most=5)}"


@dataclass(frozen=True)
class Feature:
    """A column of the raw table: a number, or where there are ``categories`` one of them (one-hot encoded)."""

    name: str
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The network inputs it becomes."""
        return len(self.categories) or 1


@dataclass(frozen=True, eq=False)
class Scaling:
    """x' = (x - shift) / scale, by column."""

    shift: Array
    scale: Array
    rounding: tuple[int, ...] = ()
    """Columns that vary, but by rounding alone."""

    @property
    def changes(self) -> bool:
        """Whether any x' differs from x."""
        return bool((self.shift != 0).any() or (self.scale != 1).any())

    @classmethod
    def fit(cls, columns: NDArray[Any], rows: Rows, method: str, names: Sequence[str] = ()) -> Scaling:
        """Fit to the given rows of ``columns`` (n_samples, n_columns), which messages call by ``names``.

        ``method`` is ``standard`` (mean 0, standard deviation 1), ``minmax`` (0 to 1) or ``none``. A constant column, and one
        that varies by its own rounding alone, is only shifted.
        """
        n_columns = columns.shape[1]
        shift, scale = np.zeros(n_columns), np.ones(n_columns)
        if method == "none":
            return cls(shift, scale)
        with np.errstate(over="ignore", invalid="ignore"):
            return cls._fit(columns, rows, method, names)

    @classmethod
    def _fit(cls, columns: NDArray[Any], rows: Rows, method: str, names: Sequence[str]) -> Scaling:
        n_columns = columns.shape[1]
        shift = np.zeros(n_columns)
        extremes = [(part.min(axis=0), part.max(axis=0)) for part in chunks(columns, rows)]
        least, most = np.min([low for low, _ in extremes], axis=0), np.max([high for _, high in extremes], axis=0)
        if method == "standard":
            for part in chunks(columns, rows):
                shift += part.sum(axis=0)
            shift /= len(rows)
            variance = np.zeros(n_columns)
            for part in chunks(columns, rows):
                variance += np.square(part - shift).sum(axis=0)
            scale = np.sqrt(variance / len(rows))
        else:
            shift, scale = least, most - least
        if len(odd := np.flatnonzero(~np.isfinite(shift + scale))):
            which = f"column '{names[odd[0]]}'" if names else "a column"
            raise NnexpError(
                f"The values of {which} are too far apart for float64 ({least[odd[0]]:g} to {most[odd[0]]:g}). Rescale it, "
                "or leave it out."
            )
        constant = is_constant(least, most)
        rounding = tuple(map(int, np.flatnonzero(constant & (least != most))))
        scale = np.where(scale > 0, scale, most - least)  # the square of a tiny deviation may be 0
        return cls(np.where(constant, least, shift), np.where(constant, 1.0, scale), rounding)


ROUNDING = 1e-13
"""The spread of a column, relative to its largest number, at which it may be rounding: 450 steps of float64."""


def is_constant(least: Array, most: Array) -> NDArray[np.bool_]:
    """Whether columns do not vary but by rounding, as 14.62 and 14.6200000000001 do.

    Told by the extremes, exactly: the computed mean of equal numbers may be off by rounding.
    """
    return np.asarray(most - least <= ROUNDING * np.maximum(np.abs(least), np.abs(most)))


def chunks(columns: NDArray[Any], rows: Rows) -> Iterator[Array]:
    """The given rows as float64, some at a time."""
    size = max(1, CHUNK_BYTES // (8 * max(columns.shape[1], 1)))
    for start in range(0, len(rows), size):
        yield columns[rows[start : start + size]].astype(np.float64)


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """How raw samples become a design matrix and predictions become original units. Fitted once, kept with the model.

    ``inputs`` scales the network's inputs (categories' columns stay 0 and 1), ``outputs`` the targets of a regression.
    """

    features: tuple[Feature, ...]
    task: Task
    target: str
    classes: tuple[str | int | float | bool, ...]
    inputs: Scaling
    outputs: Scaling
    reading: Mapping[str, Any] = field(default_factory=dict)
    """How the table of training was written (``Data.reading``)."""
    notes: tuple[str, ...] = ()
    """What a user should know about the scaling."""

    @classmethod
    def fit(cls, data: Data, rows: Rows, features: str, target: str) -> Preprocessing:
        """Fit on the training ``rows``; ``features`` and ``target`` name the scaling (``standard``, ``minmax``, ``none``)."""
        described = tuple(Feature(name, tuple(data.categories.get(name, ()))) for name in data.names)
        raw = Scaling.fit(data.x, rows, features, data.names)
        shift = [np.zeros(f.width) if f.categories else raw.shift[i : i + 1] for i, f in enumerate(described)]
        scale = [np.ones(f.width) if f.categories else raw.scale[i : i + 1] for i, f in enumerate(described)]
        inputs = Scaling(np.concatenate(shift), np.concatenate(scale))
        y = data.y.reshape(len(data.y), -1)
        outputs = Scaling.fit(y, rows, target if data.task == "regression" else "none")
        rounding = [data.names[column] for column in raw.rounding if not described[column].categories]
        notes = (
            (f"varying by rounding alone, and so constant: {listed(map(repr, rounding), most=5)}",) if rounding else ()
        )
        return cls(described, data.task, data.target, data.classes, inputs, outputs, data.reading, notes)

    @property
    def n_inputs(self) -> int:
        """The network's inputs."""
        return sum(feature.width for feature in self.features)

    @property
    def n_outputs(self) -> int:
        """The network's outputs: one per regression target, one for binary, one per class for multiclass."""
        return len(self.classes) if self.task == "multiclass" else len(self.outputs.shift)

    def design(self, x: NDArray[Any], rows: Rows | None = None, dtype: DTypeLike = np.float64) -> Array:
        """The design matrix (n, n_inputs + 1) of the given rows of raw samples: one-hot, scaled, a last column of ones."""
        rows = np.arange(len(x)) if rows is None else rows
        out = np.empty((len(rows), self.n_inputs + 1), dtype)
        out[:, -1] = 1
        start = 0
        for part in chunks(x, rows):
            encoded = self._one_hot(part) if any(f.categories for f in self.features) else part
            encoded -= self.inputs.shift
            encoded /= self.inputs.scale
            out[start : start + len(part), :-1] = encoded
            start += len(part)
        return out

    def _one_hot(self, part: Array) -> Array:
        columns = [
            np.equal.outer(part[:, i], np.arange(f.width)).astype(float) if f.categories else part[:, i : i + 1]
            for i, f in enumerate(self.features)
        ]
        return np.concatenate(columns, axis=1)

    def targets(self, y: NDArray[Any], rows: Rows, dtype: DTypeLike = np.float64) -> Array:
        """The targets (n_outputs, n) of the given rows: scaled values, 0 or 1, or one-hot."""
        if self.task == "multiclass":
            return np.asarray(np.equal.outer(np.arange(len(self.classes)), y[rows]), dtype)
        values = y[rows].reshape(len(rows), -1).astype(np.float64)
        return np.ascontiguousarray(((values - self.outputs.shift) / self.outputs.scale).T, dtype)

    def original(self, y_pred: Array) -> Array:
        """Regression predictions (n_outputs, n) in original units, (n, n_outputs)."""
        values: Array = y_pred.T.astype(np.float64) * self.outputs.scale + self.outputs.shift
        return values
