"""Reading a user's file into a pandas table, and saying clearly why one cannot be read."""

from __future__ import annotations

import math
import os
import zlib
from collections import Counter
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnexp.basics.exact import LIMIT, as_floats, could_be_rounded
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.tables.spelling import number, spells_number

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt", ".parquet")
GZIP = b"\x1f\x8b"
"""How a compressed file begins."""
SEPARATORS = {",": ",", ";": ";", "\t": "\\t", "|": "|"}
"""Common separators, each as it is typed."""


def read_table(
    path: str | os.PathLike[str],
    separator: str = ",",
    *,
    text: Collection[str] = (),
    option: str = "dataset.separator=",
) -> pd.DataFrame:
    """Read a table with the columns' names in its first line (.csv, .csv.gz, .tsv, .txt) or a .parquet file.

    Empty cells and the usual marks (NA, NaN, null) are missing values. A .tsv is separated by tabs whatever
    ``separator`` says. The columns in ``text`` keep the file's spelling (01 stays 01): give those whose categories
    are known. A first column without a name is left out, for it is the row numbers that pandas and R write. ``option``
    is what a message says to type before another separator.
    """
    file = _existing_file(path)
    if file.name.lower().endswith(".parquet"):
        table = _read_parquet(file)
    else:
        table = _read_text(
            file, "\t" if file.name.lower().endswith(".tsv") else separator.replace("\\t", "\t"), text, option
        )
    if table.columns.empty:
        raise NnexpError(f"{file} has no columns. Write a table with the columns' names in its first line.")
    if table.empty:
        raise NnexpError(
            f"{file} holds column names ({listed(table.columns)}) but no rows. Add the samples below them."
        )
    return table


def _existing_file(path: str | os.PathLike[str]) -> Path:
    """Refuse what is not a file or has a suffix that cannot be read."""
    if not os.fspath(path).strip():
        raise NnexpError("The path of the table is empty. Type dataset.path=FILE.csv")
    file = Path(os.path.expanduser(path))  # noqa: PTH111 (a ~ that is no user's begins a file's name)
    if file.is_dir():
        tables = sorted(each.name for each in file.iterdir() if each.name.lower().endswith(SUFFIXES))
        raise NnexpError(f"{file} is a directory. Name one file (tables in it: {listed(tables)}).")
    if not file.exists():
        if not file.parent.is_dir():
            raise NnexpError(
                f"{file} does not exist, nor does its directory. Give the path from {Path.cwd()}, or in full."
            )
        hint = did_you_mean(file.name, [each.name for each in file.parent.iterdir()])
        raise NnexpError(f"{file} does not exist.{hint or f' Give the path from {Path.cwd()}, or in full.'}")
    if not file.is_file():
        raise NnexpError(f"{file} is no plain file. Save the table as one of {', '.join(SUFFIXES)}.")
    if not file.name.lower().endswith(SUFFIXES):
        raise NnexpError(f"{file} is not a kind of table that can be read. Save it as one of {', '.join(SUFFIXES)}.")
    return file


def _read_parquet(file: Path) -> pd.DataFrame:
    try:
        # By name, for pyarrow has no types; here, for it is slow to import and only parquet files need it.
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise NnexpError(f"Reading {file} needs pyarrow. Type: pip install pyarrow") from error
    try:
        arrow = parquet.ParquetFile(file).read()
        arrow.validate(full=True)  # text that is not UTF-8, offsets that lead elsewhere
        _refuse_duplicates(file, arrow.column_names)
        table: pd.DataFrame = arrow.to_pandas(integer_object_nulls=_rounds(arrow))
    except NnexpError:
        raise
    except Exception as error:  # what pandas raises over a file's own description of its columns may be anything
        raise NnexpError(
            f"{file} is not a parquet table that can be read: {_first_line(error)}. Write it again."
        ) from error
    named = [name for name in table.index.names if name is not None]
    table = table.reset_index(level=named) if named else table
    table = table.reset_index(drop=True).set_axis([str(name) for name in table.columns], axis=1)
    _refuse_duplicates(file, list(table.columns))
    return table


def _rounds(arrow: Any) -> bool:
    """Whether pandas' usual way with missing values, floats, would round whole numbers of a table."""
    types, compute = import_module("pyarrow.types"), import_module("pyarrow.compute")
    for column in arrow.columns:
        if column.null_count and column.null_count < len(column) and types.is_integer(column.type):
            ends = compute.min_max(column).as_py()
            if ends["max"] > LIMIT or ends["min"] < -LIMIT:
                return True
    return False


def _read_text(file: Path, separator: str, text: Collection[str], option: str) -> pd.DataFrame:
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    # skipinitialspace: "a, b" has the columns "a" and "b". low_memory=False: a column's type depends on all its rows.
    try:
        names = _column_names(file, separator, option)
        table = pd.read_csv(
            file,
            sep=separator,
            header=0,
            names=names,
            dtype=dict.fromkeys(text, "str"),
            skipinitialspace=True,
            low_memory=False,
        )
    except pd.errors.EmptyDataError as error:
        raise NnexpError(f"{file} is empty. Write a table with the columns' names in its first line.") from error
    except UnicodeDecodeError as error:
        with file.open("rb") as start:
            if start.read(2) == GZIP:
                raise NnexpError(f"{file} is compressed. Call it {file.name}.gz, or unpack it.") from error
        raise NnexpError(f"{file} is not UTF-8 text ({error.reason}). Save it again as CSV in UTF-8.") from error
    except (pd.errors.ParserError, OSError, EOFError, zlib.error) as error:
        raise NnexpError(f"{file} is not a table that can be read: {_first_line(error)}. Correct the file.") from error
    for name in table.columns.difference(list(text)):
        column = table[name]
        if is_numeric_dtype(column) and could_be_rounded(column.to_numpy()):
            # A fraction, a gap or a number out of range makes floats of all; the text has all digits.
            column = pd.read_csv(
                file, sep=separator, header=0, names=names, usecols=[name], dtype="str", skipinitialspace=True
            )[name]
        if not is_numeric_dtype(column) and column.dropna().map(spells_number).all():
            # Numbers out of range (1e400, thirty digits) come out of some versions of pandas as text.
            table[name] = numbers_of(column)
    return _without_nameless(file, table)


def numbers_of(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of texts as floats, or where these would not hold all whole numbers as Python's own numbers."""
    import pandas as pd

    present = column.notna()
    values = [number(str(value)) if known else math.nan for value, known in zip(column, present, strict=True)]
    floats = as_floats(np.array(values, dtype=object))
    same = all(value == each or math.isnan(each) for value, each in zip(values, floats.tolist(), strict=True))
    return pd.Series(floats, column.index) if same else pd.Series(values, column.index, object)


def _column_names(file: Path, separator: str, option: str) -> list[str]:
    """The first line, cell by cell, before pandas renames a duplicate."""
    names = [str(cell).strip() for cell in _first_lines(file, separator, 1).iloc[0]]
    others = [typed for other, typed in SEPARATORS.items() if other in names[0]]
    if len(names) == 1 and others:
        raise NnexpError(
            f"{file} has a single column, {names[0]!r}, when cells are separated by {separator!r}. "
            f"Type '{option}\"{others[0]}\"'"
        )
    _refuse_duplicates(file, [name for name in names if name])
    # Read with the first line, the second is refused if it is longer. On its own pandas would take its first cell for a
    # row label and shift all the names by one.
    _first_lines(file, separator, 2)
    return [name or f"Unnamed: {position}" for position, name in enumerate(names)]


def _first_lines(file: Path, separator: str, count: int) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(
        file, sep=separator, header=None, nrows=count, dtype="str", keep_default_na=False, skipinitialspace=True
    )


def _without_nameless(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Leave out row numbers (a first column without a name) and empty columns without a name."""
    nameless = [name for position, name in enumerate(table.columns) if name == f"Unnamed: {position}"]
    kept = [name for name in nameless if name != "Unnamed: 0" and table[name].notna().any()]
    if kept:
        position = kept[0].removeprefix("Unnamed: ")
        raise NnexpError(f"{file}: column {int(position) + 1} has no name. Give it one in the file's first line.")
    return table.drop(columns=nameless)


def _refuse_duplicates(file: Path, names: list[str]) -> None:
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise NnexpError(
            f"{file} has more than one column named {listed(map(repr, repeated))}. "
            "The first line has to hold the columns' names, each once: rename them there."
        )


def _first_line(error: Exception) -> str:
    """What pandas or pyarrow says, without its own prefix."""
    lines = str(error).removeprefix("Error tokenizing data. C error: ").strip().splitlines()
    return (lines or [type(error).__name__])[0].rstrip(".")
