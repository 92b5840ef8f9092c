"""``predict RUN TABLE``: a run's answers for new rows."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nnexp.basics.files import replacing
from nnexp.commands.found import model_directory
from nnexp.commands.parser import Parser, add_store
from nnexp.errors import NnexpError, counted, printable

if TYPE_CHECKING:
    import pandas as pd


def predict(words: Sequence[str]) -> None:
    """Answer for new rows with a run's model: labels or values in original units, and probabilities."""
    parser = Parser("python -m nnexp predict", description=predict.__doc__)
    parser.add_argument("run", help="a run's directory, an MLflow run id or name, or a file that save() wrote")
    parser.set_defaults(typed="predict {} TABLE")
    parser.add_argument("table", help="a .csv, .tsv, .txt or .parquet file with the training table's feature columns")
    parser.add_argument("-o", "--output", help="a .csv or .parquet file; without it the answers are printed as csv")
    parser.add_argument("--separator", default=",", help="between the cells of a text file")
    add_store(parser)
    given = parser.parse_args(words)
    from nnexp.experiment.model import load
    from nnexp.tables.reading import read_table

    with model_directory(given) as (directory, _):
        model = load(directory)
    text = [feature.name for feature in model.features if feature.categories]
    table = read_table(given.table, given.separator, text=text, option="--separator ")
    answers = model.predict_table(table, source=given.table)
    if not given.output:
        try:
            if sys.stdout.isatty():  # a model from a stranger may call a class what a terminal takes for a command
                print(printable(answers.to_csv(index=False)), end="")  # noqa: T201
            else:
                answers.to_csv(sys.stdout, index=False)
        except BrokenPipeError:  # the reader has seen enough, as with `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    write(answers, Path(given.output))
    print(f"{counted(len(answers), 'row')}: {given.output}")  # noqa: T201


def write(answers: pd.DataFrame, path: Path) -> None:
    """Write a table in one step, as its suffix says."""
    writers: dict[str, Callable[[BinaryIO], object]] = {
        ".csv": lambda to: answers.to_csv(to, index=False, mode="wb"),
        ".parquet": lambda to: answers.to_parquet(to, index=False),
    }
    if path.suffix not in writers:
        better = f" Type -o {shlex.quote(str(path.with_suffix('.csv')))}" if path.name else ""
        raise NnexpError(f"-o {path}: the name must end in .csv or .parquet.{better}")
    if path.exists() and not path.is_file():
        raise NnexpError(f"-o {path} is no file that could be replaced. Choose another name.")
    if printable(str(path)) != str(path):
        raise NnexpError(f"-o {printable(str(path))}: a name has no control characters. Choose another name.")
    try:
        with replacing(path, forced=True, in_own_folder=False) as file:
            writers[path.suffix](file)
    except OSError as error:
        raise NnexpError(
            f"Cannot write '{path}': {error.strerror or error}. Choose another place with -o FILE."
        ) from None
