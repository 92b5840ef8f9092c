"""A run that was interrupted, or is to train further: it goes on as if nothing had been."""

from __future__ import annotations

import time
from pathlib import Path

from nnexp.basics.files import Unreadable
from nnexp.basics.origin import allowed, uri_option
from nnexp.basics.store_address import same_store
from nnexp.engine.training import Epoch
from nnexp.errors import NnexpError, command, first_line
from nnexp.experiment.checkpoint import newest
from nnexp.experiment.data import Cache
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.model import WEIGHTS
from nnexp.experiment.settings import RunContext, TrackingSettings, check
from nnexp.journal.journal import Journal
from nnexp.journal.outbox import entry_of
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import RESULT, read_result
from nnexp.run.ending import closing
from nnexp.run.identity import describe, key, plugin_versions
from nnexp.run.start import Job, carry_out
from nnexp.run.store import connect, later, store_uri
from nnexp.terminal.console import Console
from nnexp.tracking.tracked_run import TrackedRun


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
    rung: int | None = None,
) -> float:
    """Go on with a run that was interrupted, from its last checkpoint, or to more ``epochs`` with one that finished.

    Weights and metrics are those of a run that was never interrupted. ``uri`` and ``artifacts`` are what was typed: the store
    that the run's journal names is used only where that, or the environment, names it too. ``cache`` and ``delivered_here`` are
    as in ``run``; ``rung`` is that of its search, from 0, to whose end it goes on. Raises NnexpError where nothing is left to
    do, where another process is at work on the run, or where the data or the plugins are no longer the same.
    """
    began = time.perf_counter()
    Journal(directory).close()  # or else all that is read below is of a moment of somebody else's
    recorded = RecordedRun.read(directory)
    again = recorded.recipe
    wanted = recorded.wanted if epochs is None else epochs
    refuse_finished(recorded, wanted, console)
    chosen_store = uri or (allowed(again.uri, None, outputs, command("resume", directory)) if again.uri else None)
    stored = {**again.tracking, "uri": chosen_store, "artifacts": artifacts}
    own = {"tracking": stored, "checkpoint": again.checkpoint, "pictures": list(again.pictures)}
    planned = max(wanted, again.epochs)  # a run that was paused knows its last epoch, as a schedule does
    config = {**again.config, "epochs": planned, **own}
    chosen, tracking, checkpoint = check(config)
    refuse_other_store(tracking, recorded, outputs)
    experiment = prepare(chosen, cache)
    experiment.until = wanted if wanted < planned else None
    refuse_changes(experiment, recorded)
    seat = again.place
    place = RunContext(directory, outputs, tuple(seat.overrides), seat.name, seat.sweep, seat.job)
    target = connect(tracking, place) if delivered_here else later(tracking, place)
    console.opening(describe(experiment))
    found, problems = newest(
        directory,
        recorded.token,
        lambda each: experiment.refusal(each, len(recorded.epochs)),
        experiment.longest_checkpoint(),
    )
    for problem in problems:
        console.note(f"{problem}. It is not used.")
    extended = wanted > again.epochs
    content = "" if experiment.until else key(experiment, again.epochs if extended else 0)
    tracked = TrackedRun.resume(recorded, wanted, content, target, rung=rung)
    with closing(tracked, place, tracking):
        if found:
            experiment.restore(
                found, [Epoch(each["epoch"], each["metrics"], each["time"] / 1000) for each in recorded.epochs]
            )
    console.opening(
        {"resumed": f"from epoch {found.epoch if found else 0}; {recorded.last} of {wanted} epochs were trained"}
    )
    job = Job(experiment, place, tracking, checkpoint, tracked, target, extended, pictures=again.pictures)
    return carry_out(job, console, began)


def refuse_finished(recorded: RecordedRun, wanted: int, console: Console) -> None:
    """Refuse to go on with a run of which nothing is left to do.

    One that finished and whose ``result.json`` does not say so, or cannot be read, is finished once more.
    """
    directory, finished = recorded.directory, recorded.ending.status == "FINISHED"
    try:
        status, why = read_result(directory).status, f"{directory / RESULT} does not say that the run finished"
        if not (directory / WEIGHTS).exists():
            status, why = "", f"{directory / WEIGHTS} is not there"
    except Unreadable as error:
        status, why = "", first_line(error)
    if finished and status != "FINISHED" and wanted >= recorded.wanted:
        console.note(f"{why}. The run is finished once more, which makes it anew.")
    elif wanted < recorded.wanted or (finished and wanted == recorded.wanted):
        finish = "" if finished else f" To finish it, type {command('resume', directory)}."
        raise NnexpError(
            f"The run in '{directory}' {'is finished' if finished else 'is not finished'}: {recorded.last} of "
            f"{recorded.wanted} epochs are trained.{finish} To train more, type "
            f"{command('resume', directory, 'epochs=N')} with N above {recorded.wanted}."
        )


def refuse_other_store(tracking: TrackingSettings, recorded: RecordedRun, outputs: Path) -> None:
    """Refuse to go on into another store than the one that the run's record still waits for."""
    entry = entry_of(recorded.directory, outputs) if tracking.name != "none" else None
    if entry and not same_store(entry.uri, store_uri(tracking, outputs)):
        raise NnexpError(
            f"The record of the run in '{recorded.directory}' goes to {entry.uri}. Type "
            f"{command('resume', recorded.directory)} {uri_option(entry.uri)}"
        )


def refuse_changes(experiment: Experiment, recorded: RecordedRun) -> None:
    """Refuse to go on with other data or other versions of the plugins than those the run began with; say what differs."""
    then, now = recorded.opened.tags.get("nnexp.plugins", "no plugins"), plugin_versions(experiment)
    if now != then:
        raise NnexpError(
            f"The run began with {then}, and now {now} is installed. Install those versions again, or start a new run."
        )
    refuse_other_data(experiment, recorded)


def refuse_other_data(experiment: Experiment, recorded: RecordedRun) -> None:
    """Refuse other data than those that the run began with."""
    if experiment.digest()[:36] != recorded.data.digest:
        raise NnexpError(
            f"The data '{recorded.data.name}' are not those that the run began with. Restore them, or start a new run."
        )
