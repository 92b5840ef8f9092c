"""One job of Hydra's: a single run, or one of a sweep. Here Hydra ends; ``nnexp.run`` gets plain values."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from nnexp.basics.removing import NewFolder
from nnexp.basics.secrets import guard_logs
from nnexp.commands.kept_report import keep
from nnexp.composition import guard
from nnexp.composition.composed import plain, typed_words
from nnexp.composition.search import UNTIL
from nnexp.engine.training import Diverged
from nnexp.errors import NnexpError, first_line
from nnexp.experiment.plan import part
from nnexp.experiment.settings import RunContext, TrackingSettings, check
from nnexp.journal.journal import JOURNAL, Busy
from nnexp.journal.result import RESULT, read_result
from nnexp.run.resume import resume as resume_run
from nnexp.run.start import run
from nnexp.sweep import inputs, states
from nnexp.sweep.failing import write_failure
from nnexp.sweep.manifest import read_manifest
from nnexp.sweep.place import hydras_files
from nnexp.sweep.rungs import rung_of
from nnexp.sweep.session import Session, current
from nnexp.terminal.console import Console, note
from nnexp.tracking.opening import Pending

LOG = "nnexp.log"
PATIENCE = 30.0
"""Seconds that a run is waited for which is being delivered."""
log = logging.getLogger("nnexp")


def job(config: DictConfig) -> float | None:
    """One job of Hydra's: a single run, or one of a sweep. Returns the objective, not a number where a sweep's job failed."""
    guard.refuse_unchecked(config)
    guard_logs()
    place, session = placed(), current()
    with own_log(place.directory) if session.worker else contextlib.nullcontext():
        try:
            if place.sweep:
                return part_of_sweep(config, place, session)
            return alone(plain(config), place)
        except MemoryError as error:
            return ended(place, not_enough_memory(error), config, session)
        except Exception as error:  # noqa: BLE001 (told at the end)
            return ended(place, error, config, session)


def alone(values: Mapping[str, Any], place: RunContext) -> float:
    """A single run, and its report where that was asked for."""
    objective = run(values, place, Console())
    if values.get("report"):
        keep(place.directory, place.directory, part(TrackingSettings, "tracking.", values["tracking"]))
    return objective


@contextlib.contextmanager
def own_log(directory: Path) -> Iterator[None]:
    """Within the block, what would be on a single run's terminal goes into the job's log."""
    with (
        (directory / LOG).open("a", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield


def part_of_sweep(config: DictConfig, place: RunContext, session: Session) -> float:
    """Do what is left to do of a sweep's job, which in a resumed sweep may have ended or been interrupted before."""
    stands, console = states.state(place.directory), Console(brief=not session.worker)
    until, goes_on = config.sweep.until, False
    if stands in states.DONE:
        there = read_result(place.directory)
        goes_on = bool(there.paused) and there.epochs < (until or there.paused)
        if not goes_on:
            return there.objective
        until = until or there.paused
    if stands in states.BAD:  # --failed has set those aside that are to be tried again
        return math.nan
    if config.sweep.fail_fast and (place.directory.parent / states.STOPPED).exists():
        files = hydras_files(cast("DictConfig", HydraConfig.get()))
        NewFolder(place.directory, (place.directory,), files).clear()  # what Hydra made of it; it has not begun
        return math.nan
    values = plain(config)
    rung = rung_of(states.described(place.directory.parent)[1], int(values["epochs"]), until) if place.search else None
    here = not session.worker or values["tracking"]["name"] == "none"  # then nobody else has to do with the run
    if stands == "waiting":
        if place.tags is None:  # elsewhere files are there by their digests
            refuse_changed_files(values, place)
        asked = session.finished
        place = replace(place, rung=rung)
        return run(values, place, console, cache=session.cache, delivered_here=here, finished=asked, until=until)
    uri, artifacts = values["tracking"]["uri"], values["tracking"]["artifacts"]
    kept = {"artifacts": artifacts, "cache": session.cache, "delivered_here": here}
    try:
        wanted, patience = (until, PATIENCE) if goes_on else (None, 0)
        return when_free(
            lambda: resume_run(place.directory, place.outputs, wanted, uri, console, rung=rung, **kept), within=patience
        )
    except Pending:  # told at the end of the sweep
        return read_result(place.directory).objective


def when_free(go_on: Callable[[], float], *, within: float) -> float:
    """Go on with a run, of which another process may still be telling MLflow where it was paused. Raises Busy after a while."""
    until = time.monotonic() + within
    while True:
        try:
            return go_on()
        except Busy:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def refuse_changed_files(values: Mapping[str, Any], place: RunContext) -> None:
    """Refuse a job of a sweep whose files are not as they were before the first job."""
    if inputs.reads_files(values) and (manifest := read_manifest(place.directory.parent)):
        plan, *_ = check(values)
        inputs.refuse_changed(plan, manifest.files)


def ended(place: RunContext, error: Exception, config: DictConfig, session: Session) -> float | None:
    """Keep what ended a job: a sweep's for the ledger at its end, a single run's for the command's end."""
    if isinstance(error, Busy) and place.sweep:
        note(f"#{place.job}: {error}")
        return math.nan
    if place.sweep:
        if not isinstance(error, NnexpError):
            log.error("The job failed.", exc_info=error)
        write_failure(place.directory, error, place.overrides)
        if config.sweep.fail_fast:
            (place.directory.parent / states.STOPPED).touch()
        return math.nan  # the other jobs go on; the end of the sweep tells the reason
    if isinstance(error, NnexpError | OSError) and not isinstance(error, Diverged):
        discard(session)
    session.failure = error
    return None


def not_enough_memory(error: MemoryError) -> NnexpError:
    """What to type where there is not enough memory."""
    return NnexpError(
        f"Not enough memory ({first_line(error)}). Type smaller sizes: of the data (dataset.*), of network.hidden or of "
        "optimizer.batch_size, or dtype=float32."
    )


def placed() -> RunContext:
    """Where Hydra put this job."""
    here = HydraConfig.get()
    directory = Path(here.runtime.output_dir)
    outputs = Path(here.runtime.cwd) / "outputs"
    overrides = tuple(each for each in typed_words(here) if not each.startswith(f"{UNTIL}="))
    if here.mode != RunMode.MULTIRUN:
        return RunContext(directory, outputs, overrides)
    root = Path(here.runtime.cwd) / here.sweep.dir
    name, tags = states.run_name(root, overrides), current().tags
    search = str(states.described(root)[1].get("name", ""))
    return RunContext(directory, outputs, overrides, name, root.name, int(here.job.num), tags, search)


def discard(session: Session) -> None:
    """Clear what a run or a sweep that was refused before it trained has made; nothing half-written stays."""
    site = session.site
    if site and not any((site.folder / name).exists() for name in (RESULT, JOURNAL)):
        site.clear()
