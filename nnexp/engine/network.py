"""The multi-layer perceptron: its parameters, its forward pass, and the buffers and views one training step works in.

The biases are folded into the weights: layer l keeps one matrix V = [W b] of shape (n_out, n_in + 1), and every activation
matrix has a last row of ones, so that z = V [a; 1] = W a + b is one product, and dJ/dV = (dJ/dz) [a; 1]^T gives both gradients.
Samples are therefore kept as a design matrix: sample-major, with a last column of ones.

A small network's time is the number of NumPy calls, so every call less counts: gradients are views of one flat vector, and
the views of a batch are made once. Samples are shuffled a chunk at a time into a buffer that stays in the cache, and the cost
of an epoch comes from the logits kept during it, without a second forward pass (``training``). A big network's time is its
products. The benchmarks show the bare calls beside nnexp: nothing is left to gain but by another engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnexp.engine.objective import Gradient
from nnexp.errors import NnexpError
from nnexp.plugin import Activation, Array, Initializer, Layer

CHUNK = 1024
"""Samples that one forward pass takes at a time outside training: enough to be fast, few enough to need little memory."""


def design_matrix(x: NDArray[Any], dtype: DTypeLike = np.float64) -> Array:
    """[x 1]: the samples (n_samples, n_features) with a last column of ones, as ``dtype``, in a new array."""
    n_samples, n_features = x.shape
    design = np.empty((n_samples, n_features + 1), dtype)
    design[:, :-1] = x
    design[:, -1] = 1
    return design


class MLP:
    """A multi-layer perceptron: a_0 = x; z_l = W_l a_(l-1) + b_l; a_l = f(z_l), the last layer with its own activation.

    ``theta`` is one flat vector of all parameters; ``matrices`` are views of it, [W_l b_l] of shape (n_out, n_in + 1).
    Where ``theta`` is given it is used itself, not a copy.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: Activation,
        output: Activation,
        dtype: DTypeLike = np.float64,
        theta: Array | None = None,
    ) -> None:
        self.sizes = tuple(sizes)
        self.hidden = hidden
        self.output = output
        self.dtype = np.dtype(dtype)
        size = sum(layer.n_out * (layer.n_in + 1) for layer in self.layers)
        self.theta: Array = np.zeros(size, self.dtype) if theta is None else theta
        self.matrices = self.views(self.theta)

    @property
    def layers(self) -> list[Layer]:
        """Number and sizes of each layer, the first after the inputs being 1."""
        return [Layer(number, n_in, n_out) for number, (n_in, n_out) in enumerate(pairwise(self.sizes), 1)]

    def views(self, flat: Array) -> list[Array]:
        """The layers' matrices (n_out, n_in + 1) as views of a vector laid out like ``theta``."""
        shapes = [(layer.n_out, layer.n_in + 1) for layer in self.layers]
        starts = [0, *accumulate(rows * columns for rows, columns in shapes)][:-1]
        ends = [*starts[1:], None]
        return [flat[start:end].reshape(shape) for shape, start, end in zip(shapes, starts, ends, strict=True)]

    def initialize(self, initializer: Initializer, rng: np.random.Generator) -> None:
        """Set all parameters, layer by layer, weights before biases."""
        for layer, matrix in zip(self.layers, self.matrices, strict=True):
            initializer.weights(rng, layer, matrix[:, :-1])
            initializer.biases(rng, layer, matrix[:, -1])

    def arrays(self) -> dict[str, Array]:
        """``W1`` (n_out, n_in), ``b1`` (n_out,), ``W2``, ...: copies of the parameters by name."""
        named: dict[str, Array] = {}
        for layer, matrix in zip(self.layers, self.matrices, strict=True):
            named[f"W{layer.number}"] = matrix[:, :-1].copy()
            named[f"b{layer.number}"] = matrix[:, -1].copy()
        return named

    def set_arrays(self, named: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of ``arrays``; raises NnexpError where a name or a shape does not fit."""
        for layer, matrix in zip(self.layers, self.matrices, strict=True):
            for name, view in ((f"W{layer.number}", matrix[:, :-1]), (f"b{layer.number}", matrix[:, -1])):
                if name not in named or named[name].shape != view.shape:
                    raise NnexpError(f"The weights need an array '{name}' of shape {view.shape}.")
                view[...] = named[name]

    def logits(self, design: Array) -> Array:
        """The last layer's pre-activations (n_outputs, n_samples) for a design matrix."""
        return Evaluator(self, design)()

    def predict(self, design: Array) -> Array:
        """The network's outputs (n_outputs, n_samples) for a design matrix."""
        return self.activate(self.logits(design))

    def activate(self, logits: Array) -> Array:
        """The output activation of ``logits``, in a new array."""
        outputs = np.empty_like(logits)
        with np.errstate(all="ignore"):
            self.output.forward(logits, outputs)
        return outputs


@dataclass(frozen=True)
class HiddenBuffers:
    """One hidden layer's buffers for a fixed number of samples m. ``a`` is ``z`` itself where the activation allows it."""

    z: Array
    a: Array
    extended: Array
    """[a; 1], (n_units + 1, m); ``a`` is a view of it."""

    @classmethod
    def make(cls, n_units: int, m: int, activation: Activation, dtype: DTypeLike) -> HiddenBuffers:
        """New buffers, with the row of ones in place."""
        extended = np.empty((n_units + 1, m), dtype)
        extended[-1] = 1
        a = extended[:-1]
        return cls(a if activation.inplace else np.empty((n_units, m), dtype), a, extended)


class Evaluator:
    """Logits of a fixed design matrix, in buffers that are made once: for the validation part, every epoch."""

    def __init__(self, network: MLP, design: Array) -> None:
        self._network = network
        self._logits = np.empty((network.sizes[-1], len(design)), network.dtype)
        self._chunks = []
        buffers: dict[int, list[HiddenBuffers]] = {}
        for start in range(0, len(design), CHUNK):
            rows = design[start : start + CHUNK]
            m = len(rows)
            if m not in buffers:
                buffers[m] = [HiddenBuffers.make(n, m, network.hidden, network.dtype) for n in network.sizes[1:-1]]
            self._chunks.append((rows.T, buffers[m], self._logits[:, start : start + m]))

    def __call__(self) -> Array:
        """The logits (n_outputs, n_samples) with the network's present parameters; the array is reused by the next call."""
        *hidden, last = self._network.matrices
        forward = self._network.hidden.forward
        with np.errstate(all="ignore"):
            for extended, buffers, logits in self._chunks:
                for matrix, layer in zip(hidden, buffers, strict=True):
                    np.dot(matrix, extended, layer.z)
                    forward(layer.z, layer.a)
                    extended = layer.extended  # noqa: PLW2901 (the next layer's input)
                logits[...] = last @ extended
        return self._logits


Step = Callable[[Array, Array, Array, Array], None]


def make_step(network: MLP, gradient: Gradient, grad: Array, m: int, dot: Callable[..., Any] = np.dot) -> Step:
    """A function (x, x_t, y, z): forward and backward pass of one batch of m samples.

    It takes the batch as [x; 1] (n_inputs + 1, m) and its transpose, the targets (n_outputs, m), and the place for the
    logits (n_outputs, m); it writes dJ/dtheta into the flat ``grad``. All buffers and views are made here, once. ``dot``
    makes the products.
    """
    *matrices, last = network.matrices
    *grads, grad_last = network.views(grad)
    dtype = network.dtype
    forward, backward = network.hidden.forward, network.hidden.backward
    delta = np.empty((network.sizes[-1], m), dtype)
    hidden = [HiddenBuffers.make(n, m, network.hidden, dtype) for n in network.sizes[1:-1]]
    deltas = [np.empty_like(layer.a) for layer in hidden]
    up = [(matrix, layer.z, layer.a, layer.extended) for matrix, layer in zip(matrices, hidden, strict=True)]
    # From the last hidden layer down: the weights above it and their delta, then what its own gradient needs.
    above = [(matrix[:, :-1].T, d) for matrix, d in zip([*matrices, last][1:], [*deltas, delta][1:], strict=True)]
    inputs = [None, *(layer.extended.T for layer in hidden[:-1])][: len(hidden)]
    down = [
        (weights_t, delta_above, delta_here, layer.z, layer.a, grad_here, input_t)
        for (weights_t, delta_above), delta_here, layer, grad_here, input_t in zip(
            above, deltas, hidden, grads, inputs, strict=True
        )
    ][::-1]
    top_t = hidden[-1].extended.T if hidden else None

    def step(x: Array, x_t: Array, y: Array, z: Array) -> None:
        a = x
        for matrix, z_here, a_here, extended in up:
            dot(matrix, a, z_here)
            forward(z_here, a_here)
            a = extended
        dot(last, a, z)
        gradient(z, y, delta)
        dot(delta, x_t if top_t is None else top_t, grad_last)
        for weights_t, delta_above, delta_here, z_here, a_here, grad_here, input_t in down:
            dot(weights_t, delta_above, delta_here)
            backward(delta_here, z_here, a_here)
            dot(delta_here, x_t if input_t is None else input_t, grad_here)

    return step
