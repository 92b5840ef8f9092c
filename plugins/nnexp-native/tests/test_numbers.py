"""NumPy's numbers, whichever target and product are chosen, for any sizes, batches and plugins."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnexp_native import Native, _native

from nnexp.engine.numpy_engine import Numpy
from nnexp.testing.engine_cases import Case, installed, make, objectives, optimizers, plain, trained
from nnexp.testing.engine_numbers import apart, compare
from nnexp.testing.verdict import Failed

ENGINES = [
    Native(target=target, matmul=matmul) for target in _native.targets() for matmul in ("simd", "blocked", "naive")
]
NAMES = [f"{engine.target}-{engine.matmul}" for engine in ENGINES]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=NAMES)


def agree(case: Case, engines: Sequence[Native] = ENGINES) -> None:
    """Compare one training by each engine with NumPy's."""
    right = trained(Numpy(), case)
    for engine in engines:
        assert not engine.refusal(case.training)
        try:
            compare(case, trained(engine, case), right)
        except Failed as failed:
            raise Failed(f"{engine}: {failed}") from failed


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_plugin(dtype: str) -> None:
    """Each activation, each objective and each optimizer once, the others taking turns."""
    activations: list[Any] = installed("activation")
    pairs, rules = objectives(), optimizers()[:-1]
    for number in range(max(len(activations), len(pairs), len(rules))):
        loss, output, task = pairs[number % len(pairs)]
        case = make(
            activation=activations[number % len(activations)],
            output=output,
            loss=loss,
            optimizer=rules[number % len(rules)],
            task=task,
            hidden=(9, 6),
            dtype=np.dtype(dtype),
        )
        agree(case)


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_shape(data: st.DataObject) -> None:
    """1 to 70 units, 0 to 4 hidden layers, batches that do not divide, full batches in chunks, one sample."""
    hidden = data.draw(st.lists(st.integers(1, 70), max_size=4))
    n_samples = data.draw(st.one_of(st.integers(1, 40), st.integers(1, 700)))
    batch_size = data.draw(st.integers(max(1, n_samples // 16), n_samples))
    optimizer = next(each for each in optimizers(batch_size) if type(each).__name__ == "MiniBatch")
    case = plain(
        hidden=tuple(hidden),
        n_features=data.draw(st.integers(1, 300)),
        outputs=data.draw(st.integers(1, 20)),
        n_samples=n_samples,
        epochs=data.draw(st.integers(1, 3)),
        optimizer=optimizer,
        dtype=np.dtype(data.draw(st.sampled_from(["float64", "float32"]))),
        seed=data.draw(st.integers(0, 1000)),
    )
    agree(case)


def test_full_batches_in_chunks() -> None:
    """A step on more samples than a chunk has adds up its chunks' gradients."""
    batch = next(each for each in installed("optimizer") if each.batch_size is None)
    agree(plain(hidden=(20,), n_features=30, n_samples=3001, epochs=5, optimizer=batch))


@every_engine
@pytest.mark.parametrize("n_samples", [1, 2, 3, 1000])
def test_an_evaluator(engine: Native, n_samples: int) -> None:
    """Logits of one and of many samples are NumPy's."""
    case = plain(hidden=(17, 5), n_features=11, n_samples=n_samples)
    found, right = (each.evaluator(case.training, case.design, case.theta)() for each in (engine, Numpy()))
    assert apart(found, right) <= 1e-13


@every_engine
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", ["Identity", "Relu", "Tanh", "Softmax", "Gelu"])
def test_what_is_not_finite(engine: Native, wrong: float, activation: str) -> None:
    """Where NumPy's parameters are no longer finite after an epoch, these are not either."""
    chosen = next(each for each in installed("activation") if type(each).__name__ == activation)
    case = plain(activation=chosen, hidden=(6, 5))
    design = case.design.copy()
    design[2, 0] = wrong
    case = case._replace(design=design)
    assert not np.isfinite(trained(Numpy(), case).theta).all()
    assert not np.isfinite(trained(engine, case).theta).all()


@every_engine
def test_logits_at_the_end_of_all_numbers(engine: Native) -> None:
    """Cross-entropy of logits of +-1000 has a gradient that is right and finite."""
    loss, output, task = next(each for each in objectives() if type(each[0]).__name__ == "Cce")
    case = make(activation=installed("activation")[0], output=output, loss=loss, optimizer=optimizers()[1], task=task)
    case = case._replace(theta=case.theta * 1000)
    right = trained(Numpy(), case)
    assert np.abs(right.logits).max() > 1000
    compare(case, trained(engine, case), right)


def test_numbers_of_plugins_count() -> None:
    """A plugin's fields reach the formula: other values than the defaults give NumPy's other numbers."""
    changed = {"alpha": 0.7, "omega": 2.5, "delta": 0.3, "q": 0.2, "gamma": 0.5, "smoothing": 0.3}
    changed |= {"momentum": 0.5, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1, "rho": 0.3, "weight_decay": 0.2}
    counted = 0
    for kind, wrap in (("activation", "activation"), ("optimizer", "optimizer")):
        for each in installed(kind):
            names = [item.name for item in dataclasses.fields(each) if item.name in changed]
            if names:
                other = dataclasses.replace(each, **{name: changed[name] for name in names})
                agree(plain(**{wrap: other}), [Native()])
                counted += 1
    for loss, output, task in objectives():
        names = [item.name for item in dataclasses.fields(loss) if item.name in changed]
        if names and not (task == "multiclass" and "alpha" in names):
            other = dataclasses.replace(loss, **{name: changed[name] for name in names})
            agree(plain(loss=other, output=output, task=task), [Native()])
            counted += 1
    assert counted > 20
