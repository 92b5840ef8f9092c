"""Leading zeros that are lost in numbers, as those of postal codes, are pointed out; those of decimals are nothing."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnexp.builtin.table import Csv
from nnexp.plugin import Data
from nnexp.tables import zeros


def load(path: Path, **given: Any) -> Data:
    """The data of a table, as a run loads them."""
    return Csv(path=str(path), target="y", **given).load(np.random.default_rng(0))


def written(folder: Path, *columns: list[str], separator: str = ",", name: str = "t.csv") -> Path:
    """A table of columns a, b, ... and the target y."""
    names = [chr(ord("a") + at) for at in range(len(columns))]
    rows = [separator.join([*cells, f"{n}.25"]) for n, cells in enumerate(zip(*columns, strict=True))]
    text = "\n".join([separator.join([*names, "y"]), *rows, ""])
    (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return folder / name


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["00123", "10115", "99999", "20095"], "00123"),
        (["10115", "99999", "20095", "007"], "007"),
        (['"010"', "20", "30", "20"], "010"),
        (["20", " 01", "30", "40"], "01"),
        (["0", "00", "30", "40"], "00"),
    ],
)
def test_they_are_said(cells: list[str], first: str, name: str, tmp_path: Path) -> None:
    """The column and the first such number are named, and what is said to type makes names of them."""
    path = written(tmp_path, cells * 3, name=name)
    assert load(path).notes == (
        f"the leading zeros in column 'a' ('{first}') are lost in numbers; if they are names, type dataset.text=[a]",
    )
    named = load(path, text=("a",))
    assert not named.notes
    assert named.categories["a"] == tuple(sorted({cell.strip('" ') for cell in cells}))


@pytest.mark.parametrize(
    "cells",
    [
        ["0.5", "0.25", "0", "0.0"],
        ["0", "1", "10", "100"],
        ["0", "-0", "1e05", "20"],
        ["0.05", "1e-05", "0", "00.5"],
    ],
)
def test_other_zeros(cells: list[str], tmp_path: Path) -> None:
    """A zero alone, those of decimals and of powers of ten are nothing."""
    assert not load(written(tmp_path, cells * 3)).notes


def test_several_columns(tmp_path: Path) -> None:
    """They are one line; columns that are left out, hold texts anyway, or are known to be names do not count."""
    path = written(tmp_path, ["01", "2"] * 5, ["1", "02"] * 5, ["03", "x"] * 5, ["04", "5"] * 5, ["06", "7"] * 5)
    (note,) = load(path, drop=("d",), text=("c", "e")).notes
    assert note == (
        "the leading zeros in columns 'a', 'b' ('01') are lost in numbers; if they are names, type dataset.text=[c,e,a,b]"
    )


def test_where_values_are_missing(tmp_path: Path) -> None:
    """Whole numbers with gaps, which pandas keeps as floats, are told alike."""
    path = written(tmp_path, ["01", "", "30", "40"] * 3)
    assert "dataset.text=[a]" in load(path, missing="drop").notes[-1]


def test_decimal_commas(tmp_path: Path) -> None:
    """Between semicolons a decimal comma is no separator: the zeros of 1,05 are those of a fraction."""
    path = written(tmp_path, ["1,05", "2", "3,00"] * 3, separator=";")
    text = path.read_text().replace(".25", ",25")
    path.write_text(text)
    assert not load(path, separator=";", decimal=",").notes


def test_texts_of_a_parquet_file(tmp_path: Path) -> None:
    """Texts that spell numbers are told alike."""
    pd.DataFrame({"a": ["007", "8", "9"], "y": [0.5, 1.5, 2.5]}).to_parquet(tmp_path / "t.parquet")
    assert load(tmp_path / "t.parquet").notes == (
        "the leading zeros in column 'a' ('007') are lost in numbers; if they are names, type dataset.text=[a]",
    )


def test_where_two_pieces_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are found wherever the pieces end in which a file is looked at."""
    path = tmp_path / "t.csv"
    path.write_text("a,b\n11,07\n22,33\n")
    for size in range(1, 20):
        monkeypatch.setattr(zeros, "BLOCK", size)
        assert zeros.has_padded(path, ",")
