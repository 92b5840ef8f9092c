"""What a run's record costs: 5,000 epochs of about 1 ms with four metrics, with journal and MLflow, and with neither.

Both sides are the command's own pieces, ``prepare`` and ``nnexp.run.start``'s ``connect``, ``opening`` and ``train``;
only the printing is left out, on both. What is compared is the wall time from the end of the first epoch to the end of the
last, as the epochs' own timestamps say: epochs, and whatever the journal does between them. Every tracked run has a new
SQLite database. ``TrackedRun.finish`` then delivers the journal; its time, divided by the number of points in it, is the
second figure. The third is a checkpoint of a million parameters against writing and forcing onto the disk as many bytes.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nnexp.experiment.checkpoint import Checkpoint, save
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.plan import plan
from nnexp.experiment.settings import RunContext, TrackingSettings
from nnexp.plugin import Array
from nnexp.run import start as run
from nnexp.run.identity import opening
from nnexp.run.store import connect
from nnexp.terminal.console import Console
from nnexp.tracking.tracked_run import TrackedRun
from tests.benchmarks.measure import Pair, Pairs, Row, paired, row, slower

CONFIG = {
    "dataset": {"name": "digits"},
    "network": {"hidden": [16]},
    "optimizer": {"name": "minibatch", "batch_size": 64},
    "epochs": 5000,
}
"""Some 23 steps of 64-16-10 an epoch, about a millisecond; the metrics are cost and accuracy, of training and validation."""


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Both figures."""
    config = {**CONFIG, "epochs": 300} if quick else CONFIG
    points: list[Pair] = []
    with tempfile.TemporaryDirectory() as folder:
        places = (Path(folder, f"store{number}") for number in range(10**6))
        pairs = paired(lambda: tracked(config, next(places), points), lambda: untracked(config), 2 if quick else 7)
    n_epochs = config["epochs"]
    per_epoch = 1000 / (int(str(n_epochs)) - 1)
    pairs = Pairs(Pair(ours * per_epoch, peer * per_epoch) for ours, peer in pairs)
    yield slower(f"{n_epochs} epochs, 4 metrics, journal", "ms", pairs, peer_name="no record", goal=1.03)

    delivered = Pairs(Pair(1000 * seconds / n, 0.0) for seconds, n in points[1:])
    left = ", ".join(f"{n:.0f}" for _, n in points[1:])
    yield row(
        "delivering the journal, per metric point",
        "ms",
        delivered,
        [pair.ours for pair in delivered],
        peer_name="",
        kind="value",
        goal=0.2,
        note=f"points left: {left}",
    )

    arrays = np.random.default_rng(0).standard_normal(10**6)
    with tempfile.TemporaryDirectory(
        dir=Path.cwd()
    ) as folder:  # on a disk; the place for temporary files may be memory
        saving = paired(lambda: saved(arrays, Path(folder)), lambda: written(arrays, Path(folder)), 2 if quick else 15)
    saving = Pairs(Pair(1000 * ours, 1000 * peer) for ours, peer in saving)
    yield slower("checkpoint of 1,000,000 parameters", "ms", saving, peer_name="write and fsync", goal=3.0)


def saved(theta: Array, folder: Path) -> float:
    """Seconds for a checkpoint, over one that is there."""
    checkpoint = Checkpoint(1, theta, {}, np.random.default_rng(0).bit_generator.state)
    began = time.perf_counter()
    save(checkpoint, folder)
    return time.perf_counter() - began


def written(theta: Array, folder: Path) -> float:
    """Seconds to write the same bytes to a new file and force them onto the disk."""
    began = time.perf_counter()
    with (folder / "plain").open("wb") as file:
        file.write(theta.data)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - began


def tracked(config: dict[str, Any], outputs: Path, points: list[Pair]) -> float:
    """Seconds from first to last epoch with tracking; appends (seconds, points) of the delivery afterwards."""
    experiment = prepare(plan(config))
    directory = outputs / "run"
    directory.mkdir(parents=True)
    settings = TrackingSettings(uri=f"sqlite:///{outputs / 'mlflow.db'}")
    place = RunContext(directory, outputs, name="benchmark")
    record = TrackedRun.start(opening(experiment, place), directory, connect(settings, place))
    run.train(experiment, record, Console(brief=True))
    left = 4 * len(experiment.history)
    began = time.perf_counter()
    record.finish("FINISHED")
    points.append(Pair(time.perf_counter() - began, left))
    return first_to_last(experiment)


def untracked(config: dict[str, Any]) -> float:
    """Seconds from first to last epoch without tracking."""
    experiment = prepare(plan(config))
    run.train(experiment, None, Console(brief=True))
    return first_to_last(experiment)


def first_to_last(experiment: Experiment) -> float:
    """Seconds between the ends of the first and the last epoch."""
    assert len(experiment.history[0].metrics) == 4
    return experiment.history[-1].time - experiment.history[0].time
