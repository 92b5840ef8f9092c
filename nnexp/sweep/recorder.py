"""A sweep's beginning, as Hydra calls it, and what is delivered and stored at its end."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nnexp.basics.files import outputs_here, relative
from nnexp.basics.origin import embedded
from nnexp.basics.removing import remove
from nnexp.basics.store_address import same_store
from nnexp.composition.composed import leaves_delivery, plain, searches, typed_words
from nnexp.composition.search import settings_of, versions_of
from nnexp.errors import NnexpError
from nnexp.experiment.plan import part
from nnexp.experiment.settings import TrackingSettings, store_words
from nnexp.journal.journal import JOURNAL
from nnexp.journal.outbox import entries
from nnexp.journal.recorded_run import RecordedRun
from nnexp.run.drawing import draw_missing
from nnexp.run.store import store_uri
from nnexp.sweep import ledger, states
from nnexp.sweep.inputs import changed
from nnexp.sweep.inputs import states as states_of
from nnexp.sweep.jobs import composed, grid, in_files, list_jobs, of_search, refuse_twins, swept_keys
from nnexp.sweep.ledger import Job
from nnexp.sweep.manifest import MANIFEST, Manifest, PlannedJob, differences, write_manifest
from nnexp.sweep.picture import refuse_unknown
from nnexp.sweep.place import MULTIRUN, free, hydras_files
from nnexp.sweep.resume import LAUNCHER_WORD, Resumed, retry
from nnexp.sweep.search_metrics import refuse_missing
from nnexp.sweep.session import Halt, OwnSweep, Session, current
from nnexp.terminal.progress import waiting
from nnexp.tracking.client import worded
from nnexp.tracking.database import in_order
from nnexp.tracking.delivery import run_id_of
from nnexp.tracking.delivery_process import DeliveryProcess, store_model
from nnexp.tracking.pending import flush_all
from nnexp.tracking.store import Store


class Recorder(Callback):
    """Hydra's hook before the first job: sees that nothing of the user's is in the way, and writes a sweep's manifest.

    A resumed sweep is held against the manifest that it has.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a directory that holds something, before Hydra makes anything in it."""
        try:
            current().site = free(Path(config.hydra.run.dir), "hydra.run.dir", hydras_files(config.hydra))
        except Exception as error:
            raise Halt(error) from error

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write down what was typed and what follows from it, before anything is trained."""
        session = current()
        sweep = session.sweep
        try:
            sweep.tracking = TrackingSettings(**plain(config, ["tracking"])["tracking"])
            sweep.show = tuple(map(str, config.sweep.show))
            sweep.report = bool(config.report)
            if not sweep.resumed:
                varied = swept_keys([*in_files(config), *typed_words(config.hydra)])
                refuse_unknown(
                    sweep.show, timed=config.timing is True or not {"timing", "experiment"}.isdisjoint(varied)
                )
            if config.sweep.dry_run and searches(config):
                from nnexp.sweep.first_trials import list_trials

                list_trials(config)
            elif config.sweep.dry_run:
                list_jobs(config)
            else:
                sweep.deliverer = deliverer(config, session)  # first, since it takes seconds to import MLflow
                sweep.directory = go_on(config, sweep.resumed, session) if sweep.resumed else begin(config, session)
        except Exception as error:
            raise Halt(error) from error
        if config.sweep.dry_run:
            raise Halt


def deliverer(config: DictConfig, session: Session) -> DeliveryProcess | None:
    """Hire one; None for ``tracking=none``, and under a launcher whose jobs deliver their runs themselves."""
    tracking, resumed = session.sweep.tracking, session.sweep.resumed
    if tracking is None or tracking.name == "none" or not leaves_delivery(config.hydra.launcher):
        session.dismiss_prestarted()
        return None
    going_on = [resumed.directory / str(number) for number in ledger.todo(resumed.directory)] if resumed else []
    return start_delivery(tracking, session, going_on)


def start_delivery(tracking: TrackingSettings, session: Session, going_on: Collection[Path] = ()) -> DeliveryProcess:
    """Start the process that delivers to MLflow, also the runs that wait from before. It imports MLflow meanwhile.

    Those in ``going_on`` are left to the workers that are about to go on with them: only one process can have a journal.
    Raises NnexpError where the store does not answer; the embedded database, if it looks as it should, is not waited for.
    """
    outputs = outputs_here()
    uri = store_uri(tracking, outputs)
    made = DeliveryProcess(
        uri,
        tracking.experiment,
        outputs,
        warn=session.tell,
        artifacts=tracking.artifacts,
        started=session.take_prestarted(),
    )
    if not same_store(uri, embedded(outputs)) or not in_order(outputs, tracking.experiment, tracking.artifacts):
        made.connect()
    for entry in entries(outputs):
        alive = entry.directory in going_on or states.is_alive(entry.directory / JOURNAL)
        if same_store(entry.uri, uri) and not alive:
            made.ended(entry.directory)
    return made


def begin(config: DictConfig, session: Session) -> Path:
    """Make a new sweep's directory and its manifest. Raises NnexpError where the directory holds something."""
    directory = Path(os.path.abspath(config.hydra.sweep.dir))  # noqa: PTH100 (see free)
    session.site = free(
        directory, "hydra.sweep.dir", (MANIFEST, MULTIRUN, states.LOCK, *hydras_files(config.hydra)[-1:])
    )
    refuse_twins(config, [*in_files(config), *typed_words(config.hydra)])
    manifest = planned(config, session)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        session.sweep.lock = states.Lock(directory)
    except states.Locked:  # what is there is another command's
        session.site = None
        raise
    free(directory, "hydra.sweep.dir", ())  # another command may have been faster
    write_manifest(directory, manifest)
    return directory


def go_on(config: DictConfig, resumed: Resumed, session: Session) -> Path:
    """Refuse to go on where the configuration or a version has changed since the sweep began. Raises NnexpError."""
    now = planned(config, session)
    lines = list(differences(resumed.manifest, now))
    lines += [f"{path}: the file has changed" for path in changed(resumed.manifest.files, now.files)]
    if lines:
        raise NnexpError(
            f"The sweep in '{relative(str(resumed.directory))}' began with other settings; then -> now:\n  "
            + "\n  ".join(lines[:12] + ([f"and {len(lines) - 12} more"] if len(lines) > 12 else []))
            + "\nBring back what it began with, or start a new sweep."
        )
    if now.search != resumed.manifest.search:  # it gets more trials
        write_manifest(resumed.directory, replace(resumed.manifest, overrides=now.overrides, search=now.search))
    remove(resumed.directory / states.STOPPED)
    if resumed.retry:
        retry(resumed.directory)
    return resumed.directory


def planned(config: DictConfig, session: Session) -> Manifest:
    """The manifest of the sweep that was typed: the jobs, the versions and configurations that they begin with."""
    overrides = typed_words(config.hydra)
    varied = in_files(config)
    if OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"] != "${hydra.job.num}":  # type: ignore[index,call-overload]
        raise NnexpError("hydra.sweep.subdir: the jobs of a sweep are in 0, 1, ... of its directory. Leave it out.")
    jobs = grid(config, [*varied, *overrides])
    search = settings_of(config)
    made_of = composed(config, of_search(config, [*varied, *overrides]) if jobs is None else jobs)
    refuse_missing(search, made_of.compositions)
    return Manifest(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        directory=str(config.hydra.sweep.dir),
        overrides=tuple(overrides),
        varied=tuple(varied),
        swept=(*swept_keys([*varied, *overrides]), *(("seed",) if search.get("seeds", 1) > 1 else ())),
        launcher=tuple(word for word in map(str, config.hydra.overrides.hydra) if LAUNCHER_WORD.match(word)),
        options=session.command.options,
        versions={**made_of.versions, **versions_of(search)},
        files=states_of(made_of.files),
        compositions=tuple(made_of.compositions),
        grid=jobs is not None,
        jobs=tuple(PlannedJob(tuple(job)) for job in jobs or []),
        search=search,
    )


def deliver_rest(sweep: OwnSweep, directory: Path, outputs: Path) -> list[str]:
    """Deliver what the sweep's jobs could not; what is said of those that still wait."""
    if sweep.deliverer:
        with waiting("recording the rest in MLflow"):
            return sweep.deliverer.close()
    mine = [entry for entry in entries(outputs) if entry.directory.parent == directory]
    uri, artifacts = (sweep.tracking.uri, sweep.tracking.artifacts) if sweep.tracking else (None, None)
    flushed = flush_all(mine, uri, outputs, draw_missing, artifacts=artifacts)
    return [words for _, words, done in flushed if not done]


def store_best(sweep: OwnSweep, best: Job, *, over: bool) -> str | None:
    """Store the model of a sweep's best run where ``tracking.model=auto``; the words that open its store, if there is one.

    Unless the sweep is ``over``, ``resume`` may find a better one, and stores that.
    """
    tracking = sweep.tracking
    if tracking is None or tracking.name == "none" or not run_id_of(best.directory):
        return None
    if (best.directory / JOURNAL).exists():  # the experiment may be what the sweep varies
        own = part(TrackingSettings, "tracking.", RecordedRun.read(best.directory).recipe.tracking)
        tracking = replace(tracking, experiment=own.experiment, model=own.model)
    if over and tracking.model == "auto" and best.result.status == "FINISHED":
        outputs, requirements = outputs_here(), best.result.requirements
        if sweep.deliverer:
            sweep.deliverer.store_model(best.directory, requirements)
        else:
            store = Store.connect(tracking.uri, tracking.experiment, outputs, artifacts=tracking.artifacts)
            with worded("store the best run's model", store.uri):
                store_model(store, best.directory, requirements)
    return store_words(tracking)
