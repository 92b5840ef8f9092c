"""What the runs of one command have in common: the sweep's manifest, and at the end a ranking and a picture."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nnexp.console import say, table
from nnexp.errors import first_line
from nnexp.run import TrackingSettings, store_words
from nnexp.tracking.result import RESULT, write_result
from nnexp.tracking.store import Store
from nnexp.tracking.waiting import entries, settle_everywhere

MANIFEST, COMPARISON = "manifest.json", "comparison.png"


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
    """Bring the manifest up to date, draw the comparison, print the ranking; the finished jobs, best first, and the failed."""
    done, manifest = update_manifest(directory)
    finished = [job for job in done if job.finished]
    measure = yardstick(finished)
    ranked = sorted(finished, key=lambda job: measure.rank(job.result["metrics"].get(measure.name, float("nan"))))
    if ranked:
        from nnexp.pictures import comparison

        curves = {label(job): job.result["history"].get(measure.name, []) for job in ranked}
        fixed = [line for line in manifest.get("overrides", []) if key_of(line) not in manifest["swept"]]
        comparison(curves, measure.name, " ".join(fixed) or directory.name, directory / COMPARISON)
        ranking(ranked, measure)
    failed = [job for job in done if not job.finished]
    if failed:
        say("")
    for job in failed:
        say(f"#{job.number} {job.result['status'].lower()}: {first_line(job.result['reason'])}")
    return ranked, failed


def label(job: Job) -> str:
    """A curve's name: unique, and what was varied first."""
    return f"{job.result['name']} (#{job.number})"


@dataclass(frozen=True)
class Yardstick:
    """The metric that runs are compared by."""

    name: str
    higher_is_better: bool = False

    def rank(self, value: float) -> float:
        """What sorts the best first; not a number comes last."""
        return math.inf if math.isnan(value) else -value if self.higher_is_better else value

    @property
    def part(self) -> str:
        """Which samples it was measured on."""
        return self.name.partition("/")[2]


def yardstick(finished: Sequence[Job]) -> Yardstick:
    """The cost; where the jobs minimise different losses, whose costs cannot be compared, r2 or accuracy."""
    part = "validation" if all("cost/validation" in job.result["metrics"] for job in finished) else "train"
    if len({str(job.result["loss"]) for job in finished}) > 1:
        for name in ("r2", "accuracy"):
            if all(f"{name}/{part}" in job.result["metrics"] for job in finished):
                return Yardstick(f"{name}/{part}", higher_is_better=True)
    return Yardstick(f"cost/{part}")


def ranking(ranked: Sequence[Job], measure: Yardstick, most: int = 20) -> None:
    """Print the finished jobs, best first."""
    metrics = [name for name in ranked[0].result["metrics"] if name.endswith(f"/{measure.part}")]
    columns = ["", "job", "run", *(name.partition("/")[0] for name in metrics), "best epoch", "training"]
    rows = [
        [
            str(place),
            f"#{job.number}",
            str(job.result["name"]),
            *(f"{job.result['metrics'].get(name, float('nan')):.4g}" for name in metrics),
            str(job.result["best_epoch"]),
            f"{job.result['training_seconds']:.2f} s",
        ]
        for place, job in enumerate(ranked[:most], 1)
    ]
    say("")
    why = "; costs of different losses do not compare" if measure.higher_is_better else ""
    table(columns, rows, title=f"{len(ranked)} runs, best first by {measure.name}{why}")
    if len(ranked) > most:
        say(f"and {len(ranked) - most} more")


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
