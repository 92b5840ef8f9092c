"""One run, from a plain configuration to files, an MLflow record and a result. Knows nothing of Hydra."""

from __future__ import annotations

import hashlib
import json
import logging
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from nnexp import registry
from nnexp.checkpoint import newest, save
from nnexp.console import Console, note
from nnexp.errors import NnexpError, counted, did_you_mean, listed
from nnexp.experiment import SECTIONS, Experiment, Plan, plan, prepare
from nnexp.fields import check_fields, hyperparameters
from nnexp.plugin import Plugin, param
from nnexp.registry import GROUPS
from nnexp.tracking.client import masked, without_secrets
from nnexp.tracking.delivery import PROGRESS
from nnexp.tracking.result import write_result
from nnexp.tracking.run import Opening, Past, Target, TrackedRun, Waiting
from nnexp.tracking.store import DataRecord, Finished, Store, chosen_uri
from nnexp.tracking.waiting import embedded, entries, settle
from nnexp.training import Diverged, Epoch

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
class CheckpointSettings:
    """``checkpoint.*``: how much training an interruption may cost."""

    epochs: int | None = param(None, at_least=1, doc="save one every so many epochs; null: as time passes only")
    seconds: float | None = param(60.0, above=0, doc="save one when so many seconds have passed; null: by epochs only")


@dataclass(frozen=True)
class Place:
    """Where a run stands: its directory, ``outputs/``, what the user typed, and its sweep if it is part of one."""

    directory: Path
    outputs: Path
    overrides: tuple[str, ...] = ()
    name: str = ""
    sweep: str = ""
    job: int | None = None


Part = TypeVar("Part", TrackingSettings, CheckpointSettings)


def check(config: Mapping[str, Any]) -> tuple[Plan, TrackingSettings, CheckpointSettings]:
    """Check a whole configuration before anything is done. Raises NnexpError."""
    rest = dict(config)
    reuse = rest.pop("reuse", False)
    if not isinstance(reuse, bool):
        raise NnexpError(f"reuse must be true or false. Got {reuse!r}.")
    tracking = part(TrackingSettings, "tracking.", rest.pop("tracking", {}))
    checkpoint = part(CheckpointSettings, "checkpoint.", rest.pop("checkpoint", {}))
    if not tracking.experiment.strip():
        raise NnexpError("tracking.experiment must not be empty. Type tracking.experiment=NAME.")
    if reuse and tracking.name == "none":
        raise NnexpError(
            "reuse=true looks for the same run in MLflow, which tracking=none leaves out. Type reuse=false."
        )
    return plan(rest), tracking, checkpoint


def part(cls: type[Part], prefix: str, values: Mapping[str, Any]) -> Part:
    """Build and check one of the groups of keys that belong to the run, not to the experiment."""
    known = [item.name for item in hyperparameters(cls)]
    for key in values:
        if key not in known:
            there = [prefix + each for each in known]
            raise NnexpError(f"No key '{prefix}{key}'.{did_you_mean(prefix + key, there)} There are {listed(there)}.")
    made = cls(**values)
    check_fields(made, prefix)
    return made


def run(config: Mapping[str, Any], place: Place, console: Console) -> float:
    """Train what the configuration says, keep the record, and return the kept epoch's cost, the objective of a sweep.

    Raises NnexpError for whatever is refused or diverges, and Waiting where MLflow does not have all of a single run yet.
    """
    began = time.perf_counter()
    chosen, tracking, checkpoint = check(config)
    experiment = prepare(chosen)
    place.directory.mkdir(parents=True, exist_ok=True)
    target = connect(tracking, place)
    console.opening(describe(experiment))
    if config.get("reuse") and target and target.store:
        done = target.store.finished(key(experiment))
        if done:
            links = target.store.links()
            write_yaml(experiment.config(), place.directory / CONFIG)
            result = reused(done, experiment, place) | {"store": store_words(tracking), "link": links.table}
            write_result(place.directory, result)
            console.reused(result, done.name)
            return float(result["objective"])
    again = {
        "config": experiment.config(),
        "tracking": {**asdict(tracking), "uri": masked(tracking.uri) if tracking.uri else None},
        "checkpoint": asdict(checkpoint),
        "place": {"overrides": typed(place, tracking), "name": place.name, "sweep": place.sweep, "job": place.job},
    }
    tracked = TrackedRun.start(opening(experiment, place, tracking, again), place.directory, target)
    job = Job(experiment, place, tracking, checkpoint, tracked, target, alone=not place.sweep)
    return carry_out(job, console, began)


def reused(done: Finished, experiment: Experiment, place: Place) -> dict[str, Any]:
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


@dataclass(frozen=True)
class Job:
    """A run that is about to train: all that was prepared for it."""

    experiment: Experiment
    place: Place
    tracking: TrackingSettings
    checkpoint: CheckpointSettings
    tracked: TrackedRun
    target: Target | None
    extended: bool = False
    alone: bool = True
    """Whether this command is about this run only; a sweep says at its end what waits."""


def carry_out(job: Job, console: Console, began: float) -> float:
    """Train, write the run's files, deliver its record; see ``run``."""
    experiment, place, tracking, tracked = job.experiment, job.place, job.tracking, job.tracked
    tracked.warn = console.note
    waits = None
    with closing(tracked, place):
        train(experiment, tracked, console, Checkpoints(job.checkpoint, place.directory, tracked))
        test = experiment.test()
        result = summary(experiment, test, place, began)
        if job.target and job.target.store:
            links = job.target.store.links()
            result |= {"run_id": tracked.run_id, "store": store_words(tracking), "link": links.table}
        keep(experiment, result, place, tracked)
        if tracking.model == "all" or (tracking.model == "auto" and not place.sweep):
            tracked.model(requirements(experiment), anew=job.extended)
    try:
        tracked.finish("FINISHED")
    except Waiting as error:
        waits = error
    console.result(result)
    if waits and job.alone:
        raise waits
    return float(result["objective"])


class Checkpoints:
    """Saves a checkpoint whenever one is due."""

    def __init__(self, settings: CheckpointSettings, directory: Path, tracked: TrackedRun) -> None:
        self._settings = settings
        self._directory = directory
        self._tracked = tracked
        self._saved_at = time.monotonic()
        self._failed = False

    def look(self, experiment: Experiment) -> None:
        """To be called after each epoch. A disk that is full for a checkpoint does not end the run; the one before stays."""
        every, seconds = self._settings.epochs, self._settings.seconds
        due = bool(every) and experiment.history[-1].number % (every or 1) == 0
        if not due and not (seconds and time.monotonic() - self._saved_at >= seconds):
            return
        try:
            self._tracked.sync()
            save(experiment.checkpoint(self._tracked.token), self._directory)
        except OSError as error:
            if not self._failed:
                self._tracked.warn(f"No checkpoint could be written ({error.strerror or error}). Training goes on.")
            self._failed = True
        self._saved_at = time.monotonic()


def resume(directory: Path, outputs: Path, epochs: int | None, uri: str | None, console: Console) -> float:
    """Go on with a run that was interrupted, from its last checkpoint, or to more ``epochs`` with one that finished.

    Weights and metrics are those of a run that was never interrupted. ``uri`` is for a store's address with a password, which
    is not kept. Raises NnexpError where nothing is left to do, or where the data or the plugins are no longer the same.
    """
    began = time.perf_counter()
    past = Past.read(directory)
    again = past.opened["again"]
    wanted = past.wanted if epochs is None else epochs
    if wanted < past.wanted or (past.status == "FINISHED" and wanted == past.wanted):
        ended = "is finished" if past.status == "FINISHED" else "is not finished"
        raise NnexpError(
            f"The run in '{directory}' {ended}: {past.last} of {past.wanted} epochs are trained. To train more, type "
            f"python -m nnexp resume {directory} epochs=N with N above {past.wanted}."
        )
    stored = {**again["tracking"], **({"uri": uri} if uri else {})}
    if "***" in (stored["uri"] or ""):
        raise NnexpError(
            f"The password of {stored['uri']} is not kept. Type it: python -m nnexp resume {directory} --uri ..."
        )
    config = {**again["config"], "epochs": wanted, "tracking": stored, "checkpoint": again["checkpoint"]}
    chosen, tracking, checkpoint = check(config)
    experiment = prepare(chosen)
    refuse_changes(experiment, past)
    overrides = tuple(again["place"].pop("overrides"))
    place = Place(directory, outputs, overrides, **again["place"])
    target = connect(tracking, place)
    console.opening(describe(experiment))
    found, problems = newest(directory, past.token)
    for problem in problems:
        console.note(f"{problem}. It is not used.")
    extended = wanted > again["config"]["epochs"]
    content = key(experiment, again["config"]["epochs"] if extended else 0)
    tracked = TrackedRun.resume(past, wanted, content, target)
    with closing(tracked, place):
        if found:
            experiment.restore(
                found, [Epoch(each["epoch"], each["metrics"], each["time"] / 1000) for each in past.epochs]
            )
    console.opening(
        {"resumed": f"from epoch {found.epoch if found else 0}; {past.last} of {wanted} epochs were trained"}
    )
    return carry_out(Job(experiment, place, tracking, checkpoint, tracked, target, extended), console, began)


def refuse_changes(experiment: Experiment, past: Past) -> None:
    """Refuse to go on with other data or other versions of the plugins than those the run began with; say what differs."""
    tags_then, data = past.opened["tags"], past.opened["data"]
    now = plugin_versions(experiment)
    if now != tags_then["nnexp.plugins"]:
        raise NnexpError(
            f"The run began with {tags_then['nnexp.plugins']}, and now {now} is installed. Install those versions "
            "again, or start a new run."
        )
    if experiment.digest()[:36] != data["digest"]:
        raise NnexpError(
            f"The data '{data['name']}' are not those that the run began with. Restore them, or start a new run."
        )


def train(
    experiment: Experiment, tracked: TrackedRun | None, console: Console, checkpoints: Checkpoints | None = None
) -> None:
    """The loop over epochs: record each, show each, save a checkpoint when one is due."""
    with console.training(experiment.plan.settings.epochs, experiment.plan.settings.log_every):
        for epoch in experiment.epochs():
            if tracked:
                tracked.record(epoch.number, epoch.metrics, int(epoch.time * 1000))
            console.epoch(epoch)
            if checkpoints:
                checkpoints.look(experiment)


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


def opening(
    experiment: Experiment, place: Place, tracking: TrackingSettings, again: Mapping[str, Any] | None = None
) -> Opening:
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
    named = {"nnexp.overrides": " ".join(typed(place, tracking)), **tags(experiment, place)}
    if tracking.uri:
        name = without_secrets(name, tracking.uri)
    return Opening(name, flat(chosen), named, record, experiment.plan.settings.epochs, again or {})


def typed(place: Place, tracking: TrackingSettings) -> list[str]:
    """The overrides, without the password of the store's address, which may be among them."""
    return [without_secrets(each, tracking.uri) if tracking.uri else each for each in place.overrides]


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
    versions = {**distributions(experiment), "nnexp": version("nnexp")}
    identity: list[Any] = [config, versions, experiment.digest()]
    if extended_from and experiment.plan.schedule.varies:
        identity.append(extended_from)
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def tags(experiment: Experiment, place: Place) -> dict[str, str]:
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
    if place.sweep:
        found["nnexp.sweep"] = place.sweep
    commit = git_commit(place.outputs.parent)
    if commit:
        found["mlflow.source.git.commit"] = commit
    return found


def plugin_versions(experiment: Experiment) -> str:
    """The distributions of the run's plugins in words: ``nnexp 0.1.0, nnexp-losses 0.1.0``."""
    return ", ".join(f"{name} {number}" for name, number in distributions(experiment).items())


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
        "data": f"{source}: {len(data.y)} samples ({', '.join(parts)}), {counted(data.x.shape[1], 'feature')} "
        f"-> {data.target} ({data.task}{classes})",
        "network": f"{sizes}, {with_options(config['activation'])}, {with_options(config['output'])} out, "
        f"{counted(experiment.network.theta.size, 'parameter')} ({with_options(config['initializer'])})",
        "training": f"{with_options(config['loss'])}, {with_options(config['optimizer'])}, {schedule}"
        f"{counted(settings.epochs, 'epoch')}, seed {settings.seed}",
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
