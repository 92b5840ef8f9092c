"""Splitting, encoding and scaling against their definitions and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from nnexp.errors import NnexpError
from nnexp.experiment import preprocessing
from nnexp.experiment.preprocessing import Preprocessing, Scaling, Split, few, split
from nnexp.plugin import Data, Task

ALL = np.arange(30)


def labelled(sizes: list[int]) -> Data:
    """Samples of len(sizes) classes, in a mixed order."""
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    task: Task = "binary" if len(sizes) == 2 else "multiclass"
    return Data(np.zeros((len(y), 1)), y, ("x",), task, tuple(range(len(sizes))))


def numbers(n: int) -> Data:
    return Data(np.zeros((n, 1)), np.zeros(n), ("x",), "regression")


def drawn(data: Data, validation: float, test: float, seed: int = 0) -> Split:
    return split(data, validation, test, np.random.default_rng(seed))


def check_complete(parts: Split, n: int) -> None:
    """Every row is in exactly one part, and each part's rows are ascending."""
    assert sorted(np.concatenate(parts)) == list(range(n))
    assert all((np.diff(rows) > 0).all() for rows in parts)


# --- Splitting ---


@pytest.mark.parametrize(
    ("n", "validation", "test", "sizes"),
    [
        (10, 0.2, 0.0, (8, 2, 0)),
        (442, 0.2, 0.0, (354, 88, 0)),
        (442, 0.2, 0.1, (310, 88, 44)),
        (13, 0.25, 0.25, (7, 3, 3)),
        (14, 0.25, 0.0, (10, 4, 0)),
        (5, 0.0, 0.0, (5, 0, 0)),
        (4, 0.5, 0.25, (1, 2, 1)),
    ],
)
def test_sizes(n: int, validation: float, test: float, sizes: tuple[int, int, int]) -> None:
    """The validation and the test part have their share of all samples, rounded; training has what is left."""
    parts = drawn(numbers(n), validation, test)
    assert tuple(len(part) for part in parts) == sizes
    check_complete(parts, n)


def test_sizes_do_not_depend_on_the_classes() -> None:
    """Classification splits are of the same sizes: of 178 wines 36 and 18."""
    parts = drawn(labelled([59, 71, 48]), 0.2, 0.1)
    assert [len(part) for part in parts] == [124, 36, 18]


def test_stratified_by_hand() -> None:
    """80 and 20 samples, a quarter for validation and half for testing: 20 + 5, 40 + 10, and 20 + 5 are left."""
    data = labelled([80, 20])
    parts = drawn(data, 0.25, 0.5)
    assert [np.bincount(data.y[rows]).tolist() for rows in parts] == [[20, 5], [20, 5], [40, 10]]


@pytest.mark.parametrize(
    ("sizes", "validation", "test", "said"),
    [
        ([20, 20, 1], 0.2, 0, ["validation has no sample of class 2 (1 in all)"]),
        ([20, 20, 1], 0, 0, ["training has a single sample of class 2 (1 in all)"]),
        (
            [40, 2, 1],
            0.2,
            0.1,
            [
                "validation has no sample of class 2 (1 in all)",
                "test has no sample of classes 1 (2 in all), 2 (1 in all)",
            ],
        ),
        ([20, 20], 0.2, 0.2, []),
        ([3, 3], 0, 0, []),
    ],
)
def test_classes_of_few_samples(sizes: list[int], validation: float, test: float, said: list[str]) -> None:
    """A class that a part has no sample of is named with its count, and one of a single sample in any case."""
    data = labelled(sizes)
    assert list(few(data, drawn(data, validation, test))) == said


def test_a_regression_has_no_classes() -> None:
    """Of numbers that occur once nothing is said."""
    assert not list(few(numbers(20), drawn(numbers(20), 0.2, 0)))


@pytest.mark.parametrize(
    ("sizes", "validation", "said"),
    [
        ([1, 1], 0.2, "leaves none for validation: training keeps one of classes 0 (1 in all), 1 (1 in all). Type"),
        ([1] * 8, 0.2, "training keeps one of classes 0 (1 in all), 1 (1 in all), "),
        ([2, 1], 0.1, "leaves none for validation. Type"),
    ],
)
def test_classes_that_leave_nothing_to_validate(sizes: list[int], validation: float, said: str) -> None:
    """Where each class has a single sample, that is why there is none for another part; else the share is too small."""
    with pytest.raises(NnexpError) as refused:
        drawn(labelled(sizes), validation, 0)
    assert said in str(refused.value)


SIZES = st.lists(st.integers(1, 60), min_size=2, max_size=6).filter(lambda sizes: sum(sizes) >= 8)


@settings(max_examples=300, deadline=None)
@given(sizes=SIZES, validation=st.floats(0, 0.45), test=st.floats(0, 0.45), seed=st.integers(0, 9))
def test_every_split(sizes: list[int], validation: float, test: float, seed: int) -> None:
    """Whatever the classes' sizes: parts are disjoint and complete, and every class keeps a sample for training."""
    data = labelled(sizes)
    n = sum(sizes)
    wanted = [round(share * n) for share in (validation, test)]
    room = n - len(sizes)
    try:
        parts = drawn(data, validation, test, seed)
    except NnexpError:
        none = any(share and not count for share, count in zip((validation, test), wanted, strict=True))
        assert none or sum(wanted) > room
        return
    check_complete(parts, n)
    assert (np.bincount(data.y[parts.training], minlength=len(sizes)) >= 1).all()
    if sum(wanted) <= room:
        assert [len(parts.validation), len(parts.test)] == wanted


@settings(max_examples=300, deadline=None)
@given(
    sizes=st.lists(st.integers(8, 60), min_size=2, max_size=6),
    validation=st.floats(0.1, 0.4),
    test=st.sampled_from([0.0, 0.1, 0.2, 0.3]),
    seed=st.integers(0, 9),
)
def test_every_class_has_its_share(sizes: list[int], validation: float, test: float, seed: int) -> None:
    """Stratified: each class's count in the test part is within 1 of its share, in the others within 2 (rounded twice)."""
    data = labelled(sizes)
    parts = drawn(data, validation, test, seed)
    n = sum(sizes)
    tolerance = {"test": 1.0, "validation": 1.0 if test == 0 else 2.0, "training": 1.0 if test == 0 else 2.0}
    for name, rows in parts._asdict().items():
        counts = np.bincount(data.y[rows], minlength=len(sizes))
        shares = np.array(sizes) * len(rows) / n
        assert (np.abs(counts - shares) <= tolerance[name] + 1e-9).all()


def test_a_class_of_one_sample_is_trained_on() -> None:
    """A class with a single sample keeps it in the training part, with any seed."""
    data = labelled([40, 1])
    for seed in range(30):
        parts = drawn(data, 0.5, 0.2, seed)
        assert 1 in data.y[parts.training]
        assert [len(part) for part in parts] == [13, 20, 8]


@pytest.mark.parametrize("data", [numbers(50), labelled([30, 20])], ids=["regression", "binary"])
def test_the_generator_decides(data: Data) -> None:
    """The same generator gives the same parts, another one others."""
    first, same, other = (drawn(data, 0.2, 0.2, seed) for seed in (1, 1, 2))
    for one, two, three in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_rows_are_drawn_from_everywhere() -> None:
    """Each row is about equally often in the validation part: of 2000 splits in 400, give or take 5 standard deviations."""
    counts = np.zeros(20)
    for seed in range(2000):
        counts[drawn(numbers(20), 0.2, 0.0, seed).validation] += 1
    assert np.abs(counts - 400).max() < 5 * np.sqrt(2000 * 0.2 * 0.8)


def test_shares_that_leave_nothing() -> None:
    """A share of no sample is refused; shares of all samples together leave none to train on, which is refused, too."""
    with pytest.raises(NnexpError, match=r"^split\.validation=0\.01 of 30 samples leaves none for validation\."):
        drawn(numbers(30), 0.01, 0.0)
    with pytest.raises(NnexpError, match=r"split\."):
        drawn(numbers(30), 0.6, 0.5)


# --- Scaling ---


def table(n: int = 30) -> NDArray[Any]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 3)) * [1e-3, 10, 1e4] + [1, -2, 1e6]


def test_standard_is_scikit_learns() -> None:
    """Mean and (population) standard deviation of the training rows are StandardScaler's, and so are the scaled columns."""
    x, rows = table(), np.arange(0, 30, 2)
    ours, theirs = Scaling.fit(x, rows, "standard"), StandardScaler().fit(x[rows])
    np.testing.assert_allclose(ours.shift, theirs.mean_, rtol=1e-14)
    np.testing.assert_allclose(ours.scale, theirs.scale_, rtol=1e-10)
    np.testing.assert_allclose((x - ours.shift) / ours.scale, theirs.transform(x), rtol=1e-8, atol=1e-8)


def test_minmax_is_scikit_learns() -> None:
    """The training rows' columns run from exactly 0 to exactly 1."""
    x, rows = table(), np.arange(0, 30, 2)
    ours = Scaling.fit(x, rows, "minmax")
    scaled = (x - ours.shift) / ours.scale
    np.testing.assert_allclose(scaled, MinMaxScaler().fit(x[rows]).transform(x), rtol=1e-9, atol=1e-9)
    assert scaled[rows].min(axis=0).tolist() == [0, 0, 0]
    assert scaled[rows].max(axis=0).tolist() == [1, 1, 1]


def test_none_leaves_the_numbers() -> None:
    """Without scaling shift is 0 and scale is 1."""
    ours = Scaling.fit(table(), ALL, "none")
    assert ours.shift.tolist() == [0, 0, 0]
    assert ours.scale.tolist() == [1, 1, 1]


@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_fitted_on_the_training_rows_only(method: str) -> None:
    """Other rows may change as they like: shift and scale stay the same bits."""
    x, rows = table(), np.arange(0, 30, 2)
    before = Scaling.fit(x, rows, method)
    x[1::2] = 1e9
    after = Scaling.fit(x, rows, method)
    np.testing.assert_array_equal(before.shift, after.shift)
    np.testing.assert_array_equal(before.scale, after.scale)


@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_a_column_that_varies_by_rounding_is_constant(method: str) -> None:
    """Where 14.62 became 14.6200000000001, the next 14.63 is a hundredth more and no huge number; and it is said."""
    x = np.column_stack([np.where(np.arange(40) % 2, 14.62, 14.6200000000001), np.arange(40.0)])
    data = Data(x, np.arange(40.0), ("noise", "a"), "regression")
    fitted = Preprocessing.fit(data, np.arange(40), method, "standard")
    design = fitted.design(np.array([[14.63, 0.0]]))
    np.testing.assert_allclose(design[0, 0], 0.01, rtol=1e-6)
    assert fitted.notes == ("varying by rounding alone, and so constant: 'noise'",)
    x[:, 0] = np.where(np.arange(40) % 2, 14.62, 14.6200001)  # a spread that means something
    assert not Preprocessing.fit(data, np.arange(40), method, "standard").notes


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e-3, 1 / 3, 1e12])
@pytest.mark.parametrize("method", ["standard", "minmax"])
@pytest.mark.parametrize("n", [1, 3, 1000, 20_000])
def test_a_constant_column_becomes_zero(n: int, method: str, value: float) -> None:
    """A column of equal numbers is only shifted, however many there are, so that it becomes 0 and others stay themselves."""
    x = np.full((n, 3), value)
    x[:, 1] = np.arange(n)
    ours = Scaling.fit(x, np.arange(n), method)
    assert ours.scale[0] == ours.scale[2] == 1
    np.testing.assert_allclose(ours.shift[[0, 2]], value, rtol=1e-11)
    assert ours.scale[1] == (1 if n == 1 else pytest.approx(n - 1 if method == "minmax" else np.sqrt((n * n - 1) / 12)))


def test_a_small_spread_is_a_spread() -> None:
    """A column of 1 and 1 + 1e-6 is scaled to standard deviation 1."""
    x = 1 + 1e-6 * (np.arange(30) % 2)[:, None]
    assert Scaling.fit(x, ALL, "standard").scale == pytest.approx(5e-7, rel=1e-6)


@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_in_pieces(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Shift and scale do not depend on how many samples are converted at a time."""
    whole = Scaling.fit(table(), ALL, method)
    monkeypatch.setattr(preprocessing, "CHUNK_BYTES", 8 * 3 * 4)
    pieces = Scaling.fit(table(), ALL, method)
    np.testing.assert_allclose(pieces.shift, whole.shift, rtol=1e-14)
    np.testing.assert_allclose(pieces.scale, whole.scale, rtol=1e-12)


def test_integers_are_scaled_as_numbers() -> None:
    """Columns of small integers do not overflow: 0 to 255 in bytes has the mean 127.5."""
    x = np.arange(256, dtype=np.uint8)[:, None]
    ours = Scaling.fit(x, np.arange(256), "standard")
    assert ours.shift.tolist() == [127.5]
    assert ours.scale == pytest.approx(np.sqrt((256**2 - 1) / 12))


# --- The design matrix and the targets ---


def mixed() -> Data:
    """A number, a category of three, a number, a category of two."""
    x = np.array([[1.0, 2, 10, 0], [3, 0, 20, 1], [5, 1, 30, 0], [7, 0, 70, 1]])
    categories = {"size": ("S", "M", "L"), "door": ("no", "yes")}
    return Data(x, np.array([2.0, 4, 9, 9]), ("a", "size", "b", "door"), "regression", categories=categories)


def test_one_hot_layout_by_hand() -> None:
    """Each category becomes a column of 0 and 1 at its feature's place; numbers are scaled by the training rows; then ones."""
    data, rows = mixed(), np.array([0, 1])  # a: mean 2, deviation 1; b: mean 15, deviation 5
    made = Preprocessing.fit(data, rows, "standard", "standard")
    assert made.n_inputs == 7
    assert made.n_outputs == 1
    expected = [
        [-1, 0, 0, 1, -1, 1, 0, 1],
        [1, 1, 0, 0, 1, 0, 1, 1],
        [3, 0, 1, 0, 3, 1, 0, 1],
        [5, 1, 0, 0, 11, 0, 1, 1],
    ]
    assert made.design(data.x).tolist() == expected
    assert made.design(data.x, np.array([3, 0])).tolist() == [expected[3], expected[0]]
    assert [feature.width for feature in made.features] == [1, 3, 1, 2]


def test_one_hot_is_scikit_learns() -> None:
    """The columns of categories are OneHotEncoder's."""
    data = mixed()
    encoder = OneHotEncoder(sparse_output=False, categories=[[0, 1, 2], [0, 1]])
    design = Preprocessing.fit(data, np.arange(4), "minmax", "none").design(data.x)
    np.testing.assert_array_equal(design[:, [1, 2, 3, 5, 6]], encoder.fit_transform(data.x[:, [1, 3]]))


def test_the_data_are_not_changed() -> None:
    """Making a design matrix leaves the samples as they are, with and without categories."""
    for data in (mixed(), Data(table(), np.zeros(30), ("a", "b", "c"), "regression")):
        before = data.x.copy()
        Preprocessing.fit(data, np.arange(3), "standard", "none").design(data.x)
        np.testing.assert_array_equal(data.x, before)


def test_targets_of_a_regression() -> None:
    """Targets 2 and 4 in training have mean 3 and deviation 1: 2, 4, 9, 9 become -1, 1, 6, 6, in one row."""
    made = Preprocessing.fit(mixed(), np.array([0, 1]), "standard", "standard")
    y = made.targets(mixed().y, np.arange(4))
    assert y.tolist() == [[-1, 1, 6, 6]]
    assert made.original(y).tolist() == [[2], [4], [9], [9]]
    untouched = Preprocessing.fit(mixed(), np.array([0, 1]), "standard", "none")
    assert untouched.targets(mixed().y, np.arange(4)).tolist() == [[2, 4, 9, 9]]


def test_targets_of_a_classification() -> None:
    """Two classes are 0 and 1 in one row, several are one-hot with a row for each class; they are never scaled."""
    binary = labelled([3, 2])
    made = Preprocessing.fit(binary, np.arange(5), "standard", "standard")
    assert made.targets(binary.y, np.arange(5)).tolist() == [binary.y.tolist()]
    assert made.n_outputs == 1
    several = Data(np.zeros((3, 1)), np.array([2, 0, 1]), ("x",), "multiclass", ("a", "b", "c", "d"))
    made = Preprocessing.fit(several, np.arange(3), "standard", "standard")
    assert made.targets(several.y, np.array([0, 1, 2])).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]]
    assert made.targets(several.y, np.array([2])).tolist() == [[0], [1], [0], [0]]
    assert made.n_outputs == 4


@pytest.mark.parametrize("method", ["standard", "minmax", "none"])
@settings(deadline=None)
@given(
    values=st.lists(st.integers(-(10**9), 10**9).map(lambda number: number / 1000), min_size=2, max_size=20),
    n_training=st.integers(1, 20),
)
def test_original_units_round_trip(method: str, values: list[float], n_training: int) -> None:
    """original(targets(y)) is y, whatever the scaling."""
    y = np.array(values)
    data = Data(np.zeros((len(y), 1)), y, ("x",), "regression")
    made = Preprocessing.fit(data, np.arange(min(n_training, len(y))), "none", method)
    back = made.original(made.targets(y, np.arange(len(y))))
    np.testing.assert_allclose(back[:, 0], y, rtol=1e-12, atol=1e-9)


def test_two_targets_are_scaled_apart() -> None:
    """Each target has its own shift and scale, and comes back in its own column."""
    y = np.array([[0.0, 100], [2, 300], [4, 500]])
    data = Data(np.zeros((3, 1)), y, ("x",), "regression")
    made = Preprocessing.fit(data, np.arange(2), "none", "minmax")
    assert made.n_outputs == 2
    scaled = made.targets(y, np.arange(3))
    assert scaled.tolist() == [[0, 1, 2], [0, 1, 2]]
    np.testing.assert_array_equal(made.original(scaled), y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype(dtype: str) -> None:
    """The design matrix and the targets are of the dtype asked for; scaling itself is done in float64."""
    data = mixed()
    made = Preprocessing.fit(data, np.arange(4), "standard", "standard")
    assert made.design(data.x, dtype=dtype).dtype == dtype
    assert made.targets(data.y, np.arange(4), dtype).dtype == dtype
    assert made.inputs.shift.dtype == np.float64
    large = Data(np.array([[1e9], [1e9 + 1]]), np.zeros(2), ("x",), "regression")
    made = Preprocessing.fit(large, np.arange(2), "standard", "none")
    assert made.design(large.x, dtype="float32")[:, 0].tolist() == [-1, 1]  # float32 alone could not tell them apart
