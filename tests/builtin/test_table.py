"""The user's own table: what is read, what is refused in which words, and that prediction encodes as training did."""

from __future__ import annotations

import datetime as dt
import gzip
import importlib
import json
import re
import shlex
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.builtin.table import Csv, encode
from nnexp.errors import NnexpError
from nnexp.plugin import Data
from nnexp.tables.format import Format
from nnexp.tables.reading import read_table

HOUSES = "area,city,garden,price\n50,Rome,True,100.5\n80,Oslo,False,90\n65,Rome,False,120\n40,Bern,True,75\n"


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> str:
    """Write a file into ``folder`` and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def load(path: str, target: str = "y", **given: Any) -> Data:
    """The data of a table, as a run loads them."""
    return Csv(path=path, target=target, **given).load(np.random.default_rng(0))


def column(header: str, values: list[Any]) -> str:
    """A table of the column ``header`` and a numeric target y that is a quantity."""
    return f"{header},y\n" + "".join(f"{value},{row + 0.5}\n" for row, value in enumerate(values))


def target(values: list[Any]) -> str:
    """A table of a numeric feature and the target y."""
    return "a,y\n" + "".join(f"{row},{value}\n" for row, value in enumerate(values))


class TestReading:
    """What comes out of a table that is fine."""

    def test_numbers_texts_and_bools(self, tmp_path: Path) -> None:
        """Numbers stay, true is 1, a text becomes its index among the sorted texts."""
        data = load(write(tmp_path, HOUSES), "price")
        np.testing.assert_array_equal(data.x, [[50, 2, 1], [80, 1, 0], [65, 2, 0], [40, 0, 1]])
        np.testing.assert_array_equal(data.y, [100.5, 90, 120, 75])
        assert data.names == ("area", "city", "garden")
        assert data.categories == {"city": ("Bern", "Oslo", "Rome")}
        assert (data.task, data.target, data.classes) == ("regression", "price", ())
        assert data.x.dtype == data.y.dtype == np.float64

    def test_every_format_gives_the_same_data(self, tmp_path: Path) -> None:
        """The same table as .csv, .csv.gz, .tsv, .txt and .parquet gives equal data."""
        table = pd.read_csv(write(tmp_path, HOUSES))
        table.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
        table.to_csv(tmp_path / "t.txt", sep=";", index=False)
        table.to_parquet(tmp_path / "t.parquet")
        (tmp_path / "t.csv.gz").write_bytes(gzip.compress(HOUSES.encode()))
        expected = load(str(tmp_path / "t.csv"), "price")
        for name, separator in (("t.csv.gz", ","), ("t.tsv", ","), ("t.txt", ";"), ("t.parquet", ",")):
            data = load(str(tmp_path / name), "price", separator=separator)
            np.testing.assert_array_equal(data.x, expected.x)
            np.testing.assert_array_equal(data.y, expected.y)
            assert (data.names, data.categories) == (expected.names, expected.categories)

    def test_a_tab_may_be_typed_with_a_backslash(self, tmp_path: Path) -> None:
        r"""``dataset.separator=\t`` means a tab, as the shell and Hydra pass it on."""
        assert load(write(tmp_path, HOUSES.replace(",", "\t")), "price", separator="\\t").names[0] == "area"

    def test_dropped_columns_are_not_looked_at(self, tmp_path: Path) -> None:
        """A column in ``drop`` may hold anything, missing values too."""
        path = write(tmp_path, "id,a,y\n,1,1.5\nx,2,2.5\n2020-01-01,3,7.5\n")
        assert load(path, drop=["id"]).names == ("a",)

    def test_row_numbers_of_pandas_are_left_out(self, tmp_path: Path) -> None:
        """A first column without a name, as ``to_csv`` writes it, is no feature."""
        pd.DataFrame({"a": [1, 2, 3], "y": [1.5, 2.5, 9.5]}).to_csv(tmp_path / "t.csv")
        assert load(str(tmp_path / "t.csv")).names == ("a",)

    def test_trailing_separators_are_no_column(self, tmp_path: Path) -> None:
        """A separator at the end of every line adds no column."""
        assert list(read_table(write(tmp_path, "a,y,\n1,2,\n3,4,\n")).frame.columns) == ["a", "y"]

    def test_spaces_and_byte_order_mark(self, tmp_path: Path) -> None:
        """Spaces after separators and around names, and Excel's byte order mark, are not part of a name or a text."""
        table = read_table(write(tmp_path, "\ufeffa , city\n1, Rome\n")).frame
        assert list(table.columns) == ["a", "city"]
        assert list(table["city"]) == ["Rome"]

    def test_the_spelling_of_known_categories_is_kept(self, tmp_path: Path) -> None:
        """A column in ``text`` keeps 01 as it stands, so that one row matches what many rows taught."""
        table = read_table(write(tmp_path, "code,b\n01,TRUE\n"), text=["code", "b", "absent"]).frame
        np.testing.assert_array_equal(
            encode(table, ["code", "b"], {"code": ["01", "A1"], "b": ["TRUE", "X"]}), [[0, 0]]
        )

    def test_a_single_row_can_be_read_to_predict(self, tmp_path: Path) -> None:
        """``read_table`` reads one row: that is enough to predict from."""
        assert len(read_table(write(tmp_path, "a,b\n1,2\n")).frame) == 1

    def test_parquet_types(self, tmp_path: Path) -> None:
        """Decimals, nullable types, categories and a named index come out as numbers and categories."""
        pd.DataFrame(
            {
                "d": [Decimal("1.5"), Decimal(2), Decimal(3)],
                "i": pd.array([1, 2, 3], dtype="Int64"),
                "b": pd.array([True, False, True], dtype="boolean"),
                "c": pd.Categorical(["3", "1", "3"], categories=["3", "2", "1"]),
                "y": [0.5, 1.5, 9.5],
            },
            index=pd.Index([7.0, 8.0, 9.0], name="k"),
        ).to_parquet(tmp_path / "t.parquet")
        data = load(str(tmp_path / "t.parquet"))
        rows = [dict(zip(data.names, row, strict=True)) for row in data.x.tolist()]
        assert rows[0] == {"k": 7.0, "d": 1.5, "i": 1.0, "b": 1.0, "c": 1.0}
        assert rows[1] == {"k": 8.0, "d": 2.0, "i": 2.0, "b": 0.0, "c": 0.0}
        assert data.categories == {"c": ("1", "3")}

    def test_names_that_are_not_text_become_text(self, tmp_path: Path) -> None:
        """Columns numbered 0, 1, 2 are called "0", "1", "2"."""
        arrow = pa.Table.from_pandas(pd.DataFrame(np.arange(6.0).reshape(2, 3)))
        pq.write_table(arrow, tmp_path / "t.parquet")
        assert load(str(tmp_path / "t.parquet"), "2").names == ("0", "1")

    def test_large_whole_numbers_are_numbers(self, tmp_path: Path) -> None:
        """Whole numbers beyond 64 bits are values where float64 has them exactly."""
        data = load(write(tmp_path, column("a", [str(2**70), 1, 2])))
        assert data.x[0, 0] == 2.0**70

    def test_rows_with_missing_values_can_be_left_out(self, tmp_path: Path) -> None:
        """``missing=drop`` keeps the rows where features and target are given, and types recover."""
        path = write(tmp_path, "a,b,y\n1,True,0\n,False,1\n3,,0\n4,False,\n5,False,1\n6,True,0\n")
        data = load(path, missing="drop")
        np.testing.assert_array_equal(data.x, [[1, 1], [5, 0], [6, 1]])
        np.testing.assert_array_equal(data.y, [0, 1, 0])
        assert data.classes == (0, 1)

    def test_pandas_is_imported_only_to_load(self) -> None:
        """Importing the module and making the plugin does not import pandas."""
        code = (
            "import sys; from nnexp.builtin.table import Csv; Csv(path='t.csv', target='y'); "
            "print('pandas' in sys.modules, 'pyarrow' in sys.modules)"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.split() == ["False", "False"]


TASKS = [
    ("two texts", ["no", "yes", "no", "no"], "binary", ("no", "yes"), [0, 1, 0, 0]),
    ("three texts", ["b", "c", "a", "b"], "multiclass", ("a", "b", "c"), [1, 2, 0, 1]),
    ("bools", ["True", "False", "True"], "binary", (False, True), [1, 0, 1]),
    ("two whole numbers", [7, 3, 7], "binary", (3, 7), [1, 0, 1]),
    ("two fractions", [0.5, 1.5, 0.5], "binary", (0.5, 1.5), [0, 1, 0]),
    ("whole numbers that repeat", [1, 2, 3] * 3, "multiclass", (1, 2, 3), [0, 1, 2] * 3),
    ("whole numbers written as fractions", ["1.0", "2.0", "3.0"] * 3, "multiclass", (1, 2, 3), [0, 1, 2] * 3),
    ("ten whole numbers", [*range(10)] * 3, "multiclass", tuple(range(10)), [*range(10)] * 3),
    ("eleven whole numbers", [*range(11)] * 3, "regression", (), [*range(11)] * 3),
    ("whole numbers that hardly repeat", [1, 2, 3, 1, 2, 3, 1, 2], "regression", (), [1, 2, 3, 1, 2, 3, 1, 2]),
    ("fractions", [0.5, 1.5, 2.5] * 3, "regression", (), [0.5, 1.5, 2.5] * 3),
]


class TestTask:
    """What is learned from a target column."""

    @pytest.mark.parametrize(
        ("values", "task", "classes", "y"), [case[1:] for case in TASKS], ids=[c[0] for c in TASKS]
    )
    def test_auto(self, values: list[Any], task: str, classes: tuple[Any, ...], y: list[float], tmp_path: Path) -> None:
        """``task=auto`` tells classes from quantities by their values; labels are sorted, plain and fit for JSON."""
        data = load(write(tmp_path, target(values)))
        assert (data.task, data.classes) == (task, classes)
        assert [type(label) for label in data.classes] == [type(label) for label in classes]
        np.testing.assert_array_equal(data.y, y)
        assert data.y.dtype == (np.float64 if task == "regression" else np.int64)
        assert json.loads(json.dumps(data.classes)) == list(classes)

    @pytest.mark.parametrize(
        ("values", "task", "classes"),
        [
            ([0, 1, 0], "regression", ()),
            ([0, 1, 0], "multiclass", (0, 1)),
            ([5, 6, 7, 8], "multiclass", (5, 6, 7, 8)),
            ([0.5, 1.5, 2.5], "multiclass", (0.5, 1.5, 2.5)),
            (["True", "False"], "regression", ()),
        ],
    )
    def test_the_user_decides(self, values: list[Any], task: str, classes: tuple[Any, ...], tmp_path: Path) -> None:
        """A task that is given holds, where the values allow it."""
        data = load(write(tmp_path, target(values)), task=task)
        assert (data.task, data.classes) == (task, classes)


def refusal(call: Any, *given: Any, **named: Any) -> str:
    """The message with which a call is refused."""
    with pytest.raises(NnexpError) as caught:
        call(*given, **named)
    return str(caught.value)


class TestFileRefused:
    """A file that is not a table."""

    def test_not_found(self, tmp_path: Path) -> None:
        """A missing file is named, with the file of that directory most like it."""
        write(tmp_path, HOUSES, "houses.csv")
        assert refusal(read_table, tmp_path / "hauses.csv") == (
            f"{tmp_path}/hauses.csv does not exist. Did you mean 'houses.csv'?"
        )
        assert refusal(read_table, tmp_path / "zzz.csv") == (
            f"{tmp_path}/zzz.csv does not exist. Give the path from {Path.cwd()}, or in full."
        )

    def test_directory_not_found(self, tmp_path: Path) -> None:
        """A missing directory is said to be what is missing."""
        assert "does not exist, nor does its directory. Give the path from" in refusal(
            read_table, tmp_path / "a" / "t.csv"
        )

    def test_directory(self, tmp_path: Path) -> None:
        """A directory is refused, with the tables in it."""
        write(tmp_path, HOUSES, "houses.csv")
        write(tmp_path, "", "notes.md")
        assert refusal(read_table, tmp_path) == (
            f"{tmp_path} is a directory. Name one file (tables in it: houses.csv)."
        )

    def test_empty_path(self) -> None:
        """An empty path says which key to give."""
        assert refusal(load, " ") == "The path of the table is empty. Type dataset.path=FILE.csv"

    def test_suffix(self, tmp_path: Path) -> None:
        """Another kind of file is refused with the kinds that can be read."""
        path = write(tmp_path, "x", "t.xlsx")
        assert refusal(read_table, path) == (
            f"{path} is not a kind of table that can be read. Save it as one of .csv, .csv.gz, .tsv, .txt, .parquet."
        )

    @pytest.mark.parametrize("text", ["", "\n\n"])
    def test_empty(self, text: str, tmp_path: Path) -> None:
        """An empty file says what a table starts with."""
        path = write(tmp_path, text)
        assert refusal(read_table, path) == (
            f"{path} is empty. Write a table with the columns' names in its first line."
        )

    def test_header_only(self, tmp_path: Path) -> None:
        """Names without rows are repeated, and rows asked for."""
        path = write(tmp_path, "a,b\n")
        assert refusal(read_table, path) == f"{path} holds column names (a, b) but no rows. Add the samples below them."

    def test_no_columns(self, tmp_path: Path) -> None:
        """A parquet table without columns is refused."""
        pq.write_table(pa.table({}), tmp_path / "t.parquet")
        assert "t.parquet has no columns. Write a table" in refusal(read_table, tmp_path / "t.parquet")

    def test_text_that_is_not_utf8_in_parquet(self, tmp_path: Path) -> None:
        """What the file calls text and is none is found as it is read, not where somebody looks at a cell."""
        letters = pa.Array.from_buffers(
            pa.string(), 4, [None, pa.py_buffer(np.arange(5, dtype="i4").tobytes()), pa.py_buffer(b"\xff" * 4)]
        )
        pq.write_table(pa.table({"a": letters, "y": [0, 1, 0, 1]}), tmp_path / "t.parquet")
        message = refusal(read_table, tmp_path / "t.parquet")
        assert message.startswith(f"{tmp_path / 't.parquet'} is not a parquet table that can be read: ")
        assert "UTF8" in message

    def test_a_compressed_file_that_is_not_called_so(self, tmp_path: Path) -> None:
        """It is told by how it begins, and the message has the name that it needs."""
        path = write(tmp_path, gzip.compress(b"a,b\n1,2\n", mtime=0), "t.csv")
        assert refusal(read_table, path) == f"{path} is compressed. Call it t.csv.gz, or unpack it."

    @pytest.mark.parametrize(
        ("content", "name", "words"),
        [
            (b"a,b\n\xff\xfe,1\n", "t.csv", "is not UTF-8 text (invalid start byte). Save it again as CSV in UTF-8."),
            (b"a,b\n1,2\n3,4,5\n", "t.csv", "Expected 2 fields in line 3, saw 3. Correct the file."),
            (
                b"a,b\n1,2,3\n3,4,5\n",
                "t.csv",
                "the rows have 3 cells, and there are 2 names: give a name to each column",
            ),
            (b"a,b\n1,2,\n3,4,\n", "t.csv", "the rows have 3 cells, and there are 2 names: each ends with a separator"),
            ("a,b\n1,2\n".encode("utf-16"), "t.csv", "is UTF-16 text. Save it again as CSV in UTF-8."),
            (b"PK\x03\x04\xff\xff", "t.csv", "is a workbook or another archive, whatever its name says."),
            (b'a,b\n1,"2\n3,4\n', "t.csv", 'the quote (") in line 2 is never closed. Correct the file.'),
            (
                b"a,b\n1,2\n",
                "t.csv.gz",
                "is not a table that can be read: Not a gzipped file (b'a,'). Correct the file.",
            ),
            (gzip.compress(b"a,b\n" * 99, mtime=0)[:20], "t.csv.gz", "is not a table that can be read: "),
            (b"PAR1", "t.parquet", "is not a parquet table that can be read: "),
            (b"", "t.parquet", "is not a parquet table that can be read: "),
        ],
    )
    def test_unreadable(self, content: bytes, name: str, words: str, tmp_path: Path) -> None:
        """Something else than a table is refused with the reader's reason and the line."""
        path = write(tmp_path, content, name)
        message = refusal(read_table, path)
        assert message.startswith(path)
        assert words in message

    def test_duplicate_columns(self, tmp_path: Path) -> None:
        """A name that two columns bear is refused, in text and in parquet."""
        pq.write_table(pa.table([[1], [2], [3]], names=["a", "b", "a"]), tmp_path / "t.parquet")
        for path in (write(tmp_path, "a,b,a\n1,2,3\n"), str(tmp_path / "t.parquet")):
            assert refusal(read_table, path) == (
                f"{path} has more than one column named 'a'. The first line has to hold the columns' names, each once: "
                "rename them there."
            )

    def test_column_without_a_name(self, tmp_path: Path) -> None:
        """A column with values needs a name."""
        path = write(tmp_path, "a,,y\n1,2,3\n")
        assert refusal(read_table, path) == f"{path}: column 2 has no name. Give it one in the file's first line."

    def test_wrong_separator(self, tmp_path: Path) -> None:
        """A single column whose name holds another separator says which one to type, and that works."""
        path = write(tmp_path, "a;y\n1,5;2\n2,5;3\n")
        message = refusal(read_table, path)
        assert message == (
            f"{path} has a single column, 'a;y', when cells are separated by ','. Type 'dataset.separator=\";\"'"
        )
        typed = shlex.split(message.partition("Type ")[2])[0].removeprefix("dataset.separator=").strip('"')
        assert list(read_table(path, Format(typed)).frame.columns) == ["a", "y"]

    @pytest.mark.parametrize("separator", ["", ", ", '"', "\n"])
    def test_impossible_separator(self, separator: str) -> None:
        """A separator is one character that can stand between cells."""
        message = refusal(Csv, path="t.csv", target="y", separator=separator)
        assert message.startswith("dataset.separator must be one character (\\t for a tab). Got ")
        assert message.endswith(", where ';' is one.")

    def test_pyarrow_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without pyarrow a parquet file says what to install."""
        path = write(tmp_path, b"", "t.parquet")
        importlib.import_module("pandas")
        for name in ["pyarrow", *(each for each in sys.modules if each.startswith("pyarrow."))]:
            monkeypatch.setitem(sys.modules, name, None)
        assert refusal(read_table, path) == f"Reading {path} needs pyarrow. Type: pip install pyarrow"


class TestTableRefused:
    """A table that nothing can be learned from as it stands."""

    def test_unknown_target(self, tmp_path: Path) -> None:
        """An unknown target is answered with the closest column and all of them."""
        path = write(tmp_path, HOUSES)
        assert refusal(load, path, "prise") == (
            f"{path} has no column 'prise', which dataset.target names. Did you mean 'price'? "
            "Its columns: area, city, garden, price."
        )

    def test_unknown_drop(self, tmp_path: Path) -> None:
        """An unknown column to drop is answered likewise."""
        path = write(tmp_path, HOUSES)
        assert refusal(load, path, "price", drop=("citi",)) == (
            f"{path} has no column 'citi', which dataset.drop names. Did you mean 'city'? "
            "Its columns: area, city, garden, price."
        )

    def test_target_dropped(self, tmp_path: Path) -> None:
        """The target cannot be left out."""
        message = refusal(load, write(tmp_path, HOUSES), "price", drop=("price",))
        assert message == "dataset.drop leaves out the target 'price'. Take it out of dataset.drop."

    def test_only_the_target(self, tmp_path: Path) -> None:
        """At least one feature is needed, and what is there is said."""
        path = write(tmp_path, "y\n1\n2\n")
        assert refusal(load, path) == (
            f"{path} leaves no feature to learn from: beside the target 'y' it needs at least one column. Its columns: "
            "y."
        )
        path = write(tmp_path, "a,y\n1,1\n2,2\n")
        assert "at least one column that dataset.drop does not name. Its columns: a, y." in refusal(
            load, path, drop=("a",)
        )

    def test_single_row(self, tmp_path: Path) -> None:
        """One row is too few, also when it is what ``missing=drop`` leaves."""
        expected = "holds a single row of data. Training and validation need at least 2: add more."
        assert refusal(load, write(tmp_path, "a,y\n1,2\n")).endswith(expected)
        assert refusal(load, write(tmp_path, "a,y\n1,2\n,3\n"), missing="drop").endswith(expected)

    def test_missing_values(self, tmp_path: Path) -> None:
        """Missing values are counted by column, the first is located, and what to type works."""
        path = write(tmp_path, "a,b,y\n1,x,1.5\n2,,2.5\n,x,3.5\n4,NA,\n5,x,9.5\n6,x,7.5\n")
        assert refusal(load, path) == (
            f"{path}: 4 values are missing, the first in column 'a' in row 3 (row 1 holds the first sample). "
            "Missing by column: a (1), b (2), y (1). Fill them in, or type dataset.missing=drop to leave 3 rows out."
        )
        assert len(load(path, missing="drop").y) == 3

    def test_an_empty_column(self, tmp_path: Path) -> None:
        """Where no row is complete, leaving rows out is not what the message advises."""
        path = write(tmp_path, "a,b,y\n1,,1\n2,,2\n,,3\n")
        assert refusal(load, path).endswith(
            "Missing by column: a (1), b (3). No row is complete. To leave the column out, type dataset.drop=[b]."
        )

    def test_missing_target(self, tmp_path: Path) -> None:
        """A missing target value follows the same rule."""
        path = write(tmp_path, "a,y\n1,1\n2,\n3,2\n")
        assert refusal(load, path).startswith(f"{path}: 1 value is missing, the first in column 'y' in row 2 ")

    def test_everything_dropped(self, tmp_path: Path) -> None:
        """When no row is complete, the emptiest column is named."""
        path = write(tmp_path, "a,b,y\n1,,1\n,,2\n3,,3\n")
        assert refusal(load, path, missing="drop") == (
            f"{path}: dataset.missing=drop leaves no row, for each misses a value; column 'b' misses 3 of 3. "
            "To leave the column out, type dataset.drop=[b]."
        )

    @pytest.mark.parametrize("value", ["inf", "-inf", "1e400", "9" * 400])
    def test_infinite(self, value: str, tmp_path: Path) -> None:
        """An infinite number is refused with column and row, in a feature as in the target."""
        rows = [1, 2, value, 4, 5, 6, 7]
        words = "is infinite in row 3 ("
        assert f"column 'a' {words}" in refusal(load, write(tmp_path, column("a", rows)))
        assert f"column 'y' {words}" in refusal(load, write(tmp_path, target(rows)))

    def test_rows_keep_their_numbers_when_others_are_dropped(self, tmp_path: Path) -> None:
        """After ``missing=drop`` messages still count the rows of the file."""
        path = write(tmp_path, "a,y\n,1.5\n2,2.5\ninf,3.5\n")
        assert "column 'a' is infinite in row 3 (inf)." in refusal(load, path, missing="drop")

    @pytest.mark.parametrize("odd", ["abc", "?"])
    def test_numbers_and_text(self, odd: str, tmp_path: Path) -> None:
        """One text in a column of numbers is a slip: it is shown with its row."""
        path = write(tmp_path, column("age", [30, 41, 25, 37, 52, 44, odd, 61]))
        mark = ", or type 'dataset.na=[?]' dataset.missing=drop," if odd == "?" else ""
        assert refusal(load, path) == (
            f"{path}: column 'age' holds numbers and text: '{odd}' in row 7. Correct it, or leave the cell empty{mark} if "
            "the value is not known. To leave the column out, type dataset.drop=[age]."
        )

    def test_few_numbers_among_texts_are_categories(self, tmp_path: Path) -> None:
        """A column of texts may hold texts that look like numbers."""
        assert load(write(tmp_path, column("size", ["1_2", "1_3"]))).categories == {"size": ("1_2", "1_3")}
        data = load(write(tmp_path, column("size", ["S", "M", "42", "L"])))
        assert data.categories == {"size": ("42", "L", "M", "S")}

    def test_numbers_and_text_in_the_target(self, tmp_path: Path) -> None:
        """In the target too, where leaving the column out is no remedy."""
        message = refusal(load, write(tmp_path, target([1, 2, "x", 4])))
        assert "column 'y' holds numbers and text: 'x' in row 3." in message
        assert message.endswith("Choose another target: type dataset.target=NAME.")

    def test_decimal_commas(self, tmp_path: Path) -> None:
        """Numbers with a decimal comma are recognised."""
        path = write(tmp_path, "a;y\n1,5;1\n2,5;2\n3,25;3\n")
        assert refusal(load, path, separator=";") == (
            f"{path}: column 'a' holds numbers written with commas: '1,5' in row 1. To read them as numbers, type "
            "'dataset.decimal=\",\"'. If they are names, type dataset.text=[a]."
        )

    def test_a_comma_at_the_end_is_text(self, tmp_path: Path) -> None:
        """A comma that no digit follows belongs to a category's text."""
        assert load(write(tmp_path, column("a", ['"0 ,"', '"1,"', '"0 ,"']))).categories == {"a": ("0 ,", "1,")}

    @pytest.mark.parametrize(
        "value",
        [
            "2024-01-31",
            "2024-01-31T12:30:00",
            "31.1.2024",
            "1/31/24",
            "12:30",
            "12:30:15",
            "31 Jan 2024",
            "May 3 2024",
            "2024-01",
            "31JAN2024",
        ],
    )
    def test_dates_as_text(self, value: str, tmp_path: Path) -> None:
        """Dates and times are refused with an example and its row."""
        path = write(tmp_path, column("day", [value] * 3))
        assert refusal(load, path) == (
            f"{path}: column 'day' holds dates or times ('{value}' in row 1), which are neither numbers nor "
            "categories. Write them as numbers (a year, a month, seconds). To leave the column out, type "
            "dataset.drop=[day]. If they are names, type dataset.text=[day]."
        )

    @pytest.mark.parametrize(
        "value",
        [dt.date(2024, 1, 31), dt.datetime(2024, 1, 31), dt.time(12), dt.timedelta(days=1)],  # noqa: DTZ001
    )
    def test_dates_as_dates(self, value: object, tmp_path: Path) -> None:
        """Columns of dates, times and durations in a parquet file are refused likewise."""
        pd.DataFrame({"day": [value] * 2, "y": [1, 2]}).to_parquet(tmp_path / "t.parquet")
        assert "column 'day' holds dates or times (" in refusal(load, str(tmp_path / "t.parquet"))

    @pytest.mark.parametrize("codes", [["12ABC345", "13ABC345"], ["1000-1", "1001-2"], ["10mg100", "20mg200"]])
    def test_codes_are_categories(self, codes: list[str], tmp_path: Path) -> None:
        """Codes of digits and letters that are no month, or of numbers that are no year, are no dates."""
        assert load(write(tmp_path, column("code", codes * 3))).categories == {"code": tuple(sorted(codes))}

    def test_months_are_categories(self, tmp_path: Path) -> None:
        """Words that are part of a date are ordinary texts."""
        assert "m" in load(write(tmp_path, column("m", ["may", "jan", "may"]))).categories

    @pytest.mark.parametrize("value", [[1], {"k": 1}, b"x"])
    def test_other_values(self, value: object, tmp_path: Path) -> None:
        """Lists, records and bytes in a parquet file are refused by name."""
        pd.DataFrame({"v": [value] * 2, "y": [1, 2]}).to_parquet(tmp_path / "t.parquet")
        message = refusal(load, str(tmp_path / "t.parquet"))
        assert re.search(
            r"column 'v' holds (list|ndarray|dict|bytes) values\. Only numbers, true/false and text", message
        )
        assert message.endswith("To leave the column out, type dataset.drop=[v].")

    def test_identifiers(self, tmp_path: Path) -> None:
        """A text column that is different in most rows is no category, and what to type works."""
        path = write(tmp_path, "name,b,y\n" + "".join(f"person{row},1,{row}.5\n" for row in range(60)))
        assert refusal(load, path) == (
            f"{path}: column 'name' holds 60 different texts in 60 rows: that looks like an identifier or free text, "
            "not like categories. To leave the column out, type dataset.drop=[name]."
        )
        assert load(path, drop=("name",)).names == ("b",)

    @pytest.mark.parametrize(("distinct", "rows"), [(50, 60), (60, 120)])
    def test_many_categories(self, distinct: int, rows: int, tmp_path: Path) -> None:
        """Up to 50 texts, or more that come twice on average, are categories."""
        data = load(write(tmp_path, column("name", [f"p{row % distinct}" for row in range(rows)])))
        assert len(data.categories["name"]) == distinct

    def test_drop_is_spelled_so_that_it_can_be_typed(self, tmp_path: Path) -> None:
        """Columns already dropped are repeated, and names with spaces or quotes are quoted for shell and Hydra."""
        rows = "".join(f"1,2024-01-31,{row}.5\n" for row in range(3))
        for name, dropped, typed in (
            ("day", ("id",), "dataset.drop=[id,day]"),
            ("a day (local)", (), """'dataset.drop=["a day (local)"]'"""),
            ("größe", (), """'dataset.drop=["größe"]'"""),
            ("null", (), "dataset.drop=[null]"),
        ):
            message = refusal(load, write(tmp_path, f"id,{name},y\n{rows}"), drop=dropped)
            assert f"To leave the column out, type {typed}. If they are names, type " in message

    @pytest.mark.parametrize(("value", "shown"), [(3, "3"), ("x", "'x'"), ("True", "True")])
    def test_constant_target(self, value: object, shown: str, tmp_path: Path) -> None:
        """A target with one value is refused."""
        path = write(tmp_path, target([value] * 4))
        assert refusal(load, path) == (
            f"{path}: the target 'y' is {shown} in every row: nothing to learn. Choose another target: type "
            "dataset.target=NAME."
        )

    def test_text_target_for_regression(self, tmp_path: Path) -> None:
        """Regression needs numbers."""
        path = write(tmp_path, target(["a", "b", "c"]))
        assert refusal(load, path, task="regression") == (
            f"{path}: the target 'y' holds text ('a' in row 1); dataset.task=regression needs numbers. "
            "Type dataset.task=auto"
        )

    def test_more_than_two_classes_for_binary(self, tmp_path: Path) -> None:
        """Binary needs two classes; the message says what fits instead."""
        path = write(tmp_path, target(["a", "b", "c"]))
        assert refusal(load, path, task="binary") == (
            f"{path}: the target 'y' has 3 classes (a, b, c); dataset.task=binary needs 2. Type dataset.task=multiclass"
        )
        path = write(tmp_path, target([row + 0.5 for row in range(20)]))
        assert refusal(load, path, task="binary").endswith("needs 2. Type dataset.task=regression")

    @pytest.mark.parametrize("values", [[row + 0.5 for row in range(11)], list(range(60))])
    def test_a_quantity_for_multiclass(self, values: list[float], tmp_path: Path) -> None:
        """Many distinct numbers are not classes."""
        path = write(tmp_path, target(values))
        first = ", ".join(map(str, values[:5]))
        assert refusal(load, path, task="multiclass") == (
            f"{path}: the target 'y' has {len(values)} distinct numbers ({first} and {len(values) - 5} more) in "
            f"{len(values)} rows: too many for the classes of dataset.task=multiclass. Type dataset.task=regression"
        )

    @pytest.mark.parametrize(("field", "value"), [("task", "ranking"), ("missing", "fill")])
    def test_choices(self, field: str, value: str) -> None:
        """An unknown task or rule for missing values is answered with the known ones."""
        message = refusal(Csv, path="t.csv", target="y", **{field: value})
        assert re.fullmatch(rf"dataset\.{field} must be one of .+\. Got '{value}'\.", message)

    @pytest.mark.parametrize("given", [{"path": "t.csv"}, {"target": "y"}])
    def test_path_and_target_are_required(self, given: dict[str, str]) -> None:
        """There is no default for the file and the target."""
        with pytest.raises(TypeError, match="required positional argument"):
            Csv(**given)  # type: ignore[arg-type]


NAMES, CATEGORIES = ("area", "city", "garden"), {"city": ("Bern", "Oslo", "Rome")}


class TestEncode:
    """From a table of new samples to the numbers the network was trained on."""

    def table(self, **changed: list[Any]) -> pd.DataFrame:
        given: dict[str, list[Any]] = {"area": [50, 80], "city": ["Rome", "Bern"], "garden": [True, False]}
        return pd.DataFrame({**given, **changed})

    def test_values(self) -> None:
        """Numbers stay, a text becomes its index, true is 1."""
        np.testing.assert_array_equal(encode(self.table(), NAMES, CATEGORIES), [[50, 2, 1], [80, 0, 0]])

    def test_bools_as_numbers(self) -> None:
        """True and false may arrive as 1 and 0."""
        expected = encode(self.table(), NAMES, CATEGORIES)
        np.testing.assert_array_equal(encode(self.table(garden=[1, 0]), NAMES, CATEGORIES), expected)

    @pytest.mark.parametrize(
        "values", [[1, 2], ["1", "2"], [1.0, 2.0], pd.Categorical([1, 2]), pd.array([1, 2], "Int64")]
    )
    def test_categories_match_by_text(self, values: Any) -> None:
        """A number and its text are the same category, whatever the column's type."""
        np.testing.assert_array_equal(encode(pd.DataFrame({"c": values}), ["c"], {"c": ("1", "2")}), [[0], [1]])

    def test_bools_match_categories_by_text(self) -> None:
        """True matches the category "True", which training met beside others."""
        np.testing.assert_array_equal(
            encode(pd.DataFrame({"c": [True]}), ["c"], {"c": ("False", "True", "n/k")}), [[1]]
        )

    def test_mixed_objects_match_by_text(self) -> None:
        """A column of Python objects may mix 1 and "x"."""
        table = pd.DataFrame({"c": pd.Series([1, "x", 2.0], dtype=object)})
        np.testing.assert_array_equal(encode(table, ["c"], {"c": ("1", "2", "x")}), [[0], [2], [1]])

    def test_numbers_as_text(self) -> None:
        """Texts that all spell numbers are numbers where numbers were learned."""
        np.testing.assert_array_equal(encode(self.table(area=["50", "8e1"]), NAMES, CATEGORIES)[:, 0], [50, 80])

    def test_other_columns_and_names_that_are_not_text(self) -> None:
        """Columns that were not learned from are ignored; a column 0 is "0"."""
        np.testing.assert_array_equal(encode(pd.DataFrame({0: [5], "other": ["?"]}), ["0"], {}), [[5]])

    def test_no_rows(self) -> None:
        """No rows give an empty matrix with the right number of columns."""
        assert encode(self.table().iloc[:0], NAMES, CATEGORIES).shape == (0, 3)

    def test_the_table_is_left_as_it_was(self) -> None:
        """Neither values nor row labels of the caller's table change."""
        table = self.table().set_axis([7, 3], axis=0)
        before = table.copy()
        encode(table, NAMES, CATEGORIES)
        pd.testing.assert_frame_equal(table, before)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"city": ["Rome", None]}, "column 'city' misses 1 value, the first in row 2. Fill them in,"),
            ({"area": [None, None]}, "column 'area' misses 2 values, the first in row 1. Fill them in,"),
            ({"area": ["50", "big"]}, "column 'area' has to hold numbers. Got 'big' in row 2. Correct it in the file."),
            ({"area": [50, np.inf]}, "column 'area' is infinite in row 2 (inf). Correct it, or leave this row out."),
            ({"area": ["50", "inf"]}, "column 'area' is infinite in row 2 (inf). Correct it, or leave this row out."),
            ({"area": [[1], [2]]}, "column 'area' has to hold numbers. Got list values. Correct it in the file."),
            (
                {"area": [dt.date(2024, 1, 1)] * 2},
                "column 'area' has to hold numbers. Got date values. Correct it in the file.",
            ),
            (
                {"city": ["Rome", "Romme"]},
                (
                    "column 'city' holds 'Romme' in row 2, which is not one of the categories of training: Bern, Oslo, "
                    "Rome. "
                    "Did you mean 'Rome'? Correct it, or train again with such rows."
                ),
            ),
        ],
    )
    def test_refused_values(self, changed: dict[str, list[Any]], message: str) -> None:
        """What cannot be encoded is named with source, column, row and value."""
        assert refusal(encode, self.table(**changed), NAMES, CATEGORIES, source="new.csv").startswith(
            f"new.csv: {message}"
        )

    def test_missing_column(self) -> None:
        """A missing column is named, with the closest one that is there."""
        assert refusal(encode, self.table().rename(columns={"area": "aera"}), NAMES, CATEGORIES) == (
            "The table has no column 'area'. Did you mean 'aera'? Its columns: aera, city, garden. "
            "Name each feature's column once."
        )

    def test_duplicate_column(self) -> None:
        """A feature that two columns claim is refused."""
        table = pd.concat([self.table(), self.table()[["area"]]], axis=1)
        assert refusal(encode, table, NAMES, CATEGORIES).startswith("The table has more than one column 'area'. ")

    def test_rows_are_called_as_given(self) -> None:
        """``rows`` gives the numbers that messages use."""
        message = refusal(encode, self.table(area=[1, np.inf]), NAMES, CATEGORIES, rows=[4, 9])
        assert "in row 9" in message


TEXTS = st.text("abcxyzäß 019.,;\"'#", min_size=1, max_size=6).map(str.strip).filter(
    lambda text: text and not re.fullmatch(r"[\d.,]*", text)
)  # fmt: skip
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """A table with columns of numbers, bools and categories, and a numeric target y."""
    n_samples = draw(st.integers(3, 12))
    columns = {
        "number": NUMBERS.map(float),
        "whole": st.integers(-1000, 1000),
        "flag": st.booleans(),
        "kind": st.sampled_from(draw(st.lists(TEXTS, min_size=2, max_size=4, unique=True))),
    }
    names = draw(st.lists(st.sampled_from(sorted(columns)), min_size=1, unique=True))
    table = {name: draw(st.lists(columns[name], min_size=n_samples, max_size=n_samples)) for name in names}
    return pd.DataFrame({**table, "y": np.arange(n_samples) + 0.5})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for the tables of all examples."""
    return tmp_path_factory.mktemp("tables")


@settings(deadline=None, max_examples=40)
@given(table=tables(), data=st.data())
def test_prediction_encodes_as_training_did(table: pd.DataFrame, data: st.DataObject, folder: Path) -> None:
    """Any rows of the table, its columns in any order, give the rows of x that training saw."""
    table.to_csv(folder / "train.csv", index=False)
    trained = load(str(folder / "train.csv"))
    columns = data.draw(st.permutations(list(table.columns)))
    rows = data.draw(st.lists(st.integers(0, len(table) - 1), min_size=1))
    table.iloc[rows][columns].to_csv(folder / "new.csv", index=False)
    table.iloc[rows][columns].to_parquet(folder / "new.parquet")
    for name in ("new.csv", "new.parquet"):
        new = read_table(folder / name, text=trained.categories).frame
        np.testing.assert_allclose(encode(new, trained.names, trained.categories), trained.x[rows], rtol=1e-15)


@settings(deadline=None, max_examples=40)
@given(table=tables())
def test_what_was_written_is_what_is_read(table: pd.DataFrame, folder: Path) -> None:
    """Numbers and bools come back as written by pandas, and a category's index leads back to its text."""
    table.to_csv(folder / "t.csv", index=False)
    data = load(str(folder / "t.csv"))
    np.testing.assert_array_equal(data.y, table["y"])
    for position, name in enumerate(data.names):
        if name in data.categories:
            assert [data.categories[name][int(index)] for index in data.x[:, position]] == list(table[name])
            assert data.categories[name] == tuple(sorted(set(table[name])))
        else:
            np.testing.assert_allclose(data.x[:, position], table[name].astype(float), rtol=1e-15)
