"""What ``engine=auto`` goes by: about how many times as fast as NumPy; what is measured is in nnexp's benchmarks."""

from __future__ import annotations

from nnexp_native import Native

from nnexp.testing.engine_cases import optimizers, plain

SMALL = plain(hidden=(8,), n_features=13, n_samples=300, outputs=1, optimizer=optimizers(1)[1])
LARGE = plain(hidden=(128, 64), n_features=784, n_samples=640, outputs=10, optimizer=optimizers(64)[1])


def test_plain_loops_are_not_chosen_for_large_networks() -> None:
    """The three plain loops lose to NumPy's library where products count, and the estimate says so."""
    assert Native(matmul="naive").speed(LARGE.training) < 1 < Native().speed(LARGE.training)
    assert Native(matmul="naive").speed(SMALL.training) > 1


def test_wider_vectors_are_chosen_first() -> None:
    """Without the processor's wider vectors large products are left to NumPy's library, which has them."""
    assert Native(target="baseline").speed(LARGE.training) < Native(target="avx2").speed(LARGE.training)
