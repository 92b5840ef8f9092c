"""A table that was read from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.errors import NnexpError, listed
from nnexp.tables.format import Format

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A file that was read."""

    frame: pd.DataFrame
    form: Format
    """How it was written: as was said, and as the file itself says."""
    notes: tuple[str, ...] = ()
    """What its owner should know about how it was read."""
    cell: Callable[[str, int], str] | None = None
    """What stands in a column in a row, counted from 1; None where there is no text."""
    zeros: Callable[[Collection[str]], dict[str, str]] | None = None
    """Which of these columns have whole numbers with leading zeros, each with the first; None where there is no text."""
    advice: Callable[[Collection[str]], str] | None = None
    """What to type where the table cannot be used and its names stand elsewhere; told by the columns that have to be there."""


def refuse_duplicates(file: Path, names: list[str], hint: str = "") -> None:
    """Refuse a name that two columns have."""
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise NnexpError(
            f"{file} has more than one column named {listed(map(repr, repeated))}. "
            f"The first line has to hold the columns' names, each once: rename them there.{hint}"
        )


def said(error: Exception) -> str:
    """What pandas or pyarrow says, without its own prefix."""
    lines = str(error).removeprefix("Error tokenizing data. C error: ").strip().splitlines()
    return (lines or [type(error).__name__])[0].rstrip(".")
