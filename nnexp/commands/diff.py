"""``diff A B``: what differs between two runs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.basics.files import outputs_here
from nnexp.commands.answer import answering
from nnexp.commands.parser import Parser
from nnexp.commands.results import add_source
from nnexp.errors import NnexpError

if TYPE_CHECKING:
    from nnexp.comparison.differences import Arrays
    from nnexp.journal.facts import Facts


def diff(words: Sequence[str]) -> None:
    """What differs between two runs: configuration, data, versions, engine, commit, metrics by epoch, weights.

    Exit code 0 where nothing does, 1 where something does, 2 where it cannot be told.
    """
    parser = Parser("python -m nnexp diff", description=diff.__doc__)
    for name in ("a", "b"):
        parser.add_argument(name, metavar=name.upper(), help="a run's directory, an MLflow run id or name")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")
    add_source(parser)
    given = parser.parse_args(words)
    from nnexp.comparison.differences import as_object, compared
    from nnexp.comparison.side_by_side import show

    with answering("nnexp.diff/1", wanted=given.json) as answer:
        a, b = read(given.a, given), read(given.b, given)
        found = compared(a[0], b[0], a[1], b[1])
        answer.update(a=a[0].directory or a[0].run_id, b=b[0].directory or b[0].run_id, **as_object(found))
        show(a[0], b[0], found)
    if not found.equal:
        sys.exit(1)
    if found.weights.equal is None and a[0].status != "diverged":  # such a run has none
        sys.exit(2)


def read(word: str, given: argparse.Namespace) -> tuple[Facts, Arrays | None]:
    """What is known of a run, and its weights if it has some. Raises NnexpError."""
    from nnexp.comparison.again import weights_in
    from nnexp.comparison.sources import is_directory, one, opened

    run = one(word, given.experiment, given.uri, outputs_here())
    if is_directory(word):
        return run, weights_in(Path(run.directory))
    from nnexp.experiment.model import WEIGHTS

    with tempfile.TemporaryDirectory() as folder:
        try:
            opened(given.experiment, given.uri, outputs_here()).download(run.run_id, WEIGHTS, Path(folder))
        except NnexpError:  # one that did not finish has none
            return run, None
        return run, weights_in(Path(folder))
