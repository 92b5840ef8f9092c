"""About how many times as fast as NumPy a training is: what ``engine=auto`` goes by.

A step takes time for each layer (NumPy's calls), for each unit of each sample (activation and loss), and for each
multiply-add of the matrix products. The numbers were measured on one core with AVX2.
"""

from __future__ import annotations

from itertools import pairwise

from nnexp.plugin import Training

PRODUCTS_A_US = {"float64": 16e3, "float32": 32e3}
"""Multiply-adds that NumPy's matrix products make in a microsecond."""
PRODUCTS = {"simd": 1.0, "blocked": 0.3, "naive": 0.04}
"""The same of ours, relative to NumPy's."""
PRODUCTS_OF_BASELINE = {"simd": 0.35, "blocked": 0.15, "naive": 0.04}
"""Where NumPy's library uses wider vectors than these."""
NUMPY_LAYER_US, LAYER_US = 2.2, 0.06
NUMPY_UNIT_US, UNIT_US = 16e-3, 2e-3


def times_numpy(training: Training, target: str, matmul: str) -> float:
    """NumPy's time for a step, divided by ours."""
    layers = list(pairwise(training.sizes))
    samples = min(training.optimizer.batch_size or training.n_samples, training.n_samples)
    products = samples * sum((3 if n else 2) * n_in * n_out for n, (n_in, n_out) in enumerate(layers))
    units = samples * sum(n_out for _, n_out in layers)
    products_us = products / PRODUCTS_A_US[training.dtype.name]
    relative = (PRODUCTS_OF_BASELINE if target == "baseline" else PRODUCTS)[matmul]
    numpy = NUMPY_LAYER_US * len(layers) + NUMPY_UNIT_US * units + products_us
    return numpy / (LAYER_US * len(layers) + UNIT_US * units + products_us / relative)
