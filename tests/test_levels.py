"""What the defaults reach: every combination learns, every dataset ends at its level."""

from __future__ import annotations

from typing import cast

import pytest

from nnexp.discovery import installed, registry
from nnexp.experiment.experiment import prepare
from nnexp.experiment.plan import plan
from nnexp.plugin import Loss

DATASETS = [name for name in registry.available("dataset") if name != "csv"]
EPOCHS = 5
"""Enough to end below the first epoch's cost."""
STRAIGHT = ("sine", "identity")
"""The best straight line through the sine is found within the first epoch, after which steps of 0.1 wander about it.

There the default epochs are run.
"""
LEVELS = {
    "diabetes": {"r2/validation": 0.3},
    "sine": {"r2/validation": 0.95},
    "breast_cancer": {"accuracy/validation": 0.95},
    "wine": {"accuracy/validation": 0.95},
    "digits": {"accuracy/validation": 0.95},
    "moons": {"accuracy/validation": 0.95},
    "blobs": {"accuracy/validation": 0.98},
    "spiral": {"accuracy/validation": 0.9},
    "xor": {"accuracy/validation": 0.98},
}
"""What `python -m nnexp dataset=NAME` has to exceed, with nothing else chosen."""


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_combination_learns(dataset: str) -> None:
    """Each activation x loss for the task x optimizer ends below its first epoch's cost, hyperparameters left as they are."""
    task = prepare(plan({"dataset": dataset})).data.task
    stuck = []
    for loss in registry.available("loss"):
        if task not in cast("type[Loss]", registry.load("loss", loss)).outputs:
            continue
        for activation in registry.available("activation"):
            for optimizer in registry.available("optimizer"):
                chosen = {"dataset": dataset, "loss": loss, "activation": activation, "optimizer": optimizer}
                epochs = {} if (dataset, activation) == STRAIGHT else {"epochs": EPOCHS}
                experiment = prepare(plan(chosen | epochs))
                costs = [epoch.metrics["cost/train"] for epoch in experiment.epochs()]
                if not costs[-1] < costs[0]:
                    stuck.append((loss, activation, optimizer, costs[0], costs[-1]))
    assert not stuck


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_reaches_its_level(dataset: str) -> None:
    """With all defaults, each dataset's last epoch is above its level in the table."""
    experiment = prepare(plan({"dataset": dataset}))
    *_, last = experiment.epochs()
    for name, level in LEVELS[dataset].items():
        assert last.metrics[name] > level


def test_the_table_is_complete() -> None:
    """Every dataset of nnexp's own but the user's table has a level."""
    ours = {name for name in DATASETS if installed.entries()["dataset"][name][0].distribution == "nnexp"}
    assert ours == set(LEVELS)
