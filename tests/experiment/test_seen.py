"""What pictures are told of a trained network: its answers, activations, gradients, and how it was at some epochs' ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.moments import MOMENTS, MOST_MOMENTS, Moments
from nnexp.experiment.plan import plan
from nnexp.experiment.seen import gradient_norms, seen
from nnexp.plugin import Seen


def trained(config: Mapping[str, Any]) -> tuple[Experiment, Seen]:
    """An experiment after its last epoch, as pictures see it."""
    experiment = prepare(plan(config))
    moments = Moments(experiment.plan.settings.epochs)
    for _ in experiment.epochs():
        moments.look(experiment)
    return experiment, seen(experiment, moments)


@pytest.mark.parametrize("dataset", ["diabetes", "moons", "wine"])
def test_answers_are_the_models(dataset: str) -> None:
    """Values in original units, or classes by the model's own rule; the last layer's activations are the outputs."""
    experiment, told = trained({"dataset": dataset, "epochs": 3, "network": {"hidden": [5, 4]}})
    model, x = experiment.model(), told.x[:20]
    outputs, layers = told.predict(x), told.activations(x)
    assert [layer.shape[1] for layer in layers] == [*experiment.network.sizes[1:]]
    if told.task == "regression":
        np.testing.assert_array_equal(outputs[:, 0], model.predict(x))
    else:
        np.testing.assert_array_equal(np.array(model.classes)[told.label(outputs)], model.predict(x))
        np.testing.assert_allclose(outputs, layers[-1], rtol=1e-12)
    w, b = told.weights[0]
    hidden = np.maximum(experiment.preprocessing.design(x)[:, :-1] @ w.T + b, 0)
    np.testing.assert_allclose(layers[0], hidden, rtol=1e-12, atol=1e-12)


def test_gradient_norms_are_those_of_central_differences() -> None:
    """The norm of each layer's gradient, by differences of the cost of its samples."""
    experiment, _ = trained({"dataset": "wine", "epochs": 2, "network": {"hidden": [3]}, "activation": "tanh"})
    network, part = experiment.network, experiment.samples.part("training")
    numeric = np.empty_like(network.theta)
    for place in range(len(numeric)):
        costs = []
        for step in (1e-6, -1e-6):
            network.theta[place] += step
            logits = network.logits(part.design)
            costs.append(experiment.objective.cost(logits, network.activate(logits), part.y))
            network.theta[place] -= step
        numeric[place] = (costs[0] - costs[1]) / 2e-6
    expected = [np.linalg.norm(each) for each in network.views(numeric)]
    np.testing.assert_allclose(gradient_norms(experiment, network), expected, rtol=1e-5)


def test_moments_are_spread_over_the_epochs() -> None:
    """At most so many are kept, the first and the last epoch among them, and the last one answers as the network does."""
    _, told = trained({"dataset": "moons", "epochs": 150})
    numbers = [moment.epoch for moment in told.moments]
    assert (numbers[0], numbers[-1]) == (1, 150)
    assert len(numbers) <= MOST_MOMENTS + 1
    assert set(np.diff(numbers[1:])) == {3}
    np.testing.assert_array_equal(told.moments[-1].predict(told.x), told.predict(told.x))
    assert np.abs(told.moments[0].predict(told.x) - told.predict(told.x)).max() > 0.1


def test_training_is_the_same_whether_it_is_looked_at() -> None:
    """What is kept for pictures changes no number."""
    looked, _ = trained({"dataset": "wine", "epochs": 3})
    other = prepare(plan({"dataset": "wine", "epochs": 3}))
    deque(other.epochs(), maxlen=0)
    assert other.network.theta.tobytes() == looked.network.theta.tobytes()


def test_a_resumed_run_has_the_moments_of_all_its_epochs(tmp_path: Path) -> None:
    """What is kept beside the checkpoint is taken up again, bit for bit; another run's, and a torn file, are not."""
    config = {"dataset": "moons", "epochs": 6, "network": {"hidden": [3]}}
    _, whole = trained(config)
    begun, before = prepare(plan(config)), Moments(6)
    epochs = begun.epochs()
    for _ in range(3):
        next(epochs)
        before.look(begun)
    before.save(tmp_path, "mine")
    resumed, after = prepare(plan(config)), Moments(6)
    resumed.restore(begun.checkpoint("mine"), begun.history)
    after.load(tmp_path, "another", resumed)
    assert after.kept == {}
    after.load(tmp_path, "mine", resumed)
    for _ in resumed.epochs():
        after.look(resumed)
    for each, expected in zip(seen(resumed, after).moments, whole.moments, strict=True):
        assert each.epoch == expected.epoch
        np.testing.assert_array_equal(each.predict(whole.x), expected.predict(whole.x), strict=True)
    torn = tmp_path / MOMENTS
    torn.write_bytes(torn.read_bytes()[:200])
    nothing = Moments(6)
    nothing.load(tmp_path, "mine", resumed)
    assert nothing.kept == {}
