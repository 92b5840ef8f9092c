"""A training that blew up and ended before its numbers did is told of; a sound one never is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp import fit
from nnexp.engine.training import Diverged
from nnexp.experiment.divergence import divergence_warning
from tests.command import nnexp, result, runs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
LINE = X @ [1.0, -2, 3] + 5


def test_a_cost_that_is_finite_but_absurd_is_told(tmp_path: Path) -> None:
    """The run is finished, and the terminal and result.json say what grew and what to type; with a tenth nothing is said."""
    words = ["dataset=diabetes", "optimizer=batch", "epochs=2", "tracking=none", "activation=identity"]
    ended = nnexp(*words, "optimizer.learning_rate=5", cwd=tmp_path)
    assert ended.code == 0, ended.err
    (run,) = runs(tmp_path)
    assert result(run)["metrics"]["cost/validation"] > 1e6
    told = r"to \d\.\d+e\+\d+: the learning rate, 5, is too large\. Type optimizer\.learning_rate=0\.5, or smaller\.$"
    assert re.search(told, ended.err.strip())
    assert ended.err.strip() == f"nnexp: {result(run)['remark']}"
    ended = nnexp(*words, "optimizer.learning_rate=0.05", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert result(runs(tmp_path)[-1])["remark"] == ""


def test_a_sweep_names_the_jobs_that_blew_up(tmp_path: Path) -> None:
    """A line below the ranking names them, and no other."""
    words = ["dataset=diabetes", "optimizer=batch", "epochs=2", "tracking=none", "activation=identity"]
    ended = nnexp("-m", *words, "optimizer.learning_rate=0.1,5", cwd=tmp_path)
    assert ended.code == 0, ended.err
    text = "Of #1 the cost grew far beyond that of the untrained network: the learning rate is too large."
    assert text in " ".join(ended.out.split())


SOUND: list[dict[str, Any]] = [
    {"initializer": {"name": "normal", "std": 30.0}, "optimizer": {"name": "batch", "learning_rate": 1e-9}},
    {"scale_target": "none", "scale_features": "none", "optimizer": {"name": "batch", "learning_rate": 1e-4}},
    {"epochs": 400, "hidden": [50], "validation": 0.5, "optimizer": {"name": "minibatch", "learning_rate": 0.05}},
    {"loss": "mae", "epochs": 1},
    {"keep": "best", "patience": 2},
]


@pytest.mark.parametrize("options", SOUND)
def test_a_sound_run_is_left_alone(options: dict[str, Any]) -> None:
    """Neither bad weights to begin with, nor overfitting, nor a target in large units is taken for a cost that grew."""
    for target in (LINE, 1e6 * LINE, LINE > 5):
        loss = options if target.dtype == float else {key: each for key, each in options.items() if key != "loss"}
        try:
            trained = fit(X, target, **{"epochs": 5, **loss})
        except Diverged:
            continue
        assert divergence_warning(trained.experiment) == ""


@pytest.mark.parametrize(
    ("std", "rate", "advice"),
    [
        (
            1e60,
            0.1,
            r"Before the first step the cost was \S+: the initial weights are too large, those of initializer=normal\. ",
        ),
        (1e300, 0.1, r"Before the first step the cost was not finite: the initial weights are too large"),
        (0.1, 1e200, r"Type optimizer\.learning_rate=1e\+199, or smaller\.$"),
    ],
)
def test_what_a_divergence_comes_from(std: float, rate: float, advice: str) -> None:
    """Of weights that were huge from the beginning no learning rate makes anything: they are named, and not the rate."""
    with pytest.raises(Diverged) as caught:
        fit(X, LINE, initializer={"name": "normal", "std": std}, optimizer={"name": "batch", "learning_rate": rate})
    assert re.search(rf"^diverged at epoch \d; learning_rate=\S+\. {advice}", str(caught.value))


def test_a_network_that_begins_trained_may_get_a_little_worse() -> None:
    """From a cost of almost 0 a thousand times as much is still almost 0."""
    trained = fit(X, LINE, hidden=[], epochs=300, optimizer={"name": "batch", "learning_rate": 0.3})
    last = trained.experiment.history[-1].metrics["cost/train"]
    assert last < 1e-20
    assert divergence_warning(trained.experiment) == ""
