"""``search-export SEARCH``: a search as a file for optuna-dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnexp.commands import writing
from nnexp.commands.parser import Parser

SUFFIX = ".log"


def search_export(words: Sequence[str]) -> None:
    """Write a search as a journal file of Optuna's, for optuna-dashboard. It is a copy: nnexp never reads it."""
    parser = Parser("python -m nnexp search-export", description=search_export.__doc__)
    parser.add_argument("search", type=Path, help="a search's directory")
    writing.add_output(parser, f"the file (default: search{SUFFIX})")
    given = parser.parse_args(words)
    path = given.output or Path(f"search{SUFFIX}")
    from nnexp.comparison.reading import refuse_no_directory
    from nnexp.sweep import ledger
    from nnexp.sweep.search_export import exported

    refuse_no_directory(given.search)
    writing.check_output(path, (SUFFIX,), replace=given.replace)
    made = exported(ledger.read(given.search))
    writing.write(path, lambda to: to.write(made))
    print(f"wrote    {path}\nnext     optuna-dashboard {path}")  # noqa: T201
