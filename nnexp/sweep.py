"""A sweep from its first job to its end: its manifest is written, its jobs are ranked, its best model is stored."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nnexp.console import say
from nnexp.errors import first_line
from nnexp.ledger import Job, key_of, update_manifest, write_manifest
from nnexp.ranking import draw, rankings, show
from nnexp.settings import TrackingSettings, store_words
from nnexp.tracking.delivery import run_id_of
from nnexp.tracking.result import write_result
from nnexp.tracking.store import Store
from nnexp.tracking.waiting import entries, settle_everywhere

COMPARISON = "comparison.png"


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


def close(directory: Path) -> tuple[list[Job], list[Job]]:
    """Bring the manifest up to date, draw the comparison, print the rankings.

    Returns the finished jobs, best first (those of the first ranking before those of the next), and the failed.
    """
    done, manifest = update_manifest(directory)
    found = rankings(done, manifest)
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
    run_id = run_id_of(best.directory)
    if tracking.name == "none" or not run_id:
        return None
    if tracking.model == "auto" and best.result["status"] == "FINISHED":
        store = Store.connect(tracking.uri, tracking.experiment, Path.cwd() / "outputs")
        if not store.has_model(run_id):
            store.log_model(run_id, best.directory, best.result["requirements"])
    return store_words(tracking)
