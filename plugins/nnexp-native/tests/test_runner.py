"""What a runner promises beside its numbers: the same bits, arrays of the caller's, time, and checks at the door."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from nnexp_native import Native, _native

from nnexp.testing.engine_cases import Case, optimizers, plain, trained

CODE = """
import hashlib
from nnexp_native import Native, _native
from nnexp.testing.engine_cases import plain, trained
for target in _native.targets():
    for matmul in ("simd", "blocked", "naive"):
        found = trained(Native(target=target, matmul=matmul), plain(hidden=(33, 7), n_features=21, n_samples=150, epochs=3))
        print(target, matmul, hashlib.sha256(found.theta.tobytes() + found.logits.tobytes()).hexdigest())
"""


def test_the_same_bits_in_another_process() -> None:
    """For each target and product, parameters and logits are the same to the last bit in a process of its own."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    here = []
    for target in _native.targets():
        for matmul in ("simd", "blocked", "naive"):
            engine = Native(target=target, matmul=matmul)
            found = trained(engine, plain(hidden=(33, 7), n_features=21, n_samples=150, epochs=3))
            digest = hashlib.sha256(found.theta.tobytes() + found.logits.tobytes()).hexdigest()
            here.append(f"{target} {matmul} {digest}")
    assert done.stdout.splitlines() == here


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_bits_at_any_address(dtype: str) -> None:
    """Wherever the samples lie in memory, the bits are the same."""
    case = plain(hidden=(33, 7), n_features=21, n_samples=50, dtype=np.dtype(dtype))
    first = trained(Native(), case)
    for offset in range(1, 8):
        room = np.empty(case.design.size + offset, dtype)
        room[offset:] = case.design.ravel()
        again = trained(Native(), case._replace(design=room[offset:].reshape(case.design.shape)))
        assert np.array_equal(again.theta, first.theta)


def runner(case: Case, **changes: Any) -> Any:
    """A runner of a case, with other arrays where they are given."""
    arrays: dict[str, Any] = {"design": case.design, "y": case.y, "theta": case.theta.copy()} | changes
    state = case.training.optimizer.init(arrays["theta"])
    return Native().runner(case.training, arrays["design"], arrays["y"], arrays["theta"], state)


def test_samples_may_be_read_only_and_strided() -> None:
    """Samples that may not be written to, or that lie in columns, are taken as they are."""
    case = plain(n_samples=20)
    locked, columns = case.design.copy(), np.asfortranarray(case.design)
    locked.flags.writeable = False
    for design in (locked, columns):
        runner(case, design=design).run(None, 0.1)


@pytest.mark.parametrize(
    "theta", [np.zeros((200, 2))[:, 0], np.zeros(200, np.float32), np.zeros(3)], ids=["strided", "float32", "short"]
)
def test_parameters_that_do_not_fit(theta: Any) -> None:
    """Parameters of another dtype or size, or that are no single piece of memory, are refused before anything is read."""
    case = plain()
    fitting = theta[: case.theta.size] if len(theta) >= case.theta.size else theta
    with pytest.raises((TypeError, ValueError)):
        runner(case, theta=fitting)


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 3, 4, 5, 7], [-1, 1, 2, 3, 4, 5, 6]])
def test_an_order_that_does_not_fit(order: list[int]) -> None:
    """An order of too few samples, or of samples that are not there, is refused, and nothing has changed."""
    case = plain(n_samples=7)
    theta = case.theta.copy()
    with pytest.raises((IndexError, ValueError)):
        runner(case, theta=theta).run(np.array(order), 0.1)
    assert np.array_equal(theta, case.theta)


def test_products_are_timed() -> None:
    """Where it is asked for, the seconds in products are counted: more with every epoch, and less than the epochs took."""
    case = plain(hidden=(64,), n_features=64, n_samples=2000, epochs=1)
    timed = runner(case._replace(training=dataclasses.replace(case.training, timed=True)))
    untimed = runner(case)
    counts, began = [0.0], time.perf_counter()
    for _ in range(3):
        timed.run(None, 0.01)
        untimed.run(None, 0.01)
        counts.append(timed.product_seconds)
    assert (np.diff(counts) > 0).all()
    assert counts[-1] < time.perf_counter() - began
    assert untimed.product_seconds == 0


def test_others_run_meanwhile() -> None:
    """An epoch holds no lock of Python's: another thread counts on."""
    case = plain(hidden=(256,), n_features=256, n_samples=4000, optimizer=optimizers(64)[1])
    training, counted, ended = runner(case), [0], threading.Event()

    def count() -> None:
        while not ended.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    began, before = time.perf_counter(), counted[0]
    training.run(None, 1e-4)
    took, during = time.perf_counter() - began, counted[0] - before
    ended.set()
    thread.join()
    assert during > min(10, took / 0.02)
