"""``predict RUN TABLE``: a run's answers for new rows."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.commands import writing
from nnexp.commands.named_run import model_directory
from nnexp.commands.parser import Parser, add_store
from nnexp.errors import NnexpError, counted, printable

if TYPE_CHECKING:
    import pandas as pd

    from nnexp.tables.format import Format


WRITTEN = "has to hold numbers"
"""What is said of a number that is written otherwise than in training, among others."""


def predict(words: Sequence[str]) -> None:
    """Answer for new rows with a run's model: labels or values in original units, and probabilities."""
    parser = Parser("python -m nnexp predict", description=predict.__doc__)
    parser.add_argument("run", help="a run's directory, an MLflow run id or name, or a file that save() wrote")
    parser.set_defaults(typed="predict {} TABLE")
    parser.add_argument("table", help="a .csv, .tsv, .txt or .parquet file with the training table's feature columns")
    writing.add_output(parser, "a .csv or .parquet file; without it the answers are printed as csv")
    add_format(parser)
    add_store(parser)
    given = parser.parse_args(words)
    if given.output:
        check_answers(given.output, Path(given.table), replace=given.replace)
    from nnexp.experiment.model import load
    from nnexp.tables.columns import refuse_truth
    from nnexp.tables.reading import read_table

    with model_directory(given) as (directory, _):
        model = load(directory)
    form = format_given(given, model.preprocessing.reading)
    model = replace(model, preprocessing=replace(model.preprocessing, reading=form.changes()))
    text = [feature.name for feature in model.features if feature.categories]
    table = read_table(given.table, form, text=text, typed=option)
    numbers = {feature.name for feature in model.features if not feature.categories} - {*form.booleans}
    try:
        refuse_truth(table.frame, numbers, given.table)
        answers = model.predict_table(table.frame, source=given.table)
    except NnexpError as error:
        how = (
            " Where it is only written otherwise, see --decimal, --thousands and --units."
            if WRITTEN in str(error)
            else ""
        )
        advice = table.advice([feature.name for feature in model.features]) if table.advice else ""
        raise NnexpError(f"{error}{how}{advice}") from None
    for line in (*table.notes, *without_units(table.frame, form)):
        print(printable(f"nnexp: {line}"), file=sys.stderr)  # noqa: T201
    if not given.output:
        try:
            if sys.stdout.isatty():  # a model from a stranger may call a class what a terminal takes for a command
                print(printable(answers.to_csv(index=False)), end="")  # noqa: T201
            else:
                answers.to_csv(sys.stdout, index=False)
        except BrokenPipeError:  # the reader has seen enough, as with `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    write(answers, given.output)
    print(f"{counted(len(answers), 'row')}: {given.output}")  # noqa: T201


def add_format(parser: Parser) -> None:
    """The options that say how the table is written; without them it is as that of training was."""
    group = parser.add_argument_group("how the table is written, where not as that of training")
    group.add_argument("--separator", help="between the cells of a text file")
    group.add_argument("--decimal", help="before a number's fraction: . or ,")
    group.add_argument("--thousands", help="between thousands")
    group.add_argument("--units", help="strip: read 5 kg as 5; refuse: do not")
    group.add_argument(
        "--header", help="the line with the columns' names (1-2: and line 2 is no sample), auto, or none"
    )
    group.add_argument("--na", help="what is written for a missing value, separated by commas")


def option(name: str, value: str) -> str:
    """How an option is typed; a tab by its name, which a shell passes on."""
    return f"--{name}={shlex.quote(value.replace(chr(9), chr(92) + 't'))}"


def without_units(table: pd.DataFrame, form: Format) -> Iterator[str]:
    """Which columns hold plain numbers where those of training had a unit."""
    for name, unit in form.beside:
        if unit and name in table.columns and table[name].dtype.kind in "fiu":
            yield f"column '{name}' has no unit; its numbers are taken for '{unit}', as in training"


def format_given(given: argparse.Namespace, training: Mapping[str, Any]) -> Format:
    """How the table is written. Raises NnexpError."""
    from nnexp.tables.format import Format

    options = {name: getattr(given, name) for name in ("separator", "decimal", "thousands", "units", "header")}
    typed = {name: value.replace("\\t", "\t") for name, value in options.items() if value is not None}
    if given.thousands is None and typed.get("decimal") == training.get("thousands", ""):
        typed["thousands"] = ""  # the mark has another meaning here
    marks = {} if given.na is None else {"na": [each for each in given.na.split(",") if each]}
    try:
        return Format.of({**training, **typed, **marks})
    except ValueError as error:
        raise NnexpError(f"--{error}.") from None


def check_answers(path: Path, table: Path, *, replace: bool) -> None:
    """Refuse a name that answers cannot have: that of the table itself among them. Raises NnexpError."""
    writing.check_output(path, (".csv", ".parquet"), replace=replace)
    if path.exists() and table.exists() and path.samefile(table):
        raise NnexpError(f"-o {path} is the table itself, which stays as it is. Choose another name.")


def write(answers: pd.DataFrame, path: Path) -> None:
    """Write a table in one step, as its suffix says."""
    if path.suffix == ".csv":
        writing.write(path, lambda to: answers.to_csv(to, index=False, mode="wb"))
    else:
        writing.write(path, lambda to: answers.to_parquet(to, index=False))
