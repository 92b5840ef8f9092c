"""How tables are written: marks and units of numbers are read as they are said to be, and messages say which they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.builtin.table import Csv
from nnexp.errors import NnexpError
from nnexp.plugin import Data
from nnexp.tables.columns import encode
from nnexp.tables.format import Format, fitting

READ = [
    ("1.5", {}, 1.5),
    ("-3", {}, -3),
    ("\u22123.5", {}, -3.5),
    ("1e3", {}, 1000),
    ("1,5", {"decimal": ","}, 1.5),
    (",5", {"decimal": ","}, 0.5),
    ("-1,5e-3", {"decimal": ","}, -0.0015),
    ("1.100.000,50", {"decimal": ",", "thousands": "."}, 1100000.5),
    ("1.100", {"decimal": ",", "thousands": "."}, 1100),
    ("1 100 000,50", {"decimal": ",", "thousands": " "}, 1100000.5),
    ("1\u00a0100\u00a0000", {"thousands": " "}, 1100000),
    ("1\u202f100", {"thousands": " "}, 1100),
    ("1'100.50", {"thousands": "'"}, 1100.5),
    ("1\u2019100", {"thousands": "'"}, 1100),
    ("1_000", {"thousands": "_"}, 1000),
    ("1,234,567.25", {"thousands": ","}, 1234567.25),
    ("$900.00", {"units": "strip"}, 900),
    ("-$900", {"units": "strip"}, -900),
    ("US$ 1.5", {"units": "strip"}, 1.5),
    ("45%", {"units": "strip"}, 45),
    ("900 €", {"units": "strip"}, 900),
    ("128.57kg", {"units": "strip"}, 128.57),
    ("1.100,50 €", {"units": "strip", "decimal": ",", "thousands": "."}, 1100.5),
]
"""A text, how it is said to be written, and what it says."""
NOT_READ = [
    ("1,5", {}),
    ("1.5", {"decimal": ","}),
    ("1.500", {"decimal": ","}),
    ("1,10,000", {"thousands": ","}),
    ("1,1000", {"thousands": ","}),
    ("1'100,000", {"thousands": "'"}),
    ("192.168.100.100,5", {"decimal": ","}),
    ("45%", {}),
    ("1_000", {}),
    ("A4", {"units": "strip"}),
    ("1st", {"units": "strip"}),
    ("10-20 kg", {"units": "strip"}),
    ("", {"units": "strip"}),
]


@pytest.mark.parametrize(("text", "how", "value"), READ)
def test_what_is_a_number(text: str, how: dict[str, Any], value: float) -> None:
    """A text that spells a number in the format is that number, to the last place; a whole one is an int."""
    found = Format(**how).number(text)
    assert found == value
    assert isinstance(found, int) == (
        isinstance(value, int) and "e" not in text and "." not in text.replace("1.100", "")
    )


@pytest.mark.parametrize(("text", "how"), NOT_READ)
def test_what_is_none(text: str, how: dict[str, Any]) -> None:
    """Marks in the wrong places, other marks than those of the format, and words are no numbers."""
    assert Format(**how).number(text) is None


@settings(deadline=None)
@given(
    st.decimals(-(10**12), 10**12, places=2, allow_nan=False),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", "_"), (",", "")]),
    st.sampled_from(["", " kg", "%", " €"]),
)
def test_any_number(value: Any, marks: tuple[str, str], unit: str) -> None:
    """Written as Python's own format writes it, with other marks, every number is read as it is."""
    decimal, thousands = marks
    text = f"{value:,.2f}".replace(",", "T").replace(".", decimal).replace("T", thousands)
    form = Format(decimal=decimal, thousands=thousands, units="strip")
    assert form.number(text + unit) == float(value)


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["1,5", "2,25"], [{"decimal": ","}]),
        (["1,500", "2,250"], [{"decimal": ","}, {"thousands": ","}]),
        (["1.100,5"], [{"decimal": ",", "thousands": "."}]),
        (["45%", "5%"], [{"units": "strip"}]),
        (["1'000", "2'000"], [{"thousands": "'"}]),
        (["1,10,000"], []),
    ],
)
def test_the_nearest_formats(texts: list[str], options: list[dict[str, str]]) -> None:
    """The formats that read all texts with the fewest options, each as the options to change."""
    found = [each.changes() for each in fitting(texts, Format())]
    assert sorted(map(sorted, map(dict.items, found))) == sorted(map(sorted, map(dict.items, options)))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"separator": ";", "decimal": ","},
        {"na": ()},
        {"na": ("-", "?"), "header": "none"},
        {"header": "3", "units": "strip"},
        {"booleans": ("a", "b")},
    ],
)
def test_what_is_kept(how: dict[str, Any]) -> None:
    """What is kept in a model makes the same format again."""
    assert Format.of(Format(**how).changes()) == Format(**how)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {"separator": 1},
        {"separator": ""},
        {"decimal": ";"},
        {"na": "NA"},
        {"na": 0},
        {"booleans": "a"},
        {"booleans": [1]},
        {"booleans": None},
        {"na": [1]},
        {"path": "/etc"},
        {"header": "0"},
    ],
)
def test_a_strangers_model(found: object) -> None:
    """A description that says anything else is refused."""
    with pytest.raises(ValueError, match=r"."):
        Format.of(found)


def load(folder: Path, text: str, target: str = "y", **given: Any) -> Data:
    """The data of a table, as a run loads them."""
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return Csv(path=str(path), target=target, **given).load(np.random.default_rng(0))


def refusal(folder: Path, text: str, target: str = "y", **given: Any) -> str:
    """The words with which a table is refused."""
    with pytest.raises(NnexpError) as caught:
        load(folder, text, target, **given)
    return str(caught.value)


def test_a_table_of_decimal_commas(tmp_path: Path) -> None:
    """What the message says to type reads the numbers that stand there."""
    text = "Preis;Gewicht;y\n" + "".join(f"1.{n}00,50 €;{n},25;{n},5\n" for n in range(1, 9))
    assert "type 'dataset.decimal=\",\"'" in refusal(tmp_path, text, separator=";", drop=["Preis"])
    found = load(tmp_path, text, separator=";", decimal=",", thousands=".", units="strip")
    np.testing.assert_array_equal(found.x, [[1000.5 + 100 * n, n + 0.25] for n in range(1, 9)])
    np.testing.assert_array_equal(found.y, [n + 0.5 for n in range(1, 9)])
    assert found.reading == {
        "separator": ";",
        "decimal": ",",
        "thousands": ".",
        "units": "strip",
        "beside": {"Preis": "€"},
    }


def test_two_ways_to_read(tmp_path: Path) -> None:
    """Where a comma may be either mark, both ways are named."""
    text = "a;y\n" + "".join(f"{n},500;{n}.5\n" for n in range(1, 9))
    message = refusal(tmp_path, text, separator=";")
    assert "type 'dataset.decimal=\",\"' or 'dataset.thousands=\",\"'." in message
    assert load(tmp_path, text, separator=";", thousands=",").x[0, 0] == 1500


def test_points_in_a_table_of_commas(tmp_path: Path) -> None:
    """With a decimal comma "1.500" is not one and a half."""
    text = "a;y\n" + "".join(f"{n}.500;{n},5\n" for n in range(1, 9))
    assert "column 'a' holds numbers with marks between thousands: '1.500'" in refusal(
        tmp_path, text, separator=";", decimal=","
    )
    assert load(tmp_path, text, separator=";", decimal=",", thousands=".").x[0, 0] == 1500


def test_several_units(tmp_path: Path) -> None:
    """Kilograms and grams are not the same numbers; zero needs no unit."""
    text = "a,y\n" + "".join(f"{n} {'kg' if n % 2 else 'g'},{n}.5\n" for n in range(1, 9))
    assert "column 'a' holds numbers of several units: '1 kg' and '2 g'." in refusal(tmp_path, text, units="strip")
    assert load(tmp_path, "a,y\n1 kg,1.5\n0,2.5\n2 kg,3.5\n", units="strip").x.tolist() == [[1], [0], [2]]


def test_parquet(tmp_path: Path) -> None:
    """Texts of a parquet file are read alike."""
    pd.DataFrame({"a": ["$1", "$2", "$3"], "y": [1.5, 2.5, 3.5]}).to_parquet(tmp_path / "t.parquet")
    given = Csv(path=str(tmp_path / "t.parquet"), target="y", units="strip")
    assert given.load(np.random.default_rng(0)).x.tolist() == [[1], [2], [3]]


def test_words_for_missing_values(tmp_path: Path) -> None:
    """The cell is quoted, and what to type where it is a word; a list of marks replaces the usual one."""
    text = "garage,y\n" + "attached,1.5\nNA,2.5\nattached,3.5\n" * 3
    message = refusal(tmp_path, text)
    assert "the first in column 'garage' in row 2, 'NA' (row 1 holds" in message
    assert message.endswith("If 'NA' is a word here, type dataset.na=[].")
    assert load(tmp_path, text, na=()).categories == {"garage": ("NA", "attached")}
    text = "a,y\n1,1.5\n?,2.5\n3,3.5\n"
    assert load(tmp_path, text, na=("?",), missing="drop").x.tolist() == [[1], [3]]


def test_white_space(tmp_path: Path) -> None:
    """What stands around a text is no part of it, be it a no-break space; nothing but space is a missing value."""
    text = "sex,n,y\nmale ,1 ,1.5\nmale,2\u00a0,2.5\n\u00a0male,3,3.5\nfemale\u202f,4,4.5\n"
    found = load(tmp_path, text)
    assert found.categories == {"sex": ("female", "male")}
    assert found.x.tolist() == [[1, 1], [1, 2], [1, 3], [0, 4]]
    assert "1 value is missing, the first in column 'a' in row 2" in refusal(
        tmp_path, "a,y\nx,1.5\n\u00a0,2.5\nz,3.5\n"
    )


def test_numbers_of_accounts(tmp_path: Path) -> None:
    """In parentheses, or with its minus sign behind it, a number is refused, and negative where units are stripped."""
    for text, typed in (("(1.50)", "-1.5"), ("1.50-", "-1.5"), ("($1.50)", "-1.5")):
        cells = [text.replace("1", str(n % 10)) for n in range(12)]
        table = "a,y\n" + "".join(f"{cell},{n}.5\n" for n, cell in enumerate(cells))
        assert "To read them as numbers, type dataset.units=strip." in refusal(tmp_path, table)
        assert load(tmp_path, table, units="strip").x[1, 0] == float(typed)


def test_units_of_training(tmp_path: Path) -> None:
    """New rows in another unit are refused; the currency may stand on either side."""
    data = load(tmp_path, "a,y\n1 kg,1.5\n0,2.5\n2 kg,3.5\n", units="strip")
    form = Format.of(data.reading)
    assert dict(form.beside) == {"a": "kg"}
    assert encode(pd.DataFrame({"a": ["5 kg"]}), ["a"], {}, form=form).tolist() == [[5]]
    with pytest.raises(NnexpError, match=r"column 'a' holds '5000 g', and that of training had 'kg'\. Write all in"):
        encode(pd.DataFrame({"a": ["5000 g"]}), ["a"], {}, form=form)
    assert load(tmp_path, "a,y\n€1,1.5\n2 €,2.5\n3€,3.5\n", units="strip").x.tolist() == [[1], [2], [3]]


def test_characters_of_no_width(tmp_path: Path) -> None:
    """They are no part of a number or a name, and letters are the same however they are composed."""
    assert load(tmp_path, "a,y\n1\u200b,1.5\n2\ufeff,2.5\n3,3.5\n").x.tolist() == [[1], [2], [3]]
    assert load(tmp_path, "Gro\u0308\u00dfe,y\n1,1.5\n2,2.5\n").names == ("Gr\u00f6\u00dfe",)
    assert load(tmp_path, "a,Gro\u0308\u00dfe\n1,1.5\n2,2.5\n", "Gro\u0308\u00dfe").target == "Gr\u00f6\u00dfe"


@pytest.mark.parametrize(
    "words",
    [
        ["TRUE", "True", "true", "FALSE", "False", "false"],
        ["TRUE", "True ", "tRue", "FALSE", " False", "fALSE"],
    ],
)
def test_true_and_false_in_any_case(words: list[str], tmp_path: Path) -> None:
    """They are 1 and 0, in a text file, in a parquet file that has them as texts, and as a target."""
    text = "a,y\n" + "".join(f"{word},{n}.5\n" for n, word in enumerate(words))
    expected = [[1], [1], [1], [0], [0], [0]]
    data = load(tmp_path, text)
    assert data.x.tolist() == expected
    assert (data.notes, data.reading) == ((), {"booleans": ["a"]})
    pd.DataFrame({"a": words, "y": np.arange(6) + 0.5}).to_parquet(tmp_path / "t.parquet")
    assert Csv(path=str(tmp_path / "t.parquet"), target="y").load(np.random.default_rng(0)).x.tolist() == expected
    assert load(tmp_path, text, "a").classes == (False, True)
    named = Csv(path=str(tmp_path / "t.csv"), target="y", text=("a",)).load(np.random.default_rng(0))
    assert named.categories["a"] == tuple(sorted(word.strip() for word in words))


@pytest.mark.parametrize(
    ("words", "row"), [([True, 2, 1], 2), ([0.5, 0, 1], 1), (["true", "no", "false"], 2), (["1", "TRUE", "-1"], 3)]
)
def test_booleans_of_training(words: list[Any], row: int) -> None:
    """Where training had true and false, 1 and 0 are the same, and any other number or word is refused with its row."""
    form = Format(booleans=("a",))
    frame = pd.DataFrame({"a": [True, False, 1, 0]}, dtype=object)
    assert encode(frame, ["a"], {}, form=form).tolist() == [[1], [0], [1], [0]]
    assert encode(pd.DataFrame({"a": ["TRUE", "0"]}), ["a"], {}, form=form).tolist() == [[1], [0]]
    message = rf"column 'a' has to hold true or false, as in training\. Got '?{words[row - 1]}'? in row {row}\."
    with pytest.raises(NnexpError, match=message):
        encode(pd.DataFrame({"a": words}), ["a"], {}, form=form)
