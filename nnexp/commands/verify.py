"""``verify RUN``: a recorded run is trained again and held against its record."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.basics.files import outputs_here, relative
from nnexp.commands.answer import answering
from nnexp.commands.parser import Parser
from nnexp.commands.results import add_source
from nnexp.errors import NnexpError, counted

if TYPE_CHECKING:
    from nnexp.comparison.again import First, Verdict


def verify(words: Sequence[str]) -> None:
    """Train a recorded run again, and say whether every metric and weight came out the same, bit for bit.

    Nothing is written. Exit code 0 where all is the same, 1 where something differs, 2 where it cannot be told.
    """
    parser = Parser("python -m nnexp verify", description=verify.__doc__)
    parser.add_argument("run", metavar="RUN", help="a run's directory, or the MLflow id or name of one that is here")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")
    add_source(parser)
    given = parser.parse_args(words)
    from nnexp.commands.named_run import directory_of, no_run
    from nnexp.comparison.again import as_object
    from nnexp.comparison.again import verify as again
    from nnexp.comparison.reading import is_run
    from nnexp.comparison.sources import is_directory, opened
    from nnexp.terminal.console import Console

    with answering("nnexp.verify/1", wanted=given.json) as answer:
        directory = Path(given.run)
        if not is_directory(given.run):
            directory = directory_of(opened(given.experiment, given.uri, outputs_here()), given.run)
        if not directory.is_dir() or not is_run(directory):
            raise NnexpError(no_run(directory, "verify {}"))
        verdict = again(directory, Console(brief=True))
        answer.update(directory=relative(str(directory)), **as_object(verdict))
        show(verdict)
    if not verdict.equal:
        sys.exit(1)
    if verdict.weights.equal is None and not verdict.diverged:  # which is not all of it
        sys.exit(2)


def show(verdict: Verdict) -> None:
    """Say how the run came out."""
    from nnexp.terminal.console import fact, note, say

    if verdict.versions:
        note(f"{verdict.versions}.")
    same = f"the same in {counted(verdict.epochs, 'epoch')}{', and it diverged again' if verdict.diverged else ''}"
    for line in fact("metrics", words(verdict.first) if verdict.first else same):
        say(line)
    found = verdict.weights
    said = f"not compared: {found.why}" if found.equal is None else "the same"
    if found.equal is False:
        said = (
            f"differ, {found.array} first, {f'by at most {found.by:.3g}' if found.by is not None else f'({found.why})'}"
        )
    for line in fact("weights", said):
        say(line)


def words(first: First) -> str:
    """What differs first."""
    place = f"epoch {first.epoch}" if first.epoch else "the whole run"
    by = f", by {first.now - first.then:.3g}" if isinstance(first.then, float) and isinstance(first.now, float) else ""
    return f"differ: {first.name} of {place} was {first.then!r} and is {first.now!r} now{by}"
