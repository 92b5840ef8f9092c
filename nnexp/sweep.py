"""What the runs of one command have in common: the sweep's manifest, and at the end a ranking and a picture."""

from __future__ import annotations

import functools
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nnexp.console import say, table
from nnexp.errors import counted, first_line
from nnexp.experiment import Settings
from nnexp.fields import hyperparameters
from nnexp.record import with_options
from nnexp.registry import GROUPS
from nnexp.run import CONFIG
from nnexp.settings import TrackingSettings, store_words
from nnexp.tracking.result import RESULT, write_result
from nnexp.tracking.store import Store
from nnexp.tracking.waiting import entries, settle_everywhere

MANIFEST, COMPARISON = "manifest.json", "comparison.png"

KEY = re.compile(r"(?:(?<=^)|(?<= ))[^\s=]+(?==)")
"""A key in a run's name: ``optimizer.learning_rate`` in ``loss=mae optimizer.learning_rate=0.1``."""


class Recorder(Callback):
    """Hydra's hook before the first job: writes the manifest."""

    directory: ClassVar[Path | None] = None
    """Of the sweep that this process started, for the ranking at the end."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write which keys are swept and, where the sweep is a grid, which jobs there will be."""
        directory = Path(config.hydra.sweep.dir)
        directory.mkdir(parents=True, exist_ok=True)
        overrides = [str(each) for each in config.hydra.overrides.task]
        params = OmegaConf.to_container(OmegaConf.create(config.hydra.sweeper.get("params") or {}))
        overrides += [f"{key!s}={value}" for key, value in params.items()] if isinstance(params, dict) else []
        parsed = OverridesParser.create().parse_overrides(overrides)
        swept = [each.key_or_group for each in parsed if each.is_sweep_override()]
        manifest = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": sys.argv[1:],
            "overrides": overrides,
            "swept": swept,
            "jobs": grid(config, overrides),
        }
        write_manifest(directory, manifest)
        Recorder.directory = directory.absolute()


def grid(config: DictConfig, overrides: list[str]) -> list[dict[str, Any]]:
    """The jobs of Hydra's basic sweeper, in order; empty where another sweeper chooses them as it goes."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    if not str(config.hydra.sweeper.get("_target_", "")).endswith("basic_sweeper.BasicSweeper"):
        return []
    batches = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(overrides), None)
    return [{"overrides": list(job), "state": "waiting"} for batch in batches for job in batch]


def write_manifest(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest in one step."""
    path = directory / MANIFEST
    path.with_suffix(".tmp").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    path.with_suffix(".tmp").replace(path)


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a sweep's directory; empty where there is none."""
    path = directory / MANIFEST
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return manifest


def key_of(line: str) -> str:
    """The key of an override."""
    return line.lstrip("+").partition("=")[0]


def run_name(directory: Path, overrides: Sequence[str]) -> str:
    """What tells a job apart from the others of its sweep: its values of the swept keys."""
    swept = read_manifest(directory).get("swept") or []
    own = [line for line in overrides if key_of(line) in swept]
    return " ".join(own or overrides)


@dataclass(frozen=True)
class Job:
    """One job of a sweep that ended, with its ``result.json``."""

    number: int
    directory: Path
    result: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether it trained to its end, now or as an earlier run that is reused."""
        return self.result.get("status") in {"FINISHED", "REUSED"}

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of a finished job."""
        import yaml

        read: dict[str, Any] = yaml.safe_load((self.directory / CONFIG).read_text(encoding="utf-8"))
        return read


def jobs(directory: Path) -> list[Job]:
    """The jobs of a sweep that left a result, in order."""
    found = [path for path in directory.glob(f"*/{RESULT}") if path.parent.name.isdigit()]
    read = [Job(int(path.parent.name), path.parent, json.loads(path.read_text(encoding="utf-8"))) for path in found]
    return sorted(read, key=lambda job: job.number)


def update_manifest(directory: Path) -> tuple[list[Job], dict[str, Any]]:
    """Bring the manifest's states up to date; the jobs that left a result, and the manifest."""
    done = jobs(directory)
    manifest = read_manifest(directory)
    listed = manifest.get("jobs") or [{"overrides": [], "state": "waiting"} for _ in done]
    for job in done:
        if job.number < len(listed):
            listed[job.number]["state"] = str(job.result["status"]).lower()
    manifest["jobs"] = listed
    write_manifest(directory, manifest)
    return done, manifest


def close(directory: Path) -> tuple[list[Job], list[Job]]:
    """Bring the manifest up to date, draw the comparison, print the rankings.

    Returns the finished jobs, best first (those of the first ranking before those of the next), and the failed.
    """
    done, manifest = update_manifest(directory)
    found = rankings([job for job in done if job.finished])
    if found:
        fixed = [line for line in manifest.get("overrides", []) if key_of(line) not in manifest["swept"]]
        draw(found, " ".join(fixed) or directory.name, directory / COMPARISON)
    for each in found:
        show(each)
    failed = [job for job in done if not job.finished]
    if failed:
        say("")
    for job in failed:
        say(f"#{job.number} {job.result['status'].lower()}: {first_line(job.result['reason'])}")
    return [job for each in found for job in each.jobs], failed


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


def write_failure(directory: Path, reason: str) -> None:
    """Note why a job was refused before it could train."""
    directory.mkdir(parents=True, exist_ok=True)
    write_result(directory, {"status": "FAILED", "reason": reason})


def deliver_rest(directory: Path, outputs: Path) -> list[str]:
    """Deliver what the sweep's jobs could not; what is said of those that still wait."""
    mine = [entry for entry in entries(outputs) if entry.directory.parent == directory]
    config = next(directory.glob("*/.hydra/config.yaml"), None) if mine else None
    uri = OmegaConf.load(config).tracking.uri if config else None
    return [words for _, words, done in settle_everywhere(mine, uri, outputs) if not done]


def store_best(best: Job) -> str | None:
    """Store the model of a sweep's best run where ``tracking.model=auto``; the words that open its store, if there is one."""
    config = OmegaConf.load(best.directory / ".hydra" / "config.yaml")
    tracking = TrackingSettings(**config.tracking)
    if tracking.name == "none" or "run_id" not in best.result:
        return None
    if tracking.model == "auto" and best.result["status"] == "FINISHED":
        store = Store.connect(tracking.uri, tracking.experiment, Path.cwd() / "outputs")
        if not store.has_model(best.result["run_id"]):
            store.log_model(best.result["run_id"], best.directory, best.result["requirements"])
    return store_words(tracking)
