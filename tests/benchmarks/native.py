"""``engine=native`` against NumPy's engine and scikit-learn: whole epochs, costs and accuracy included, one thread.

nnexp-native is built into a folder of its own, which this process then imports from; a C++ compiler has to be there. The goals
of the steps and the epochs were set where AVX-512 is; the rows say which instruction set was used. Both engines begin with the
same weights and draw the same orders.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from nnexp.discovery import installed, registry
from nnexp.engine.network import design_matrix
from nnexp.engine.training import Part
from nnexp.plugin import Engine
from tests.benchmarks.measure import Row, Seconds, faster, paired, slower
from tests.benchmarks.steps import Case, epochs_of, limited, new_network, sklearn_fit, sklearn_partial_fit
from tests.benchmarks.sweeps import NNEXP, WORKERS, grid, one_thread

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Goal:
    """How many times as fast as NumPy's engine, and as scikit-learn."""

    case: Case
    numpy: float
    sklearn: float


SMALL = [
    Goal(Case((13, 8, 1), 2000, 1, "float64", 10, 0), 20, 450),
    Goal(Case((64, 32, 10), 1437, 32, "float64", 20, 0), 4, 22),
    Goal(Case((64, 32, 10), 1437, 32, "float32", 20, 0), 5, 35),
]
BIG = [
    Goal(Case((784, 128, 64, 10), 60_000, 64, "float64", 1, 0), 1.3, 2.7),
    Goal(Case((784, 128, 64, 10), 60_000, 64, "float32", 1, 0), 1.4, 3.2),
]
FULL = Goal(Case((784, 256, 10), 10_000, None, "float64", 1, 0), 1.3, 1.2)
"""Full batches are for ``auto``: native takes at most 1.3 times NumPy's time."""


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        native = cast("Engine", registry.build("engine", {"name": "native"})).settled()
        target = str(cast("Any", native).target)
        for goal in SMALL:
            yield from against_both(goal, native, target, 3 if quick else 21, "us")
        for goal in BIG:
            case = replace(goal.case, n_samples=6000) if quick else goal.case
            yield from against_both(replace(goal, case=case), native, target, 1 if quick else 5, "s")
        yield from full_batch(native, target, 1 if quick else 5)
        yield sweep(Path(folder), quick=quick)


def build(folder: Path) -> None:
    """Install nnexp-native into ``folder``, and import from there."""
    options = ["--quiet", "--disable-pip-version-check", "--no-build-isolation", "--no-deps", "--target", str(folder)]
    command = [sys.executable, "-m", "pip", "install", *options, str(ROOT / "plugins" / "nnexp-native")]
    subprocess.run(command, check=True)
    sys.path.append(str(folder))
    importlib.invalidate_caches()
    installed.entries.cache_clear()


def epochs(goal: Goal, engine: Engine | None) -> Seconds:
    """``case.epochs`` epochs from the case's weights, without the making of the buffers; None is NumPy's engine."""
    case = goal.case
    part = Part(design_matrix(case.data[0], case.dtype), case.targets)

    def run() -> float:
        training = epochs_of(case, new_network(case), part, case.epochs + 1, engine=engine)
        next(training)
        began = time.perf_counter()
        for _ in training:
            pass
        return time.perf_counter() - began

    return run


def against_both(goal: Goal, native: Engine, target: str, n_pairs: int, unit: str) -> Iterator[Row]:
    """A case against NumPy's engine, and against scikit-learn."""
    case = goal.case
    per_step = unit == "us"
    scale = 1e6 / (case.epochs * case.n_steps) if per_step else 1 / case.epochs
    ours = limited(epochs(goal, native), 1, scale)
    name = f"native ({target}) {'step' if per_step else 'epoch'} {case.name}"
    peers = {"numpy": (epochs(goal, None), goal.numpy)}
    peers["scikit-learn"] = (sklearn_fit(case) if per_step else sklearn_partial_fit(case), goal.sklearn)
    for peer, (run, wanted) in peers.items():
        yield faster(name, unit, paired(ours, limited(run, 1, scale), n_pairs), peer_name=peer, goal=wanted)


def full_batch(native: Engine, target: str, n_pairs: int) -> Iterator[Row]:
    """A full batch of many samples, where NumPy's own library is hard to beat."""
    name = f"native ({target}) epoch {FULL.case.name}"
    ours = limited(epochs(FULL, native), 1, 1 / FULL.case.epochs)
    pairs = paired(ours, limited(epochs(FULL, None), 1, 1 / FULL.case.epochs), n_pairs)
    yield slower(name, "s", pairs, peer_name="numpy", goal=FULL.numpy)
    pairs = paired(ours, limited(sklearn_partial_fit(FULL.case), 1, 1 / FULL.case.epochs), n_pairs)
    yield faster(name, "s", pairs, peer_name="scikit-learn", goal=FULL.sklearn)


def sweep(folder: Path, *, quick: bool) -> Row:
    """64 tracked runs of 400 epochs on two workers, whole commands, with each engine."""
    words = [each.replace("epochs=20", "epochs=400") for each in grid(quick=quick)[0]]

    def command(engine: str) -> Seconds:
        def run() -> float:
            with tempfile.TemporaryDirectory() as place:
                environment = {**one_thread(), "PYTHONPATH": str(folder)}
                began = time.perf_counter()
                subprocess.run(
                    [*NNEXP, *words, f"engine={engine}", *WORKERS[2]],
                    cwd=place,
                    env=environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                return time.perf_counter() - began

        return run

    pairs = paired(command("native"), command("numpy"), 1 if quick else 3)
    return faster("sweep of 64 runs of 400 epochs", "s", pairs, peer_name="numpy", goal=2.2)
