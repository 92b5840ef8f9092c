"""``results``: recorded runs as a table, on the terminal, in a file or for programs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nnexp.basics.files import outputs_here
from nnexp.commands import writing
from nnexp.commands.answer import answering
from nnexp.commands.parser import Parser
from nnexp.errors import counted, printable

if TYPE_CHECKING:
    from nnexp.comparison.rows import Table

SUFFIXES = (".csv", ".parquet", ".json")


def results(words: Sequence[str]) -> None:
    """Recorded runs as a table: what varies between them, how they ended, their metrics, and where they are."""
    parser = Parser("python -m nnexp results", description=results.__doc__)
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="directories of runs or sweeps, MLflow run ids or names; without: outputs",
    )
    parser.add_argument("--history", action="store_true", help="a row for each epoch")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--csv", action="store_true", help="print all columns as csv")
    how.add_argument("--json", action="store_true", help="for programs: one JSON object")
    writing.add_output(parser, "a .csv, .parquet or .json file", how)
    add_source(parser)
    given = parser.parse_args(words)
    if given.output:
        writing.check_output(given.output, SUFFIXES, replace=given.replace)
    from nnexp.comparison.rows import SCHEMA, as_object, table
    from nnexp.comparison.sources import named

    with answering(SCHEMA, wanted=given.json) as answer:
        found = named(given.runs, given.experiment, given.uri, outputs_here())
        made = table(found.runs, found.swept, history=given.history)
        if given.json:
            answer.update(as_object(made))
    if not given.json:
        shown(made, given)


def add_source(parser: argparse.ArgumentParser) -> None:
    """The options that say which of MLflow's runs are meant."""
    parser.add_argument("--experiment", help="MLflow's experiment: all of its runs, or where a named run is")
    parser.add_argument("--uri", help="MLflow's tracking URI (default: MLFLOW_TRACKING_URI, or outputs/mlflow.db)")


def shown(made: Table, given: argparse.Namespace) -> None:
    """Write the table where it was asked for."""
    from nnexp.comparison.rows import as_csv

    if given.output:
        write(made, given.output)
        print(f"{counted(len(made.rows), 'row')}: {given.output}")  # noqa: T201
    elif given.csv:
        try:
            text = as_csv(made)
            print(printable(text) if sys.stdout.isatty() else text, end="", flush=True)  # noqa: T201
        except BrokenPipeError:  # the reader has seen enough, as with `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        from nnexp.comparison.listing import show

        show(made)


def write(made: Table, path: Path) -> None:
    """Write the table as the file's suffix says. Raises NnexpError."""
    from nnexp.comparison.rows import SCHEMA, as_csv, as_object

    def parquet(to: BinaryIO) -> None:
        from nnexp.comparison.frame import framed

        framed(made).to_parquet(to, index=False)

    writers: dict[str, Callable[[BinaryIO], object]] = {
        ".csv": lambda to: to.write(as_csv(made).encode()),
        ".json": lambda to: to.write(json.dumps({"schema": SCHEMA, **as_object(made)}, indent=1).encode()),
        ".parquet": parquet,
    }
    writing.write(path, writers[path.suffix])
