"""``dataset=openml``: a table of OpenML by its name and version.

scikit-learn's client fetches it, and its liac-arff parser reads it, since the other parser's types depend on pandas' version.
Parsing is slow (minutes for 70,000 x 785, once); the parquet file that is kept of it is read in seconds.
"""

from __future__ import annotations

import re
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnexp.errors import NnexpError, listed
from nnexp.plugin import Data, Dataset, param
from nnexp.tables.frame import from_frame
from nnexp_openml.cache import TARGET, Entry, directory
from nnexp_openml.client import Client, host

if TYPE_CHECKING:
    import pandas as pd

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,()+-]*")
"""What OpenML lets a table be called; it becomes part of an address and of a file's name."""

PARSER_MEMORY = 64
"""The megabytes of a table that scikit-learn's parser holds as Python objects at a time."""


@dataclass(frozen=True)
class OpenML(Dataset):
    """A table of OpenML, openml.org, by its name and version; the first time from the network, then from the cache.

    Numbers stay numbers, what OpenML calls nominal and texts become categories, and missing values, identifiers and dates
    are refused, all as in ``dataset=csv``. Columns that OpenML marks as identifiers or to be ignored are left out. The
    first load keeps a SHA-256 checksum of the table; one that differs later is refused.
    (Vanschoren, van Rijn, Bischl and Torgo, 2014)
    """

    table: str = param(doc="its name at OpenML, such as iris")
    version: int = param(1, at_least=1, doc="its version at OpenML: one name may stand for several tables")
    target: str | None = param(None, doc="the column to predict; null: the one that OpenML names")
    task: str = param(
        "auto", choices=("auto", "regression", "binary", "multiclass"), doc="auto: told by the target's values"
    )
    missing: str = param("refuse", choices=("refuse", "drop"), doc="drop: leave rows with missing values out")
    drop: tuple[str, ...] = param((), doc="columns to leave out")
    text: tuple[str, ...] = param((), doc="columns that hold names, even where they look like numbers")

    def validate(self) -> None:
        if not NAME.fullmatch(self.table):
            raise NnexpError(
                f"dataset.table must be a table's name at OpenML: letters, digits and _ . , ( ) + - as in iris or mnist_784. "
                f"Got {self.table!r}."
            )

    @property
    def source(self) -> str:
        """What messages call the table."""
        return f"OpenML's {self.table} (version {self.version})"

    def load(self, rng: np.random.Generator) -> Data:
        entry = Entry.of(self.table, self.version, self.source)
        frame = entry.read()
        if frame is None:
            entry.write(self._fetch())
            frame = entry.read()
        assert frame is not None
        return from_frame(
            frame,
            self.target or self._default_target(frame),
            task=self.task,
            missing=self.missing,
            drop=self.drop,
            text=self.text,
            source=self.source,
        )

    def _fetch(self) -> pd.DataFrame:
        """The table from the network, with all its columns and the name of its target."""
        from sklearn import config_context  # here, for it takes more than a second
        from sklearn.datasets import fetch_openml

        _note(f"loading {self.source} from {host()} into the cache {directory()}")
        with (
            tempfile.TemporaryDirectory() as folder,
            warnings.catch_warnings(record=True) as caught,
            config_context(working_memory=PARSER_MEMORY),
        ):
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            client = Client(Path(folder), f"{self.source} is not in the cache {directory()}")
            try:
                with client.installed():
                    # liac-arff: the other parser's types depend on pandas' version, and with pandas 3.1 it may fail.
                    found = fetch_openml(
                        self.table, version=self.version, cache=False, target_column=None, parser="liac-arff"
                    )
            except (NnexpError, MemoryError):
                raise
            except Exception as error:  # whatever scikit-learn raises on an answer that it did not expect
                raise self._problem(client, error) from error
        for note in dict.fromkeys(str(each.message) for each in caught):
            _note(note)  # what OpenML says about the table
        frame: pd.DataFrame | None = found.frame
        if frame is None:
            raise NnexpError(f"{self.source} is a sparse table; nnexp takes dense ones. Choose another one.")
        named = found.details.get("default_target_attribute") or ""
        frame.attrs = {TARGET: named if isinstance(named, str) else ",".join(map(str, named))}
        return frame

    def _problem(self, client: Client, error: Exception) -> NnexpError:
        """What it means that scikit-learn could make no table of the answers."""
        if client.unknown:
            return NnexpError(
                f"OpenML has no table '{self.table}' with version {self.version}. Look for it at "
                f"https://www.openml.org/search?type=data&q={self.table} and type dataset.table=NAME dataset.version=N"
            )
        reason = ": ".join([type(error).__name__, *str(error).splitlines()[:1]]).rstrip(". ")
        return NnexpError(
            f"{self.source} cannot be read from what {host()} answered ({reason}). Nothing of it was kept. Type the command "
            "again, or choose another dataset.version."
        )

    def _default_target(self, frame: pd.DataFrame) -> str:
        """The column that OpenML names as the target."""
        named: str = frame.attrs[TARGET]
        if named in frame.columns:
            return named
        problem = f"has several targets ({named})" if "," in named else "has no target of its own"
        raise NnexpError(f"{self.source} {problem}. Type dataset.target=COLUMN; its columns: {listed(frame.columns)}.")


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)  # noqa: T201 (for who waits)
