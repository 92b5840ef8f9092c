"""Tables on disk: each as a parquet file, and beside it the SHA-256 checksum that it had when it was first loaded."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnexp.errors import NnexpError
from nnexp_openml.client import OPENML, server

if TYPE_CHECKING:
    import pandas as pd

TARGET = "target"
"""The attribute of a cached table that holds the name of its target, empty where OpenML names none."""


def directory() -> Path:
    """Where tables are kept: below the user's cache directory, apart for each server."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    usual = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    name = re.sub(r"[^\w.-]+", "_", server().partition("://")[2]) or OPENML
    return (Path(given) if given.startswith("/") else usual) / "nnexp" / "openml" / name


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 of a table: its target's name, and for each column its name and values, numbers as float64, others as texts."""
    from pandas.api.types import is_numeric_dtype

    digest = hashlib.sha256(repr(frame.attrs[TARGET]).encode())
    for name in frame.columns:
        column = frame[name]
        if is_numeric_dtype(column.dtype):
            texts, values = [], column.to_numpy("float64", na_value=np.nan)
        else:
            codes, levels = column.factorize()
            texts, values = [str(level) for level in levels], codes.astype("float64")
        digest.update(repr((name, texts, len(values))).encode())
        digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Entry:
    """A table's place in the cache."""

    table: Path
    checksum: Path
    source: str
    """What messages call the table."""

    @classmethod
    def of(cls, name: str, version: int, source: str) -> Entry:
        """The place of a version of a table; OpenML's names are the same in capitals."""
        stem = directory() / f"{name.lower()}-{version}"
        return cls(stem.with_name(f"{stem.name}.parquet"), stem.with_name(f"{stem.name}.sha256"), source)

    def read(self) -> pd.DataFrame | None:
        """The table as it was first loaded; None where it is not there. Refuses one that has changed."""
        import pandas as pd

        if not self.table.exists():
            return None
        try:
            frame = pd.read_parquet(self.table)
            found = fingerprint(frame)
        except (OSError, ValueError, LookupError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise NnexpError(
                f"The cached table {self.table} cannot be read ({reason}). Delete it and type the command again "
                "to load it anew."
            ) from None
        self._check(found)
        return frame

    def write(self, frame: pd.DataFrame) -> None:
        """Keep a table that was loaded, and its checksum. Refuses one that differs from the one first loaded."""
        self._check(fingerprint(frame))
        with _replacing(self.table) as new:
            frame.to_parquet(new)

    def _check(self, found: str) -> None:
        """Compare with the checksum, or keep it where there is none."""
        if not self.checksum.exists():
            with _replacing(self.checksum) as new:
                new.write_text(f"{found}\n", encoding="ascii")
        kept = self.checksum.read_text(encoding="ascii", errors="replace").strip()
        if kept != found:
            raise NnexpError(
                f"{self.source} is not the table that was first loaded here: its SHA-256 is {found}, it was {kept}. Either "
                f"OpenML's table or {self.table} has changed. To load it anew, delete the latter; to accept it as it is now, "
                f"delete {self.checksum}. Then type the command again."
            )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of ``path`` in one step."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            new = Path(folder) / path.name
            yield new
            new.replace(path)
    except OSError as error:
        raise NnexpError(
            f"{path} cannot be written ({error.strerror or error}). Type XDG_CACHE_HOME=DIRECTORY before the command, with a "
            "directory of yours."
        ) from None
