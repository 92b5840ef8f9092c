"""Reading a .parquet file into a pandas table."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.basics.exact import LIMIT
from nnexp.errors import NnexpError
from nnexp.tables.columns import trimmed
from nnexp.tables.format import Format
from nnexp.tables.table import Table, refuse_duplicates, said

if TYPE_CHECKING:
    import pandas as pd

ROW_NUMBERS = re.compile(r"__index_level_\d+__")
"""What pandas calls row numbers in a parquet file."""


def read_parquet(file: Path, form: Format) -> Table:
    """Read a parquet file. Raises NnexpError."""
    try:
        # By name, for pyarrow has no types; here, for it is slow to import and only parquet files need it.
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise NnexpError(f"Reading {file} needs pyarrow. Type: pip install pyarrow") from error
    try:
        arrow = parquet.ParquetFile(file).read()
        arrow.validate(full=True)  # text that is not UTF-8, offsets that lead elsewhere
        refuse_duplicates(file, arrow.column_names)
        table: pd.DataFrame = arrow.to_pandas(integer_object_nulls=_rounds(arrow))
    except NnexpError:
        raise
    except Exception as error:  # what pandas raises over a file's own description of its columns may be anything
        raise NnexpError(f"{file} is not a parquet table that can be read: {said(error)}. Write it again.") from error
    named = [name for name in table.index.names if name is not None]
    table = table.reset_index(level=named) if named else table
    table = table.reset_index(drop=True).set_axis([str(name) for name in table.columns], axis=1)
    refuse_duplicates(file, list(table.columns))
    numbered = [name for name in table.columns if ROW_NUMBERS.fullmatch(name)]
    notes = [f"{file.name}: {name} holds row numbers, which are no feature" for name in numbered]
    return Table(trimmed(table.drop(columns=numbered), form.na or ()), form, tuple(notes))


def _rounds(arrow: Any) -> bool:
    """Whether pandas' usual way with missing values, floats, would round whole numbers of a table."""
    types, compute = import_module("pyarrow.types"), import_module("pyarrow.compute")
    for column in arrow.columns:
        if column.null_count and column.null_count < len(column) and types.is_integer(column.type):
            ends = compute.min_max(column).as_py()
            if ends["max"] > LIMIT or ends["min"] < -LIMIT:
                return True
    return False
