"""One run, from a plain configuration to files, an MLflow record and a result. Knows nothing of Hydra."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnexp.basics.files import Unreadable, relative, replacing
from nnexp.basics.origin import allowed, embedded, uri_option
from nnexp.basics.plain import to_yaml
from nnexp.basics.secrets import masked, without_secrets
from nnexp.basics.store_address import same_store
from nnexp.discovery.installed import own_version
from nnexp.engine.training import Diverged, Epoch
from nnexp.errors import NnexpError, command, first_line
from nnexp.experiment.checkpoint import newest, save
from nnexp.experiment.data import Cache
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.model import DESCRIPTION, WEIGHTS
from nnexp.experiment.settings import CheckpointSettings, Place, TrackingSettings, check, store_words
from nnexp.journal.past import Past
from nnexp.journal.records import Recipe, Seat
from nnexp.journal.result import RESULT, read_result, write_result
from nnexp.run.drawing import COST_PICTURE, draw_cost, draw_missing
from nnexp.run.identity import describe, key, opening, plugin_versions, requirements, reused, summary, title
from nnexp.terminal.console import Console, note
from nnexp.tracking.choice import chosen_uri
from nnexp.tracking.delivery import PROGRESS
from nnexp.tracking.pending import entries, entry_of, settle
from nnexp.tracking.store import Store
from nnexp.tracking.tracked_run import Target, TrackedRun, Waiting

log = logging.getLogger("nnexp")

CONFIG = "config.yaml"
LAST_SECONDS = 1.3
"""What Ctrl-C and SIGTERM leave for delivering: the process is to be gone two seconds after them."""


def run(
    config: Mapping[str, Any],
    place: Place,
    console: Console,
    *,
    cache: Cache | None = None,
    delivered_here: bool = True,
) -> float:
    """Train what the configuration says, keep the record, and return the kept epoch's cost, the objective of a sweep.

    A process that makes many runs gives them all the same ``cache``, for data that are the same.
    Unless it is ``delivered_here`` the record is in the run's directory, for another process to deliver to MLflow.
    Raises NnexpError for whatever is refused or diverges, and Waiting where MLflow does not have all of a single run yet.
    """
    began = time.perf_counter()
    chosen, tracking, checkpoint = check(config)
    experiment = prepare(chosen, cache)
    place.directory.mkdir(parents=True, exist_ok=True)
    # Only MLflow knows which runs are finished, so who asks for one has to connect.
    target = connect(tracking, place) if delivered_here or config.get("reuse") else later(tracking, place)
    console.opening(describe(experiment))
    if config.get("reuse") and target and target.store:
        done = target.store.finished(key(experiment))
        if done:
            write_yaml(experiment.config(), place.directory / CONFIG)
            result = reused(done, experiment, place)
            write_result(place.directory, result)
            console.reused(result | {"store": store_words(tracking)}, done.name)
            return float(result["objective"])
    if not delivered_here:
        target = later(tracking, place)
    again = Recipe(
        experiment.config(),
        {**asdict(tracking), "uri": masked(chosen_uri(tracking.uri)) or None, "artifacts": None},
        asdict(checkpoint),
        Seat(place.overrides, place.name, place.sweep, place.job),
    )
    tracked = TrackedRun.start(opening(experiment, place, again), place.directory, target)
    job = Job(
        experiment,
        place,
        tracking,
        checkpoint,
        tracked,
        target,
        alone=not place.sweep,
    )
    return carry_out(job, console, began)


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
        result = summary(experiment, test, place, began) | {"title": title(experiment, place)}
        keep(experiment, result, place, tracked)
        if tracking.model == "all" or (tracking.model == "auto" and not place.sweep):
            tracked.model(requirements(experiment), anew=job.extended)
    try:
        tracked.finish("FINISHED")
    except Waiting as error:
        waits = error
    console.result(result | ({"run_id": tracked.run_id, "store": store_words(tracking)} if tracked.run_id else {}))
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


def resume(  # noqa: PLR0913 (what was typed, and where)
    directory: Path,
    outputs: Path,
    epochs: int | None,
    uri: str | None,
    console: Console,
    *,
    artifacts: str | None = None,
    cache: Cache | None = None,
    delivered_here: bool = True,
) -> float:
    """Go on with a run that was interrupted, from its last checkpoint, or to more ``epochs`` with one that finished.

    Weights and metrics are those of a run that was never interrupted. ``uri`` and ``artifacts`` are what was typed: the store
    that the run's journal names is used only where that, or the environment, names it too. ``cache`` and ``delivered_here`` are
    as in ``run``. Raises NnexpError where nothing is left to do, or where the data or the plugins are no longer the same.
    """
    began = time.perf_counter()
    past = Past.read(directory)
    again = past.recipe
    wanted = past.wanted if epochs is None else epochs
    refuse_finished(past, wanted, console)
    chosen_store = uri or (allowed(again.uri, None, outputs, command("resume", directory)) if again.uri else None)
    stored = {**again.tracking, "uri": chosen_store, "artifacts": artifacts}
    config = {**again.config, "epochs": wanted, "tracking": stored, "checkpoint": again.checkpoint}
    chosen, tracking, checkpoint = check(config)
    refuse_other_store(tracking, past, outputs)
    experiment = prepare(chosen, cache)
    refuse_changes(experiment, past)
    seat = again.place
    place = Place(directory, outputs, tuple(seat.overrides), seat.name, seat.sweep, seat.job)
    target = connect(tracking, place) if delivered_here else later(tracking, place)
    console.opening(describe(experiment))
    found, problems = newest(directory, past.token)
    for problem in problems:
        console.note(f"{problem}. It is not used.")
    extended = wanted > again.epochs
    content = key(experiment, again.epochs if extended else 0)
    tracked = TrackedRun.resume(past, wanted, content, target)
    with closing(tracked, place):
        if found:
            experiment.restore(
                found, [Epoch(each["epoch"], each["metrics"], each["time"] / 1000) for each in past.epochs]
            )
    console.opening(
        {"resumed": f"from epoch {found.epoch if found else 0}; {past.last} of {wanted} epochs were trained"}
    )
    job = Job(experiment, place, tracking, checkpoint, tracked, target, extended)
    return carry_out(job, console, began)


def refuse_finished(past: Past, wanted: int, console: Console) -> None:
    """Refuse to go on with a run of which nothing is left to do.

    One that finished and whose ``result.json`` does not say so, or cannot be read, is finished once more.
    """
    directory, finished = past.directory, past.ending.status == "FINISHED"
    try:
        status, why = read_result(directory).status, f"{directory / RESULT} does not say that the run finished"
        if not (directory / WEIGHTS).exists():
            status, why = "", f"{directory / WEIGHTS} is not there"
    except Unreadable as error:
        status, why = "", first_line(error)
    if finished and status != "FINISHED" and wanted >= past.wanted:
        console.note(f"{why}. The run is finished once more, which makes it anew.")
    elif wanted < past.wanted or (finished and wanted == past.wanted):
        finish = "" if finished else f" To finish it, type {command('resume', directory)}."
        raise NnexpError(
            f"The run in '{directory}' {'is finished' if finished else 'is not finished'}: {past.last} of {past.wanted} epochs "
            f"are trained.{finish} To train more, type {command('resume', directory, 'epochs=N')} with N above {past.wanted}."
        )


def refuse_other_store(tracking: TrackingSettings, past: Past, outputs: Path) -> None:
    """Refuse to go on into another store than the one that the run's record still waits for."""
    entry = entry_of(past.directory, outputs) if tracking.name != "none" else None
    if entry and not same_store(entry.uri, store_uri(tracking, outputs)):
        raise NnexpError(
            f"The record of the run in '{past.directory}' goes to {entry.uri}. Type "
            f"{command('resume', past.directory)} {uri_option(entry.uri)}"
        )


def refuse_changes(experiment: Experiment, past: Past) -> None:
    """Refuse to go on with other data or other versions of the plugins than those the run began with; say what differs."""
    then, now = past.opened.tags.get("nnexp.plugins", "no plugins"), plugin_versions(experiment)
    if now != then:
        raise NnexpError(
            f"The run began with {then}, and now {now} is installed. Install those versions again, or start a new run."
        )
    if experiment.digest()[:36] != past.data.digest:
        raise NnexpError(
            f"The data '{past.data.name}' are not those that the run began with. Restore them, or start a new run."
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
            write_result(place.directory, {"status": status, "reason": reason, **failure(error)})
            tracked.finish(status, reason, within=LAST_SECONDS if status == "KILLED" else None)
        except Waiting as second:  # the first error is what ended the run
            note(str(second))
        except (NnexpError, OSError):  # nothing can be written any more
            tracked.abandon(status, reason)
        if status == "KILLED" and not place.sweep:
            note(f"{reason}. Go on: {command('resume', relative(str(place.directory)))}")
        raise


def failure(error: BaseException) -> dict[str, str]:
    """What ``result.json`` says of an error beside the reason: whether it diverged, and the words that tell what to type."""
    kind = "diverged" if isinstance(error, Diverged) else "failed"
    words = str(error) if isinstance(error, NnexpError) else f"{type(error).__name__}: {error}"
    return {"kind": kind, "message": words}


def ending(error: BaseException) -> tuple[Any, str]:
    """MLflow's status and the reason in words."""
    if isinstance(error, Diverged):
        return "FAILED", error.reason
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted (Ctrl-C)"
    if isinstance(error, SystemExit):
        return "KILLED", "terminated (SIGTERM)"
    text = str(error) if isinstance(error, NnexpError) else f"{type(error).__name__}: {error}"
    return "FAILED", without_secrets(text)


def connect(tracking: TrackingSettings, place: Place) -> Target | None:
    """The MLflow store, reachable, with what waited for it delivered; None for ``tracking=none``.

    Raises NnexpError before anything is trained; only in the middle of a sweep a store that does not answer is waited for.
    """
    if tracking.name == "none":
        return None
    try:
        store = Store.connect(tracking.uri, tracking.experiment, place.outputs, artifacts=tracking.artifacts)
    except NnexpError as error:
        if not place.sweep or not any(place.directory.parent.glob(f"*/{PROGRESS}")):
            raise
        note(f"{str(error).splitlines()[0]} The job's record waits for it.")
        return Target(store_uri(tracking, place.outputs), tracking.experiment, place.outputs, None)
    for _, words, done in settle(entries(place.outputs), store, place.outputs, draw_missing):
        if done:
            note(words)
    return Target(store.uri, store.experiment, place.outputs, store)


def later(tracking: TrackingSettings, place: Place) -> Target | None:
    """The MLflow store, to which another process delivers; None for ``tracking=none``."""
    if tracking.name == "none":
        return None
    uri = store_uri(tracking, place.outputs)
    return Target(uri, tracking.experiment, place.outputs, None, delivered_here=False)


def store_uri(tracking: TrackingSettings, outputs: Path) -> str:
    """The address of the store that was chosen."""
    return chosen_uri(tracking.uri) or embedded(outputs)


def keep(experiment: Experiment, result: dict[str, Any], place: Place, tracked: TrackedRun) -> None:
    """Write the run's files, and name them in the record."""
    experiment.model().save_parts(place.directory)
    write_yaml(experiment.config(), place.directory / CONFIG)
    write_result(place.directory, result)
    try:
        draw_cost(place.directory)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever matplotlib raises: a run without its picture is a run all the same)
        tracked.warn(f"{COST_PICTURE} could not be drawn ({type(error).__name__}: {first_line(error)}).")
    scores = {key: value for key, value in result["metrics"].items() if key.endswith("/test")}
    tracked.score(result["kept_epoch"], scores)
    for name in (CONFIG, COST_PICTURE, WEIGHTS, DESCRIPTION):
        tracked.artifact(place.directory / name)


def write_yaml(config: Mapping[str, Any], path: Path) -> None:
    """Write plain values as YAML, in their order."""
    text = f"# Made by nnexp {own_version()}: the resolved configuration of this run.\n"
    with replacing(path, forced=True) as file:
        file.write((text + to_yaml(config)).encode())
