"""About how many times as fast as NumPy: what ``engine=auto`` goes by."""

from __future__ import annotations

from itertools import pairwise

from nnexp.plugin import Training


def times_numpy(training: Training, target: str, matmul: str) -> float:
    """An estimate."""
    weights = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(training.sizes))
    return 2.0 if matmul == "simd" or (target != "baseline" and weights < 1000) else 0.5
