"""Names that stand further down, and lines below them that are no samples: what is said to type reads the table."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.builtin.table import Csv
from nnexp.errors import NnexpError
from nnexp.plugin import Data
from tests.command import nnexp, runs

NAMES = "id,w,c,y\n"
ROWS = "".join(f"{n},{2 * n}.5,{'red' if n % 2 else 'blue'},{n}.25\n" for n in range(1, 9))


def load(path: Path, **given: Any) -> Data:
    """The data of a table, as a run loads them."""
    return Csv(path=str(path), target="y", **given).load(np.random.default_rng(0))


def written(folder: Path, text: str) -> Path:
    """A file of this text."""
    (folder / "t.csv").write_text(text)
    return folder / "t.csv"


def advised(path: Path, **given: Any) -> list[str]:
    """The values of ``dataset.header`` that a refusal says to type."""
    with pytest.raises(NnexpError) as refused:
        load(path, **given)
    return re.findall(r"[Tt]ype dataset\.header=(\S+?)(?:;|$)", str(refused.value))


@pytest.mark.parametrize(
    ("top", "header"),
    [
        ("Sales, 2024\n" + NAMES, "2"),
        ("Sales, Europe, 2024, all\n" + NAMES, "2"),
        ("Sales of 2024,,,\n" + NAMES, "2"),
        ("Sales of 2024,,,\n,,,\n" + NAMES, "3"),
        ("\nSales of 2024,,,\n\n" + NAMES, "4"),
        (",Size,,Result\n" + NAMES, "2"),
        ("Person,Person,Look,Result\n" + NAMES, "2"),
        ("Person,Weight,Look,Result\n" + NAMES, "2"),
        ("# made by x, y, z, w\n# on 1, 2, 3, 4\n" + NAMES, "3"),
        ("# a, b, c, d\n" + NAMES, "2"),
        ("; by me\n" + NAMES, "2"),
        ("// by me; today\n" + NAMES, "2"),
        (NAMES + "(-),(kg),,(mm)\n", "1-2"),
        (NAMES + "[-],[kg],[-],[mm]\n", "1-2"),
        (NAMES + "int,float,str,float\n", "1-2"),
        (NAMES + "# x, y, z, w\n", "1-2"),
        (NAMES + "\n(-),(kg),(-),(mm)\n", "1-3"),
        ("# by me\n" + NAMES + "(-),(kg),,(mm)\n", "2-3"),
    ],
)
def test_what_is_said_to_type_reads_the_table(top: str, header: str, tmp_path: Path) -> None:
    """Titles, comments and merged names above the names, units and types below them: the names and all samples are read."""
    path = written(tmp_path, top + ROWS)
    assert advised(path) == [header]
    data = load(path, header=header)
    assert data.names == ("id", "w", "c")
    np.testing.assert_array_equal(data.x[:, :2], [[n, 2 * n + 0.5] for n in range(1, 9)])


def test_two_ways_to_read_the_second_line(tmp_path: Path) -> None:
    """Words without brackets may be names or units: both are said, and both work."""
    path = written(tmp_path, NAMES + "none,kg,word,mm\n" + ROWS)
    assert advised(path) == ["2", "1-2"]
    assert len(load(path, header="1-2").x) == 8
    assert Csv(path=str(path), target="mm", header="2").load(np.random.default_rng(0)).names == ("none", "kg", "word")


@pytest.mark.parametrize(
    "text", [NAMES + "?,1.5,red,2.5\n" + ROWS, NAMES + "1,,red,2.5\n" + ROWS, NAMES + ROWS + "x,1,red,2\n"]
)
def test_samples_that_are_wrong_are_no_units(text: str, tmp_path: Path) -> None:
    """A missing value, a mark for one or a slip of the pen says nothing about the names."""
    assert not advised(written(tmp_path, text))


def test_a_sample_is_not_passed_over(tmp_path: Path) -> None:
    """A line with numbers is refused where it is said to hold none; what is passed over is said."""
    path = written(tmp_path, NAMES + "(-),(kg),,(mm)\n" + ROWS)
    assert load(path, header="1-2").notes == ("t.csv: line 2 is no sample, as was said",)
    path = written(tmp_path, NAMES + ROWS)
    assert advised(path, header="1-2") == ["1"]
    with pytest.raises(NnexpError, match=r"has 9 lines, and the columns' names are said to stand in line 1-30\."):
        load(path, header="1-30")
    with pytest.raises(NnexpError, match=r"header must be auto, none or the number of the line"):
        load(path, header="2-1")


def test_new_rows_below_a_title(tmp_path: Path) -> None:
    """``predict`` reads them as those of training were, and says its own option where the names stand elsewhere."""
    words = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "tracking=none", "epochs=1")
    written(tmp_path, NAMES + "(-),(kg),,(mm)\n" + ROWS)
    assert nnexp(*words, "dataset.header=1-2", cwd=tmp_path).code == 0
    (run,) = map(str, runs(tmp_path))
    assert len(nnexp("predict", run, "t.csv", cwd=tmp_path).out.splitlines()) == 9
    written(tmp_path, "My,new,rows,again\n" + NAMES + ROWS)
    refused = nnexp("predict", run, "t.csv", "--header=auto", cwd=tmp_path)
    assert refused.code == 1
    option = shlex.split(refused.err.strip().rpartition("type ")[2])
    assert option == ["--header=2"]
    assert len(nnexp("predict", run, "t.csv", *option, cwd=tmp_path).out.splitlines()) == 9
