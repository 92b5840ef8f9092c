"""Whole numbers above 2**53: exact as labels, and as values refused where float64 would round them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from nnexp import NnexpError, fit, load
from nnexp.basics.exact import first_inexact
from nnexp.builtin.table import Csv
from nnexp.experiment.contracts import check_data
from nnexp.experiment.data import loaded
from nnexp.plugin import Data, Dataset
from nnexp.tables.columns import encode
from nnexp.tables.frame import from_frame
from tests.command import nnexp, runs

RNG = np.random.default_rng(0)
N = 40
X = np.linspace(-1, 1, N)
SIDE = np.arange(N) % 2
STAMP = 1_700_000_000_000_000_001
PAIRS = [
    (2**53, 2**53 + 1),
    (123456789012345678, 123456789012345679),
    (-1, 2**63 + 1),
    (2**64 + 1, 2**64 + 2),
    (7, 10**30),
]


def labels(pair: tuple[int, int]) -> list[int]:
    """The pair's numbers in turn."""
    return [pair[side] for side in SIDE]


def written(place: Path, kind: str, column: list[Any]) -> str:
    """A table with the feature a and the target y."""
    path = place / f"t.{kind}"
    if kind == "csv":
        path.write_text("a,y\n" + "".join(f"{a},{y}\n" for a, y in zip(X, column, strict=True)))
    else:
        array = pa.array([Decimal(each) for each in column]) if max(column) >= 2**63 else pa.array(column)
        parquet.write_table(pa.table({"a": X, "y": array}), path)
    return str(path)


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(2**53 - 3, 2**53 + 3), min_size=1, max_size=4))
def test_what_is_exact(values: list[int]) -> None:
    """The first number found is the first that a float does not give back, whatever the type."""
    inexact = [place for place, value in enumerate(values) if int(float(value)) != value]
    expected = (inexact[0],) if inexact else None
    assert first_inexact(np.array(values)) == expected
    assert first_inexact(np.array(values, dtype=object)) == expected
    assert first_inexact(np.array([abs(value) for value in values], np.uint64)) == expected


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_of_a_table_are_exact(kind: str, pair: tuple[int, int], tmp_path: Path) -> None:
    """Two numbers that float64 does not tell apart are two classes with all their digits."""
    data = Csv(path=written(tmp_path, kind, labels(pair)), target="y").load(RNG)
    assert data.classes == pair
    assert data.y.tolist() == SIDE.tolist()
    assert data.task == "binary"


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_labels_of_the_library_are_exact(pair: tuple[int, int], tmp_path: Path) -> None:
    """Lists and objects keep their digits through training, saving and predicting."""
    for y in (labels(pair), np.array(labels(pair), dtype=object), pd.Series(labels(pair), dtype=object)):
        made = fit(SIDE[:, None] * 1.0, y, epochs=30)
        assert made.model.classes == pair
        made.save(tmp_path / "m.npz")
        for model in (made, load(tmp_path / "m.npz")):
            assert model.predict(SIDE[:, None] * 1.0).tolist() == labels(pair)


def test_labels_beside_missing_ones_are_exact(tmp_path: Path) -> None:
    """A gap in the column, which pandas fills by making floats of all, costs no digit; nor does a fraction elsewhere."""
    column: list[Any] = labels(PAIRS[1])
    path = written(tmp_path, "csv", ["", *column[1:]])
    assert Csv(path=path, target="y", missing="drop").load(RNG).classes == PAIRS[1]
    parquet.write_table(pa.table({"a": X, "y": pa.array([None, *column[1:]])}), tmp_path / "g.parquet")
    assert Csv(path=str(tmp_path / "g.parquet"), target="y", missing="drop").load(RNG).classes == PAIRS[1]


def test_a_command_answers_in_all_digits(tmp_path: Path) -> None:
    """A run on a table with such labels, and predict: the labels come back as they were."""
    written(tmp_path, "csv", labels(PAIRS[1]))
    ended = nnexp("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "tracking=none", "epochs=2", cwd=tmp_path)
    assert ended.code == 0, ended.err
    ended = nnexp("predict", str(runs(tmp_path)[0]), "t.csv", cwd=tmp_path)
    found = {line.split(",")[0] for line in ended.out.splitlines()[1:]}
    assert found <= {str(each) for each in PAIRS[1]}
    assert found


STAMPS = [STAMP + 7 * i for i in range(N)]
VALUES = {
    "int64": STAMPS,
    "beyond int64": [2**63 + 1 + i for i in range(N)],
    "beyond uint64": [10**25 + i for i in range(N)],
    "beside fractions": [0.5, *STAMPS[1:]],
    "negative": [-each for each in STAMPS],
}


@pytest.mark.parametrize("column", VALUES.values(), ids=VALUES)
def test_values_of_a_table_are_refused(column: list[Any], tmp_path: Path) -> None:
    """As a feature and as a regression's target the column, the row, the number and what to do are named."""
    wrong = next(place for place, each in enumerate(column) if int(float(each)) != each and isinstance(each, int))
    path = written(tmp_path, "csv", column)
    text = rf"column '{{}}' holds {column[wrong]} in row {wrong + 1}, which float64 does not hold exactly: .*{{}}"
    with pytest.raises(NnexpError, match=text.format("y", r"larger units\.")):
        Csv(path=path, target="y").load(RNG)
    with pytest.raises(NnexpError, match=text.format("y", r"To leave the column out, type dataset.drop=\[y\]")):
        Csv(path=path, target="a").load(RNG)


KINDS: list[Any] = [
    pd.array(STAMPS, dtype="int64"),
    pd.array(STAMPS, dtype="uint64"),
    pd.array(STAMPS, dtype="Int64"),
    pd.array(STAMPS, dtype="int64[pyarrow]"),
    pd.array([Decimal(each) for each in STAMPS], dtype=object),
    pd.array(STAMPS, dtype=object),
]


@pytest.mark.parametrize("values", KINDS, ids=lambda values: str(values.dtype))
def test_values_of_a_frame_are_refused(values: Any) -> None:
    """Whatever type pandas holds them in, for training as for predicting."""
    table = pd.DataFrame({"t": values, "y": X})
    for call in (lambda: from_frame(table, "y"), lambda: from_frame(table, "t"), lambda: encode(table, ["t"], {})):
        with pytest.raises(
            NnexpError, match=rf"column 't' holds {STAMP} in row 1, which float64 does not hold exactly"
        ):
            call()


@pytest.mark.parametrize(
    "x",
    [
        np.array(STAMPS)[:, None],
        np.array(STAMPS, np.uint64)[:, None],
        np.array(STAMPS, object)[:, None],
        [[each] for each in STAMPS],
        pd.DataFrame({"x0": STAMPS}),
        [[each, 0.5] for each in STAMPS],
        pd.DataFrame({"x0": STAMPS, "x1": X}),
    ],
    ids=["int64", "uint64", "object", "list", "frame", "list of both", "frame of both"],
)
def test_values_of_the_library_are_refused(x: Any) -> None:
    """As features to train on and to predict from, and as a regression's target, with the sample that is wrong."""
    with pytest.raises(NnexpError, match=rf"{STAMP} in sample \d.*which float64 does not hold exactly: beyond 2\*\*53"):
        fit(x, X)
    width = np.shape(x)[1]
    model = fit(np.ones((N, width)) * X[:, None], X, epochs=1)
    with pytest.raises(
        NnexpError, match=rf"^x must hold numbers of float64\. Got {STAMP} in sample 0, column 0, which"
    ):
        model.predict(x)
    if width == 1:
        with pytest.raises(NnexpError, match=rf"{STAMP} in sample \d"):
            fit(X[:, None], [each[0] for each in np.array(x, dtype=object)], task="regression")


def test_what_float64_has_exactly_is_a_value() -> None:
    """2**53, 2**60 and other multiples are as good as any number."""
    x = np.array([[2**53], [2**60], [3 * 2**55]] * 10)
    assert fit(x, X[:30], epochs=1).model.task == "regression"
    assert from_frame(pd.DataFrame({"t": x[:, 0], "y": X[:30]}), "y").x[1, 0] == 2.0**60


def test_a_plugins_data_are_held_to_it() -> None:
    """What a dataset plugin gives as features or as a quantity is refused the same way."""
    for x, y, name in ((np.array(STAMPS), X, "feature 't'"), (X, np.array(STAMPS), "target 'target'")):
        with pytest.raises(NnexpError, match=rf"^The {name} is {STAMP} in sample 0, which float64"):
            check_data(Data(x[:, None], y, ("t",), "regression"))


MASKED = np.ma.masked_array(np.ones((N, 2)) * X[:, None], np.zeros((N, 2), bool))
GAP = MASKED.copy()
GAP[3, 1] = np.ma.masked


def test_masked_values_are_refused() -> None:
    """In x or y, to train on or to predict from, also within a list: the place is named, and what to do."""
    model = fit(MASKED, X, epochs=1)
    text = r"^Got x with a masked value in sample 3, column 1, which is a missing one\. Fill such values in, .*filled"
    for call in (lambda x: fit(x, X), model.predict, model.model.predict):
        for x in (GAP, list(GAP)):
            with pytest.raises(NnexpError, match=text):
                call(x)
    classes = fit(X[:, None], SIDE, epochs=1)
    with pytest.raises(NnexpError, match=r"^Got x with a masked value in sample 3, column 0"):
        classes.predict_proba(GAP[:, 1:])
    for y in (GAP[:, 1], np.ma.masked_array(SIDE, np.arange(N) == 3), [*X[:3], np.ma.masked, *X[4:]]):
        with pytest.raises(NnexpError, match=r"^Got y with a masked value in sample 3, which is a missing one"):
            fit(X[:, None], y)


def test_a_masked_array_without_masked_values_is_its_data() -> None:
    """It trains and predicts as the array it holds."""
    masked, plain = fit(MASKED, np.ma.masked_array(X), epochs=3), fit(np.asarray(MASKED), X, epochs=3)
    assert masked.history == plain.history
    np.testing.assert_array_equal(masked.predict(MASKED), plain.predict(np.asarray(MASKED)))


def test_a_plugins_masked_arrays() -> None:
    """A dataset plugin's masked values are refused by the sample; without any the arrays are taken as they are."""

    @dataclass(frozen=True)
    class Given(Dataset):
        gap: bool = False

        def load(self, rng: np.random.Generator) -> Data:
            return Data(GAP if self.gap else MASKED, X, ("a", "b"), "regression")

    with pytest.raises(NnexpError, match=r"gave x with a masked value in sample 3, column 1, which is a missing one\."):
        loaded(Given(gap=True), RNG)
    assert type(loaded(Given(), RNG).data.x) is np.ndarray
