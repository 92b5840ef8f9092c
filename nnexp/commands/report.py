"""``report SWEEP|RUN``: one HTML file to keep or to send."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnexp.basics.files import outputs_here
from nnexp.basics.optional import CHARTS, refuse_without
from nnexp.commands import writing
from nnexp.commands.parser import Parser
from nnexp.commands.results import add_source
from nnexp.errors import NnexpError

SUFFIX = ".html"


def report(words: Sequence[str]) -> None:
    """Write a report of a sweep or a run: one HTML file that opens from disk, without a network."""
    parser = Parser("python -m nnexp report", description=report.__doc__)
    parser.add_argument("what", metavar="SWEEP|RUN", help="a directory, or the MLflow id or name of a run that is here")
    writing.add_output(parser, f"the file (default: report{SUFFIX})")
    add_source(parser)
    given = parser.parse_args(words)
    from nnexp.commands.named_run import directory_of, no_sweep
    from nnexp.comparison.sources import is_directory, opened
    from nnexp.report.file import text_of

    path = given.output or Path(f"report{SUFFIX}")
    writing.check_output(path, (SUFFIX,), replace=given.replace)
    refuse_without(*CHARTS)
    directory = Path(given.what)
    if not is_directory(given.what):
        directory = directory_of(opened(given.experiment, given.uri, outputs_here()), given.what)
    text = text_of(directory)
    if text is None:
        raise NnexpError(no_sweep(directory))
    writing.write(path, lambda to: to.write(text.encode()))
    print(f"wrote    {path} ({len(text.encode()) / 1e6:.1f} MB)")  # noqa: T201
