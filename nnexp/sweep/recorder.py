"""A sweep from its first job to its end: its manifest is written, its jobs are ranked, its best model is stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nnexp.basics.files import Unreadable, outputs_here, relative
from nnexp.basics.origin import embedded
from nnexp.basics.removing import Site, remove
from nnexp.basics.store_address import same_store
from nnexp.composition.composed import is_own, plain
from nnexp.errors import NnexpError
from nnexp.experiment.plan import part
from nnexp.experiment.settings import TrackingSettings, store_words
from nnexp.journal.journal import JOURNAL
from nnexp.journal.notes import entries
from nnexp.journal.past import Past
from nnexp.journal.result import read_result, write_result
from nnexp.run.drawing import draw_missing
from nnexp.run.ending import failure
from nnexp.run.store import store_uri
from nnexp.sweep import ledger, states
from nnexp.sweep.again import LAUNCHER_WORD, Resumed, retry
from nnexp.sweep.jobs import composed, grid, in_files, list_jobs, swept_keys
from nnexp.sweep.ledger import Job
from nnexp.sweep.manifest import MANIFEST, Manifest, PlannedJob, differences, write_manifest
from nnexp.sweep.place import MULTIRUN, free, hydras_files
from nnexp.terminal.console import note
from nnexp.terminal.progress import waiting
from nnexp.tracking import ahead
from nnexp.tracking.client import worded
from nnexp.tracking.courier import Courier, store_model
from nnexp.tracking.database import in_order
from nnexp.tracking.delivery import run_id_of
from nnexp.tracking.pending import settle_everywhere
from nnexp.tracking.store import Store


class Halt(BaseException):
    """Ends Hydra's part before the first job: Hydra makes a warning of an Exception in a callback. No error: all is said."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error


class Recorder(Callback):
    """Hydra's hook before the first job: sees that nothing of the user's is in the way, and writes a sweep's manifest.

    A resumed sweep is held against the manifest that it has.
    """

    directory: ClassVar[Path | None] = None
    """Of the sweep that this process carries out, for the ledger at its end."""
    resumed: ClassVar[Resumed | None] = None
    lock: ClassVar[states.Lock | None] = None
    """Held until this process ends."""
    note: ClassVar[Callable[[str], None]] = note
    """Says what the user should know while the sweep goes on."""
    courier: ClassVar[Courier | None] = None
    """Delivers the jobs' journals to MLflow; None where the jobs do so themselves."""
    site: ClassVar[Site | None] = None
    """Where this command's run or sweep is about to be, to be cleared should it be refused; None of a resumed sweep."""
    options: ClassVar[tuple[str, ...]] = ()
    """What was typed of the options that say which files take part."""
    tracking: ClassVar[TrackingSettings | None] = None
    """Where the sweep's runs are recorded."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a directory that holds something, before Hydra makes anything in it."""
        try:
            Recorder.site = free(Path(config.hydra.run.dir), "hydra.run.dir", hydras_files(config.hydra))
        except Exception as error:
            raise Halt(error) from error

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write down what was typed and what follows from it, before anything is trained."""
        try:
            Recorder.tracking = TrackingSettings(**plain(config)["tracking"])
            if config.sweep.dry_run:
                list_jobs(config)
            else:
                Recorder.courier = courier(config)  # first, since it takes seconds to import MLflow
                Recorder.directory = go_on(config, Recorder.resumed) if Recorder.resumed else begin(config)
        except Exception as error:
            raise Halt(error) from error
        if config.sweep.dry_run:
            raise Halt


def courier(config: DictConfig) -> Courier | None:
    """Hire one; None for ``tracking=none``, and under a launcher whose jobs deliver their runs themselves."""
    tracking = Recorder.tracking
    if tracking is None or tracking.name == "none" or not is_own(config.hydra.launcher):
        ahead.dismiss()
        return None
    going_on = Recorder.resumed.directory if Recorder.resumed else None
    return hire(tracking, [going_on / str(number) for number in ledger.todo(going_on)] if going_on else [])


def hire(tracking: TrackingSettings, going_on: Collection[Path] = ()) -> Courier:
    """Start the process that delivers to MLflow, also the runs that wait from before. It imports MLflow meanwhile.

    Those in ``going_on`` are left to the workers that are about to go on with them: only one process can have a journal.
    Raises NnexpError where the store does not answer; the embedded database, if it looks as it should, is not waited for.
    """
    outputs = outputs_here()
    uri = store_uri(tracking, outputs)
    made = Courier(uri, tracking.experiment, outputs, warn=tell, artifacts=tracking.artifacts)
    if not same_store(uri, embedded(outputs)) or not in_order(outputs, tracking.experiment, tracking.artifacts):
        made.connect()
    for entry in entries(outputs):
        alive = entry.directory in going_on or states.is_alive(entry.directory / JOURNAL)
        if same_store(entry.uri, uri) and not alive:
            made.ended(entry.directory)
    return made


def tell(line: str) -> None:
    """Say what the user should know, in the way that fits the moment."""
    Recorder.note(line)


def begin(config: DictConfig) -> Path:
    """Make a new sweep's directory and its manifest. Raises NnexpError where the directory holds something."""
    directory = Path(os.path.abspath(config.hydra.sweep.dir))  # noqa: PTH100 (see free)
    Recorder.site = free(directory, "hydra.sweep.dir", (MANIFEST, MULTIRUN, *hydras_files(config.hydra)[-1:]))
    manifest = planned(config)
    directory.mkdir(parents=True, exist_ok=True)
    Recorder.lock = states.Lock(directory)
    free(directory, "hydra.sweep.dir", ())  # another command may have been faster
    write_manifest(directory, manifest)
    return directory


def go_on(config: DictConfig, resumed: Resumed) -> Path:
    """Refuse to go on where the configuration or a version has changed since the sweep began. Raises NnexpError."""
    lines = list(differences(resumed.manifest, planned(config)))
    if lines:
        raise NnexpError(
            f"The sweep in '{relative(str(resumed.directory))}' began with other settings; then -> now:\n  "
            + "\n  ".join(lines[:12] + ([f"and {len(lines) - 12} more"] if len(lines) > 12 else []))
            + "\nBring back what it began with, or start a new sweep."
        )
    remove(resumed.directory / states.STOPPED)
    if resumed.retry:
        retry(resumed.directory)
    return resumed.directory


def planned(config: DictConfig) -> Manifest:
    """The manifest of the sweep that was typed: the jobs, the versions and configurations that they begin with."""
    overrides = [str(each) for each in config.hydra.overrides.task]
    varied = in_files(config)
    if OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"] != "${hydra.job.num}":  # type: ignore[index,call-overload]
        raise NnexpError("hydra.sweep.subdir: the jobs of a sweep are in 0, 1, ... of its directory. Leave it out.")
    jobs = grid(config, [*varied, *overrides])
    compositions, versions = composed(config, jobs or [])
    return Manifest(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        directory=str(config.hydra.sweep.dir),
        overrides=tuple(overrides),
        varied=tuple(varied),
        swept=tuple(swept_keys([*varied, *overrides])),
        launcher=tuple(word for word in map(str, config.hydra.overrides.hydra) if LAUNCHER_WORD.match(word)),
        options=Recorder.options,
        versions=versions,
        compositions=tuple(compositions),
        grid=jobs is not None,
        jobs=tuple(PlannedJob(tuple(job)) for job in jobs or []),
    )


def write_failure(directory: Path, error: Exception) -> None:
    """Note why a job failed, in the words that a single run ends with."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        reason = read_result(directory).reason
    except Unreadable:  # kept by write_result
        reason = ""
    write_result(directory, {"status": "FAILED", "reason": reason or str(error), **failure(error)})


def deliver_rest(directory: Path, outputs: Path) -> list[str]:
    """Deliver what the sweep's jobs could not; what is said of those that still wait."""
    if Recorder.courier:
        with waiting("recording the rest in MLflow"):
            return Recorder.courier.close()
    mine = [entry for entry in entries(outputs) if entry.directory.parent == directory]
    uri, artifacts = (Recorder.tracking.uri, Recorder.tracking.artifacts) if Recorder.tracking else (None, None)
    settled = settle_everywhere(mine, uri, outputs, draw_missing, artifacts=artifacts)
    return [words for _, words, done in settled if not done]


def store_best(best: Job, *, over: bool) -> str | None:
    """Store the model of a sweep's best run where ``tracking.model=auto``; the words that open its store, if there is one.

    Unless the sweep is ``over``, ``resume`` may find a better one, and stores that.
    """
    tracking = Recorder.tracking
    if tracking is None or tracking.name == "none" or not run_id_of(best.directory):
        return None
    if (best.directory / JOURNAL).exists():  # the experiment may be what the sweep varies
        own = part(TrackingSettings, "tracking.", Past.read(best.directory).recipe.tracking)
        tracking = replace(tracking, experiment=own.experiment, model=own.model)
    if over and tracking.model == "auto" and best.result.status == "FINISHED":
        outputs, requirements = outputs_here(), best.result.requirements
        if Recorder.courier:
            Recorder.courier.store_model(best.directory, requirements)
        else:
            store = Store.connect(tracking.uri, tracking.experiment, outputs, artifacts=tracking.artifacts)
            with worded("store the best run's model", store.uri):
                store_model(store, best.directory, requirements)
    return store_words(tracking)
