"""Outputs and cost of an epoch: what the plugins' own methods make of the same logits, to the last digits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from nnexp_native import Native, _native

from nnexp.builtin.activations import Sigmoid
from nnexp.builtin.losses import Bce
from nnexp.engine.metrics import for_task
from nnexp.engine.network import MLP
from nnexp.engine.numpy_engine import Numpy
from nnexp.engine.objective import Objective
from nnexp.engine.training import Diverged, Part, train
from nnexp.plugin import Engine
from nnexp.testing.engine_cases import Case, installed, make, measured, objectives, plain, trained

DTYPES = ("float64", "float32")
DIGITS = 20
"""Both are off by a few units in the last place, of the largest output and of the cost."""

every_target = pytest.mark.parametrize("target", _native.targets())


def cases(dtype: str, size: float) -> list[Case]:
    """Every loss with every output activation, for one sample, a few, and several blocks; parameters times ``size``."""
    activation = installed("activation")[0]
    batch = next(each for each in installed("optimizer") if each.batch_size is None)
    found = []
    for loss, output, task in objectives():
        for n_samples in (1, 7, 150):
            given: Any = {
                "loss": loss,
                "output": output,
                "task": task,
                "n_samples": n_samples,
                "dtype": np.dtype(dtype),
            }
            case = make(activation=activation, optimizer=batch, epochs=1, **given)
            found.append(case._replace(theta=case.theta * np.asarray(size, dtype)))
    return found


@every_target
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 1000])
def test_every_objective(target: str, dtype: str, size: float) -> None:
    """Each loss's cost and each output activation's values have all digits, also of logits in the thousands."""
    most = DIGITS * float(np.finfo(dtype).eps)
    for case in cases(dtype, size):
        found = trained(Native(target=target), case)
        right = measured(case, found)
        assert found.outputs is not None
        assert right.outputs is not None
        finite = np.isfinite(right.outputs)
        assert np.array_equal(np.isfinite(found.outputs), finite), str(case)
        scale = np.abs(right.outputs[finite]).max(initial=0)
        off = np.abs(found.outputs[finite].astype(np.float64) - right.outputs[finite]).max(initial=0)
        assert off <= most * scale, str(case)
        assert found.cost == pytest.approx(right.cost, rel=most, abs=most / 1000, nan_ok=True), str(case)


@every_target
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_of_many(target: str, dtype: str) -> None:
    """The cost of 200,000 samples has the digits of the dtype: sums do not lose them."""
    batch = next(each for each in installed("optimizer") if each.batch_size is None)
    case = plain(n_samples=200_000, epochs=1, optimizer=batch, dtype=np.dtype(dtype))
    found = trained(Native(target=target), case)
    residuals = (found.logits - found.y).astype(np.float64).ravel().tolist()
    exact = math.fsum(r * r for r in residuals) / len(residuals)
    assert found.cost == pytest.approx(exact, rel=2 * float(np.finfo(dtype).eps))


@every_target
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_bits_at_any_address(target: str, dtype: str) -> None:
    """Outputs and cost are the same to the last bit wherever the samples lie, and in a second epoch without a step."""
    for case in cases(dtype, 1)[2::3]:
        first = trained(Native(target=target), case, 0.0)
        room = np.empty(case.design.size + 3, dtype)
        room[3:] = case.design.ravel()
        moved = case._replace(design=room[3:].reshape(case.design.shape), orders=case.orders * 2)
        again = trained(Native(target=target), moved, 0.0)
        assert first.outputs is not None
        assert again.outputs is not None
        assert again.outputs.tobytes() == first.outputs.tobytes()
        assert again.cost == first.cost


@every_target
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_not_finite(target: str, dtype: str, wrong: float) -> None:
    """A logit that is not finite makes a cost that is not, wherever in a block it stands."""
    identity = next(each for each in installed("activation") if type(each).__name__ == "Identity")
    batch = next(each for each in installed("optimizer") if each.batch_size is None)
    for place in (0, 3, 63, 64, 149):
        case = plain(activation=identity, optimizer=batch, n_samples=150, epochs=1, dtype=np.dtype(dtype))
        design = case.design.copy()
        design[place, 0] = wrong
        found = trained(Native(target=target), case._replace(design=design), 0.0)
        assert found.cost is not None
        assert not math.isfinite(found.cost)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_run_that_diverges(dtype: str) -> None:
    """A learning rate that is far too large ends the run in the epoch in which it ends with NumPy's engine."""

    def ended(engine: Engine) -> int:
        case = plain(dtype=np.dtype(dtype), n_samples=20)
        work = case.training
        network = MLP(work.sizes, next(iter(installed("activation"))), work.output, work.dtype, case.theta.copy())
        optimizer = replace(work.optimizer, learning_rate=50.0)  # type: ignore[call-arg]  # of this one
        metrics = for_task("regression", 0.5, np.zeros(1), np.ones(1))
        more: Any = {"rng": np.random.default_rng(0), "epochs": 1000, "metrics": metrics, "engine": engine}
        with pytest.raises(Diverged) as caught:
            list(train(network, Objective(work.loss, work.output), optimizer, Part(case.design, case.y), **more))
        return caught.value.epoch

    assert ended(Native()) == ended(Numpy())


@dataclass(frozen=True)
class Foreign(Sigmoid):
    """The sigmoid by another's code, of which only the link is known."""


def test_an_output_that_is_not_known() -> None:
    """Where only the output activation's link is known, its values are left to nnexp; the cost is the loss's own."""
    case = plain(output=Foreign(), loss=Bce(), task="binary")
    found = trained(Native(), case)
    assert found.outputs is None
    assert found.cost == pytest.approx(measured(case, found).cost, rel=1e-14)
