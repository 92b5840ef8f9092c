"""The built-in optimizers: one step by hand, batch sizes, bounds, and what they may touch."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from nnexp.builtin.optimizers import Batch, MiniBatch, Sgd
from nnexp.discovery import registry
from nnexp.errors import NnexpError
from nnexp.plugin import Optimizer


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["batch", "minibatch", "sgd"])
def test_one_step_by_hand(name: str, dtype: str) -> None:
    """A step is theta - learning_rate * gradient: from (1, -2, 0) with gradient (2, -4, 0.5), rate 0.25."""
    optimizer = cast("Optimizer", registry.build("optimizer", {"name": name}))
    theta, grad = np.array([1, -2, 0], dtype), np.array([2, -4, 0.5], dtype)
    for rate in (0.25, np.array(0.25, dtype)):
        here = theta.copy()
        optimizer.update(here, grad.copy(), optimizer.init(here), cast("float", rate))
        assert here.tolist() == [0.5, -1, -0.125]
        assert here.dtype == dtype


def test_batch_sizes_and_rates() -> None:
    """Batch takes all samples with 0.1, minibatch 32 with 0.1, sgd one with 0.01."""
    assert (Batch().batch_size, Batch().learning_rate) == (None, 0.1)
    assert (MiniBatch().batch_size, MiniBatch().learning_rate) == (32, 0.1)
    assert (Sgd().batch_size, Sgd().learning_rate) == (1, 0.01)
    assert MiniBatch(batch_size=8, learning_rate=1).learning_rate == 1.0


@pytest.mark.parametrize("name", registry.available("optimizer"))
def test_contracts(name: str) -> None:
    """For every installed optimizer: theta is changed in place, also as a view; a first gradient of 0 changes nothing."""
    optimizer = cast("Optimizer", registry.build("optimizer", {"name": name}))
    room = np.arange(6.0)
    theta = room[1:5]
    state = optimizer.init(theta)
    optimizer.update(theta, np.zeros(4), state, optimizer.learning_rate)
    assert room.tolist() == [0, 1, 2, 3, 4, 5]
    optimizer.update(theta, np.ones(4), state, optimizer.learning_rate)
    assert room[[0, 5]].tolist() == [0, 5]
    assert (room[1:5] < [1, 2, 3, 4]).all()  # downhill


@pytest.mark.parametrize("name", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize("rate", [0, -0.1, float("inf"), float("nan"), "fast", None, True])
def test_the_learning_rate_is_positive(name: str, rate: object) -> None:
    """A learning rate that is not a finite number above 0 is refused by its key."""
    with pytest.raises(NnexpError, match=r"^optimizer\.learning_rate must be a float above 0\. Got "):
        registry.build("optimizer", {"name": name, "learning_rate": rate})


@pytest.mark.parametrize("size", [0, -1, 2.5, "all", None, True])
def test_the_batch_size_is_a_whole_number(size: object) -> None:
    """A batch size that is not a whole number of at least 1 is refused."""
    with pytest.raises(NnexpError, match=r"^optimizer\.batch_size must be an int at least 1\. Got "):
        registry.build("optimizer", {"name": "minibatch", "batch_size": size})


def test_fixed_batch_sizes() -> None:
    """Batch and sgd have no batch size to choose."""
    for name in ("batch", "sgd"):
        with pytest.raises(NnexpError, match=rf"^optimizer={name} has no option 'batch_size'"):
            registry.build("optimizer", {"name": name, "batch_size": 3})
