"""The built-in initializers, simplest first. Biases start at zero unless a plugin says otherwise.

An initializer is told the layer's number beside its sizes, since ``file`` needs it to find ``W2``.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.arrays import open_arrays
from nnexp.errors import NnexpError, listed
from nnexp.plugin import Array, Initializer, Layer, param


@dataclass(frozen=True)
class Zeros(Initializer):
    """W = 0, b = 0. A lesson more than a choice: all units of a hidden layer stay alike for ever (Rumelhart et al., 1986)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = 0


@dataclass(frozen=True)
class Normal(Initializer):
    """W ~ N(0, std^2), b ~ N(0, bias_std^2), the same for every layer (with std 0.01: Krizhevsky and others, 2012)."""

    std: float = param(0.1, at_least=0, doc="standard deviation of the weights")
    bias_std: float = param(0.0, at_least=0, doc="standard deviation of the biases")

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self.std * rng.standard_normal(out.shape)

    def biases(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self.bias_std * rng.standard_normal(out.shape) if self.bias_std else 0

    def weights_std(self, layer: Layer) -> float:
        return self.std


@dataclass(frozen=True)
class Glorot(Initializer):
    """W ~ U(-r, r) with r = sqrt(6 / (n_in + n_out)), so Var W = 2 / (n_in + n_out) (Glorot and Bengio, 2010)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        limit = np.sqrt(6.0 / (layer.n_in + layer.n_out))
        out[...] = rng.uniform(-limit, limit, out.shape)

    def weights_std(self, layer: Layer) -> float:
        return math.sqrt(2.0 / (layer.n_in + layer.n_out))


@dataclass(frozen=True)
class He(Initializer):
    """W ~ N(0, 2 / n_in): keeps the variance of relu layers (He et al., 2015)."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self.weights_std(layer) * rng.standard_normal(out.shape)

    def weights_std(self, layer: Layer) -> float:
        return math.sqrt(2.0 / layer.n_in)


@dataclass(frozen=True)
class File(Initializer):
    """W = given, b = given: the arrays W1 (n_out, n_in), b1 (n_out,), W2, ... of an .npz file, such as a run's weights.npz.

    The format is NumPy's own (Kern, 2007, NEP 1).
    """

    path: str = param(file=True, doc="an .npz file with W1, b1, W2, ...")

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self._read(f"W{layer.number}", out.shape)

    def biases(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = self._read(f"b{layer.number}", out.shape)

    def _read(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        try:
            with open_arrays(Path(self.path)) as arrays:
                names = list(arrays)
                value: NDArray[Any] | None = arrays[name] if name in names else None
        except FileNotFoundError:
            raise NnexpError(f"initializer.path: no file '{self.path}'. Type initializer.path=FILE.npz.") from None
        except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
            raise NnexpError(
                f"initializer.path: '{self.path}' is not a readable .npz file ({error}). "
                "Give one with W1, b1, ..., such as a run's weights.npz."
            ) from None
        if value is None:
            raise NnexpError(f"initializer.path: '{self.path}' has no array '{name}'. It holds {listed(names)}.")
        if value.shape != shape or value.dtype.kind not in "fiu":
            raise NnexpError(
                f"initializer.path: '{name}' in '{self.path}' must hold numbers of shape {shape}. "
                f"Got {value.dtype} of shape {value.shape}; set network.hidden to the sizes it was made for."
            )
        if len(odd := np.argwhere(~np.isfinite(value))):
            at = tuple(map(int, odd[0]))
            raise NnexpError(
                f"initializer.path: '{name}' in '{self.path}' must hold finite numbers. Got {value[at]} at "
                f"[{listed(map(str, at))}]. Give the weights of a run that did not diverge."
            )
        return value
