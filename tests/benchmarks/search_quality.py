"""``python -m tests.benchmarks.search_quality [--seeds N] [--epochs N]``: how good searches are, as two tables.

The space: learning_rate log 1e-3 to 1, hidden [8] [16] [32] [64], relu or tanh, batch size 8 to 128. A search's outcome is the
lowest last cost on the validation part among its trials. Trials are trained in this process by the library's own parts; the
sampler is asked and told as a search with ``search.lag=4`` does.

1. TPE with 64 trials against random search with 128, for each dataset the median over the seeds of the search.
2. Halving (3, three rungs) against the full search of 64 trials, both by TPE: the median of the ratio of their costs for the
   same seed, and the share of the epochs.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nnexp.errors import NnexpError
from nnexp.experiment.data import Cache
from nnexp.experiment.experiment import prepare
from nnexp.experiment.plan import plan
from nnexp.plugin import Options, Search, Space, Span, Value

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins" / "nnexp-search" / "src"))
DATASETS = ("digits", "breast_cancer", "sine")
SPACE: Space = {
    "rate": Span(1e-3, 1.0, log=True),
    "hidden": Options(("8", "16", "32", "64")),
    "activation": Options(("relu", "tanh")),
    "batch": Span(8, 128),
}
LAG = 4


class Trainer:
    """Trains trials on one dataset; what was trained once is known, so that searches share it."""

    def __init__(self, dataset: str, epochs: int) -> None:
        self.dataset, self.epochs = dataset, epochs
        self._cache = Cache(2**28)
        self._known: dict[tuple[Value, ...], list[float]] = {}

    def costs(self, values: Mapping[str, Value]) -> list[float]:
        """The cost of each epoch; fewer than all where it diverged."""
        key = tuple(values.values())
        if key not in self._known:
            config: dict[str, Any] = {
                "dataset": self.dataset,
                "activation": values["activation"],
                "optimizer": {"name": "minibatch", "learning_rate": values["rate"], "batch_size": values["batch"]},
                "network": {"hidden": [int(values["hidden"])]},
                "epochs": self.epochs,
            }
            found: list[float] = []
            with contextlib.suppress(NnexpError):  # it diverged
                found.extend(epoch.metrics["cost/validation"] for epoch in prepare(plan(config), self._cache).epochs())
            self._known[key] = found
        return self._known[key]


def searched(search: Search, seed: int, trials: int, cost: Callable[[Mapping[str, Value]], float | None]) -> list[Any]:
    """The trials of a search, each with what it was told."""
    sampling = search.begin(seed, ["minimize"])
    made: list[tuple[Mapping[str, Value], float | None]] = []
    for number in range(trials):
        if (past := number - LAG - 1) >= 0:
            told = made[past][1]
            sampling.tell(past, None if told is None else [told])
        values = sampling.ask(number, SPACE)
        made.append((values, cost(values)))
    return made


def best(trainer: Trainer, search: Search, seed: int, trials: int) -> float:
    """The lowest cost of a search in full."""

    def last(values: Mapping[str, Value]) -> float | None:
        costs = trainer.costs(values)
        return costs[-1] if len(costs) == trainer.epochs else None

    return min(float(each) for _, each in searched(search, seed, trials, last) if each is not None)


def halved(trainer: Trainer, search: Search, seed: int, trials: int) -> tuple[float, int]:
    """The lowest cost of a search with halving, and the epochs that it took."""
    rungs = [trainer.epochs // 9, trainer.epochs // 3, trainer.epochs]

    def at(values: Mapping[str, Value], rung: int) -> float | None:
        costs = trainer.costs(values)
        return costs[rung - 1] if len(costs) >= rung else None

    left = [values for values, _ in searched(search, seed, trials, lambda values: at(values, rungs[0]))]
    spent, before = 0, 0
    for place, rung in enumerate(rungs):
        spent += len(left) * (rung - before)
        before = rung
        scored = sorted((cost, number) for number, each in enumerate(left) if (cost := at(each, rung)) is not None)
        if place + 1 < len(rungs):
            left = [left[number] for _, number in sorted(scored[: max(1, len(left) // 3)], key=lambda one: one[1])]
    return scored[0][0], spent


def main() -> None:
    """Print the tables, a line as soon as it is known."""
    from nnexp_search.samplers import Random, Tpe

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.search_quality")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=45)
    given = parser.parse_args()
    print(f"{given.seeds} seeds, {given.epochs} epochs; lowest validation cost, medians over the seeds")
    print("dataset        random 128  tpe 64  tpe/random  halving 64  halving/tpe  epochs of it")
    for dataset in DATASETS:
        trainer = Trainer(dataset, given.epochs)
        rows = []
        for seed in range(given.seeds):
            full, (cost, spent) = best(trainer, Tpe(), seed, 64), halved(trainer, Tpe(), seed, 64)
            rows.append((best(trainer, Random(), seed, 128), full, cost, cost / full, spent / (64 * given.epochs)))
        random, tpe, halving, ratio, share = (statistics.median(each) for each in zip(*rows, strict=True))
        cells = (f"{random:>10.4g}", f"{tpe:>6.4g}", f"{tpe / random:>10.3f}", f"{halving:>10.4g}", f"{ratio:>11.3f}")
        print("  ".join([f"{dataset:<13}", *cells, f"{share:>12.0%}"]), flush=True)


if __name__ == "__main__":
    main()
