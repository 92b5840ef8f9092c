"""A sweep that is a grid: its points, its settings (the jobs that differ in their seed only), its gaps.

Effects are of a grid without gaps (``complete``): a rate at which relu diverges and tanh gets through, badly, would make relu
look twelve times better than tanh. Values that miss runs are left out, the worst first, and named. A setting with a missing
seed is ranked after the complete ones: the mean of the seeds it got through flatters it.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nnexp.sweep.ledger import Job
from nnexp.sweep.manifest import Manifest
from nnexp.sweep.states import key_of
from nnexp.sweep.student import Interval

NOISE = "seed"
"""The key that stands for chance."""

Points = Mapping[int, Mapping[str, str]]
"""By job number: its value of each swept key."""


def points(manifest: Manifest) -> Points:
    """The points of a full grid; none where another sweeper chose the jobs as it went."""
    swept = manifest.swept
    found = [
        {key_of(line): line.partition("=")[2] for line in job.overrides if key_of(line) in swept}
        for job in manifest.jobs
    ]
    values = {key: {point.get(key) for point in found} for key in swept}
    distinct = {tuple(point.values()) for point in found}
    full = bool(swept) and all(len(point) == len(values) for point in found)
    return dict(enumerate(found)) if full and len(distinct) == math.prod(map(len, values.values())) else {}


def among(grid: Points, here: Collection[int], elsewhere: Collection[int]) -> Points:
    """The part of a grid that the jobs ``here`` are from: without the values that only jobs ``elsewhere`` have."""
    own = {each for number in here for each in grid.get(number, {}).items()}
    others = {each for number in elsewhere for each in grid.get(number, {}).items()} - own
    return {number: point for number, point in grid.items() if not others.intersection(point.items())}


@dataclass(frozen=True)
class Gap:
    """A value that is left out of a comparison, since ``missing`` of its ``planned`` runs are."""

    key: str
    value: str
    missing: int
    planned: int


def complete(grid: Points, there: Collection[int]) -> tuple[Points, list[Gap]]:
    """The part of a grid without gaps: values are left out, the one that misses the largest share of its runs first.

    ``there`` are the jobs that finished. Of equals a seed is left out rather than something that is to be compared.
    """
    left, gaps = dict(grid), []
    while any(number not in there for number in left):
        planned = Counter(each for point in left.values() for each in point.items())
        missing = Counter(each for number, point in left.items() if number not in there for each in point.items())
        worst = max(missing, key=lambda each: (missing[each] / planned[each], each[0] == NOISE, -planned[each]))
        gaps.append(Gap(*worst, missing[worst], planned[worst]))
        left = {number: point for number, point in left.items() if point[worst[0]] != worst[1]}
    return left, gaps


@dataclass(frozen=True)
class Setting:
    """The jobs of one combination of the swept values, one for each seed."""

    name: str
    finished: Sequence[Job]
    lost: Mapping[str, int]
    """How many did not finish, by what became of them: ``{"diverged": 1}``."""

    @property
    def missing(self) -> int:
        """How many did not finish."""
        return sum(self.lost.values())

    def mean(self, metric: str) -> float:
        """Over the seeds that finished."""
        return statistics.fmean(self._values(metric))

    def spread(self, metric: str) -> float:
        """The standard deviation over the seeds that finished (n - 1); not a number for one, nor where a value is none."""
        values = self._values(metric)
        return statistics.stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else math.nan

    def interval(self, metric: str) -> Interval | None:
        """The 95% interval of the mean; None for one seed, or where a value is none."""
        return Interval.of(self._values(metric))

    def has(self, metric: str) -> bool:
        """Whether its runs have the metric, be it undefined."""
        return all(metric in job.result.metrics for job in self.finished)

    def seeds(self) -> str:
        """How many seeds finished, and what became of the others: ``2 of 3 (1 diverged)``."""
        if not self.lost:
            return str(len(self.finished))
        others = ", ".join(f"{number} {what}" for what, number in self.lost.items())
        return f"{len(self.finished)} of {len(self.finished) + self.missing} ({others})"

    def _values(self, metric: str) -> list[float]:
        return [job.result.metrics.get(metric, math.nan) for job in self.finished]


def settings(grid: Points, done: Sequence[Job], finished: Sequence[Job]) -> list[Setting]:
    """The settings of which a job is among the ``finished``, best first each; empty where the seed was not swept.

    ``done`` are all jobs of the sweep that ended, so that a setting knows what became of its other seeds.
    """
    if not any(NOISE in point for point in grid.values()):
        return []
    ended = {job.number: job for job in done}
    lost: dict[str, Counter[str]] = {}
    for number, point in grid.items():
        if number not in ended or not ended[number].finished:
            what = ended[number].state if number in ended else "not run"
            lost.setdefault(setting_name(point), Counter())[what] += 1
    groups: dict[str, list[Job]] = {}
    for job in finished:
        groups.setdefault(setting_name(grid[job.number]), []).append(job)
    return [Setting(each, jobs, lost.get(each, {})) for each, jobs in groups.items()]


def setting_name(point: Mapping[str, str]) -> str:
    """A setting's name: the values of what was swept beside the seed."""
    return " ".join(f"{key}={value}" for key, value in point.items() if key != NOISE)
