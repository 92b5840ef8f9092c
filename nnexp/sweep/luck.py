"""Is it luck? Whether the best setting of a sweep over seeds is better than the next, or only had the better seeds.

Settings are trained on the same seeds, so they are compared seed by seed: what a seed does to all of them cancels. The test is
the paired t-test (Student, 1908). The best was found by looking at all of them, so p is corrected for all pairs of settings
(Holm, 1979): among many settings some pair differs by luck alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import counted, listed
from nnexp.sweep.grid import NOISE, Points, Setting
from nnexp.sweep.student import LEVEL, Interval, holm, quantile, two_sided

POWER = 0.8
"""How often the seeds that are recommended would show a difference as large as it seems."""
MOST_SEEDS = 200
"""More are not recommended: a difference that takes them is a small one."""
ROUNDING = 1e-12
"""A difference that counts for none, relative to the larger value."""
MOST_SETTINGS = 1000
"""More pairs than these settings have are not compared."""


@dataclass(frozen=True)
class Luck:
    """The best setting against the next one, and against all others."""

    best: str
    next: str
    by: float
    """By how much the mean of the next is worse."""
    interval: Interval
    """Of that difference, not corrected."""
    p: float
    """Corrected."""
    seeds: int
    pairs: int
    enough: int | None
    """Seeds that would tell the two apart, if the difference is what it seems; None where it would take too many."""
    alike: tuple[str, ...]
    """The settings that are not distinguishable from the best."""
    equal: bool = False
    """Whether the best and the next have the same value on each seed."""

    @property
    def distinguishable(self) -> bool:
        """Whether the best is better than the next beyond luck."""
        return self.p < LEVEL


def luck(settings: Sequence[Setting], grid: Points, metric: str, *, higher: bool = False) -> Luck | None:
    """Compare the settings, best first, that have all their seeds; None where there are not two with two seeds in common."""
    complete = [each for each in settings if not each.missing][:MOST_SETTINGS]
    by_seed = [of_seeds(each, grid, metric) for each in complete]
    shared = [seed for seed in by_seed[0] if all(seed in each for each in by_seed)] if by_seed else []
    if len(complete) < 2 or len(shared) < 2:
        return None
    values = np.array([[each[seed] for seed in shared] for each in by_seed]) * (-1 if higher else 1)
    if not np.isfinite(values).all():
        return None
    n, names = len(shared), [each.name for each in complete]
    p = pair_ps(values)
    differences = values[1] - values[0]
    interval = Interval.of(list(differences))
    assert interval is not None
    alike = tuple(name for name, each in zip(names[1:], p[: len(names) - 1], strict=True) if each >= LEVEL)
    enough = seeds_needed(differences, len(p))
    by, equal = float(differences.mean()), not differences.any()
    return Luck(names[0], names[1], by, interval, float(p[0]), n, len(p), enough, alike, equal)


def of_seeds(setting: Setting, grid: Points, metric: str) -> Mapping[str, float]:
    """A setting's values by seed, in the order of the grid."""
    jobs = sorted(setting.finished, key=lambda job: job.number)
    return {grid[job.number][NOISE]: job.result.metrics.get(metric, math.nan) for job in jobs}


def pair_ps(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corrected p of each pair of rows (settings) over the columns (seeds), those with the first row first."""
    n = values.shape[1]
    found = [t_statistics(row, values[number + 1 :]) for number, row in enumerate(values[:-1])]
    return holm(two_sided(np.concatenate(found), n - 1))


def t_statistics(row: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """|mean| sqrt(n) / spread of each other row's differences to a row; 0 where they differ by rounding alone."""
    size = np.maximum(np.abs(others).max(axis=1), np.abs(row).max())
    scaled = (
        size[:, None] + (size == 0)[:, None]
    )  # costs may be as large as float64 goes, and t is the same of any unit
    differences = others / scaled - row / scaled
    by, spread = np.abs(differences.mean(axis=1)), differences.std(axis=1, ddof=1)
    by[by < ROUNDING] = 0
    spread[spread < ROUNDING] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(by == 0, 0.0, by * math.sqrt(len(row)) / spread)


def seeds_needed(differences: NDArray[np.float64], pairs: int) -> int | None:
    """How many seeds would show such a difference with the power: the n of t_(1 - a/2) + t_power <= mean sqrt(n) / spread.

    a is the level over the number of pairs, as for the smallest p of Holm's.
    """
    with np.errstate(over="ignore"):
        mean, spread = abs(float(differences.mean())), float(differences.std(ddof=1))
    alarm, power = 1 - LEVEL / pairs, 2 * POWER - 1
    normal = NormalDist()
    fewest = (normal.inv_cdf((1 + alarm) / 2) + normal.inv_cdf((1 + power) / 2)) ** 2 * spread**2  # t has wider tails
    if not 0 < fewest <= MOST_SEEDS * mean**2:
        return None if mean == 0 or spread > 0 else 2
    n = max(2, math.ceil(fewest / mean**2))
    while (quantile(alarm, n - 1) + quantile(power, n - 1)) * spread > mean * math.sqrt(n):
        n += 1
    return n


def sentences(found: Luck, names: Mapping[str, str]) -> Iterator[str]:
    """What was found, for somebody who has not heard of it; ``names`` are the settings' short ones."""
    over = f"{found.seeds} seeds"
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.2g}"
    of = f"paired t-test over {over}, corrected for {counted(found.pairs, 'pair')} by Holm's method"
    pair = f"{names[found.best]} is better than the next, {names[found.next]}, by {found.by:.3g} on the same seeds"
    if found.equal:
        yield f"{names[found.best]} and {names[found.next]} are the same on each of {over}: there is no difference."
    elif found.distinguishable:
        yield f"Is it luck? Hardly: {pair} (95% interval {found.interval}); {p} ({of})."
    else:
        yield f"Is it luck? It may be: {pair} (95% interval {found.interval}); luck alone does that often: {p} ({of})."
        if found.enough is None:
            yield f"Even {MOST_SEEDS} seeds would hardly tell these two apart."
        else:
            seeds = max(found.enough, found.seeds + 1)
            yield f"About {seeds} seeds would tell these two apart, if they differ as much as it seems."
    rest = [names[each] for each in found.alike if each != found.next or found.distinguishable]
    if rest:
        yield f"Not told apart from the best{'' if found.distinguishable else ' either'}: {listed(rest, most=4)}."
