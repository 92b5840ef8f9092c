"""One run, from a plain configuration to files, an MLflow record and a result. Knows nothing of Hydra."""

from __future__ import annotations

import json
import logging
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nnexp import registry
from nnexp.console import Console, note
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.experiment import SECTIONS, Experiment, Plan, plan, prepare
from nnexp.fields import check_fields, hyperparameters
from nnexp.plugin import Plugin, param
from nnexp.registry import GROUPS
from nnexp.tracking.client import masked, without_secrets
from nnexp.tracking.delivery import PROGRESS
from nnexp.tracking.result import write_result
from nnexp.tracking.run import Opening, Target, TrackedRun, Waiting
from nnexp.tracking.store import DataRecord, Store, chosen_uri
from nnexp.tracking.waiting import embedded, entries, settle
from nnexp.training import Diverged

log = logging.getLogger("nnexp")

CONFIG, COST_PICTURE = "config.yaml", "cost.png"
LAST_SECONDS = 1.3
"""What Ctrl-C and SIGTERM leave for delivering: the process is to be gone two seconds after them."""


@dataclass(frozen=True)
class TrackingSettings:
    """``tracking.*``."""

    name: str = param("mlflow", choices=("mlflow", "none"), doc="where the record goes")
    uri: str | None = param(None, doc="MLflow's tracking URI; null: MLFLOW_TRACKING_URI, or outputs/mlflow.db")
    experiment: str = param("nnexp", doc="MLflow's experiment")
    model: str = param("auto", choices=("auto", "all", "none"), doc="auto: of single runs and the best run of a sweep")


@dataclass(frozen=True)
class Place:
    """Where a run stands: its directory, ``outputs/``, what the user typed, and its sweep if it is part of one."""

    directory: Path
    outputs: Path
    overrides: tuple[str, ...] = ()
    name: str = ""
    sweep: str = ""
    job: int | None = None


def check(config: Mapping[str, Any]) -> tuple[Plan, TrackingSettings]:
    """Check a whole configuration, tracking included, before anything is done. Raises NnexpError."""
    rest = dict(config)
    values = rest.pop("tracking", {})
    known = [item.name for item in hyperparameters(TrackingSettings)]
    for key in values:
        if key not in known:
            there = [f"tracking.{each}" for each in known]
            raise NnexpError(
                f"No key 'tracking.{key}'.{did_you_mean(f'tracking.{key}', there)} There are {listed(there)}."
            )
    settings = TrackingSettings(**values)
    check_fields(settings, "tracking.")
    if not settings.experiment.strip():
        raise NnexpError("tracking.experiment must not be empty. Type tracking.experiment=NAME.")
    return plan(rest), settings


def run(config: Mapping[str, Any], place: Place, console: Console) -> float:
    """Train what the configuration says, keep the record, and return the kept epoch's cost, the objective of a sweep.

    Raises NnexpError for whatever is refused or diverges, and Waiting where MLflow does not have all of a single run yet.
    """
    began = time.perf_counter()
    chosen, tracking = check(config)
    experiment = prepare(chosen)
    place.directory.mkdir(parents=True, exist_ok=True)
    target = connect(tracking, place)
    console.opening(describe(experiment))
    tracked = TrackedRun.start(opening(experiment, place, tracking), place.directory, target)
    tracked.warn = console.note
    waits = None
    with closing(tracked, place):
        train(experiment, tracked, console)
        test = experiment.test()
        result = summary(experiment, test, place, began)
        if target and target.store:
            result |= {"run_id": tracked.run_id, "store": store_words(tracking), "link": target.store.links().table}
        keep(experiment, result, place, tracked)
        if tracking.model == "all" or (tracking.model == "auto" and not place.sweep):
            tracked.model(requirements(experiment))
    try:
        tracked.finish("FINISHED")
    except Waiting as error:
        waits = error
    console.result(result)
    if waits and not place.sweep:
        raise waits
    return float(result["objective"])


def train(experiment: Experiment, tracked: TrackedRun | None, console: Console) -> None:
    """The loop over epochs: record each, show each."""
    with console.training(experiment.plan.settings.epochs, experiment.plan.settings.log_every):
        for epoch in experiment.epochs():
            if tracked:
                tracked.record(epoch.number, epoch.metrics, int(epoch.time * 1000))
            console.epoch(epoch)


@contextmanager
def closing(tracked: TrackedRun, place: Place) -> Iterator[None]:
    """Where the block does not end well, close the run with the status that fits."""
    try:
        yield
    except BaseException as error:
        status, reason = ending(error)
        log.error("%s: %s", status, reason)  # noqa: TRY400 (a reason, not a bug)
        try:
            write_result(place.directory, {"status": status, "reason": reason})
            tracked.finish(status, reason, within=LAST_SECONDS if status == "KILLED" else None)
        except Waiting as second:  # the first error is what ended the run
            note(str(second))
        except (NnexpError, OSError):  # nothing can be written any more
            tracked.abandon(status, reason)
        raise


def ending(error: BaseException) -> tuple[Any, str]:
    """MLflow's status and the reason in words."""
    if isinstance(error, Diverged):
        return "FAILED", error.reason
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted (Ctrl-C)"
    if isinstance(error, SystemExit):
        return "KILLED", "terminated (SIGTERM)"
    return "FAILED", str(error) if isinstance(error, NnexpError) else f"{type(error).__name__}: {error}"


def connect(tracking: TrackingSettings, place: Place) -> Target | None:
    """The MLflow store, reachable, with what waited for it delivered; None for ``tracking=none``.

    Raises NnexpError before anything is trained; only in the middle of a sweep a store that does not answer is waited for.
    """
    if tracking.name == "none":
        return None
    try:
        store = Store.connect(tracking.uri, tracking.experiment, place.outputs)
    except NnexpError as error:
        if not place.sweep or not any(place.directory.parent.glob(f"*/{PROGRESS}")):
            raise
        note(f"{str(error).splitlines()[0]} The job's record waits for it.")
        uri = chosen_uri(tracking.uri) or embedded(place.outputs)
        return Target(uri, tracking.experiment, place.outputs, None)
    for _, words, done in settle(entries(place.outputs), store, place.outputs):
        if done:
            note(words)
    return Target(store.uri, store.experiment, place.outputs, store)


def store_words(tracking: TrackingSettings) -> str:
    """What to type after a command that has to find this store again: " --uri ... --experiment ...", where they were chosen."""
    chosen = {"uri": masked(tracking.uri) if tracking.uri else "", "experiment": tracking.experiment}
    given = {key: value for key, value in chosen.items() if value and value != TrackingSettings().experiment}
    return "".join(f" --{key} {shlex.quote(value)}" for key, value in given.items())


def opening(experiment: Experiment, place: Place, tracking: TrackingSettings) -> Opening:
    """What is known of the run before it trains: its parameters, tags and data."""
    data = experiment.data
    chosen = experiment.config()
    record = DataRecord(
        name=chosen["dataset"]["name"],
        digest=experiment.digest()[:36],
        source=str(Path(chosen["dataset"].get("path", chosen["dataset"]["name"])).name),
        features=tuple((f.name, "string" if f.categories else "double") for f in experiment.preprocessing.features),
        target=data.target,
        n_samples=len(data.y),
        n_features=data.x.shape[1],
    )
    name = place.name or " ".join(place.overrides) or chosen["dataset"]["name"]
    named = {"nnexp.overrides": " ".join(place.overrides), **tags(experiment, place)}
    if tracking.uri:  # it is typed among the overrides, password and all
        name, *values = (without_secrets(text, tracking.uri) for text in (name, *named.values()))
        named = dict(zip(named, values, strict=True))
    return Opening(name, flat(chosen), named, record, experiment.plan.settings.epochs)


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted parameters: ``loss`` is the plugin's name, ``loss.delta`` a field, ``network.hidden`` a key."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key in GROUPS:
            found |= {key if name == "name" else f"{key}.{name}": each for name, each in value.items()}
        elif key in SECTIONS:
            found |= {f"{key}.{name}": each for name, each in value.items()}
        else:
            found[key] = value
    return found


def tags(experiment: Experiment, place: Place) -> dict[str, str]:
    """What identifies the run beside its parameters."""
    import hashlib

    import numpy as np

    plugins = ", ".join(f"{name} {number}" for name, number in distributions(experiment).items())
    identity = json.dumps([experiment.config(), plugins, experiment.digest()], sort_keys=True)
    found = {
        "nnexp.key": hashlib.sha256(identity.encode()).hexdigest(),
        "nnexp.plugins": plugins,
        "nnexp.versions": f"python {sys.version.split()[0]}, numpy {np.__version__}",
        "nnexp.directory": str(place.directory.relative_to(place.outputs.parent))
        if place.directory.is_relative_to(place.outputs.parent)
        else str(place.directory),
        "mlflow.source.name": "nnexp",
        "mlflow.source.type": "LOCAL",
    }
    if place.sweep:
        found["nnexp.sweep"] = place.sweep
    commit = git_commit(place.outputs.parent)
    if commit:
        found["mlflow.source.git.commit"] = commit
    return found


def distributions(experiment: Experiment) -> dict[str, str]:
    """The distributions the run's plugins come from, with versions."""
    return registry.distributions(each for each in experiment.plan.chosen().values() if isinstance(each, Plugin))


def git_commit(directory: Path) -> str:
    """The commit of the repository that ``directory`` is in; empty where there is none."""
    if not any((parent / ".git").exists() for parent in (directory, *directory.parents)) or not shutil.which("git"):
        return ""
    command = ["git", "rev-parse", "HEAD"]
    found = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)  # noqa: S603
    return found.stdout.strip() if found.returncode == 0 else ""


def requirements(experiment: Experiment) -> list[str]:
    """What a stored model needs beside nnexp, as pip writes it."""
    return [f"{name}=={number}" for name, number in distributions(experiment).items() if name != "nnexp"]


def describe(experiment: Experiment) -> dict[str, str]:
    """The run in a few words, for the terminal."""
    config, data = experiment.config(), experiment.data
    parts = [f"{len(rows)} {name}" for name, rows in experiment.split._asdict().items() if len(rows)]
    source = Path(config["dataset"].get("path", config["dataset"]["name"])).name
    classes = f", {len(data.classes)} classes" if data.classes else ""
    settings = experiment.plan.settings
    schedule = f"{with_options(config['schedule'])}, " if experiment.plan.schedule.varies else ""
    sizes = "-".join(str(size) for size in experiment.network.sizes)
    return {
        "data": f"{source}: {len(data.y)} samples ({', '.join(parts)}), {data.x.shape[1]} features "
        f"-> {data.target} ({data.task}{classes})",
        "network": f"{sizes}, {config['activation']['name']}, {config['output']['name']} out, "
        f"{experiment.network.theta.size:,} parameters ({config['initializer']['name']})",
        "training": f"{config['loss']['name']}, {with_options(config['optimizer'])}, {schedule}"
        f"{settings.epochs} epochs, seed {settings.seed}",
    }


def with_options(plugin: Mapping[str, Any]) -> str:
    """A plugin in words: ``minibatch (batch_size 32, learning_rate 0.1)``."""
    values = {key: "null" if value is None else value for key, value in plugin.items() if key != "name"}
    options = ", ".join(f"{key} {value}" for key, value in values.items())
    return f"{plugin['name']} ({options})" if options else str(plugin["name"])


def summary(experiment: Experiment, test: dict[str, float], place: Place, began: float) -> dict[str, Any]:
    """The result in plain values: what ``result.json`` keeps and the terminal shows."""
    kept, best, last = experiment.kept, experiment.best, experiment.history[-1]
    assert kept is not None
    assert best is not None
    names = list(last.metrics)
    return {
        "status": "FINISHED",
        "overrides": list(place.overrides),
        "name": place.name,
        "job": place.job,
        "directory": str(place.directory),
        "loss": experiment.config()["loss"],
        "objective": kept.cost,
        "epochs": last.number,
        "stopped": experiment.stopped,
        "best_epoch": best.number,
        "kept_epoch": kept.number,
        "keep": experiment.plan.settings.keep,
        "metrics": {**kept.metrics, **test},
        "scaled": experiment.preprocessing.outputs.changes,
        "best_cost": best.cost,
        "history": {name: [epoch.metrics[name] for epoch in experiment.history] for name in names},
        "seconds": time.perf_counter() - began,
        "training_seconds": experiment.seconds,
        "requirements": requirements(experiment),
    }


def keep(experiment: Experiment, result: dict[str, Any], place: Place, tracked: TrackedRun) -> None:
    """Write the run's files, and name them in the record."""
    from nnexp.model import DESCRIPTION, WEIGHTS
    from nnexp.pictures import cost_curve

    experiment.model().save_parts(place.directory)
    write_yaml(experiment.config(), place.directory / CONFIG)
    title = place.name or " ".join(place.overrides) or experiment.config()["dataset"]["name"]
    cost_curve(result["history"], result["kept_epoch"], title, place.directory / COST_PICTURE)
    write_result(place.directory, result)
    scores = {key: value for key, value in result["metrics"].items() if key.endswith("/test")}
    tracked.score(result["kept_epoch"], scores)
    for name in (CONFIG, COST_PICTURE, WEIGHTS, DESCRIPTION):
        tracked.artifact(place.directory / name)


def write_yaml(config: Mapping[str, Any], path: Path) -> None:
    """Write plain values as YAML, in their order."""
    import yaml

    text = f"# Made by nnexp {version('nnexp')}: the resolved configuration of this run.\n"
    path.write_text(text + yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")
