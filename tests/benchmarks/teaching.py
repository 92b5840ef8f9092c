"""The network as courses write it: parameters, caches and gradients in dictionaries, a new array for every result.

A peer for the benchmark, written for reading, not for speed, and without any deliberate slowness: all products are
vectorised over the batch, and softmax with cross-entropy has its closed form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def forward(params: Arrays, x: NDArray[Any], n_layers: int) -> tuple[NDArray[Any], Arrays]:
    """Outputs (n_outputs, m) for ``x`` (n_features, m), and every layer's activations."""
    cache = {"A0": x}
    a = x
    for i in range(1, n_layers + 1):
        z = params[f"W{i}"] @ a + params[f"b{i}"]
        if i < n_layers:
            a = np.maximum(z, 0)
        elif len(z) == 1:
            a = 1 / (1 + np.exp(-z))
        else:
            e = np.exp(z - z.max(axis=0, keepdims=True))
            a = e / e.sum(axis=0, keepdims=True)
        cache[f"A{i}"] = a
    return a, cache


def cost(a: NDArray[Any], y: NDArray[Any]) -> float:
    """Cross-entropy, mean over samples."""
    m = y.shape[1]
    if len(y) == 1:
        return float(-np.sum(y * np.log(a + 1e-12) + (1 - y) * np.log(1 - a + 1e-12)) / m)
    return float(-np.sum(y * np.log(a + 1e-12)) / m)


def backward(params: Arrays, cache: Arrays, y: NDArray[Any], n_layers: int) -> Arrays:
    """The gradients of ``cost`` by parameter."""
    m = y.shape[1]
    grads = {}
    dz = cache[f"A{n_layers}"] - y
    for i in range(n_layers, 0, -1):
        grads[f"W{i}"] = dz @ cache[f"A{i - 1}"].T / m
        grads[f"b{i}"] = np.sum(dz, axis=1, keepdims=True) / m
        if i > 1:
            dz = (params[f"W{i}"].T @ dz) * (cache[f"A{i - 1}"] > 0)
    return grads


def train(
    params: Arrays, x: NDArray[Any], y: NDArray[Any], *, batch_size: int, rate: float, epochs: int, shuffle: bool = True
) -> list[float]:
    """Change ``params`` by gradient descent on ``x`` (n_features, n_samples); the mean cost of each epoch."""
    n_samples, n_layers = x.shape[1], len(params) // 2
    rng = np.random.default_rng(0)
    costs = []
    for _ in range(epochs):
        order = rng.permutation(n_samples) if shuffle else np.arange(n_samples)
        total = 0.0
        for start in range(0, n_samples, batch_size):
            batch = order[start : start + batch_size]
            x_batch, y_batch = x[:, batch], y[:, batch]
            a, cache = forward(params, x_batch, n_layers)
            total += cost(a, y_batch) * len(batch)
            grads = backward(params, cache, y_batch, n_layers)
            for key in params:
                params[key] = params[key] - rate * grads[key]
        costs.append(total / n_samples)
    return costs
