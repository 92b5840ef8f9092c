"""The metric that runs of a sweep are compared by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nnexp.composition.search import directions_of, metrics_of
from nnexp.experiment.plan import MOST_EPOCHS
from nnexp.sweep.ledger import Job
from nnexp.sweep.manifest import Manifest


@dataclass(frozen=True)
class Yardstick:
    """The metric that runs are compared by."""

    name: str
    differing: str = ""
    """What keeps their costs from being compared, such as ``losses``; the metric is then one that is better if higher."""
    maximized: bool = False
    """Whether it is what a search makes as high as it can."""

    @property
    def higher(self) -> bool:
        """Whether higher values are better."""
        return self.maximized or bool(self.differing)

    def of(self, job: Job) -> float:
        """A job's value; not a number where it has none."""
        return job.result.metrics.get(self.name, math.nan)

    def place(self, job: Job) -> tuple[int, float]:
        """What sorts the best job first; one that was paused comes after those that were trained further."""
        return -job.result.epochs if job.result.paused else -MOST_EPOCHS - 1, self.rank(self.of(job))

    def rank(self, value: float) -> float:
        """What sorts the best value first; not a number comes last."""
        return math.inf if math.isnan(value) else -value if self.higher else value

    @property
    def part(self) -> str:
        """Which samples it was measured on."""
        return self.name.partition("/")[2]


def yardstick(finished: Sequence[Job]) -> Yardstick | None:
    """The cost; where the jobs' costs cannot be compared, r2 or accuracy; None where they share neither.

    Costs compare where the loss, the dataset and the units of a scaled target are the same.
    """
    part = "validation" if all("cost/validation" in job.result.metrics for job in finished) else "train"
    reasons = {
        "datasets": [job.config["dataset"] for job in finished],
        "losses": [job.result.loss for job in finished],
        "scalings": [job.result.scaled and job.config["scale"]["target"] for job in finished],
    }
    differing = [name for name, values in reasons.items() if any(value != values[0] for value in values)]
    if not differing:
        return Yardstick(f"cost/{part}")
    for name in ("r2", "accuracy"):
        if all(f"{name}/{part}" in job.result.metrics for job in finished):
            return Yardstick(f"{name}/{part}", differing[0])
    return None


def of_search(finished: Sequence[Job], manifest: Manifest) -> Yardstick | None:
    """What a search has made as good as it could, the first of two metrics; None where none was named."""
    metrics = metrics_of(manifest.search)
    if not metrics or not all(metrics[0] in job.result.metrics for job in finished):
        return None
    return Yardstick(metrics[0], maximized=directions_of(manifest.search)[0] == "maximize")
