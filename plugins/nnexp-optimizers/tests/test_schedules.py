"""Each schedule against values by hand, the papers' formulas, and a plateau counter with a memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnexp_optimizers.schedules import Cosine, Exponential, Plateau, Step

from nnexp import NnexpError, fit
from nnexp.discovery import registry
from nnexp.plugin import Schedule

SCHEDULES = {"step": Step, "exponential": Exponential, "cosine": Cosine, "plateau": Plateau}


def factors(schedule: Schedule, epochs: int, costs: Sequence[float] = ()) -> list[float]:
    """The factor of every epoch; ``costs`` are those of the epochs, 1 where nothing is said."""
    costs = costs or [1.0] * epochs
    return [schedule.factor(epoch, epochs, costs[: epoch - 1]) for epoch in range(1, epochs + 1)]


ROOT = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Step(every=2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25]),
        (Step(every=1, gamma=0.1), [1, 0.1, 0.01]),
        (Step(every=9), [1, 1, 1]),
        (Exponential(gamma=0.5), [1, 0.5, 0.25, 0.125]),
        (Exponential(gamma=1), [1, 1, 1]),
        (Cosine(), [1, (1 + ROOT) / 2, 0.5, (1 - ROOT) / 2]),  # cos of 0, 45, 90, 135 degrees
        (Cosine(end_factor=0.2), [1, 0.6 + 0.4 * ROOT, 0.6, 0.6 - 0.4 * ROOT]),
        (Cosine(end_factor=1), [1, 1, 1, 1]),
        (Cosine(warmup=3), [0.25, 0.5, 0.75, 1, (1 + ROOT) / 2, 0.5, (1 - ROOT) / 2]),
        (Cosine(warmup=1), [0.5, 1, 0.5]),
        (Cosine(warmup=2), [1 / 3, 2 / 3, 1]),
    ],
    ids=str,
)
def test_by_hand(schedule: Schedule, expected: list[float]) -> None:
    """The factor of every epoch of a short run is the one that pen and paper give."""
    assert factors(schedule, len(expected)) == pytest.approx(expected, rel=1e-14)


@settings(deadline=None)
@given(epochs=st.integers(1, 200), warmup=st.integers(0, 199), end=st.floats(0, 1))
def test_the_shape_of_cosine(epochs: int, warmup: int, end: float) -> None:
    """Even steps up to 1, then down without a rise; the epoch after the last would have the end factor."""
    schedule = Cosine(warmup=warmup % epochs, end_factor=end)
    found = factors(schedule, epochs)
    up, down = found[: schedule.warmup], found[schedule.warmup :]
    assert np.allclose(np.diff([0, *up, 1]), 1 / (schedule.warmup + 1))
    assert down[0] == 1
    assert all(earlier >= later for earlier, later in itertools.pairwise(down))
    assert schedule.factor(epochs + 1, epochs, ()) == pytest.approx(end, abs=1e-15)


@pytest.mark.parametrize(("warmup", "epochs", "type_this"), [(5, 5, 0), (30, 20, 2)])
def test_a_warmup_needs_epochs_after_it(warmup: int, epochs: int, type_this: int) -> None:
    """A warm-up as long as the run is refused, with both numbers."""
    with pytest.raises(NnexpError) as error:
        Cosine(warmup=warmup).factor(1, epochs, ())
    assert str(error.value) == (
        f"schedule.warmup must be less than epochs ({epochs}), or the rate never reaches its full height. "
        f"Got {warmup}. Type schedule.warmup={type_this}, or more epochs."
    )


@pytest.mark.parametrize(
    ("schedule", "costs", "expected"),
    [
        # the costs of epochs 2 and 3 are not below the first: the fourth has half the rate, and so on
        (Plateau(patience=2), [5, 5, 6, 5, 5, 5], [1, 1, 1, 0.5, 0.5, 0.25]),
        (Plateau(patience=2), [5, 5, 4, 4, 3, 3], [1] * 6),
        # 4.6 is not 10% below 5, 4.4 is
        (Plateau(patience=2, threshold=0.1), [5, 4.6, 4.6, 4.4, 4.4, 4.4], [1, 1, 1, 0.5, 0.5, 0.5]),
        # after the drop two epochs do not count, then two make the next plateau
        (Plateau(patience=2, cooldown=2), [5] * 8, [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
        # a lower cost in the cooldown is the one to beat afterwards
        (Plateau(patience=1, cooldown=1), [5, 5, 1, 4, 4], [1, 1, 0.5, 0.5, 0.25]),
        (Plateau(patience=1, gamma=0.1, min_factor=0.05), [5] * 4, [1, 1, 0.1, 0.05]),
        # below zero a threshold of 10% asks for -5.5
        (Plateau(patience=1, threshold=0.1), [-5, -5.4, -6, -6], [1, 1, 0.5, 0.5]),
    ],
)
def test_plateaus_by_hand(schedule: Plateau, costs: list[float], expected: list[float]) -> None:
    """The rate drops after each plateau of the costs, from the next epoch on."""
    assert factors(schedule, len(costs), costs) == pytest.approx(expected, rel=1e-14)


@dataclass
class Counter:
    """PyTorch's ReduceLROnPlateau (mode min, threshold rel), written from its documentation: it goes on from step to step.

    Its ``patience`` is how many epochs are ignored, so one less than how many make a plateau.
    """

    patience: int
    threshold: float
    cooldown: int
    best: float = math.inf
    bad_epochs: int = 0
    cooling: int = 0
    drops: int = 0

    def step(self, cost: float) -> None:
        if cost < self.best * (1 - self.threshold):
            self.best, self.bad_epochs = cost, 0
        else:
            self.bad_epochs += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad_epochs = 0
        if self.bad_epochs > self.patience:
            self.drops, self.cooling, self.bad_epochs = self.drops + 1, self.cooldown, 0


@settings(deadline=None)
@given(
    patience=st.integers(1, 5),
    cooldown=st.integers(0, 4),
    threshold=st.sampled_from([0.0, 0.25, 0.5]),
    costs=st.lists(st.integers(1, 64), min_size=1, max_size=80),
)
def test_plateau_counts_as_one_with_a_memory(patience: int, cooldown: int, threshold: float, costs: list[int]) -> None:
    """Going through the history gives in every epoch what a counter gives that remembers."""
    counter = Counter(patience - 1, threshold, cooldown)
    schedule = Plateau(patience=patience, threshold=threshold, cooldown=cooldown, gamma=0.5)
    for epoch, cost in enumerate(costs, 2):
        counter.step(cost)
        assert schedule.factor(epoch, 100, costs[: epoch - 1]) == 0.5**counter.drops


@settings(deadline=None)
@given(seed=st.integers(0, 99), epochs=st.integers(5, 60))
def test_a_factor_depends_on_its_arguments_alone(seed: int, epochs: int) -> None:
    """Asked in any order, twice, or by another object, the factor of an epoch is the same: a resumed run goes on exactly."""
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0.5, 1, epochs).tolist()
    for make in (Step, Exponential, Plateau, lambda: Cosine(warmup=4)):
        schedule, other = make(), make()
        expected = factors(schedule, epochs, costs)
        assert all(0 <= factor <= 1 for factor in expected)
        for epoch in rng.permutation(np.arange(1, epochs + 1)).tolist():
            assert other.factor(epoch, epochs, tuple(costs[: epoch - 1])) == expected[epoch - 1]
            assert schedule.factor(epoch, epochs, costs[: epoch - 1]) == expected[epoch - 1]


# --- As options of nnexp ---


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_is_installed(name: str) -> None:
    """The option's name is the class's, and it comes from this distribution."""
    schedule = cast("Schedule", registry.build("schedule", {"name": name}))
    assert type(schedule) is SCHEDULES[name]
    assert registry.describe(schedule)["name"] == name
    assert set(registry.distributions([schedule])) == {"nnexp-optimizers"}


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ({"name": "step", "every": 0}, "schedule.every must be an int at least 1. Got 0."),
        ({"name": "step", "gamma": 1.5}, "schedule.gamma must be a float above 0 and at most 1. Got 1.5."),
        ({"name": "exponential", "gamma": 0}, "schedule.gamma must be a float above 0 and at most 1. Got 0.0."),
        ({"name": "cosine", "warmup": -1}, "schedule.warmup must be an int at least 0. Got -1."),
        ({"name": "cosine", "end_factor": 2}, "schedule.end_factor must be a float at least 0 and at most 1. Got 2.0."),
        ({"name": "plateau", "patience": 0}, "schedule.patience must be an int at least 1. Got 0."),
        ({"name": "plateau", "gamma": 1}, "schedule.gamma must be a float above 0 and below 1. Got 1.0."),
        ({"name": "plateau", "threshold": 1}, "schedule.threshold must be a float at least 0 and below 1. Got 1.0."),
        ({"name": "plateau", "cooldown": -2}, "schedule.cooldown must be an int at least 0. Got -2."),
        (
            {"name": "plateau", "min_factor": -1},
            "schedule.min_factor must be a float at least 0 and at most 1. Got -1.0.",
        ),
    ],
)
def test_bounds(spec: dict[str, Any], rule: str) -> None:
    """A value out of bounds is refused by its key."""
    with pytest.raises(NnexpError) as error:
        registry.build("schedule", spec)
    assert str(error.value) == rule


RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = X[:, 0] - X[:, 1] + RNG.normal(0, 0.5, 80)


@pytest.mark.parametrize("optimizer", ["minibatch", "batch", "sgd", "momentum", "adam"])
def test_every_optimizer_has_the_rates(optimizer: str) -> None:
    """Built-in optimizers and those of this distribution train at their rate times the factor."""
    spec = {"name": optimizer, "learning_rate": 0.008}
    result = fit(X, Y, optimizer=spec, schedule={"name": "cosine", "warmup": 1}, epochs=3)
    assert result.history["learning_rate"] == pytest.approx([0.004, 0.008, 0.004], rel=1e-14)


def test_plateau_watches_the_validation_cost() -> None:
    """In a run the drops are where the counter sees plateaus in the validation cost, which differ from the training cost's."""
    result = fit(X, Y, schedule={"name": "plateau", "patience": 2}, epochs=40)
    counter = Counter(1, 1e-4, 0)
    expected = []
    for cost in result.history["cost/validation"]:
        expected.append(0.1 * 0.5**counter.drops)
        counter.step(cost)
    assert result.history["learning_rate"] == expected
    assert 0 < counter.drops < 20
