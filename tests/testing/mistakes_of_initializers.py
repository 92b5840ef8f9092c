"""Planted mistakes in initializers: a right one with one thing changed. Shapes: W (n_out, n_in), b (n_out,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnexp.builtin.initializers import He, Normal
from nnexp.plugin import Array, Layer

from .mistakes import Mistake


@dataclass(frozen=True)
class Returns(He):
    """W ~ N(0, 2 / n_in) (He et al., 2015)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        return rng.standard_normal(out.shape)  # type: ignore[return-value]


@dataclass(frozen=True)
class NoBiases(He):
    """W ~ N(0, 2 / n_in) (He et al., 2015)."""

    def biases(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        pass


@dataclass(frozen=True)
class Ravels(Normal):
    """W ~ N(0, std^2) (Krizhevsky et al., 2012)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out.ravel()[:] = self.std * rng.standard_normal(out.size)


@dataclass(frozen=True)
class WritesTheWholeMatrix(Normal):
    """W ~ N(0, std^2) (Krizhevsky et al., 2012)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        whole = out if out.base is None else out.base
        whole[...] = self.std * rng.standard_normal(whole.shape)


@dataclass(frozen=True)
class Unseeded(Normal):
    """W ~ N(0, std^2) (Krizhevsky et al., 2012)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self.std * np.random.default_rng().standard_normal(out.shape)


@dataclass(frozen=True)
class OwnSeed(Normal):
    """W ~ N(0, std^2) (Krizhevsky et al., 2012)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self.std * np.random.default_rng(0).standard_normal(out.shape)


@dataclass(frozen=True)
class EveryLayerAlike(Normal):
    """W ~ N(0, std^2) (Krizhevsky et al., 2012)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        entropy = rng.bit_generator.seed_seq.entropy  # type: ignore[attr-defined]
        out[...] = self.std * np.random.default_rng(entropy).standard_normal(out.shape)


@dataclass(frozen=True)
class VarianceForDeviation(He):
    """W ~ N(0, 2 / n_in) (He et al., 2015)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = 2 / layer.n_in * rng.standard_normal(out.shape)


@dataclass(frozen=True)
class NotCentred(He):
    """W ~ U(0, r) (He et al., 2015)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = rng.uniform(0, self.weights_std(layer) * np.sqrt(12), out.shape)


@dataclass(frozen=True)
class NoClaim(Normal):
    """W ~ N(0, std^2) (Krizhevsky et al., 2012)."""

    def weights_std(self, layer: Layer) -> None:  # type: ignore[override]
        return None


@dataclass(frozen=True)
class ScaledByTheLayerBefore(Normal):
    """W ~ N(0, std^2) (Krizhevsky et al., 2012)."""

    last: ClassVar[list[int]] = [1]

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self.std / self.last[-1] * rng.standard_normal(out.shape)
        self.last.append(layer.number)


MISTAKES = [
    Mistake("weights are returned", "writes_out", Returns, "weights left 12288 of 12288 entries of out unwritten"),
    Mistake("biases are left out", "writes_out", NoBiases, "biases left 96 of 96 entries of out unwritten"),
    Mistake("weights raveled", "writes_views", Ravels, "reshape and ravel make copies of a view"),
    Mistake(
        "the whole matrix", "writes_views", WritesTheWholeMatrix, "weights wrote beyond out: the column of the biases"
    ),
    Mistake(
        "a generator without a seed", "deterministic", Unseeded, "differs between two runs with the same generator"
    ),
    Mistake("a seed of its own", "uses_the_generator", OwnSeed, "two generators give the same weights"),
    Mistake("every layer alike", "uses_the_generator", EveryLayerAlike, "two layers of one size get the same weights"),
    Mistake(
        "a variance for a deviation", "mean_and_deviation", VarianceForDeviation, "a variance taken for a deviation?"
    ),
    Mistake("a mean that is not 0", "mean_and_deviation", NotCentred, "have the mean 0.2"),
    Mistake("drawn without a claim", "mean_and_deviation", NoClaim, "the weights are drawn, but weights_std is None"),
    Mistake(
        "the layer before is kept",
        "layers_in_turn",
        ScaledByTheLayerBefore,
        "gets other values from the same generator",
    ),
]
