"""Numbers with something beside their digits are told from plain numbers, from words and from names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.builtin.table import Csv
from nnexp.errors import NnexpError
from nnexp.tables.frame import from_frame
from nnexp.tables.spelling import decoration

DECORATED = {
    "$900.00": ("$", ""),
    "US$ 900": ("US$", ""),
    "EUR 1.5": ("EUR", ""),
    "45%": ("", "%"),
    "900 €": ("", "€"),
    "128.57kg": ("", "kg"),
    "-3.5 °C": ("", "°C"),
    "12 m²": ("", "m²"),
    "1.100.000,50": ("", ""),
    "1 100 000,50": ("", ""),
    "1\u00a0100\u00a0000,50": ("", ""),
    "1\u202f100": ("", ""),
    "1'100.50": ("", ""),
    "1_000": ("", ""),
    "1,5": ("", ""),
}
"""Spellings of a number, with what stands before and behind it."""
OTHERS = [
    "1",
    "-1.5e3",
    "nan",
    "A4",
    "B12",
    "1st",
    "22nd",
    "3-door",
    "10-20",
    "0 ,",
    "0;",
    "1.2.3",
    "",
    " ",
    "kg",
    "#1",
    "x 1 y",
]
"""Plain numbers, and texts that are none."""


@pytest.mark.parametrize("text", DECORATED)
def test_what_a_number_is_written_with(text: str) -> None:
    """Units, currencies and marks between thousands are found, and named."""
    found = decoration(text)
    assert found
    assert (found.before, found.after) == DECORATED[text]
    assert found.marks == (DECORATED[text] == ("", ""))


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_decorated_number(text: str) -> None:
    """Plain numbers, words with a digit in them, places and ranges are something else."""
    assert decoration(text) is None


@settings(deadline=None)
@given(st.integers(-(10**9), 10**9), st.sampled_from([" kg", "%", " €", "km/h"]))
def test_any_number_with_a_unit(value: int, unit: str) -> None:
    """Whatever the number, its unit is found."""
    found = decoration(f"{value}{unit}")
    assert found
    assert found.after == unit.strip()


@pytest.mark.parametrize("text", DECORATED)
@pytest.mark.parametrize("role", ["target", "feature"])
def test_a_column_of_them_is_refused(text: str, role: str, tmp_path: Path) -> None:
    """Neither classes nor categories are made of quantities: the cell is named, and what to type if they are names."""
    cells = [f'"{text.replace(digit, str(n), 1)}"' for n in range(1, 10) for digit in text if digit.isdigit()][:9]
    rows = [f"{cell};{n}" for n, cell in enumerate(cells)] * 7
    path = tmp_path / "t.csv"
    path.write_text("price;n\n" + "\n".join(rows) + "\n", encoding="utf-8")
    target = "price" if role == "target" else "n"
    with pytest.raises(NnexpError) as refused:
        Csv(path=str(path), target=target, separator=";").load(np.random.default_rng(0))
    assert "column 'price' holds numbers w" in str(refused.value)
    assert "in row 1" in str(refused.value)
    assert str(refused.value).endswith("If they are names, type dataset.text=[price].")
    named = Csv(path=str(path), target=target, separator=";", text=("price",)).load(np.random.default_rng(0))
    assert (named.task == "multiclass") if role == "target" else len(named.categories["price"]) > 2


@pytest.mark.parametrize(
    "cells",
    [
        ["1,5", "2,5"],
        ["12,34,567", "23,45,678"],
        ["1'000", "2'000"],
        ["900 kg", "1.5 t", "20 lb"],
        ["1", "2%", "3%", "4%"],
    ],
)
def test_a_few_with_marks_and_several_units_are_refused(cells: list[str]) -> None:
    """Marks alone tell a number, be they two; units may differ, and plain numbers stand among them."""
    frame = pd.DataFrame({"price": cells * 10, "y": np.arange(10.0 * len(cells))})
    with pytest.raises(NnexpError, match="column 'price' holds numbers w"):
        from_frame(frame, "y")


@pytest.mark.parametrize("cells", [["2WD", "4WD"], ["10mg", "20mg"], ["A4", "A5", "A6"], ["1st", "2nd", "3rd"]])
def test_names_with_digits_stay_categories(cells: list[str]) -> None:
    """Two of a kind, words with a number in them, and places are names."""
    frame = pd.DataFrame({"kind": cells * 10, "y": np.arange(10.0 * len(cells))})
    assert from_frame(frame, "y").categories == {"kind": tuple(sorted(cells))}


def test_numbers_that_are_names() -> None:
    """``text`` makes categories and classes of numbers, in the text form by which prediction finds them again."""
    frame = pd.DataFrame({"code": [10, 2, 10, 2], "y": [1, 5, 1, 5]})
    data = from_frame(frame, "y", text=["code", "y"])
    assert data.categories == {"code": ("10", "2")}
    assert data.classes == ("1", "5")
    with pytest.raises(NnexpError, match=r"no column 'cod', which dataset\.text names\. Did you mean 'code'"):
        from_frame(frame, "y", text=["cod"])


def test_a_word_in_a_row_that_is_left_out_makes_no_categories(tmp_path: Path) -> None:
    """A last line such as "# end of file" goes with ``missing=drop``, and the column's numbers are numbers."""
    path = tmp_path / "t.csv"
    path.write_text("temp,load\n1,2\n2,4.5\n3,6\n4,8\n5,10\n# end of file\n")
    data = Csv(path=str(path), target="load", missing="drop").load(np.random.default_rng(0))
    np.testing.assert_array_equal(data.x, [[1], [2], [3], [4], [5]])
    np.testing.assert_array_equal(data.y, [2, 4.5, 6, 8, 10])
    assert (data.categories, data.task) == ({}, "regression")


def test_numbers_stored_as_text_in_parquet(tmp_path: Path) -> None:
    """They are the numbers that a text file would have."""
    pd.DataFrame({"a": ["1.5", "2", "1e3"], "y": ["1.25", "2.5", "3.75"]}).to_parquet(tmp_path / "t.parquet")
    data = Csv(path=str(tmp_path / "t.parquet"), target="y").load(np.random.default_rng(0))
    np.testing.assert_array_equal(data.x, [[1.5], [2], [1000]])
    np.testing.assert_array_equal(data.y, [1.25, 2.5, 3.75])


@pytest.mark.parametrize(
    ("cells", "how"),
    [
        (["0x1f", "0x20", "0XFF"], "in hexadecimal: 0x1f in row 1"),
        (["1.5D+03", "2.D0", "-3d-1"], "with a D before the power of ten: 1.5D+03 in row 1"),
        (['="1"', '="2.5"', "=3"], 'in formulas: ="1" in row 1'),
        (["'1'", "'2.5'", "'-3'"], "in single quotes: '1' in row 1"),
    ],
)
def test_numbers_of_programs(cells: list[str], how: str) -> None:
    """Spellings that no option reads are refused: categories would be made of them."""
    frame = pd.DataFrame({"a": cells * 10, "y": np.arange(30) + 0.5})
    with pytest.raises(NnexpError) as refused:
        from_frame(frame, "y")
    assert f"column 'a' holds numbers {how}. Write them as plain numbers." in str(refused.value)
    assert len(from_frame(frame, "y", text=["a"]).categories["a"]) == 3


def test_files_that_were_joined() -> None:
    """A line of names among the rows is told from a slip of the pen."""
    frame = pd.DataFrame({"a": ["1", "2", "a", "3"], "y": [0.5, 1.5, 2.5, 3.5]})
    with pytest.raises(NnexpError, match=r"column 'a' holds its own name in row 3, as where files were joined"):
        from_frame(frame, "y")
