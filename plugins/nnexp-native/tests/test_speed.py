"""What ``engine=auto`` goes by: about how many times as fast as NumPy."""

from __future__ import annotations

import time

import numpy as np
import pytest
from nnexp_native import Native

from nnexp.engine.numpy_engine import Numpy
from nnexp.engine.training import blas_threads
from nnexp.plugin import Engine
from nnexp.testing.engine_cases import Case, optimizers, plain

SMALL = plain(hidden=(8,), n_features=13, n_samples=300, outputs=1, optimizer=optimizers(1)[1])
MIDDLE = plain(hidden=(32,), n_features=64, n_samples=960, outputs=10, optimizer=optimizers(32)[1])
LARGE = plain(hidden=(128, 64), n_features=784, n_samples=640, outputs=10, optimizer=optimizers(64)[1])


def seconds(engine: Engine, case: Case) -> float:
    """The processor's time for an epoch: the least of a few."""
    theta = case.theta.copy()
    runner = engine.runner(case.training, case.design, case.y, theta, case.training.optimizer.init(theta))
    found = []
    with np.errstate(all="ignore"), blas_threads().limit(limits=1, user_api="blas"):
        for _ in range(5):
            began = time.thread_time()
            runner.run(case.orders[0], 1e-4)
            found.append(time.thread_time() - began)
    return min(found)


@pytest.mark.parametrize("matmul", ["simd", "naive"])
@pytest.mark.parametrize("case", [SMALL, MIDDLE, LARGE], ids=["small", "middle", "large"])
def test_an_estimate_is_about_right(case: Case, matmul: str) -> None:
    """The estimate is within a factor of four of what is measured."""
    engine = Native(matmul=matmul)
    measured = seconds(Numpy(), case) / seconds(engine, case)
    assert 1 / 4 < engine.speed(case.training) / measured < 4


def test_small_networks_are_many_times_as_fast() -> None:
    """One sample at a time through a small network, in a tenth of NumPy's time."""
    assert seconds(Numpy(), SMALL) / seconds(Native(), SMALL) > 10


def test_plain_loops_are_not_chosen_for_large_networks() -> None:
    """The three plain loops lose to NumPy's library where products count, and the estimate says so."""
    assert Native(matmul="naive").speed(LARGE.training) < 1 < Native().speed(LARGE.training)
    assert Native(matmul="naive").speed(SMALL.training) > 1
