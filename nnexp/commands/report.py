"""``report SWEEP|RUN``: one HTML file to keep or to send."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnexp.basics.files import outputs_here
from nnexp.basics.optional import CHARTS, refuse_without
from nnexp.commands.parser import Parser
from nnexp.commands.results import add_source
from nnexp.errors import NnexpError

SUFFIX = ".html"


def report(words: Sequence[str]) -> None:
    """Write a report of a sweep or a run: one HTML file that opens from disk, without a network."""
    parser = Parser("python -m nnexp report", description=report.__doc__)
    parser.add_argument("what", metavar="SWEEP|RUN", help="a directory, or the MLflow id or name of a run that is here")
    parser.add_argument(
        "-o", "--output", type=Path, help="the file (default: report.html); one that is named is replaced"
    )
    add_source(parser)
    given = parser.parse_args(words)
    from nnexp.commands import writing
    from nnexp.commands.found import directory_of, no_run
    from nnexp.comparison.sources import is_directory, opened
    from nnexp.report.file import text_of

    path = given.output or Path(f"report{SUFFIX}")
    writing.check_name(path, {SUFFIX: None})
    if not given.output and path.exists():
        raise NnexpError(f"'{path}' is there already. To replace it type -o {path}, or choose another name.")
    refuse_without(*CHARTS)
    directory = Path(given.what)
    if not is_directory(given.what):
        directory = directory_of(opened(given.experiment, given.uri, outputs_here()), given.what)
    text = text_of(directory)
    if text is None:
        raise NnexpError(no_run(directory, "report {}"))
    writing.write(path, {SUFFIX: lambda to: to.write(text.encode())})
    print(f"wrote    {path} ({len(text.encode()) / 1e6:.1f} MB)")  # noqa: T201
