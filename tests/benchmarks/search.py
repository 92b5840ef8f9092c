"""A search beside the jobs of a plain sweep: what asking and telling cost, and how long workers wait for each other.

* Asking and telling for 200 trials of TPE in a space of four keys, by trials.
* The share of their time that 8 workers are idle with ``search.lag=16``, simulated: 400 trials whose lengths spread evenly from
  half the mean to one and a half.

How good searches are is shown by ``python -m tests.benchmarks.search_quality``.
"""

from __future__ import annotations

import heapq
import statistics
import time
from collections.abc import Iterator

import numpy as np

from tests.benchmarks.measure import Row
from tests.benchmarks.search_quality import LAG, SPACE


def rows(*, quick: bool) -> Iterator[Row]:
    """The comparisons, one after the other."""
    figures = [asking(seed) for seed in range(1 if quick else 5)]
    yield value("asking and telling, 200 trials", "ms", figures, goal=10)
    figures = [100 * idle(seed) for seed in range(1 if quick else 10)]
    yield value("idle, 8 workers, lag 16", "%", figures, goal=10, note="simulated")


def value(name: str, unit: str, figures: list[float], *, goal: float, note: str = "") -> Row:
    """A row of figures that are compared with nobody's."""
    middle = statistics.median(figures)
    return Row(name, unit, middle, None, "", "value", middle, min(figures), max(figures), len(figures), goal, note=note)


def asking(seed: int, trials: int = 200) -> float:
    """Milliseconds of processor time a trial."""
    from nnexp_search.samplers import Tpe

    Tpe().begin(seed, ["minimize"]).ask(0, SPACE)  # Optuna is imported
    costs = np.random.default_rng(seed).uniform(size=trials).tolist()
    sampling = Tpe().begin(seed, ["minimize"])
    began = time.process_time()
    for number in range(trials):
        if number > LAG:
            sampling.tell(number - LAG - 1, [costs[number - LAG - 1]])
        sampling.ask(number, SPACE)
    return 1000 * (time.process_time() - began) / trials


def idle(seed: int, workers: int = 8, lag: int = 16, trials: int = 400) -> float:
    """The share of the workers' time, up to when the last trial begins, in which they wait."""
    lengths = np.random.default_rng(seed).uniform(0.5, 1.5, size=trials).tolist()
    free = [0.0] * workers
    told = 0.0
    ends: list[float] = []
    busy = 0.0
    for number, length in enumerate(lengths):
        if number > lag:
            told = max(told, ends[number - lag - 1])
        start = max(heapq.heappop(free), told)
        ends.append(start + length)
        heapq.heappush(free, ends[-1])
    over = start
    busy = sum(min(over, end) - (end - length) for end, length in zip(ends, lengths, strict=True))
    return float(1 - busy / (workers * over))
