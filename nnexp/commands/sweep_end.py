"""A sweep's end: its runs are ranked, the best one's model is stored, the ledger is printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnexp.basics.files import relative
from nnexp.commands.job import discard
from nnexp.commands.kept_report import keep
from nnexp.commands.undrawn import undrawn
from nnexp.errors import NnexpError, command, counted
from nnexp.experiment.settings import store_words
from nnexp.sweep import ledger, outcome, ranking, recorder, states
from nnexp.sweep.best import BEST, keep_best
from nnexp.sweep.manifest import MANIFEST
from nnexp.sweep.picture import COMPARISON, drawn, ranked
from nnexp.sweep.session import OwnSweep, Session
from nnexp.terminal.console import fact, next_commands, note, say


def interrupted(sweep: OwnSweep, directory: Path) -> None:
    """Bring the manifest of a sweep up to date that was interrupted, and say how its jobs stand."""
    found = ledger.read(directory, results=False)
    if found.manifest.search.get("halving"):  # which of the finished ones are to go on, their results say
        found = ledger.read(directory)
    ledger.close(found)
    note(f"{found.counts}. Go on: {command('resume', relative(str(directory)))}{in_store(sweep)}")


def in_store(sweep: OwnSweep) -> str:
    """What to type after a command that goes on with the sweep, to find its store again."""
    return store_words(sweep.tracking) if sweep.tracking and sweep.tracking.name != "none" else ""


def end_sweep(session: Session, directory: Path, outputs: Path, error: Exception | None) -> Exception | None:
    """Rank the sweep's runs, store the best one's model, print the ledger; the error to end with if not all is well.

    ``error`` is what ended Hydra's part before its time.
    """
    if not session.sweep.resumed and not any(path.name.isdigit() for path in directory.iterdir()):
        discard(session)  # refused before its first job
        return error
    found = ledger.read(directory)
    ledger.close(found)
    rankings = ranked(found, session.sweep.show)
    with drawn(found, rankings):
        for each in rankings:
            ranking.show(each)
        outcome.show(found)
        ledger.show(found, in_store(session.sweep))
        waits = recorder.deliver_rest(session.sweep, directory, outputs)
        stored = store_best(session.sweep, rankings, found, waits)
    if rankings:
        keep_best(directory, rankings[0].winner)
        say("")
        kept = [name for name in (COMPARISON, str(BEST), MANIFEST) if (directory / name).is_file()]
        for line in fact("files", f"{relative(str(directory))}/  ({', '.join(kept)}, one directory per run)"):
            say(line)
        best, here = relative(str(rankings[0].winner.directory)), relative(str(directory))
        next_commands(stored, best, "compare the curves in the browser", here)
    if session.sweep.deliverer:
        session.sweep.deliverer.stop(1)
    if session.sweep.report and rankings:
        keep(directory, rankings[0].jobs[0].directory, session.sweep.tracking)
    for words in [*undrawn(found), *waits]:
        note(words)
    return error or verdict(found, waits)


def store_best(sweep: OwnSweep, ranked: Sequence[ranking.Ranking], found: ledger.Sweep, waits: list[str]) -> str | None:
    """Store the best run's model; the words that open its store. What does not work is added to what ``waits``."""
    if not ranked:
        return None
    best = ranked[0].winner
    try:
        return recorder.store_best(sweep, best, over=not found.of(*states.LEFT))
    except NnexpError as problem:
        why = str(problem).splitlines()[0]
        waits.append(f"{why} Store the best run's model later: {command('log-model', relative(str(best.directory)))}")
        return None


def verdict(found: ledger.Sweep, waits: list[str]) -> NnexpError | None:
    """The error that a sweep ends with which is not completely well."""
    failed, left = len(found.of(*states.BAD)), len(found.of(*states.LEFT))
    if not found.jobs:
        return NnexpError(
            f"The sweep's directory '{relative(str(found.directory))}' does not say any more what its jobs are: it was moved "
            "or removed while they trained. Those that have ended are where it was moved to."
        )
    of = f"of {counted(len(found.jobs), 'job')}"
    if left:
        return NnexpError(f"{left} {of} are not finished{f', {failed} failed' if failed else ''}; see above.")
    if failed and (not found.manifest.search or failed == len(found.jobs)):  # to a search a failure is an answer
        return NnexpError(f"{failed} {of} failed; the reasons are above.")
    if waits:
        return NnexpError("MLflow does not have all of this sweep yet. Nothing is lost; type python -m nnexp sync")
    return None
