"""One run, from a plain configuration to files, an MLflow record and a result. Knows nothing of Hydra."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from nnexp.basics.files import relative, replacing
from nnexp.basics.locks import refuse_without_locks
from nnexp.basics.plain import to_yaml
from nnexp.basics.secrets import masked
from nnexp.discovery.installed import own_version
from nnexp.engine.training import Clock
from nnexp.errors import NnexpError, command, first_line
from nnexp.experiment.asked import looks_back, wanted
from nnexp.experiment.checkpoint import save
from nnexp.experiment.data import Cache
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.model import DESCRIPTION, WEIGHTS
from nnexp.experiment.moments import Moments
from nnexp.experiment.settings import CheckpointSettings, RunContext, TrackingSettings, check, store_words
from nnexp.journal.records import Recipe, RecordedContext
from nnexp.journal.result import PAUSED, is_score, write_result
from nnexp.run.drawing import COST_PICTURE, draw, draw_cost
from nnexp.run.ending import closing
from nnexp.run.identity import describe, key, opening, requirements, reused, summary, title
from nnexp.run.store import connect, later
from nnexp.run.timing import timings
from nnexp.terminal.console import Console
from nnexp.terminal.progress import waiting
from nnexp.tracking.choice import chosen_uri
from nnexp.tracking.opening import Pending, Target
from nnexp.tracking.store import Finished, Store
from nnexp.tracking.tracked_run import TrackedRun

CONFIG = "config.yaml"


def run(  # noqa: PLR0913 (what was typed, and who else has to do with it)
    config: Mapping[str, Any],
    place: RunContext,
    console: Console,
    *,
    cache: Cache | None = None,
    delivered_here: bool = True,
    finished: Callable[[str, str], Finished | None] | None = None,
    until: int | None = None,
) -> float:
    """Train what the configuration says, keep the record, and return the kept epoch's cost, the objective of a sweep.

    A process that makes many runs gives them all the same ``cache``, for data that are the same.
    Unless it is ``delivered_here`` the record is in the run's directory, for another process to deliver to MLflow. Whether a
    run with a key is finished in an experiment is asked of ``finished``, if that is given, or else of the store. It pauses at
    the epoch ``until``, from where ``resume`` goes on.
    Raises NnexpError for whatever is refused or diverges, and Pending where MLflow does not have all of a single run yet.
    """
    began = time.perf_counter()
    chosen, tracking, checkpoint = check(config)
    experiment = prepare(chosen, cache)
    experiment.clock = Clock() if config.get("timing") else None
    experiment.until = until if until and until < chosen.settings.epochs else None
    place.directory.mkdir(parents=True, exist_ok=True)
    refuse_without_locks(place.directory)
    # Only MLflow knows which runs are finished, so who asks for one has to connect.
    asks = config.get("reuse") and not finished
    target = connect(tracking, place) if delivered_here or asks else later(tracking, place)
    console.opening(describe(experiment))
    if config.get("reuse") and target and (finished or target.store):
        content = key(experiment)
        done = finished(content, tracking.experiment) if finished else cast("Store", target.store).finished(content)
        if done:
            write_yaml(experiment.config(), place.directory / CONFIG)
            result = reused(done, experiment, place)
            write_result(place.directory, result)
            console.reused(result | {"store": store_words(tracking)}, done.name, undrawn=bool(config.get("pictures")))
            return float(result["objective"])
    if not delivered_here:
        target = later(tracking, place)
    again = Recipe(
        experiment.config(),
        {**asdict(tracking), "uri": masked(chosen_uri(tracking.uri)) or None, "artifacts": None},
        asdict(checkpoint),
        RecordedContext(place.overrides, place.name, place.sweep, place.job),
        wanted(config.get("pictures"), alone=not place.sweep),
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
        pictures=again.pictures,
    )
    return carry_out(job, console, began)


@dataclass(frozen=True)
class Job:
    """A run that is about to train: all that was prepared for it."""

    experiment: Experiment
    place: RunContext
    tracking: TrackingSettings
    checkpoint: CheckpointSettings
    tracked: TrackedRun
    target: Target | None
    extended: bool = False
    alone: bool = True
    """Whether this command is about this run only; a sweep says at its end what waits."""
    pictures: Sequence[str] = ()
    """Those that are to be drawn of what was learnt."""


def carry_out(job: Job, console: Console, began: float) -> float:
    """Train, write the run's files, deliver its record; see ``run``."""
    experiment, place, tracking, tracked = job.experiment, job.place, job.tracking, job.tracked
    tracked.warn = console.note
    waits = None
    moments = Moments(experiment.plan.settings.epochs) if looks_back(job.pictures) else None
    with closing(tracked, place, tracking):
        if moments and experiment.history:
            moments.load(place.directory, tracked.token, experiment)
        checkpoints = Checkpoints(job.checkpoint, place.directory, tracked, moments)
        train(experiment, tracked, console, [*([moments] if moments else []), checkpoints])
        scores = experiment.test() | timings(experiment)
        result = summary(experiment, scores, place, began) | {"title": title(experiment, place)}
        keep(experiment, result, place, tracked)
        if tracking.model == "all" or (tracking.model == "auto" and not place.sweep):
            tracked.model(requirements(experiment), anew=job.extended)
    with contextlib.closing(tracked):
        try:
            tracked.end("FINISHED", paused(experiment))
        except Pending as error:
            waits = error
        console.result(result)
        drawn, missing = pictures(job, moments)
    result |= {"pictures": [path.name for path in drawn]}
    console.kept(result | ({"run_id": tracked.run_id, "store": store_words(tracking)} if tracked.run_id else {}))
    if job.alone and (waits := waits or missing):
        raise waits
    return float(result["objective"])


def pictures(job: Job, moments: Moments | None) -> tuple[Sequence[Path], Pending | None]:
    """Draw what a run that has ended has learnt, and keep it with the run; also why MLflow does not have that yet.

    Whatever goes wrong here costs the pictures alone.
    """
    drawn: list[Path] = []
    tracked = job.tracked
    try:
        if job.pictures:
            with waiting("drawing"):
                for path in draw(job.experiment, moments, job.pictures, job.place.directory, tracked.warn):
                    drawn.append(path)  # noqa: PERF402 (those that there are where it is interrupted)
            tracked.add(drawn)
    except Pending as error:
        return drawn, error
    except (NnexpError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        tracked.warn(f"The run is finished, but not all of its pictures are kept with it: {why}.")
    except (KeyboardInterrupt, SystemExit):
        with contextlib.suppress(NnexpError, OSError):
            tracked.add(drawn, deliver=False)
        tracked.warn(unfinished(job, drawn))
        raise
    return drawn, None


def unfinished(job: Job, drawn: Sequence[Path]) -> str:
    """What there is of a run whose drawing was interrupted."""
    said = f"The run is finished ({relative(str(job.place.directory))}/), but not all of its pictures are drawn."
    later = command("sync") + store_words(job.tracking)
    return f"{said} {later} brings MLflow those that are." if drawn and job.tracked.run_id else said


def paused(experiment: Experiment) -> str:
    """Why a run has ended before its last epoch that may go on; empty where it has not."""
    last, planned = experiment.history[-1].number, experiment.plan.settings.epochs
    return (
        f"{PAUSED} {last} of {planned}, as search.halving says" if experiment.pauses and not experiment.stopped else ""
    )


class Checkpoints:
    """Saves a checkpoint whenever one is due, and what pictures need of the epochs before."""

    def __init__(
        self, settings: CheckpointSettings, directory: Path, tracked: TrackedRun, moments: Moments | None
    ) -> None:
        self._settings = settings
        self._moments = moments
        self._directory = directory
        self._tracked = tracked
        self._saved_at = time.monotonic()
        self._failed = False

    def look(self, experiment: Experiment) -> None:
        """To be called after each epoch. A disk that is full for a checkpoint does not end the run; the one before stays."""
        every, seconds = self._settings.epochs, self._settings.seconds
        due = experiment.pauses or (bool(every) and experiment.history[-1].number % (every or 1) == 0)
        if not due and not (seconds and time.monotonic() - self._saved_at >= seconds):
            return
        try:
            self._tracked.sync()
            if self._moments:  # first: a checkpoint's moments are there, too
                self._moments.save(self._directory, self._tracked.token)
            save(experiment.checkpoint(self._tracked.token), self._directory)
        except OSError as error:
            if not self._failed:
                self._tracked.warn(f"No checkpoint could be written ({error.strerror or error}). Training goes on.")
            self._failed = True
        self._saved_at = time.monotonic()


class Looking(Protocol):
    """What looks at an experiment between two epochs."""

    def look(self, experiment: Experiment) -> None:
        """To be called after each epoch."""


def train(
    experiment: Experiment, tracked: TrackedRun | None, console: Console, looking: Sequence[Looking] = ()
) -> None:
    """The loop over epochs: record each, show each, save a checkpoint when one is due, keep what pictures need."""
    with console.training(experiment.plan.settings.epochs, experiment.plan.settings.log_every):
        for epoch in experiment.epochs():
            if tracked:
                tracked.record(epoch.number, epoch.metrics, int(epoch.time * 1000))
            console.epoch(epoch)
            for each in looking:
                each.look(experiment)


def keep(experiment: Experiment, result: dict[str, Any], place: RunContext, tracked: TrackedRun) -> None:
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
    scores = {key: value for key, value in result["metrics"].items() if is_score(key)}
    tracked.score(result["kept_epoch"], scores)
    for name in (CONFIG, COST_PICTURE, WEIGHTS, DESCRIPTION):
        tracked.artifact(place.directory / name)


def write_yaml(config: Mapping[str, Any], path: Path) -> None:
    """Write plain values as YAML, in their order."""
    text = f"# Made by nnexp {own_version()}: the resolved configuration of this run.\n"
    with replacing(path, forced=True) as file:
        file.write((text + to_yaml(config)).encode())
