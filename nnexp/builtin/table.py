"""The user's own table as a dataset."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

import numpy as np

from nnexp.errors import NnexpError
from nnexp.plugin import Data, Dataset, param
from nnexp.tables.columns import encode
from nnexp.tables.format import Format
from nnexp.tables.frame import from_frame
from nnexp.tables.reading import read_table
from nnexp.tables.zeros import leading_zeros

__all__ = ["Csv", "encode", "read_table"]


def composed(name: str) -> str:
    """A column's name with its letters composed, as they are read from a file."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True)
class Csv(Dataset):
    """A table of your own: one row per sample, one column per feature, one column to predict.

    Reads .csv, .csv.gz, .tsv, .txt (the columns' names in the first line) and .parquet. Numbers stay numbers, true
    and false become 1 and 0, text becomes categories, which nnexp one-hot encodes. In messages the first row after
    the header is row 1. (the format: Shafranovich, 2005, RFC 4180)
    """

    path: str = param(file=True, doc="the file: .csv, .csv.gz, .tsv, .txt or .parquet")
    target: str = param(doc="the column to predict")
    task: str = param(
        "auto", choices=("auto", "regression", "binary", "multiclass"), doc="auto: told by the target's values"
    )
    missing: str = param("refuse", choices=("refuse", "drop"), doc="drop: leave rows with missing values out")
    drop: tuple[str, ...] = param((), doc="columns to leave out")
    text: tuple[str, ...] = param((), doc="columns that hold names, even where they look like numbers")
    separator: str = param(",", doc="what stands between two cells of a text file; \\t is a tab")
    decimal: str = param(".", doc="what stands before a number's fraction: a point or a comma")
    thousands: str = param("", doc="what stands between thousands: , . ' _ or a space, which is one of any width")
    units: str = param("refuse", choices=("refuse", "strip"), doc='strip: "5 kg", "$5" and "5%" are 5')
    header: str = param(
        "auto",
        doc="the line with the columns' names: auto, none (c1, c2, ...), its number; 1-2: in line 1, and line 2 is no sample",
    )
    na: tuple[str, ...] | None = param(
        None, doc="what is written for a missing value, beside nothing; null: NA, NaN, ..."
    )

    def validate(self) -> None:
        self.form()

    def form(self) -> Format:
        """How the table is written. Raises NnexpError where nothing is written so."""
        separator = self.separator.replace("\\t", "\t")
        try:
            return Format(separator, self.decimal, self.thousands, self.units, self.header, self.na)
        except ValueError as error:
            raise NnexpError(f"dataset.{error}.") from None

    def load(self, rng: np.random.Generator) -> Data:
        table = read_table(self.path, self.form(), text=[*map(composed, self.text)])
        target, drop, text = composed(self.target), [*map(composed, self.drop)], [*map(composed, self.text)]
        try:
            data = from_frame(
                table.frame,
                target,
                task=self.task,
                missing=self.missing,
                drop=drop,
                text=text,
                source=self.path,
                form=table.form,
                cell=table.cell,
            )
        except NnexpError as error:
            advice = table.advice((target, *drop, *text)) if table.advice else ""
            raise NnexpError(f"{error}{advice}") from None
        columns = [name for name in (*data.names, data.target) if name not in (*data.categories, *text)]
        zeros = table.zeros(columns) if table.zeros else {}
        return replace(data, notes=(*table.notes, *data.notes, *leading_zeros(zeros, text)))
