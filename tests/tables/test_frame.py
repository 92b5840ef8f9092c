"""``from_frame``, which makes the data of any table: what a dataset that reads no file of its own relies on.

What becomes of columns and what is refused is tested through ``csv`` in test_table.py; here is what only the function has.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nnexp.builtin.table import Csv
from nnexp.errors import NnexpError
from nnexp.tables.frame import from_frame

HOUSES = {"area": [50, 80, 65], "city": ["Rome", "Oslo", "Rome"], "price": [100.5, 90.0, 120.0]}


def test_it_is_what_csv_does(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A frame and the same table in a file give equal data."""
    frame = pd.DataFrame(HOUSES)
    path = tmp_path_factory.mktemp("table") / "houses.csv"
    frame.to_csv(path, index=False)
    ours = from_frame(frame, "price")
    theirs = Csv(path=str(path), target="price").load(np.random.default_rng(0))
    np.testing.assert_array_equal(ours.x, theirs.x)
    np.testing.assert_array_equal(ours.y, theirs.y)
    assert ours.names == theirs.names == ("area", "city")
    assert (ours.task, ours.classes, ours.target) == (theirs.task, theirs.classes, theirs.target)
    assert ours.categories == theirs.categories == {"city": ("Oslo", "Rome")}


def test_categories_of_digits_stay_categories() -> None:
    """A column of pandas' type category is text even where its categories look like numbers."""
    frame = pd.DataFrame({"code": pd.Categorical(["10", "2", "10"]), "y": [1.5, 2.5, 7.5]})
    data = from_frame(frame, "y")
    assert data.categories == {"code": ("10", "2")}
    np.testing.assert_array_equal(data.x, [[0], [1], [0]])


def test_an_index_and_numbered_columns_do_no_harm() -> None:
    """Rows are counted from 1 whatever the frame's index; columns named by numbers are named by their text."""
    frame = pd.DataFrame({0: [1.0, 2.0, np.nan], 1: [1.5, 2.5, 7.5]}, index=[7, 7, 9])
    assert from_frame(frame, "1", missing="drop").names == ("0",)
    with pytest.raises(NnexpError, match=r"1 value is missing, the first in column '0' in row 3 "):
        from_frame(frame, "1")


def test_the_source_is_named() -> None:
    """Messages call the table what the caller calls it."""
    with pytest.raises(NnexpError, match=r"^My table has no column 'prize', .* Did you mean 'price'\?"):
        from_frame(pd.DataFrame(HOUSES), "prize", source="My table")


def test_the_frame_is_left_as_it_was() -> None:
    """The caller's table is not changed."""
    frame = pd.DataFrame(HOUSES)
    from_frame(frame, "price", drop=["city"])
    pd.testing.assert_frame_equal(frame, pd.DataFrame(HOUSES))


def test_repeated_names() -> None:
    """Two columns of one name are refused."""
    frame = pd.DataFrame([[1, 2, 3.5], [3, 4, 5.5]], columns=["a", "a", "y"])
    with pytest.raises(
        NnexpError, match=r"^The table has more than one column named 'a'\. Rename them: each name once\.$"
    ):
        from_frame(frame, "y")


def test_no_rows() -> None:
    """A frame without rows is refused."""
    with pytest.raises(NnexpError, match=r"^The table holds no row of data\."):
        from_frame(pd.DataFrame({"a": [], "y": []}), "y")
