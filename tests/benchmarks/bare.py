"""The least that NumPy needs for the same steps: every call of it, and nothing else.

A peer for the benchmark that shows how much of a step's time is NumPy's own: the matrix products, element-wise calls and the
gathering of samples, on buffers and views made once, for relu and softmax or the sigmoid, without plugins, cost or metrics.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


def train(
    theta: Floats, sizes: tuple[int, ...], x: Floats, y: Floats, *, batch_size: int, rate: float, epochs: int
) -> None:
    """Change ``theta`` by gradient descent on [x 1] (n_samples, n_features + 1), whose last partial batch is left out.

    ``y`` is (n_samples / batch_size, n_outputs, batch_size), not shuffled with the samples: that costs no less, and what it
    leads to is not asked here.
    """
    m = batch_size
    rng = np.random.default_rng(0)
    grad = np.empty_like(theta)
    weights, grads = views(theta, sizes), views(grad, sizes)
    gathered = np.empty((m, x.shape[1]), x.dtype)
    layers = [np.ones((n + 1, m), x.dtype) for n in sizes[1:-1]]
    activations = [layer[:-1] for layer in layers]
    deltas = [np.empty((n, m), x.dtype) for n in sizes[1:]]
    inputs = [gathered.T, *layers]
    forward = list(zip(weights[:-1], inputs[:-1], activations, strict=True))
    backward = list(zip([w[:, :-1].T for w in weights[1:]], deltas[1:], deltas[:-1], activations, strict=True))[::-1]
    products = list(zip(deltas, [a.T for a in inputs], grads, strict=True))[::-1]
    zero, scale, step = (np.array(value, x.dtype) for value in (0, 1 / m, rate))
    ones, total = np.ones(sizes[-1], x.dtype), np.empty(m, x.dtype)
    out, delta, binary = np.empty_like(deltas[-1]), deltas[-1], sizes[-1] == 1
    with np.errstate(all="ignore"):
        for _ in range(epochs):
            order = rng.permutation(len(y) * m)
            for number, target in enumerate(y):
                np.take(x, order[number * m : number * m + m], axis=0, out=gathered, mode="clip")
                for w, a, z in forward:
                    np.dot(w, a, z)
                    np.maximum(z, zero, out=z)
                np.dot(weights[-1], inputs[-1], out)
                if binary:
                    np.negative(out, out=delta)
                    np.exp(delta, out=delta)
                    np.add(delta, ones, out=delta)
                    np.reciprocal(delta, out=delta)
                else:
                    np.exp(out, out=delta)
                    np.dot(ones, delta, total)
                    np.divide(delta, total, out=delta)
                np.subtract(delta, target, out=delta)
                np.multiply(delta, scale, out=delta)
                np.dot(*products[0])
                for (w_t, above, here, a), product in zip(backward, products[1:], strict=True):
                    np.dot(w_t, above, here)
                    np.multiply(here, np.sign(a), out=here)
                    np.dot(*product)
                np.multiply(grad, step, out=grad)
                np.subtract(theta, grad, out=theta)


def views(flat: Floats, sizes: tuple[int, ...]) -> list[Floats]:
    """[W b] of each layer, (n_out, n_in + 1)."""
    shapes = [(n_out, n_in + 1) for n_in, n_out in pairwise(sizes)]
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
