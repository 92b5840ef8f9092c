"""The synthetic datasets against their formulas, worked out by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from nnexp.builtin.synthetic import Blobs, Moons, Sine, Spiral, Xor
from nnexp.errors import NnexpError
from nnexp.plugin import Data, Dataset

ALL = [Sine, Moons, Spiral, Xor, Blobs]


def load(dataset: Dataset, seed: int = 0) -> Data:
    """The data that a seed gives."""
    return dataset.load(np.random.default_rng(seed))


@pytest.mark.parametrize("dataset", ALL)
def test_one_seed_gives_one_table(dataset: Any) -> None:
    """The same seed gives the same samples, another seed gives others."""
    first, again, other = load(dataset(), 1), load(dataset(), 1), load(dataset(), 2)
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.y, again.y)
    assert not np.array_equal(first.x, other.x)


@pytest.mark.parametrize("dataset", ALL)
def test_shapes_and_types(dataset: Any) -> None:
    """There are n_samples rows, a name for each feature and a plain label for each class index."""
    data = load(dataset(n_samples=31))
    assert data.x.shape == (31, len(data.names))
    assert data.y.shape == (31,)
    if data.task != "regression":
        assert data.y.dtype == np.int64
        assert set(data.y) == set(range(len(data.classes)))
        assert {type(label) for label in data.classes} == {int}


@pytest.mark.parametrize("dataset", ALL)
def test_defaults_are_a_few_hundred_rows(dataset: Any) -> None:
    """The default sizes lie between 300 and 600 rows."""
    assert 300 <= len(load(dataset()).y) <= 600


def test_sine_without_noise_is_the_sine() -> None:
    """Without noise y = sin(x) exactly, with x all over [-pi, pi]."""
    data = load(Sine(noise=0))
    np.testing.assert_array_equal(data.y, np.sin(data.x[:, 0]))
    assert -np.pi <= data.x.min() < -3
    assert 3 < data.x.max() <= np.pi
    assert data.task == "regression"


def test_sine_has_the_noise_asked_for() -> None:
    """The residuals have mean 0 and the standard deviation ``noise``, within five standard errors."""
    data = load(Sine(n_samples=10_000, noise=0.2))
    residual = data.y - np.sin(data.x[:, 0])
    assert abs(residual.mean()) < 5 * 0.2 / 100
    assert abs(residual.std() - 0.2) < 5 * 0.2 / np.sqrt(20_000)


def test_moons_without_noise_lie_on_two_half_circles() -> None:
    """Class 0 is the upper half of the unit circle around (0, 0), class 1 the lower half around (1, 1/2)."""
    data = load(Moons(noise=0))
    upper, lower = data.x[data.y == 0], data.x[data.y == 1] - (1, 0.5)
    np.testing.assert_allclose((upper**2).sum(axis=1), 1)
    np.testing.assert_allclose((lower**2).sum(axis=1), 1)
    assert (upper[:, 1] >= 0).all()
    assert (lower[:, 1] <= 0).all()
    assert data.task == "binary"


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_spiral_without_noise_lies_on_its_arms(n_classes: int) -> None:
    """Turned back by 4 r, each arm is the ray at 2 pi k / n_classes."""
    data = load(Spiral(noise=0, n_classes=n_classes))
    r = np.hypot(data.x[:, 0], data.x[:, 1])
    turned = (data.x[:, 0] + 1j * data.x[:, 1]) * np.exp(-4j * r)
    np.testing.assert_allclose(turned, r * np.exp(2j * np.pi * data.y / n_classes), atol=1e-12)
    assert r.max() <= 1
    assert data.task == ("binary" if n_classes == 2 else "multiclass")


def test_xor_without_noise_is_its_truth_table() -> None:
    """The class is 1 at (-1, 1) and (1, -1), 0 at (-1, -1) and (1, 1)."""
    data = load(Xor(noise=0))
    table = {(float(a), float(b)): int(y) for (a, b), y in zip(data.x, data.y, strict=True)}
    assert table == {(-1.0, -1.0): 0, (-1.0, 1.0): 1, (1.0, 1.0): 0, (1.0, -1.0): 1}
    assert data.task == "binary"


def test_blobs_lie_around_the_unit_circle() -> None:
    """The mean of cluster k is (cos t, sin t) with t = 2 pi k / n_classes, its deviation ``noise``."""
    data = load(Blobs(n_samples=8_000, n_classes=4, noise=0.2))
    for k, centre in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        cluster = data.x[data.y == k]
        np.testing.assert_allclose(cluster.mean(axis=0), centre, atol=5 * 0.2 / np.sqrt(2_000))
        np.testing.assert_allclose(cluster.std(axis=0), 0.2, atol=5 * 0.2 / np.sqrt(4_000))
    assert data.task == "multiclass"


@settings(deadline=None)
@given(n_samples=st.integers(2, 80), n_classes=st.integers(2, 20))
def test_classes_are_balanced(n_samples: int, n_classes: int) -> None:
    """Class sizes differ by one at most, whatever the number of samples."""
    for dataset in (Spiral, Blobs):
        if n_samples >= n_classes:
            counts = np.bincount(load(dataset(n_samples=n_samples, n_classes=n_classes)).y, minlength=n_classes)
            assert counts.max() - counts.min() <= 1
    for data in (load(Moons(n_samples=n_samples)), load(Xor(n_samples=n_samples))):
        counts = np.bincount(data.y, minlength=2)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("dataset", [Spiral, Blobs])
def test_fewer_samples_than_classes_are_refused(dataset: Any) -> None:
    """With fewer samples than classes the message says the rule, both numbers and what to type."""
    message = (
        r"^dataset\.n_samples must be at least dataset\.n_classes, .* Got 4 samples of 5 classes\. "
        r"Type dataset\.n_samples=500$"
    )
    with pytest.raises(NnexpError, match=message):
        dataset(n_samples=4, n_classes=5)


@pytest.mark.parametrize(
    ("dataset", "given", "message"),
    [
        *((each, {"noise": -0.1}, r"^dataset\.noise must be a float at least 0\. Got -0\.1\.$") for each in ALL),
        *((each, {"n_samples": 1}, r"^dataset\.n_samples must be an int at least 2\. Got 1\.$") for each in ALL),
        (Spiral, {"n_classes": 1}, r"^dataset\.n_classes must be an int at least 2 and at most 20\. Got 1\.$"),
        (Blobs, {"n_classes": 21}, r"^dataset\.n_classes must be an int at least 2 and at most 20\. Got 21\.$"),
    ],
)
def test_values_out_of_bounds_are_refused(dataset: Any, given: dict[str, float], message: str) -> None:
    """A field outside its bounds is refused with the rule and the value."""
    with pytest.raises(NnexpError, match=message):
        dataset(**given)


@pytest.mark.parametrize(
    ("dataset", "hidden", "batch_size", "epochs", "least"),
    [
        (Moons(), (16,), 32, 100, 0.95),
        (Blobs(), (16,), 32, 30, 0.95),
        (Xor(), (16,), 32, 50, 0.95),
        (Spiral(), (32, 32), 32, 100, 0.95),
        (Sine(), (16,), 8, 100, 0.95),
    ],
)
def test_a_small_network_learns_it(
    dataset: Dataset, hidden: tuple[int, ...], batch_size: int, epochs: int, least: float
) -> None:
    """scikit-learn's network, by plain minibatches at 0.1, predicts fresh samples well (accuracy, or R2)."""
    data, fresh = load(dataset, 0), load(dataset, 100)
    kind = MLPRegressor if data.task == "regression" else MLPClassifier
    network = kind(
        hidden_layer_sizes=hidden,
        solver="sgd",
        learning_rate_init=0.1,
        batch_size=batch_size,
        momentum=0,
        alpha=0,
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=0,
    )
    mean, deviation = data.x.mean(axis=0), data.x.std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit((data.x - mean) / deviation, data.y)
    assert network.score((fresh.x - mean) / deviation, fresh.y) >= least
