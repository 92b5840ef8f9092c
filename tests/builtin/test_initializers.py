"""The built-in initializers: their distributions, their generator, and values given in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from nnexp.builtin.activations import Identity, Tanh
from nnexp.builtin.initializers import File, Glorot, He, Normal, Zeros
from nnexp.discovery import registry
from nnexp.engine.network import MLP
from nnexp.errors import NnexpError
from nnexp.plugin import Array, Initializer, Layer

LARGE = Layer(1, 300, 200)


def weights(initializer: Initializer, layer: Layer = LARGE, seed: int = 0, dtype: str = "float64") -> Array:
    out = np.full((layer.n_out, layer.n_in), np.nan, dtype)
    initializer.weights(np.random.default_rng(seed), layer, out)
    return out


def biases(initializer: Initializer, layer: Layer = LARGE, seed: int = 0) -> Array:
    out = np.full(layer.n_out, np.nan)
    initializer.biases(np.random.default_rng(seed), layer, out)
    return out


@pytest.mark.parametrize(
    ("initializer", "distribution"),
    [
        (Glorot(), stats.uniform(-np.sqrt(6 / 500), 2 * np.sqrt(6 / 500))),
        (He(), stats.norm(0, np.sqrt(2 / 300))),
        (Normal(), stats.norm(0, 0.1)),
        (Normal(std=2.5), stats.norm(0, 2.5)),
    ],
    ids=["glorot", "he", "normal", "normal-2.5"],
)
def test_distributions(initializer: Initializer, distribution: Any) -> None:
    """60,000 weights of a 300-200 layer follow the stated distribution (Kolmogorov and Smirnov), spread to within 1%."""
    drawn = weights(initializer).ravel()
    assert stats.kstest(drawn, distribution.cdf).pvalue > 0.01
    assert drawn.std() == pytest.approx(distribution.std(), rel=0.01)
    assert len(np.unique(drawn)) > 59_990


def test_glorot_stays_within_its_limit() -> None:
    """U(-r, r), r = sqrt(6 / (n_in + n_out)): 0.5 for a 20-4 layer."""
    drawn = np.concatenate([weights(Glorot(), Layer(1, 20, 4), seed).ravel() for seed in range(50)])
    assert 0.499 < np.abs(drawn).max() <= 0.5


def test_biases() -> None:
    """Biases start at 0, except normal's with a bias_std."""
    for initializer in (Glorot(), He(), Normal(), Zeros()):
        assert not biases(initializer).any()
    assert biases(Normal(bias_std=3), Layer(1, 2, 20_000)).std() == pytest.approx(3, rel=0.02)


def test_zeros_and_defaults() -> None:
    """Zeros writes zeros; normal's defaults are std 0.1 and bias_std 0."""
    assert not weights(Zeros()).any()
    assert Normal() == Normal(std=0.1, bias_std=0.0)
    with pytest.raises(NnexpError, match=r"initializer\.std must be a float at least 0\. Got -1\.0"):
        Normal(std=-1)


@pytest.mark.parametrize("name", [name for name in registry.available("initializer") if name != "file"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_generator_decides(name: str, dtype: str) -> None:
    """For every installed initializer: one seed gives one set of weights, in the dtype of the place they are written to."""
    initializer = cast("Initializer", registry.build("initializer", {"name": name}))
    first, again, other = (weights(initializer, seed=seed, dtype=dtype) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == dtype
    assert np.isfinite(first).all()
    assert name == "zeros" or not np.array_equal(first, other)


# --- file ---


def saved(path: Path, **arrays: Any) -> str:
    """An .npz file for a 2-3-1 network, with some arrays replaced (None leaves one out)."""
    whole = {"W1": np.arange(6.0).reshape(3, 2), "b1": np.array([7, 8, 9]), "W2": [[1.5, 2.5, 3.5]], "b2": [-1.0]}
    kept: dict[str, Any] = {name: value for name, value in (whole | arrays).items() if value is not None}
    np.savez(path / "given.npz", **kept)
    return str(path / "given.npz")


def initialized(path: str) -> MLP:
    network = MLP((2, 3, 1), Tanh(), Identity())
    network.initialize(File(path=path), np.random.default_rng(0))
    return network


def test_file_gives_the_weights(tmp_path: Path) -> None:
    """W1, b1, W2 and b2 of the file are the network's; whole numbers are taken, too."""
    named = initialized(saved(tmp_path)).arrays()
    assert named["W1"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert named["b1"].tolist() == [7, 8, 9]
    assert named["W2"].tolist() == [[1.5, 2.5, 3.5]]
    assert named["b2"].tolist() == [-1]


def test_arrays_round_trip(tmp_path: Path) -> None:
    """What a network's arrays() were saved as gives the same network again."""
    network = MLP((4, 5, 2), Tanh(), Identity())
    network.initialize(He(), np.random.default_rng(0))
    named: dict[str, Any] = network.arrays()
    np.savez(tmp_path / "weights.npz", **named)
    again = MLP((4, 5, 2), Tanh(), Identity())
    again.initialize(File(path=str(tmp_path / "weights.npz")), np.random.default_rng(1))
    np.testing.assert_array_equal(again.theta, network.theta)


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"W2": None}, r"has no array 'W2'\. It holds W1, b1, b2\."),
        ({"b1": None}, r"has no array 'b1'\."),
        (
            {"W1": np.zeros((2, 3))},
            r"'W1' in '.*' must hold numbers of shape \(3, 2\)\. Got float64 of shape \(2, 3\)",
        ),
        ({"b2": [np.nan]}, r"'b2' in '.*' must hold finite numbers\. Got nan at \[0\]\."),
        ({"W1": [[0, 1], [2, np.inf], [3, 4]]}, r"'W1' in '.*' must hold finite numbers\. Got inf at \[1, 1\]\."),
        ({"b2": ["a"]}, r"'b2' in '.*' must hold numbers of shape \(1,\)\. Got <U1"),
        ({"b2": [True]}, r"'b2' in '.*' must hold numbers of shape \(1,\)\. Got bool"),
    ],
)
def test_a_file_that_does_not_fit(tmp_path: Path, arrays: dict[str, Any], text: str) -> None:
    """A missing array, another shape, and what is not a finite number is refused with the name of the array."""
    with pytest.raises(NnexpError, match=rf"^initializer\.path: .*{text}"):
        initialized(saved(tmp_path, **arrays))


def test_no_file(tmp_path: Path) -> None:
    """A path that does not exist, a folder, and no path at all are refused by the key to type."""
    with pytest.raises(
        NnexpError, match=r"^initializer\.path: no file '.*nothing\.npz'\. Type initializer\.path=FILE\.npz\."
    ):
        initialized(str(tmp_path / "nothing.npz"))
    with pytest.raises(NnexpError, match=r"^initializer\.path: .* is not a readable \.npz file"):
        initialized(str(tmp_path))
    with pytest.raises(NnexpError, match=r"^initializer=file needs initializer\.path"):
        registry.build("initializer", {"name": "file"})


@pytest.mark.parametrize("kind", ["text", "empty", "npy", "truncated", "pickle", "compressed"])
def test_a_file_of_another_kind(tmp_path: Path, kind: str) -> None:
    """Text, an empty file, an .npy, half an archive, damaged data and a pickle are refused, and nothing in them runs."""
    path = tmp_path / "given.npz"
    good = Path(saved(tmp_path)).read_bytes()
    if kind == "text":
        path.write_text("W1 = 3")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "truncated":
        path.write_bytes(good[: len(good) // 2])
    elif kind == "pickle":
        saved(tmp_path, W1=np.array([Trap(str(tmp_path / "sprung"))], dtype=object))
    else:
        np.savez_compressed(path, W1=np.arange(6.0).reshape(3, 2), b1=np.zeros(3), W2=np.zeros((1, 3)), b2=np.zeros(1))
        damaged = bytearray(path.read_bytes())
        start = damaged.index(b"W1.npy") + 40
        damaged[start : start + 20] = b"\xff" * 20
        path.write_bytes(damaged)
    with pytest.raises(NnexpError, match=r"^initializer\.path: ") as refused:
        initialized(str(path))
    assert "unsafely" not in str(refused.value)
    assert not (tmp_path / "sprung").exists()


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")
