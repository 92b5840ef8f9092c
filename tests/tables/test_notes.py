"""What is said about how a table was read: rows that are left out, spellings that differ by case, and the other task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnexp.builtin.table import Csv
from nnexp.errors import NnexpError
from nnexp.tables.format import Format
from nnexp.tables.frame import from_frame


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            [3, 7] * 20,
            "the 2 numbers of 'y' are taken for classes; if they are a quantity, type dataset.task=regression",
        ),
        (
            [0.5, 1.5] * 20,
            "the 2 numbers of 'y' are taken for classes; if they are a quantity, type dataset.task=regression",
        ),
        (
            [*range(10)] * 9,
            "the 10 numbers of 'y' are taken for classes; if they are a quantity, type dataset.task=regression",
        ),
        (
            [*range(12)] * 9,
            "the 12 numbers of 'y' are taken for a quantity; if they are classes, type dataset.task=multiclass",
        ),
        (
            [*range(15)] * 40,
            "the 15 numbers of 'y' are taken for a quantity; if they are classes, type dataset.task=multiclass",
        ),
        ([0, 1] * 20, ""),
        ([True, False] * 20, ""),
        (["a", "b"] * 20, ""),
        ([0.5, 1.5, 2.5] * 20, ""),
        ([*range(90)], ""),
    ],
)
def test_the_other_task(values: list[object], said: str) -> None:
    """Where numbers could be classes or a quantity, what to type for the other is said; not where the task is typed."""
    frame = pd.DataFrame({"a": np.arange(float(len(values))), "y": values})
    assert from_frame(frame, "y").notes == ((said,) if said else ())
    if said:
        typed = said.rpartition("=")[2]
        other = from_frame(frame, "y", task=typed)
        assert (other.task == "regression") == (typed == "regression")
        assert not other.notes


def test_rows_that_are_left_out() -> None:
    """How many they are, and the classes that go with them."""
    frame = pd.DataFrame({"a": [1.0, 2, 3, None, None, 6], "y": ["u", "v", "u", "w", "w", "v"]})
    assert from_frame(frame, "y", missing="drop").notes == (
        "2 rows of 6 left out, for a value is missing (dataset.missing=drop)",
        "with them went all that 'y' has of 'w'",
    )
    assert not from_frame(frame.dropna(), "y", missing="drop").notes


def test_case() -> None:
    """One pair is named, and the other columns, the target among them, that have one."""
    frame = pd.DataFrame({"sex": ["Male", "male", "MALE", "female"], "y": ["No", "no", "yes", "yes"]})
    assert from_frame(frame, "y").notes == (
        "column 'sex' has both 'MALE' and 'Male', which differ by case alone; so have 'y'",
    )


def test_row_numbers_of_a_parquet_file(tmp_path: Path) -> None:
    """They are no feature, also where pandas' own description of them is gone; and that is said."""
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1.5, 2.5], "y": [0.5, 9.5], "__index_level_0__": [7, 8]}).to_parquet(path)
    data = Csv(path=str(path), target="y").load(np.random.default_rng(0))
    assert data.names == ("a",)
    assert "t.parquet: __index_level_0__ holds row numbers, which are no feature" in data.notes


def test_marks_footers_and_constants() -> None:
    """Words that may stand for a missing value, a row of totals, and columns that never vary: a line for each kind."""
    frame = pd.DataFrame({f"k{number}": 5 for number in range(100)} | {"y": np.arange(11) + 0.5})
    frame["name"] = ["a", "b"] * 5 + ["Total"]
    frame["c"] = frame["d"] = ["u", "?", "v", "u", "v"] * 2 + ["u"]
    assert from_frame(frame, "y", form=Format()).notes == (
        "100 columns are the same in every row: k0, k1, k2, k3, k4 and 95 more",
        "the last row holds 'Total' in column 'name' and counts as a sample; take it out if it is a footer",
        "'?' in columns 'c', 'd' is taken for a word; if a value is missing there, type 'dataset.na=[?]'",
    )


def test_texts_that_hardly_repeat() -> None:
    """They are refused in small tables, too: each would be an input of its own."""
    frame = pd.DataFrame({"id": [f"a{row:05}" for row in range(30)], "y": np.arange(30) + 0.5})
    with pytest.raises(NnexpError, match="holds 30 different texts in 30 rows: that looks like an identifier"):
        from_frame(frame, "y")


@pytest.mark.parametrize(
    ("words", "ways"),
    [
        (["TRUE", "FALSE", "1", "0"], "'FALSE', 'TRUE', '0', '1'"),
        (["yes", "no", "true", "?"], "'true', 'no', 'yes'"),
        (["y", "n", "yes"], "'yes', 'n', 'y'"),
        (["yes", "no", "no"], ""),
        (["true", "maybe", "1"], ""),
    ],
)
def test_several_ways_to_say_true(words: list[str], ways: str) -> None:
    """Words for true and false of several pairs are pointed out, until the column is said to hold names."""
    frame = pd.DataFrame({"a": words * 3, "y": np.arange(3 * len(words)) + 0.5})
    said = [note for note in from_frame(frame, "y").notes if "true and false" in note]
    expected = (
        f"column 'a' says true and false in several ways ({ways}), and each counts by itself. Write them alike, or if "
        "they are names, type dataset.text=[a]"
    )
    assert said == ([expected] if ways else [])
    assert not [note for note in from_frame(frame, "y", text=["a"]).notes if "true and false" in note]
