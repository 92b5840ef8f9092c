"""The engine of a run: what ``auto`` takes and why, and an engine whose numbers are others'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from nnexp import fit
from nnexp.discovery import installed, registry
from nnexp.engine.numpy_engine import Numpy, NumpyRunner
from nnexp.errors import NnexpError
from nnexp.experiment.engines import choose
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.plan import plan
from nnexp.plugin import Array, Engine, State, Training
from nnexp.run.identity import key

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X @ [1.0, -2.0, 0.5]


@dataclass(frozen=True)
class Quick(Numpy):
    """NumPy's engine, which says that it is faster at networks with a hidden layer, and takes no others."""

    def refusal(self, training: Training) -> str:
        return (
            ""
            if len(training.sizes) > 2
            else "engine=quick takes no network without a hidden layer. Type engine=numpy."
        )

    def speed(self, training: Training) -> float:
        return 3.0 if training.sizes[1] > 4 else 0.5


@dataclass(frozen=True)
class Wrong(Numpy):
    """Forgets half of the learning rate."""

    def runner(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> NumpyRunner:
        runner = super().runner(training, design, y, theta, state)
        whole = runner.run
        runner.run = lambda order, learning_rate: whole(order, learning_rate / 2)  # type: ignore[method-assign]
        return runner


@pytest.fixture
def with_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """``engine=quick`` is installed, too."""
    load = registry.load
    names = {**installed.entries(), "engine": ["numpy", "quick"]}
    monkeypatch.setattr(registry, "available", names.get)
    monkeypatch.setattr(registry, "load", lambda kind, name: Quick if name == "quick" else load(kind, name))


def experiment(**config: Any) -> Experiment:
    return prepare(plan({"dataset": "moons", "epochs": 2, **config}))


def training(hidden: int) -> Training:
    found = experiment(network={"hidden": [hidden] if hidden else []})
    network = found.network
    return Training(
        network.sizes, network.hidden, network.output, found.objective.loss, found.plan.optimizer, network.dtype, 10
    )


def test_auto_without_another_engine() -> None:
    """Where nothing else is installed auto is NumPy, and says why."""
    found = choose(None, training(5))
    assert (found.engine, found.why) == (Numpy(), "auto; no other is installed")


@pytest.mark.usefixtures("with_quick")
@pytest.mark.parametrize(
    ("hidden", "engine", "why"),
    [
        (5, Quick(), "auto"),
        (3, Numpy(), "auto; quick is not faster at this size"),
        (0, Numpy(), "auto; engine=quick takes no network without a hidden layer"),
    ],
)
def test_auto_takes_the_fastest_that_can(hidden: int, engine: Engine, why: str) -> None:
    """The fastest by its own word, unless it refuses; where NumPy is left the reason is said."""
    assert choose(None, training(hidden)) == (engine, why)


def test_what_an_engine_refuses_is_said() -> None:
    """A typed engine that cannot take the training ends in its own words."""
    with pytest.raises(NnexpError, match=r"takes no network without a hidden layer\. Type engine=numpy\."):
        choose(Quick(), training(0))


def test_other_numbers_are_refused_before_training() -> None:
    """An engine that does not give NumPy's numbers for a few samples trains nothing."""
    with pytest.raises(NnexpError, match="its parameters differ from NumPy's by") as refused:
        fit(X, Y, engine=Wrong())
    assert "after one epoch" in str(refused.value)


def test_numpy_leaves_no_trace() -> None:
    """With NumPy, typed or not, configuration and key are what they were before there were engines."""
    silent, typed = experiment(), experiment(engine="numpy")
    assert "engine" not in silent.config()
    assert silent.config() == typed.config()
    assert key(silent) == key(typed)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nump", "No engine 'nump'. Did you mean 'numpy'?"),
        ("native", "'native' comes with nnexp-native, which is not installed"),
        ("c++", "No engine 'c\\+\\+'."),
        ({"name": "numpy", "target": "x"}, "engine=numpy has no option 'target'. It has no options."),
        ({"name": "auto", "target": "x"}, "engine=auto has no option 'target'. Name the engine: type engine=NAME"),
        (Numpy, "Type engine=Numpy\\(\\)"),
        (3, "engine must be the name of an installed engine"),
    ],
)
def test_a_wrong_engine(given: Any, message: str) -> None:
    """What is no engine is refused with what to type."""
    with pytest.raises(NnexpError, match=message):
        fit(X, Y, engine=given)


def test_fit_takes_an_engine() -> None:
    """The library trains with a given engine, to the same bits where it is NumPy's."""
    runs: list[Callable[[], Any]] = [lambda: fit(X, Y, epochs=3), lambda: fit(X, Y, epochs=3, engine=replace(Quick()))]
    plain, quick = (run().model.network.theta for run in runs)
    assert np.array_equal(plain, quick)
