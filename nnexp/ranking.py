"""The finished jobs of a sweep, compared: which metric compares them, a table, a picture."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnexp.console import say, table
from nnexp.errors import counted
from nnexp.experiment import Settings
from nnexp.fields import hyperparameters
from nnexp.ledger import Job
from nnexp.record import with_options
from nnexp.registry import GROUPS

KEY = re.compile(r"(?:(?<=^)|(?<= ))[^\s=]+(?==)")
"""A key in a run's name: ``optimizer.learning_rate`` in ``loss=mae optimizer.learning_rate=0.1``."""


def draw(found: Sequence[Ranking], title: str, path: Path) -> None:
    """Draw the runs' curves, a panel for each ranking."""
    from nnexp.pictures import Panel, comparison

    panels = []
    for each in found:
        name = each.measure.name
        curves = {label(job): job.result["history"].get(name, []) for job in each.jobs}
        panels.append(Panel(curves, name, f"{title}: {each.dataset}" if each.dataset else title))
    comparison(panels, path)


def label(job: Job) -> str:
    """A curve's name: unique, and what was varied first."""
    return f"{job.result['name']} (#{job.number})"


@dataclass(frozen=True)
class Yardstick:
    """The metric that runs are compared by."""

    name: str
    differing: str = ""
    """What keeps their costs from being compared, such as ``losses``; the metric is then one that is better if higher."""

    def rank(self, job: Job) -> float:
        """What sorts the best first; not a number comes last."""
        value = job.result["metrics"].get(self.name, math.nan)
        return math.inf if math.isnan(value) else -value if self.differing else value

    @property
    def part(self) -> str:
        """Which samples it was measured on."""
        return self.name.partition("/")[2]


def yardstick(finished: Sequence[Job]) -> Yardstick | None:
    """The cost; where the jobs' costs cannot be compared, r2 or accuracy; None where they share neither.

    Costs compare where the loss, the dataset and the units of a scaled target are the same.
    """
    part = "validation" if all("cost/validation" in job.result["metrics"] for job in finished) else "train"
    reasons = {
        "datasets": [job.config["dataset"] for job in finished],
        "losses": [job.result["loss"] for job in finished],
        "scalings": [job.result["scaled"] and job.config["scale"]["target"] for job in finished],
    }
    differing = [name for name, values in reasons.items() if any(value != values[0] for value in values)]
    if not differing:
        return Yardstick(f"cost/{part}")
    for name in ("r2", "accuracy"):
        if all(f"{name}/{part}" in job.result["metrics"] for job in finished):
            return Yardstick(f"{name}/{part}", differing[0])
    return None


@dataclass(frozen=True)
class Ranking:
    """Jobs that compare, best first, and what by. ``dataset`` tells it from the sweep's other rankings, if there are any."""

    jobs: Sequence[Job]
    measure: Yardstick
    dataset: str = ""


def rankings(finished: Sequence[Job]) -> list[Ranking]:
    """One ranking of all jobs; where no metric is common to them, such as of different tasks, one for each dataset."""
    if not finished:
        return []
    common = yardstick(finished)
    if common:
        return [Ranking(sorted(finished, key=common.rank), common)]
    groups: dict[str, list[Job]] = {}
    for job in finished:
        groups.setdefault(dataset_name(job, finished), []).append(job)
    found = []
    for name, group in groups.items():
        measure = yardstick(group)
        assert measure is not None  # a dataset has one task, and a task one set of metrics
        found.append(Ranking(sorted(group, key=measure.rank), measure, name))
    return found


def dataset_name(job: Job, others: Sequence[Job]) -> str:
    """A job's dataset in words, with the options that tell it from datasets of the same name: ``csv (path a.csv)``."""
    own = job.config["dataset"]
    alike = [other.config["dataset"] for other in others if other.config["dataset"]["name"] == own["name"]]
    telling = {key: value for key, value in own.items() if any(other[key] != value for other in alike)}
    return with_options({"name": own["name"]} | telling)


def show(ranking: Ranking, most: int = 20) -> None:
    """Print a ranking: a table of the jobs with all metrics of the samples that they are compared on."""
    measure, shown = ranking.measure, ranking.jobs[:most]
    metrics = list(dict.fromkeys(name for job in shown for name in job.result["metrics"] if is_of(name, measure.part)))
    columns = ["", "job", "run", *(name.partition("/")[0] for name in metrics), "best epoch", "training"]
    rows = [
        [
            str(place),
            f"#{job.number}",
            name,
            *(f"{job.result['metrics'][each]:.4g}" if each in job.result["metrics"] else "" for each in metrics),
            str(job.result["best_epoch"]),
            f"{job.result['training_seconds']:.2f} s",
        ]
        for place, (job, name) in enumerate(zip(shown, short([job.result["name"] for job in shown]), strict=True), 1)
    ]
    say("")
    of = f" of {ranking.dataset}" if ranking.dataset else ""
    why = f"; costs of different {measure.differing} do not compare" if measure.differing else ""
    table(columns, rows, title=f"{counted(len(ranking.jobs), 'run')}{of}, best first by {measure.name}{why}")
    if len(ranking.jobs) > most:
        say(f"and {len(ranking.jobs) - most} more")


def is_of(metric: str, part: str) -> bool:
    """Whether a metric, such as ``cost/validation``, was measured on ``part``."""
    return metric.endswith(f"/{part}")


def short(names: Sequence[str]) -> list[str]:
    """Runs' names with ``learning_rate`` for ``optimizer.learning_rate``, where no other key could be meant."""
    keys = set(re.findall(KEY, " ".join(names))) | {item.name for item in hyperparameters(Settings)} | set(GROUPS)
    ends = Counter(key.rpartition(".")[2] for key in keys)

    def end(found: re.Match[str]) -> str:
        last = found[0].rpartition(".")[2]
        return last if ends[last] == 1 else found[0]

    return [re.sub(KEY, end, name) for name in names]
