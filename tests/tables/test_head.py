"""Where a table begins in its file: names, separators, comments, and rows that quotes or blank lines would hide."""

from __future__ import annotations

import gzip
import shlex
from pathlib import Path
from typing import Any

import pytest

from nnexp.errors import NnexpError
from nnexp.tables.columns import encode
from nnexp.tables.format import Format
from nnexp.tables.reading import read_table
from nnexp.tables.table import Table

PLAIN = "a,b\n1,x\n2,y\n"


def read(folder: Path, text: str, name: str = "t.csv", **how: Any) -> Table:
    """A file of this text, read in this format."""
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_table(path, Format(**how))


def refusal(folder: Path, text: str, **how: Any) -> str:
    """The words with which a file is refused, without its path."""
    with pytest.raises(NnexpError) as caught:
        read(folder, text, **how)
    return str(caught.value).replace(str(folder / "t.csv"), "FILE")


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize(
    ("text", "how"),
    [
        (PLAIN, {}),
        ("sep=;\n" + PLAIN.replace(",", ";"), {}),
        ('"sep=;"\r\n' + PLAIN.replace(",", ";").replace("\n", "\r\n"), {}),
        ("sep=,\n" + PLAIN, {}),
        ("\ufeffsep=\t\n" + PLAIN.replace(",", "\t"), {}),
        ("# a comment, with a comma, or two\n# another\n\n" + PLAIN, {}),
        ("\n\n" + PLAIN, {}),
        ("Report of 2024\n\n" + PLAIN, {"header": "3"}),
        (PLAIN.removeprefix("a,b\n"), {"header": "none"}),
        ("# no names\n" + PLAIN.removeprefix("a,b\n"), {"header": "none"}),
    ],
)
def test_the_same_table(text: str, how: dict[str, str], name: str, tmp_path: Path) -> None:
    """What stands above the names is passed over, and the separator is the one that the file says."""
    table = read(tmp_path, text, name, **how)
    assert list(table.frame.columns) == (["c1", "c2"] if how.get("header") == "none" else ["a", "b"])
    assert table.frame.to_numpy().tolist() == [[1, "x"], [2, "y"]]


def test_a_name_that_begins_with_a_number_sign(tmp_path: Path) -> None:
    """A line that begins with # and has as many cells as those below holds the names."""
    assert list(read(tmp_path, "#id,b\n1,x\n").frame.columns) == ["#id", "b"]


def test_what_is_said(tmp_path: Path) -> None:
    """Comments, row numbers without a name and names that look like a sample are pointed out."""
    (said,) = read(tmp_path, "# of 2024\n" + PLAIN).notes
    assert said == "t.csv: the columns' names are those of line 2, below comments"
    (said,) = read(tmp_path, ",a\n0,1\n1,2\n").notes
    assert said == "t.csv: the first column has no name: it holds row numbers, which are no feature"
    (said,) = read(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n").notes
    assert said.startswith("t.csv: the columns' names (5.1, 3.5, setosa) look like a sample.")
    assert said.endswith("type dataset.header=none")
    assert read(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n", header="none").frame.shape == (2, 3)
    assert not read(tmp_path, PLAIN).notes


@pytest.mark.parametrize(
    ("text", "how", "names"),
    [
        ("Fläche (m², netto);Preis\n50;100\n60;120\n", {}, ["Fläche (m², netto)", "Preis"]),
        ("Fläche (m², netto);Preis\n50,5;100\n60,5;120\n", {}, ["Fläche (m², netto)", "Preis"]),
        ("a|b\n1|2\n3|4\n", {}, ["a", "b"]),
        ("a\tb\n1\t2\n3\t4\n", {}, ["a", "b"]),
        ("Sales of 2024\n\na,b\n1,2\n3,4\n", {}, ["a", "b"]),
        ("Sales, 2024\nsource: me\na,b,c\n1,2,3\n3,4,5\n", {}, ["a", "b", "c"]),
        ("a   width  c\n1   2.5  red\n10  3.25 blue\n", {}, ["a", "width", "c"]),
        ("  a  width\n  1    2.5\n100   41\n", {}, ["a", "width"]),
        ("a width   \n1 2.5\n100 41 \n", {}, ["a", "width"]),
        ("a \t width\n1  \t 2.5\n100\t 41\n", {}, ["a", "width"]),
        ("# a width\n1 2.5\n100 41\n", {}, ["a", "width"]),
        ("# of 2024, by me\n  a  width\n  1    2.5\n100   41\n", {}, ["a", "width"]),
        ('a  "my width"\n1  2.5\n100  41\n', {}, ["a", "my width"]),
        ("Sales of 2024\n\na;b\n1;2\n3;4\n", {}, ["a", "b"]),
        ("Sales of 2024\n\na   width\n1   2.5\n100 41\n", {}, ["a", "width"]),
    ],
)
def test_the_message_leads_to_a_command_that_works(
    text: str, how: dict[str, str], names: list[str], tmp_path: Path
) -> None:
    """Another separator, and titles above the names, are found; what the message says to type reads the table."""
    message = refusal(tmp_path, text, **how)
    typed = shlex.split(message.partition("type " if "type " in message else "Type ")[2])
    options = dict(word.removeprefix("dataset.").split("=") for word in typed)
    table = read(tmp_path, text, **{key: value.strip(chr(34)).replace("\\t", "\t") for key, value in options.items()})
    assert list(table.frame.columns) == names
    assert len(table.frame) == 2


@pytest.mark.parametrize("lead", ["", "  "])
def test_spaces_between_cells(lead: str, tmp_path: Path) -> None:
    """Any number of them, or tabs, separates two cells; in quotes, and at a line's ends, they do not."""
    text = f'{lead}a  "b c" \n{lead}1   "x  y"\n{lead}20 \tz  \n'
    frame = read(tmp_path, text, separator=" ").frame
    assert list(frame.columns) == ["a", "b c"]
    assert frame.to_numpy().tolist() == [[1, "x  y"], [20, "z"]]
    assert read(tmp_path, "1  2.5\n10  3\n", separator=" ", header="none").frame.to_numpy().tolist() == [
        [1, 2.5],
        [10, 3],
    ]


def test_spaces_within_cells(tmp_path: Path) -> None:
    """Where wide spaces separate the cells and narrow ones stand in them, no option tells them apart: the cell is named."""
    text = "city         people in m\nNew York     8.5\nLos Angeles  3.8\n"
    message = refusal(tmp_path, text)
    assert message.startswith("FILE has 2 columns between wide spaces, and 'people in m' holds a space itself.")
    assert list(read(tmp_path, "city\nNew York\nLos Angeles\n").frame["city"]) == ["New York", "Los Angeles"]


def test_a_line_that_is_not_there(tmp_path: Path) -> None:
    """The line of the names has to be one of the file's."""
    assert "FILE has 3 lines, and the columns' names are said to stand in line 9." in refusal(
        tmp_path, PLAIN, header="9"
    )


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    """Its line is named."""
    assert 'the quote (") in line 3 is never closed' in refusal(tmp_path, 'a,b\n1,x\n2,"y\n3,z\n')


@pytest.mark.parametrize(
    "text",
    [
        'n,size,p\n1,"6 inch,10\n2,"7 inch,20\n3,x,30\n',
        'n,size,p\n1,"6 inch,10\n2,8",20\n3,x,30\n',
        'n,size,p\n1,"6 inch,10\n5,y,15\n2,"7 inch,20\n3,x,30\n',
        'size,p\n"6 inch,10\n"7 inch,20\n3,30\n',
        'p,size\n10,"6 inch\n20,"7 inch\n30,3\n',
    ],
)
def test_inch_marks_swallow_no_rows(text: str, tmp_path: Path) -> None:
    """A cell with the rest of a row and the beginning of another is refused, with the line in which its quote stands."""
    message = refusal(tmp_path, text)
    assert message.startswith("FILE: a quote (\") in line 2 swallows the lines below it: column 'size' holds '6 inch")
    assert "\n" not in message


def test_text_of_several_lines(tmp_path: Path) -> None:
    """A text that has line ends of its own, and an inch mark within a cell, are what they are."""
    table = read(tmp_path, 'n,text,p\n1,"one\ntwo, three",10\n2,"four",20\n3,5" pipe,30\n')
    assert table.frame["text"].tolist() == ["one\ntwo, three", "four", '5" pipe']


def test_blank_lines_in_a_single_column(tmp_path: Path) -> None:
    """They are rows without a value, named by their number; those at the end are nothing."""
    frame = read(tmp_path, "x\n1\n\n3\n\n\n").frame
    assert len(frame) == 3
    with pytest.raises(NnexpError, match=r"column 'x' misses 1 value, the first in row 2"):
        encode(frame, ["x"], {})


@pytest.mark.parametrize("text", ["a,t\n\n", "a,t\n \n\t\n", "a\n\n\n"])
def test_names_above_blank_lines_alone(text: str, tmp_path: Path) -> None:
    """A table of names alone says that it has no rows."""
    assert "holds column names" in refusal(tmp_path, text)


@pytest.mark.parametrize("separator", ["¦", "§"])
def test_a_separator_beyond_ascii(separator: str, tmp_path: Path) -> None:
    """Any single character separates cells, without a word from pandas about how it reads them."""
    text = "a,t\n1.5,yes\n2.25,no\n".replace(",", separator)
    assert read(tmp_path, text, separator=separator).frame.to_dict("list") == {"a": [1.5, 2.25], "t": ["yes", "no"]}


@pytest.mark.parametrize("between", ["", "\n", "  \n\n"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_first_row_that_is_longer(between: str, separator: str, tmp_path: Path) -> None:
    """A cell more than there are names in the first row is refused with its line, and no cell is taken for a row's name."""
    text = f"a,t\n{between}1,2,3\n4,5\n6,7\n".replace(",", separator)
    how = {} if separator == "," else {"separator": separator}
    assert "Expected 2 fields in line" in refusal(tmp_path, text, **how)


def test_names_that_are_too_long_for_a_cell(tmp_path: Path) -> None:
    """A first line of more characters than a cell may have is refused in words."""
    assert "is not a table that can be read: field larger than field limit" in refusal(
        tmp_path, "a" * 200_000 + ",t\n1,2\n"
    )


def test_long_cells_are_cut(tmp_path: Path) -> None:
    """A cell of many lines is quoted on one."""
    frame = read(tmp_path, 'x,y\n"' + "line\n" * 300 + '",1\n2,2\n').frame
    with pytest.raises(NnexpError) as caught:
        encode(frame, ["x"], {})
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE html>\n<html>\n", "FILE is a web page or XML. Save the table itself."),
        ("<?xml version='1.0'?>\n", "FILE is a web page or XML."),
        ('[{"a": 1}, {"a": 2}]\n', "FILE is JSON. Write a table"),
        ('{"a": 1}\n{"a": 2}\n', "FILE is JSON. Write a table"),
        ("@relation x\n@attribute a numeric\n@data\n1,2\n", "FILE is an ARFF file. Save it as CSV"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "FILE is a pointer of Git LFS to the table. Type git lfs pull.",
        ),
        (
            '"a,b"\n"1,2"\n"3,4"\n',
            "FILE: each line is one cell in quotes, as 'a,b'. Take the quotes around whole lines out.",
        ),
        ("a,b\r1,2\r3,4\r", "FILE: its lines end with a carriage return alone, as on an old Macintosh. Save it with"),
    ],
)
def test_what_is_no_table(text: str, message: str, tmp_path: Path) -> None:
    """Other kinds of text are named, with what to do."""
    assert refusal(tmp_path, text).startswith(message)


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    """An address is none, and of a link the file is named that is not there."""
    with pytest.raises(
        NnexpError, match=r"^https://example\.org/t\.csv is an address\. Fetch the file, and give its path\.$"
    ):
        read_table("https://example.org/t.csv")
    (tmp_path / "t.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(NnexpError, match=r"t\.csv is a link to .*gone\.csv, which does not exist\."):
        read_table(tmp_path / "t.csv")
