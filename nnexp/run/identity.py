"""What is told of a run: to the terminal, to MLflow, in ``result.json``; and the key that says what its numbers follow from.

An extended run gets the key of its new length, unless a schedule varies: a schedule knows the last epoch, so N epochs in two
parts are not N epochs in one.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnexp.basics.fields import files, hyperparameters
from nnexp.basics.secrets import without_credentials
from nnexp.discovery import registry
from nnexp.discovery.installed import own_version
from nnexp.discovery.registry import GROUPS
from nnexp.discovery.sources import sources
from nnexp.errors import counted, listed
from nnexp.experiment.divergence import divergence_warning
from nnexp.experiment.engines import is_default
from nnexp.experiment.experiment import Experiment
from nnexp.experiment.plan import SECTIONS, Settings
from nnexp.experiment.preprocessing import few
from nnexp.experiment.settings import RunContext
from nnexp.journal.records import DataRecord, Recipe
from nnexp.plugin import Plugin
from nnexp.tracking.opening import Opening
from nnexp.tracking.store import RUNG, Finished

COMMIT = "mlflow.source.git.commit"
"""The tag with the commit of the directory that a command was started in."""
DIGITS = re.compile(r"(?<![\w.])-?\d+\.\d{6,}(?:e[-+]?\d+)?(?![\w.])")
"""A number that nobody has typed."""
KEY = re.compile(r"(?:(?<=^)|(?<= ))[^\s=]+(?==)")
"""A key in a run's name: ``optimizer.learning_rate`` in ``loss=mae optimizer.learning_rate=0.1``."""


def reused(done: Finished, experiment: Experiment, place: RunContext) -> dict[str, Any]:
    """A finished run's numbers, as MLflow has them, as this run's result, which says whose they are."""
    cost = "cost/validation" if "cost/validation" in done.history else "cost/train"
    costs = done.history[cost]
    best = costs.index(min(costs))
    kept = best if experiment.plan.settings.keep == "best" else len(costs) - 1
    return {
        "status": "REUSED",
        "reason": f"run {done.run_id} has the same key and is finished",
        "overrides": list(place.overrides),
        "name": place.name,
        "job": place.job,
        "directory": str(place.directory),
        "loss": experiment.config()["loss"],
        "objective": costs[kept],
        "epochs": len(costs),
        "stopped": "",
        "best_epoch": best + 1,
        "kept_epoch": kept + 1,
        "keep": experiment.plan.settings.keep,
        "metrics": {**{name: values[kept] for name, values in done.history.items()}, **done.scores},
        "scaled": experiment.preprocessing.outputs.changes,
        "best_cost": costs[best],
        "history": done.history,
        "seconds": 0.0,
        "training_seconds": 0.0,
        "requirements": requirements(experiment),
        "run_id": done.run_id,
    }


def opening(experiment: Experiment, place: RunContext, again: Recipe | None = None) -> Opening:
    """What is known of the run before it trains: its parameters, tags and data."""
    data = experiment.data
    chosen = experiment.config()
    record = DataRecord(
        name=chosen["dataset"]["name"],
        digest=experiment.digest()[:36],
        source=", ".join(files(experiment.plan.dataset)) or chosen["dataset"]["name"],
        features=tuple((f.name, "string" if f.categories else "double") for f in experiment.preprocessing.features),
        target=data.target,
        n_samples=len(data.y),
        n_features=data.x.shape[1],
    )
    named = {"nnexp.overrides": " ".join(place.overrides), **tags(experiment, place)}
    return Opening(
        title(experiment, place),
        flat(chosen),
        named,
        record,
        experiment.until or experiment.plan.settings.epochs,
        again,
    )


def title(experiment: Experiment, place: RunContext) -> str:
    """What the run is called in MLflow and above its picture: its name in a sweep, or what was typed, or its data's name."""
    if place.name:  # MLflow's list of runs shows some twenty characters of it
        return without_credentials(short([place.name])[0])
    if named := os.environ.get("MLFLOW_RUN_NAME", "").strip():
        return without_credentials(named)
    said = [each for each in place.overrides if not each.startswith("tracking")]
    return without_credentials(" ".join(said) or str(experiment.config()["dataset"]["name"]))


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


def key(experiment: Experiment, extended_from: int = 0) -> str:
    """What the run's numbers follow from, as SHA-256: resolved configuration, dtype included, plugins' versions, data.

    Not ``log_every``, which only prints. Under a schedule, which knows the last epoch, a run that was extended to N epochs is
    not the run of N epochs.
    """
    config = {name: value for name, value in experiment.config().items() if name != "log_every"}
    versions = {**distributions(experiment), "nnexp": own_version()}
    identity: list[Any] = [config, versions, experiment.digest()]
    if edited := sources(plugins(experiment)):
        identity.append(edited)
    if extended_from and experiment.plan.schedule.varies:
        identity.append(extended_from)
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def tags(experiment: Experiment, place: RunContext) -> dict[str, str]:
    """What identifies the run beside its parameters."""
    import numpy as np

    found = {
        "nnexp.key": key(experiment),
        "nnexp.plugins": plugin_versions(experiment),
        "nnexp.versions": f"python {sys.version.split()[0]}, numpy {np.__version__}",
        "nnexp.directory": str(place.directory.relative_to(place.outputs.parent))
        if place.directory.is_relative_to(place.outputs.parent)
        else str(place.directory),
        "mlflow.source.name": "nnexp",
        "mlflow.source.type": "LOCAL",
    }
    if experiment.until:  # the key is of the whole run
        del found["nnexp.key"]
        found["nnexp.epochs"] = str(experiment.until)
    if engine := engine_in_words(experiment):
        found["nnexp.engine"] = engine
    if said := notes(experiment):
        found["nnexp.notes"] = "\n".join(said)
    if place.sweep:
        found["nnexp.sweep"] = place.sweep
    if place.search:
        rung = {} if place.rung is None else {RUNG: str(place.rung)}
        found |= {"nnexp.search": place.search, "nnexp.trial": str(place.job), **rung}
    commit = git_commit(place.outputs.parent) if place.tags is None else ""
    if commit:
        found[COMMIT] = commit
    return {**found, **(place.tags or {})}


def plugin_versions(experiment: Experiment) -> str:
    """The distributions of the run's plugins in words: ``nnexp 0.1.0, nnexp-losses 0.1.0``; sources that are edited, too."""
    edited = sources(plugins(experiment))
    found = distributions(experiment).items()
    return ", ".join(
        f"{name} {number}{f' (source {edited[name]})' if name in edited else ''}" for name, number in found
    )


def plugins(experiment: Experiment) -> list[Plugin]:
    """Those that the run is made of."""
    return [each for each in experiment.plan.chosen().values() if isinstance(each, Plugin)]


def distributions(experiment: Experiment) -> dict[str, str]:
    """The distributions the run's plugins come from, with versions."""
    return registry.distributions(plugins(experiment))


@functools.cache
def git_commit(directory: Path) -> str:
    """The commit of the repository that ``directory`` is in, as this process first saw it; empty where there is none."""
    if not any((parent / ".git").exists() for parent in (directory, *directory.parents)) or not shutil.which("git"):
        return ""
    command = ["git", "rev-parse", "HEAD"]
    found = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)  # noqa: S603
    return found.stdout.strip() if found.returncode == 0 else ""


def requirements(experiment: Experiment) -> list[str]:
    """What a stored model needs beside nnexp, as pip writes it."""
    asked = registry.distributions(
        each for key, each in experiment.plan.chosen().items() if isinstance(each, Plugin) and key != "engine"
    )
    return [f"{name}=={number}" for name, number in asked.items() if name != "nnexp"]


def brief(name: str) -> str:
    """A run's name with four digits of each number that has more, as a search draws them."""
    return DIGITS.sub(lambda found: f"{float(found[0]):.4g}", name)


def describe(experiment: Experiment) -> dict[str, str]:
    """The run in a few words, for the terminal."""
    config, data = experiment.config(), experiment.data
    parts = [f"{len(rows)} {name}" for name, rows in experiment.split._asdict().items() if len(rows)]
    paths = [Path(path).name or path for path in files(experiment.plan.dataset)]
    source = listed(paths, most=3) if paths else config["dataset"]["name"]
    classes = f", {len(data.classes)} classes" if data.classes else ""
    settings = experiment.plan.settings
    schedule = f"{with_options(config['schedule'])}, " if experiment.plan.schedule.varies else ""
    sizes = "-".join(str(size) for size in experiment.network.sizes)
    return {
        "data": f"{source}: {len(data.y)} samples ({', '.join(parts)}), {counted(data.x.shape[1], 'feature')} "
        + "\n".join([f"-> {data.target} ({data.task}{classes})", *notes(experiment)]),
        "network": f"{sizes}, {with_options(config['activation'])}, {with_options(config['output'])} out, "
        f"{counted(experiment.network.theta.size, 'parameter')} ({with_options(config['initializer'])})",
        "training": f"{with_options(config['loss'])}, {with_options(config['optimizer'])}, {schedule}"
        f"{counted(settings.epochs, 'epoch')}, seed {settings.seed}",
        **({"engine": engine} if (engine := engine_in_words(experiment)) else {}),
    }


def engine_in_words(experiment: Experiment) -> str:
    """The engine and why it is this one: ``native (target avx2, matmul simd), auto``; empty for the default that was typed."""
    engine, why = experiment.plan.engine, experiment.why_engine
    if engine is None or (is_default(engine) and not why):
        return ""
    return with_options(registry.describe(engine)) + (f", {why}" if why else "")


def notes(experiment: Experiment) -> tuple[str, ...]:
    """What a user should know about how the data were read, split and scaled, one line each."""
    return (*experiment.data.notes, *few(experiment.data, experiment.split), *experiment.preprocessing.notes)


def with_options(plugin: Mapping[str, Any]) -> str:
    """A plugin in words: ``minibatch (batch_size 32, learning_rate 0.1)``."""
    values = {key: "null" if value is None else value for key, value in plugin.items() if key != "name"}
    options = ", ".join(f"{key} {value}" for key, value in values.items())
    return f"{plugin['name']} ({options})" if options else str(plugin["name"])


def summary(experiment: Experiment, scores: dict[str, float], place: RunContext, began: float) -> dict[str, Any]:
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
        "paused": experiment.plan.settings.epochs if experiment.pauses and not experiment.stopped else 0,
        "stopped": experiment.stopped,
        "best_epoch": best.number,
        "kept_epoch": kept.number,
        "keep": experiment.plan.settings.keep,
        "metrics": {**kept.metrics, **scores},
        "scaled": experiment.preprocessing.outputs.changes,
        "best_cost": best.cost,
        "notes": list(notes(experiment)),
        "parameters": int(experiment.network.theta.size),
        "remark": divergence_warning(experiment),
        "history": {name: [epoch.metrics[name] for epoch in experiment.history] for name in names},
        "seconds": time.perf_counter() - began,
        "training_seconds": experiment.seconds,
        "requirements": requirements(experiment),
    }


def short(names: Sequence[str]) -> list[str]:
    """Runs' names with ``learning_rate`` for ``optimizer.learning_rate``, where no other key could be meant."""
    keys = set(re.findall(KEY, " ".join(names))) | {item.name for item in hyperparameters(Settings)} | set(GROUPS)
    ends = Counter(key.rpartition(".")[2] for key in keys)

    def end(found: re.Match[str]) -> str:
        last = found[0].rpartition(".")[2]
        return last if ends[last] == 1 else found[0]

    return [re.sub(KEY, end, name) for name in names]
