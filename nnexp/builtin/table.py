"""The user's own table as a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnexp.errors import NnexpError
from nnexp.plugin import Data, Dataset, param
from nnexp.tables.columns import encode
from nnexp.tables.frame import from_frame
from nnexp.tables.reading import read_table

__all__ = ["Csv", "encode", "read_table"]


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

    def validate(self) -> None:
        if len(self.separator.replace("\\t", "\t")) != 1 or self.separator in '"\r\n':
            raise NnexpError(
                f"dataset.separator must be one character (\\t for a tab). Got {self.separator!r}. Type "
                "'dataset.separator=\";\"'"
            )

    def load(self, rng: np.random.Generator) -> Data:
        return from_frame(
            read_table(self.path, self.separator, text=self.text),
            self.target,
            task=self.task,
            missing=self.missing,
            drop=self.drop,
            text=self.text,
            source=self.path,
        )
