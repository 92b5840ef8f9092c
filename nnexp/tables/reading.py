"""Reading a user's file into a pandas table, and saying clearly why one cannot be read."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.basics.exact import could_be_rounded
from nnexp.basics.plain import override
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.tables.columns import numbers_of, trimmed
from nnexp.tables.format import USUAL, Format
from nnexp.tables.head import Head, Typed, first_rows, head_of, refuse_another_layout
from nnexp.tables.headers import advice, names_below
from nnexp.tables.parquet import read_parquet
from nnexp.tables.quotes import refuse_swallowed_rows, unclosed
from nnexp.tables.spelling import spells_number, stripped
from nnexp.tables.table import Table, refuse_duplicates, said
from nnexp.tables.zeros import has_padded, holds_whole_numbers, padded

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt", ".parquet")
GZIP = b"\x1f\x8b"
"""How a compressed file begins."""
OTHERS = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK": "a workbook or another archive, whatever its name says",
    b"\xd0\xcf": "a workbook, whatever its name says",
}
"""Other kinds of files, by how they begin."""
OTHER_TEXTS = {
    "version https://git-lfs": "a pointer of Git LFS to the table. Type git lfs pull",
    **dict.fromkeys(("<!doctype", "<html", "<?xml"), "a web page or XML. Save the table itself"),
    '{"': "JSON. Write a table, with the columns' names in its first line",
    "[{": "JSON. Write a table, with the columns' names in its first line",
    "@relation": "an ARFF file. Save it as CSV, or use nnexp-openml for OpenML's tables",
}
"""The same for text, each with what to do."""


def option_of_csv(name: str, value: str) -> str:
    """How an option of ``dataset=csv`` is typed."""
    return "'dataset.separator=\"\\t\"'" if value == "\t" else override(f"dataset.{name}", value)


def read_table(
    path: str | os.PathLike[str],
    form: Format = USUAL,
    *,
    text: Collection[str] = (),
    typed: Typed = option_of_csv,
) -> Table:
    """Read a table with the columns' names in its first line (.csv, .csv.gz, .tsv, .txt) or a .parquet file.

    Empty cells and the usual marks (NA, NaN, null), or those of ``form``, are missing values. A .tsv is separated by tabs
    whatever ``form`` says. The columns in ``text`` keep the file's spelling (01 stays 01): give those whose categories
    are known. Row numbers, as pandas and R write them into a first column without a name, are left out. ``typed`` is how an
    option is typed that a message proposes.
    """
    file = _existing_file(path)
    if file.name.lower().endswith(".parquet"):
        table = read_parquet(file, form)
    else:
        table = _Text(file, _separated(form, file), frozenset(text), typed).table()
    if table.frame.columns.empty:
        raise NnexpError(f"{file} has no columns. Write a table with the columns' names in its first line.")
    if table.frame.empty:
        raise NnexpError(
            f"{file} holds column names ({listed(table.frame.columns)}) but no rows. Add the samples below them."
        )
    return table


def _separated(form: Format, file: Path) -> Format:
    """A .tsv is separated by tabs."""
    return replace(form, separator="\t") if file.name.lower().endswith(".tsv") else form


def _existing_file(path: str | os.PathLike[str]) -> Path:
    """Refuse what is not a file or has a suffix that cannot be read."""
    if not os.fspath(path).strip():
        raise NnexpError("The path of the table is empty. Type dataset.path=FILE.csv")
    if "://" in os.fspath(path):
        raise NnexpError(f"{os.fspath(path)} is an address. Fetch the file, and give its path.")
    file = Path(os.path.expanduser(path))  # noqa: PTH111 (a ~ that is no user's begins a file's name)
    if file.is_dir():
        tables = sorted(each.name for each in file.iterdir() if each.name.lower().endswith(SUFFIXES))
        raise NnexpError(f"{file} is a directory. Name one file (tables in it: {listed(tables)}).")
    if file.is_symlink() and not file.exists():
        raise NnexpError(f"{file} is a link to {file.readlink()}, which does not exist. Give the table's own path.")
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


@dataclass(frozen=True)
class _Text:
    """A text file that is to be read."""

    file: Path
    form: Format
    text: frozenset[str]
    typed: Typed

    def table(self) -> Table:
        """Read it. Raises NnexpError, with the line where there is one."""
        import pandas as pd

        try:
            head = head_of(self.file, self.form, self.typed)
            first = head.lines[0].strip().lower() if head.lines else ""
            if other := next((said for begins, said in OTHER_TEXTS.items() if first.startswith(begins)), ""):
                raise NnexpError(f"{self.file} is {other}.")
            return self._below(head)
        except pd.errors.EmptyDataError as error:
            raise NnexpError(
                f"{self.file} is empty. Write a table with the columns' names in its first line."
            ) from error
        except UnicodeDecodeError as error:
            with self.file.open("rb") as file:
                start = file.read(2)
            if start == GZIP:
                raise NnexpError(f"{self.file} is compressed. Call it {self.file.name}.gz, or unpack it.") from error
            if kind := OTHERS.get(start):
                raise NnexpError(f"{self.file} is {kind}. Save it again as CSV in UTF-8.") from error
            raise NnexpError(
                f"{self.file} is not UTF-8 text ({error.reason}). Save it again as CSV in UTF-8."
            ) from error
        except (pd.errors.ParserError, OSError, EOFError, zlib.error) as error:
            why = unclosed(self.file, self.form.separator) if "EOF inside string" in str(error) else said(error)
            raise NnexpError(f"{self.file} is not a table that can be read: {why}. Correct the file.") from error

    def _below(self, head: Head) -> Table:
        names = self._names(head)
        how = self._how(head, names)
        words = dict.fromkeys(self.text, "str")
        table = self._typed(
            **how, dtype=words or None
        )  # with a dict pandas looks each column up, which takes its time twice
        for name in numeric(table):
            if name not in self.text and could_be_rounded(table[name].to_numpy()):
                # A fraction, a gap or a number out of range makes floats of all; the text has all digits.
                column = self._read(**how, usecols=[name], dtype="str")[name]
                if column.dropna().map(spells_number).all():
                    table[name] = numbers_of(column, head.form)
        notes = [f"{self.file.name}: {line}" for line in self._remarks(head, table)]
        refuse_swallowed_rows(self.file, table, head.form.separator)
        named = _without_nameless(self.file, table, names_below(head, self.typed))
        table = trimmed(named, head.form.marks)

        def cell(name: str, row: int) -> str:
            column = self._read(**{**how, "na_values": []}, usecols=[name], dtype="str")[name]
            return str(column.iloc[row - 1])

        def zeros(names: Collection[str]) -> dict[str, str]:
            if not has_padded(self.file, head.form.separator):  # which takes less than to look at thousands of columns
                return {}
            whole = [name for name in names if holds_whole_numbers(table[name])]
            if not whole:
                return {}
            written = self._read(**how, usecols=whole, dtype="str")
            found = {name: padded(written[name].dropna().unique()) for name in whole}
            return {name: text for name, text in found.items() if text}

        return Table(
            table, head.form, tuple(notes), cell, zeros, lambda needed: advice(head, names, needed, self.typed)
        )

    def _typed(self, **how: Any) -> pd.DataFrame:
        """Read the file so that a column's type depends on all its rows.

        By default pandas 3 reads parts side by side, in half the time; where their types differ, it is read once more in one
        piece.
        """
        import pandas as pd

        if pd.api.types.is_object_dtype(pd.Series(["text"]).dtype):  # pandas 2, which has no other type for texts
            return self._read(**how, low_memory=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            table = self._read(**how)
        whole = not any(map(pd.api.types.is_object_dtype, table.dtypes))
        return table if whole else self._read(**how, low_memory=False)

    def _read(self, **how: Any) -> pd.DataFrame:
        import pandas as pd

        with warnings.catch_warnings():  # pandas has another reader for separators beyond ASCII, and says so
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            return pd.read_csv(self.file, **how)  # type: ignore[no-any-return]

    def _how(self, head: Head, names: list[str]) -> dict[str, Any]:
        """How pandas reads the file. skipinitialspace: "a, b" has the columns "a" and "b"."""
        form = head.form
        how: dict[str, Any] = {
            "sep": form.between,
            "header": None if form.header == "none" or head.hashed else 0,
            "names": names,
            "skiprows": [*head.skipped, head.above] if head.hashed else head.skipped,
            "skipinitialspace": True,
            "na_values": ["", *form.marks],
            "keep_default_na": False,
        }
        if form.decimal not in (".", form.separator):
            how["decimal"] = form.decimal
        if len(names) == 1:  # where a blank line is a sample without a value, but for those at the end
            how["skip_blank_lines"] = False
            raw = self._read(**{**how, "na_values": []}, dtype="str")[names[0]]
            filled = raw.str.strip().ne("").to_numpy().nonzero()[0]
            how["nrows"] = int(filled[-1]) + 1 if len(filled) else 0
        return how

    def _names(self, head: Head) -> list[str]:
        """The columns' names, cell by cell, before pandas renames a duplicate; c1, c2, ... where there are none."""
        first, second = first_rows(self.file, head)
        if head.form.header == "none":
            return [f"c{position}" for position, _ in enumerate(first, 1)]
        names = [stripped(str(cell)) for cell in first]
        names = names[1:] if head.hashed else names
        refuse_another_layout(self.file, names, head, self.typed)
        refuse_duplicates(self.file, [name for name in names if name], names_below(head, self.typed))
        if len(second) > len(first):  # pandas would take its first cell for a row label and shift all the names by one
            self._refuse_a_longer_row(head)
        return [name or f"Unnamed: {position}" for position, name in enumerate(names)]

    def _refuse_a_longer_row(self, head: Head) -> None:
        """Read without names, a second row that is longer than the first is pandas' ParserError."""
        self._read(sep=head.form.between, header=None, nrows=2, skipinitialspace=True, skiprows=head.skipped)

    def _remarks(self, head: Head, table: pd.DataFrame) -> Sequence[str]:
        """What the file's owner should know."""
        found = []
        named = [name for name in numeric(table) if not name.startswith("Unnamed: ")]
        if named and head.form.header == "auto" and all(map(spells_number, named)):
            found.append(
                f"the columns' names ({listed(table.columns, most=4)}) look like a sample. If the file has no line of names, "
                f"type {self.typed('header', 'none')}"
            )
        if head.comments:
            found.append(f"the columns' names are those of line {head.above + 1}, below comments")
        if head.below:
            first, last = head.above + 2, head.above + 1 + head.below
            found.append(
                f"line{f's {first} to {last} are' if head.below > 1 else f' {first} is'} no sample, as was said"
            )
        if table.columns[0] == "Unnamed: 0":
            found.append("the first column has no name: it holds row numbers, which are no feature")
        return found


def numeric(table: pd.DataFrame) -> list[str]:
    """The columns of numbers, or of true and false, by their dtypes."""
    from pandas.api.types import is_numeric_dtype

    return [
        name
        for name, dtype in zip(table.columns.tolist(), table.dtypes.tolist(), strict=True)
        if is_numeric_dtype(dtype)
    ]


def _without_nameless(file: Path, table: pd.DataFrame, hint: str) -> pd.DataFrame:
    """Leave out row numbers (a first column without a name) and empty columns without a name."""
    nameless = [name for position, name in enumerate(table.columns) if name == f"Unnamed: {position}"]
    kept = [name for name in nameless if name != "Unnamed: 0" and table[name].notna().any()]
    if kept:
        position = kept[0].removeprefix("Unnamed: ")
        raise NnexpError(f"{file}: column {int(position) + 1} has no name. Give it one in the file's first line.{hint}")
    return table.drop(columns=nameless) if nameless else table
