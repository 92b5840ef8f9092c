"""The command ``python -m nnexp key=value ...``: Hydra composes, ``commands.job`` runs what it has composed."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from typing import cast

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from nnexp.basics.files import outputs_here
from nnexp.commands.answer import Answer, answering, taken
from nnexp.commands.job import discard, job
from nnexp.commands.options import file_options, options_parser, refuse_options
from nnexp.commands.sweep_end import end_sweep, interrupted
from nnexp.comparison.reading import Found, below, is_run
from nnexp.comparison.rows import SCHEMA, as_object, table
from nnexp.composition import guard, options
from nnexp.composition.as_text import with_quotes
from nnexp.composition.patches import patched
from nnexp.discovery import installed, presets, registry
from nnexp.errors import NnexpError, first_line, listed, one_line
from nnexp.plugin import KINDS
from nnexp.sweep.manifest import MANIFEST, write_manifest
from nnexp.sweep.session import Halt, Session, opened
from nnexp.terminal.console import note


def main(words: Sequence[str], prestarted: Popen[bytes] | None = None) -> None:
    """Run what was typed. Raises NnexpError, or whatever else ended the run or the sweep.

    ``prestarted`` is a process for the one that delivers, if it was started before anything was read.
    """
    words, as_json = taken(words)
    with answering(SCHEMA, wanted=as_json) as answer, opened(Session(prestarted=prestarted)) as session:
        try:
            carry_out(words, session)
        finally:
            if as_json:
                answer.update(came_of(session))


def came_of(session: Session) -> Answer:
    """The run or the jobs of the sweep, as ``results`` answers; of what was refused before it began no rows."""
    directory = session.sweep.directory or (session.site.folder if session.site else None)
    there = directory is not None and ((directory / MANIFEST).exists() or is_run(directory))
    found = below(directory) if directory and there else Found([], [])
    return as_object(table(found.runs, found.swept))


def carry_out(words: Sequence[str], session: Session) -> None:
    """Run what was typed in a session, which knows what nobody has typed of a sweep that is resumed. Raises as ``main``."""
    parser = options_parser()
    given = parser.parse_intermixed_args(list(words))
    refuse_options(vars(given))
    if not session.command.recorded:
        given.overrides = [*from_environment(given.overrides), *given.overrides]
    given.overrides = [*session.command.recorded, *with_quotes(given.overrides, multirun=given.multirun)]
    to_run = not (given.help or given.hydra_help or given.cfg or given.info or given.shell_completion)
    session.command = replace(
        session.command, to_run=to_run, options=file_options(vars(given)), multirun=given.multirun
    )
    if to_run:
        outputs_here()
    options.register(registry.available if given.help else options.claimed)
    if given.help:
        note_broken()
    with patched(session.command):
        compose_and_run(given, parser, session)


def from_environment(typed: Sequence[str]) -> list[str]:
    """What MLflow's variables say of the experiment, as words, where no word does."""
    if any(word.lstrip("+").startswith("tracking.experiment=") for word in typed):
        return []
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "").strip()
    if not name and os.environ.get("MLFLOW_EXPERIMENT_ID"):
        note("MLFLOW_EXPERIMENT_ID is not used: an experiment is chosen by its name, tracking.experiment=NAME.")
    return [f"tracking.experiment={QuotedString(name, Quote.single).with_quotes()}"] if name else []


def compose_and_run(given: argparse.Namespace, parser: argparse.ArgumentParser, session: Session) -> None:
    """Have Hydra do its part; then a sweep's end. Raises as ``main``."""
    failed = None
    try:
        guard.run(given, parser, job)
    except Halt as halt:
        if halt.error:
            take_back(session)
            raise halt.error from None
        return
    except (KeyboardInterrupt, SystemExit):  # there are two seconds: no pictures, no ranking
        if session.sweep.directory:
            interrupted(session.sweep, session.sweep.directory)
        else:  # before it trained
            discard(session)
        raise
    except Exception as error:  # noqa: BLE001 (raised again after the ledger)
        failed = in_words(error, given.overrides)
    if session.sweep.directory:
        failed = end_sweep(session, session.sweep.directory, outputs_here(), failed)
    elif failed:  # refused by Hydra when it had made the run's directory
        discard(session)
    if session.failure or failed:
        raise session.failure or cast("Exception", failed)


def take_back(session: Session) -> None:
    """Leave nothing of what was refused before its first job: a new folder goes, a resumed sweep's manifest is as it was."""
    if session.sweep.directory is None:
        discard(session)
    elif session.sweep.resumed:
        write_manifest(session.sweep.directory, session.sweep.resumed.manifest)


def in_words(error: Exception, overrides: Sequence[str]) -> Exception:
    """What ended Hydra's part, as nnexp says it: what Hydra refuses is a matter of what was typed.

    What ends a job is told elsewhere, so here is what went wrong outside of nnexp's own code; an error in that stays as it is.
    """
    if isinstance(error, BrokenProcessPool):
        return NnexpError(
            "A worker process of the sweep was killed, or had not enough memory, which ends the sweep under this launcher. "
            "The command that finishes it is above."
        )
    if isinstance(error, NnexpError | MemoryError | OSError):
        return error
    if isinstance(error, HydraException) or not of_our_own(error):
        chain = [error, *filter(None, (error.__cause__, error.__context__))]
        said = next((first_line(each) for each in reversed(chain) if str(each)), type(error).__name__)
        typed = [word for word in overrides if word.lstrip("+~").startswith("hydra")]
        typed = [word for word in typed if not word.startswith("hydra.mode=")]
        hint = f" See what was typed of Hydra's: {listed(typed)}." if typed else ""
        return NnexpError(f"Hydra refuses this: {said}.{hint}")
    return error


def of_our_own(error: BaseException) -> bool:
    """Whether an error was raised in nnexp's own code."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return any(Path(frame.filename).is_relative_to(Path(__file__).parent.parent) for frame in last)


def note_broken() -> None:
    """Say on stderr what is installed but not among the options."""
    plugins = [each for kind in KINDS for each in registry.broken(kind)]
    for problem in [*plugins, *installed.points()[1], *presets.problems()]:
        print(f"note: left out {one_line(str(problem))}", file=sys.stderr)  # noqa: T201
