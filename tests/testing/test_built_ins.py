"""Every built-in through the conformance kit: one line per plugin, as in a plugin's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.builtin.activations import Identity, LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from nnexp.builtin.initializers import File, Glorot, He, Normal, Zeros
from nnexp.builtin.losses import Bce, Cce, Mae, Mse
from nnexp.builtin.optimizers import Batch, MiniBatch, Sgd
from nnexp.builtin.pictures.boundary import Boundary, BoundaryMovie
from nnexp.builtin.pictures.errors import Confusion, Predicted
from nnexp.builtin.pictures.inside import Activations, Gradients, Weights
from nnexp.builtin.real import BreastCancer, Diabetes, Digits, Wine
from nnexp.builtin.schedules import Constant
from nnexp.builtin.synthetic import Blobs, Moons, Sine, Spiral, Xor
from nnexp.builtin.table import Csv
from nnexp.discovery import installed, registry
from nnexp.engine.numpy_engine import Numpy
from nnexp.testing import conformance, examine
from nnexp.testing.initializers import LAYERS
from nnexp.testing.suite import checks

test_identity = conformance(Identity)
test_sigmoid = conformance(Sigmoid)
test_tanh = conformance(Tanh)
test_relu = conformance(Relu)
test_leaky_relu = conformance(LeakyRelu)
test_leaky_relu_flat = conformance(LeakyRelu(alpha=0))
test_leaky_relu_steep = conformance(LeakyRelu(alpha=0.9))
test_softmax = conformance(Softmax)

test_mse = conformance(Mse)
test_mae = conformance(Mae)
test_bce = conformance(Bce)
test_cce = conformance(Cce)

test_batch = conformance(Batch)
test_batch_small = conformance(Batch(learning_rate=1e-3))
test_batch_bold = conformance(Batch(learning_rate=5.0))
test_minibatch = conformance(MiniBatch)
test_minibatch_of_one = conformance(MiniBatch(batch_size=1))
test_sgd = conformance(Sgd)

test_constant = conformance(Constant)

test_zeros = conformance(Zeros)
test_normal = conformance(Normal)
test_normal_wide = conformance(Normal(std=2.0, bias_std=0.5))
test_normal_none = conformance(Normal(std=0.0))
test_glorot = conformance(Glorot)
test_he = conformance(He)
test_file = conformance(File)

test_confusion = conformance(Confusion)
test_predicted = conformance(Predicted)
test_boundary = conformance(Boundary(resolution=20))
test_boundary_movie = conformance(BoundaryMovie(resolution=20))
test_weights = conformance(Weights)
test_activations = conformance(Activations)
test_gradients = conformance(Gradients)

test_diabetes = conformance(Diabetes)
test_breast_cancer = conformance(BreastCancer)
test_wine = conformance(Wine)
test_digits = conformance(Digits)
test_sine = conformance(Sine)
test_moons = conformance(Moons)
test_moons_few = conformance(Moons(n_samples=5, noise=0.0))
test_spiral = conformance(Spiral)
test_spiral_two = conformance(Spiral(n_classes=2))
test_xor = conformance(Xor)
test_blobs = conformance(Blobs)
test_csv = conformance(Csv)

test_numpy = conformance(Numpy)

EXAMINED = {
    Identity,
    Sigmoid,
    Tanh,
    Relu,
    LeakyRelu,
    Softmax,
    Mse,
    Mae,
    Bce,
    Cce,
    Batch,
    MiniBatch,
    Sgd,
    Constant,
    Zeros,
    Normal,
    Glorot,
}
EXAMINED |= {Confusion, Predicted, Boundary, BoundaryMovie, Weights, Activations, Gradients}
EXAMINED |= {He, File, Diabetes, BreastCancer, Wine, Digits, Sine, Moons, Spiral, Xor, Blobs, Csv, Numpy}


def built_ins() -> Iterator[Any]:
    """Of every kind that the kit has checks for."""
    for kind in installed.EXAMINED:
        for name, claims in installed.entries()[kind].items():
            if claims[0].distribution == "nnexp":
                yield registry.load(kind, name)


def test_none_is_left_out() -> None:
    """The lines above are all of these kinds that nnexp's own distribution installs."""
    assert set(built_ins()) == EXAMINED


def test_some_thirty_checks() -> None:
    """Each kind has the checks of every kind and its own, under names of their own."""
    counts = {kind: len(checks(kind)) for kind in installed.EXAMINED}
    assert counts == {
        "activation": 29,
        "loss": 32,
        "optimizer": 26,
        "schedule": 16,
        "initializer": 18,
        "dataset": 20,
        "engine": 26,
        "picture": 18,
        "search": 23,
    }


def not_passed(target: Any) -> dict[str, str]:
    """The checks that did not pass, each with what it said."""
    return {each.name: each.message or each.reason for each in examine(target) if each.outcome != "passed"}


def test_a_table_of_the_user(tmp_path: Path) -> None:
    """dataset=csv passes with a table: numbers, texts, true and false; only what does not apply is skipped."""
    table = tmp_path / "table.csv"
    rows = "".join(
        f"{i * 0.7},{'red' if i % 3 else 'blue'},{str(i % 2 == 0).lower()},{i % 5 * 1.5}\n" for i in range(20)
    )
    table.write_text("size,colour,new,price\n" + rows)
    assert not_passed(Csv(path=str(table), target="price", task="regression")) == {
        "formula": "a dataset that was measured has no formula",
        "own_loss": "loss is None: loss=auto takes the task's own",
    }


def test_a_file_of_weights(tmp_path: Path) -> None:
    """initializer=file passes with the arrays of the layers that the kit asks for; it draws nothing."""
    file = tmp_path / "weights.npz"
    rng = np.random.default_rng(0)
    arrays = {f"W{layer.number}": rng.normal(size=(layer.n_out, layer.n_in)) for layer in LAYERS}
    arrays |= {f"b{layer.number}": rng.normal(size=layer.n_out) for layer in LAYERS}
    np.savez(file, allow_pickle=False, **arrays)
    assert not_passed(File(path=str(file))) == {
        "uses_the_generator": "weights_std is None or 0: the weights are not drawn",
        "mean_and_deviation": "weights_std is None: the weights are not drawn",
    }


def test_a_file_for_another_network(tmp_path: Path) -> None:
    """What the initializer refuses is why its checks are skipped."""
    file = tmp_path / "weights.npz"
    np.savez(file, allow_pickle=False, W1=np.zeros((2, 2)), b1=np.zeros(2))
    assert (
        "it refuses layer 1 of 128 to 96 units: initializer.path: 'W1' in"
        in not_passed(File(path=str(file)))["writes_out"]
    )


@pytest.mark.parametrize(("cls", "reason"), [(Csv, "it needs path=... target=..."), (File, "it needs path=...")])
def test_a_class_that_needs_values(cls: Any, reason: str) -> None:
    """What needs an object is skipped, and the reason says which values; what the class itself tells is checked."""
    left_out = not_passed(cls)
    assert left_out.pop("formula", None) in (None, "a dataset that was measured has no formula")
    assert set(left_out.values()) == {reason}
    assert set(left_out) & {"bounds_enforced", "source", "field_docs", "supported_types"} == set()
