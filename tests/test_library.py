"""nnexp as a library: fit, predict, save and load, with nothing else imported."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import accuracy_score, r2_score

import nnexp
from nnexp import NnexpError, Result, fit, load
from nnexp.builtin.activations import Tanh
from nnexp.builtin.losses import Mae
from nnexp.builtin.optimizers import Sgd
from nnexp.experiment.plan import Settings
from nnexp.plugin import Array, Loss

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2)) * [1, 100] + [0, 500]
LINE = 1000 + 50 * X[:, 0] - X[:, 1]
SIDE = X[:, 0] > 0
CORNER = np.where(SIDE, "right", np.where(X[:, 1] > 500, "top", "left"))


@dataclass(frozen=True)
class Scores(Loss):
    """J = mean(max(0, 1 - t z)), t = 2 y - 1: of scores whose sign, or of several the largest, tells the class."""

    outputs = {"binary": "identity", "multiclass": "identity"}
    threshold = 0.0

    def value(self, y_pred: Array, y: Array) -> float:
        return float(np.maximum(1 - (2 * y - 1) * y_pred, 0).mean())

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        t = 2 * y - 1
        np.multiply(t * y_pred < 1, -t / y.size, out=out)


def test_the_example() -> None:
    """The call that the issue shows works; the history has a value of each metric for every epoch."""
    result = fit(X, LINE, hidden=[8], activation="relu", loss="auto", optimizer="minibatch", epochs=50, seed=0)
    assert result.predict(X).shape == (60,)
    names = {f"{name}/{part}" for name in ("cost", "mae", "rmse", "r2") for part in ("train", "validation")}
    assert set(result.history) == names
    assert {len(values) for values in result.history.values()} == {50}
    assert result.history["cost/train"][-1] < result.history["cost/train"][0]
    assert result.kept_epoch == 50
    assert result.best_epoch == int(np.argmin(result.history["cost/validation"])) + 1
    assert result.test == {}


def test_predictions_are_in_original_units() -> None:
    """A line through values about 500 is found again; r2 is scikit-learn's of what predict gives."""
    result = fit(X, LINE, hidden=[], epochs=100, validation=0.5)
    np.testing.assert_allclose(result.predict(X), LINE, rtol=1e-3)
    rows = result.experiment.split.validation
    assert result.history["r2/validation"][-1] == pytest.approx(r2_score(LINE[rows], result.predict(X[rows])))


def test_two_targets() -> None:
    """A y of two columns gives predictions of two columns."""
    y = np.stack([LINE, -2 * LINE], axis=1)
    result = fit(X, y, hidden=[], epochs=100)
    np.testing.assert_allclose(result.predict(X), y, rtol=1e-3)


def test_defaults_are_the_commands() -> None:
    """The defaults are those of the configuration: 80 epochs, 16 hidden units, a fifth for validation, seed 0."""
    result = fit(X, LINE)
    config = result.experiment.plan.settings
    assert (config.epochs, config.seed, config.split.validation, config.network.hidden) == (80, 0, 0.2, (16,))
    assert len(result.experiment.split.validation) == 12
    assert config == Settings()


LABELS: list[tuple[Any, list[Any]]] = [
    (np.where(SIDE, "right", "left"), ["left", "right"]),
    (np.where(SIDE, "right", "left").astype(object), ["left", "right"]),
    (SIDE, [False, True]),
    (np.where(SIDE, 7, 3), [3, 7]),
    (np.where(SIDE, 1.5, 0.5), [0.5, 1.5]),
    (np.where(SIDE, "right", "left").tolist(), ["left", "right"]),
    (pd.Series(np.where(SIDE, "right", "left")), ["left", "right"]),
    (SIDE[:, None], [False, True]),
]


@pytest.mark.parametrize(("y", "classes"), LABELS, ids=lambda value: type(value).__name__)
def test_labels(y: Any, classes: list[Any]) -> None:
    """Two values, be they texts, booleans or numbers, are two classes; predict answers in the user's own labels."""
    result = fit(X, y, epochs=60)
    assert list(result.model.classes) == classes
    predicted = result.predict(X)
    assert predicted.shape == (60,)
    assert set(predicted.tolist()) == set(classes)
    assert np.mean(np.ravel(y) == predicted) > 0.9
    probabilities = result.predict_proba(X)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(np.array(classes)[probabilities.argmax(axis=1)], predicted)


def test_several_classes() -> None:
    """Three texts are three classes, in alphabetical order; probabilities have a column for each and sum to 1."""
    y = np.array(["cold", "mild", "warm"])[np.digitize(X[:, 0], [-0.4, 0.4])]
    result = fit(X, y, hidden=[8], epochs=100)
    assert result.model.classes == ("cold", "mild", "warm")
    probabilities = result.predict_proba(X)
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert accuracy_score(y, result.predict(X)) > 0.9


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.arange(60) % 3, "multiclass"),
        (np.arange(60), "regression"),
        (np.arange(60) % 3 + 0.5, "regression"),
        (np.arange(60) % 2, "binary"),
        (np.arange(60) % 11, "regression"),
    ],
)
def test_the_task_is_told_by_y(y: Any, task: str) -> None:
    """A few whole numbers that repeat are classes, two values are two classes, anything else is a quantity."""
    assert fit(X, y, epochs=1).model.task == task


def test_the_task_can_be_given() -> None:
    """task="regression" makes a quantity of 0 and 1, and task="multiclass" classes of many numbers."""
    assert fit(X, SIDE.astype(int), task="regression", epochs=1).model.task == "regression"
    assert len(fit(X, np.arange(60) % 11, task="multiclass", epochs=1).model.classes) == 11


def test_a_table() -> None:
    """A DataFrame's columns name the features; arrays and lists give the same network."""
    table = pd.DataFrame(X, columns=["left", "right"])
    named, plain, listed = fit(table, LINE, epochs=2), fit(X, LINE, epochs=2), fit(X.tolist(), LINE.tolist(), epochs=2)
    assert [feature.name for feature in named.model.features] == ["left", "right"]
    assert [feature.name for feature in plain.model.features] == ["x0", "x1"]
    assert [f.name for f in fit(X, LINE, names=["a", "b"], epochs=1).model.features] == ["a", "b"]
    for result in (plain, listed):
        np.testing.assert_array_equal(named.predict(table), result.predict(X))


def test_integers_and_small_floats() -> None:
    """Features may be whole numbers of any type; the caller's arrays are not changed."""
    x = np.arange(120, dtype=np.uint8).reshape(60, 2)
    y = np.arange(60, dtype=np.int16)
    result = fit(x, y, hidden=[], epochs=300)
    np.testing.assert_allclose(result.predict(x), y, atol=0.5)
    assert x.tolist() == np.arange(120).reshape(60, 2).tolist()


def test_plugins_as_objects() -> None:
    """A plugin may be given as a name, a mapping or an object."""
    by_name = fit(X, LINE, activation="tanh", loss="mae", optimizer={"name": "sgd", "learning_rate": 0.02}, epochs=2)
    by_object = fit(X, LINE, activation=Tanh(), loss=Mae(), optimizer=Sgd(learning_rate=0.02), epochs=2)
    assert by_name.history == by_object.history


def test_seeds() -> None:
    """The same seed gives the same bits, another one others."""
    first, again, other = (fit(X, LINE, epochs=3, seed=seed).predict(X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_keep_patience_and_test() -> None:
    """keep, patience and a test part do in fit what they do in a run."""
    result = fit(
        X, LINE, keep="best", patience=3, test=0.2, epochs=500, optimizer={"name": "batch", "learning_rate": 0.5}
    )
    assert len(result.history["cost/train"]) - result.best_epoch == 3
    assert result.kept_epoch == result.best_epoch
    assert set(result.test) == {"cost/test", "mae/test", "rmse/test", "r2/test"}


def test_one_output_of_another_kind_has_no_probabilities() -> None:
    """predict_proba is refused for a regression and for outputs that are no probabilities, with what to do instead."""
    with pytest.raises(NnexpError, match=r"^A regression has no class probabilities\. Use predict\(x\)\."):
        fit(X, LINE, epochs=1).predict_proba(X)
    text = r"^This model's outputs are scores and no probabilities\. Use predict\(x\), or train with .* loss=bce\.$"
    with pytest.raises(NnexpError, match=text):
        fit(X, SIDE, loss="mse", output="tanh", epochs=1).predict_proba(X)
    with pytest.raises(NnexpError, match=r"loss=cce\.$"):
        fit(X, CORNER, loss="mse", output="sigmoid", epochs=1).predict_proba(X)


def test_a_loss_of_scores(tmp_path: Path) -> None:
    """The sign, or of several the largest score, tells the class, also after saving; there are no probabilities anywhere."""
    for y in (SIDE, CORNER):
        result = fit(X, y, loss=Scores(), epochs=200)
        scores = result.model.outputs(X)
        expected = np.unique(y)[scores.argmax(axis=0) if len(scores) > 1 else (scores[0] > 0).astype(int)]
        predicted = result.predict(X)
        np.testing.assert_array_equal(predicted, expected)
        rows = result.experiment.split.validation
        assert result.history["accuracy/validation"][-1] == pytest.approx(accuracy_score(y[rows], predicted[rows]))
        assert accuracy_score(y, predicted) > 0.8
        loaded = load(result.save(tmp_path / "scores"))
        np.testing.assert_array_equal(loaded.predict(X), expected)
        table = loaded.predict_table(pd.DataFrame(X, columns=["x0", "x1"]))
        assert list(table.columns) == ["prediction"]
        for model in (result, loaded):
            with pytest.raises(NnexpError, match="scores and no probabilities"):
                model.predict_proba(X)
    with pytest.raises(NnexpError, match=r"output=sigmoid does not go with loss=Scores: .* Type output=identity\."):
        fit(X, SIDE, loss=Scores(), output="sigmoid")


def test_float32() -> None:
    """With dtype float32 parameters and probabilities are float32, in predictions, too, near those of float64."""
    single, double = (fit(X, SIDE, dtype=dtype, epochs=5) for dtype in ("float32", "float64"))
    assert single.model.network.theta.dtype == np.float32
    assert single.predict_proba(X).dtype == np.float32
    np.testing.assert_allclose(single.predict_proba(X), double.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize(
    ("x", "y", "options", "text"),
    [
        (np.where(np.eye(60, 2), np.nan, 1), LINE, {}, r"The feature 'x0' is nan in sample 0; it must be finite\."),
        (X, np.where(np.arange(60) == 4, np.nan, LINE), {}, r"y must hold finite numbers\. Got nan in sample"),
        (X, LINE[:-1], {}, r"y must have one entry per sample\. Got shapes \(60, 2\) and \(59,\)\."),
        (X[:, 0], LINE, {}, r"x must have the shape \(n_samples, n_features\)\. Got \(60,\)\."),
        (X[:, :0], LINE, {}, r"The dataset has 60 samples with 0 features; at least 2 with 1 are needed\."),
        (X[:1], LINE[:1], {}, ""),
        ([["a", "b"]] * 60, LINE, {}, r"x must hold numbers \(.*\)\. For a table .* type dataset=csv dataset\.path=FILE\."),
        (pd.DataFrame({"a": ["u", "v"] * 30}), LINE, {}, r"x must hold numbers"),
        (X, ["only"] * 60, {}, r".*1 distinct value"),
        (X, ["a", "b", None] * 20, {}, ""),
        (X, [f"{i}" for i in range(60)], {"task": "regression"}, r"A regression needs numbers in y\."),
        (X, LINE, {"task": "binary"}, r"task='binary' needs two classes"),
        (X, LINE, {"task": "regresion"}, ".*regression"),
        (X, np.zeros((60, 0)), {}, ""),
        (X + 1j, LINE, {}, "x must hold numbers"),
        (X, LINE, {"names": ["a"]}, r"The dataset gave 1 name for 2 features\."),
        (X, LINE, {"loss": "bce"}, r"loss=bce is for binary; this is a regression"),
        (X, LINE, {"loss": "mee"}, r"No loss 'mee'\. Did you mean '"),
        (X, LINE, {"epochs": 0}, r"epochs must be an int at least 1\. Got 0\."),
        (X, LINE, {"hidden": 8}, r"hidden must be a list of int, each at least 1\. Got 8\. Type hidden=\[8\]\.$"),
        (X, LINE, {"hidden": [4.5]}, r"hidden must be a list of int"),
        (X, LINE, {"hidden": [[1], [2, 3]]}, r"hidden must be a list of int"),
        (X, LINE, {"validation": 2}, r"validation must be a float at least 0 and below 1\. Got 2\.0\."),
        (X, LINE, {"validation": 0.001}, r"validation=0\.001 of 60 samples leaves none .* Type validation=0\.$"),
        (X, LINE, {"scale_target": "standart"}, r"scale_target must be one of .* Did you mean 'standard'\?"),
        (X[:0], LINE[:0], {}, r"x holds no samples: its shape is \(0, 2\)\. Give at least 2\."),
        (X, LINE, {"optimizer": {"learning_rate": 0.1}},
         r"optimizer must be the name of an installed .* without a name\. Type optimizer=\{\"name\": \"minibatch\", .*\}\."),
        (X, LINE, {"loss": {"delta": 2}}, r"loss must be .* Type loss=\{\"name\": \"NAME\", \"delta\": 2\}\."),
        (X, LINE, {"optimizer": Sgd}, r"optimizer must be .* Got the class Sgd\. Type optimizer=Sgd\(\)\."),
        (X, LINE, {"optimizer": Tanh}, r"optimizer must be .* Got the class Tanh\. Type optimizer=\"minibatch\"\."),
        (X, LINE, {"optimizer": Tanh()}, r"optimizer must be .* Got Tanh\(\), an object of the kind activation\. Type"),
        (X, LINE, {"optimizer": None}, r"optimizer must be .* Got None\. Type optimizer=\"minibatch\"\."),
        (X, LINE, {"dtype": "float16"}, r"dtype must be one of float64, float32\. Got 'float16'\."),
        (X, LINE, {"dtype": "nonsense"}, r"dtype must be one of float64, float32\. Got 'nonsense'\."),
        (X, LINE, {"optimizer": {"name": "sgd", "learning_rate": 1e200}}, r"diverged at epoch 1; learning_rate=1e\+200"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_refusals(x: Any, y: Any, options: dict[str, Any], text: str) -> None:
    """What cannot be trained on, an unknown option and a value out of bounds raise NnexpError with the reason."""
    with pytest.raises(NnexpError, match=f"^{text}"):
        fit(x, y, **{"epochs": 1, **options})


def test_the_version() -> None:
    """``nnexp.__version__`` is the installed distribution's, and no other name is made up."""
    assert nnexp.__version__ == importlib.metadata.version("nnexp")
    with pytest.raises(AttributeError, match="module 'nnexp' has no attribute 'versoin'"):
        _ = nnexp.versoin


def test_hidden_may_be_an_array() -> None:
    """NumPy's whole numbers are whole numbers, also within hidden."""
    assert fit(X, LINE, hidden=np.array([3, 2]), epochs=1).model.network.sizes == (2, 3, 2, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (X[:, :1], r"x must have the shape \(n_samples, 2\)\. Got \(60, 1\)\."),
        (X[0], r"x must have the shape \(n_samples, 2\)\. Got \(2,\)\."),
        (np.where(np.eye(60, 2), np.inf, 1), r"x must hold finite numbers\. Got inf in sample"),
        ("a", r"x must hold numbers, in the shape \(n_samples, 2\)\. Got a str: could not convert .*"),
        ([[1], [2, 3]], r"x must hold numbers, in the shape \(n_samples, 2\)\. Got a list: "),
    ],
)
def test_predict_refuses(x: Any, text: str) -> None:
    """Only samples with the training's features, in finite numbers, are predicted."""
    result = fit(X, LINE, epochs=1)
    with pytest.raises(NnexpError, match=f"^{text}"):
        result.predict(x)


def test_predictions_do_not_depend_on_the_batch() -> None:
    """Each sample's prediction is the same alone and among others; no samples give no predictions."""
    result = fit(X, LINE, epochs=5)
    together = result.predict(X)
    np.testing.assert_allclose([result.predict(row[None])[0] for row in X], together, rtol=1e-12)
    assert result.predict(X[:0]).shape == (0,)


# --- save and load ---


def results() -> list[Result]:
    """A trained network of each task and dtype, and one of two targets."""
    y = np.array(["cold", "mild", "warm"])[np.digitize(X[:, 0], [-0.4, 0.4])]
    return [
        fit(X, LINE, epochs=3, hidden=[5, 4], activation={"name": "leaky_relu", "alpha": 0.3}),
        fit(X, SIDE, epochs=3, dtype="float32"),
        fit(X, y, epochs=3, activation="tanh", hidden=[]),
        fit(X, np.stack([LINE, -LINE], axis=1), epochs=2, scale_features="minmax", scale_target="none", loss="mae"),
        fit(X, np.where(SIDE, 1.5, 0.1), epochs=1, initializer="zeros"),
    ]


def test_save_and_load(tmp_path: Path) -> None:
    """A loaded model's predictions, labels and probabilities are bit-identical, whatever the task and dtype."""
    for number, result in enumerate(results()):
        path = result.save(tmp_path / f"model{number}")
        assert path == tmp_path / f"model{number}.npz"
        model = load(path)
        expected, found = result.predict(X), model.predict(X)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
        assert model.classes == result.model.classes
        assert [type(label) for label in model.classes] == [type(label) for label in result.model.classes]
        assert model.network.dtype == result.model.network.dtype
        assert model.describe() == result.model.describe()
        if result.model.has_probabilities:
            np.testing.assert_array_equal(model.predict_proba(X), result.predict_proba(X))


def test_the_file_is_plain(tmp_path: Path) -> None:
    """The file holds W1 (n_out, n_in), b1, ... and JSON text, readable by NumPy alone without pickle."""
    path = fit(X, LINE, hidden=[5], epochs=1).save(tmp_path / "model.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        shapes = {name: arrays[name].shape for name in arrays}
        described = json.loads(str(arrays["model"]))
    assert shapes == {"W1": (5, 2), "b1": (5,), "W2": (1, 5), "b2": (1,), "model": ()}
    assert described["task"] == "regression"
    assert described["format"] == 1


def test_a_loaded_model_in_another_process(tmp_path: Path) -> None:
    """Another process that only loads the file answers with the same numbers."""
    result = fit(X, LINE, epochs=3)
    path = result.save(tmp_path / "model.npz")
    np.save(tmp_path / "x.npy", X)
    program = "import sys, numpy, nnexp; y = nnexp.load(sys.argv[1]).predict(numpy.load(sys.argv[2])); print(y.tobytes().hex())"
    command = [sys.executable, "-c", program, str(path), str(tmp_path / "x.npy")]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert answer.strip() == result.predict(X).tobytes().hex()


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def written(path: Path, *, compressed: bool = False, **changes: Any) -> Path:
    """A small model's file, with some arrays changed (None leaves one out) or, by ``description``, parts of its JSON."""
    model = fit(X, LINE, hidden=[3], epochs=1).model
    description = json.dumps(model.describe() | changes.pop("description", {}))
    arrays = model.network.arrays() | {"model": np.array(description)} | changes
    kept: dict[str, Any] = {name: value for name, value in arrays.items() if value is not None}
    (np.savez_compressed if compressed else np.savez)(path, **kept)
    return path


def damaged(content: bytes) -> bytes:
    """The same with some bytes of W1 overwritten."""
    start = content.index(b"W1.npy") + 40
    return content[:start] + b"\xff" * 30 + content[start + 30 :]


def array_file() -> bytes:
    """One array in an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


OTHER_BYTES: dict[str, Callable[[Path], bytes]] = {
    "text": lambda _: b"not a model",
    "empty": lambda _: b"",
    "array": lambda _: array_file(),
    "pickle": lambda path: pickle.dumps(Trap(path.with_name("sprung"))),
    "truncated": lambda path: written(path).read_bytes()[:-200],
    "damaged": lambda path: damaged(written(path).read_bytes()),
    "damaged, compressed": lambda path: damaged(written(path, compressed=True).read_bytes()),
}


@pytest.mark.parametrize("kind", OTHER_BYTES)
def test_foreign_files(kind: str, tmp_path: Path) -> None:
    """A file that is no archive, or damaged, is refused by an NnexpError with its path, and no pickle is loaded."""
    path = tmp_path / "model.npz"
    path.write_bytes(OTHER_BYTES[kind](path))
    with pytest.raises(NnexpError, match=r"model\.npz' is not a model that nnexp saved"):
        load(path)
    assert not (tmp_path / "sprung").exists()


OTHER_ARRAYS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "pickled weights": lambda trap: {"W1": np.array([Trap(trap)], dtype=object)},
    "pickled description": lambda trap: {"model": np.array(Trap(trap), dtype=object)},
    "weights alone": lambda _: {"model": None},
    "no JSON": lambda _: {"model": np.array("{")},
    "another JSON": lambda _: {"model": np.array("[1, 2]")},
    "a weight is missing": lambda _: {"b2": None},
    "a weight has another shape": lambda _: {"W1": np.zeros((2, 3))},
    "an unknown activation": lambda _: {"description": {"activation": {"name": "os.system"}}},
    "a class for an activation": lambda _: {"description": {"activation": {"_target_": "os.system", "name": "relu"}}},
    "sizes that are none": lambda _: {"description": {"sizes": [-1, "a"]}},
    "another dtype": lambda _: {"description": {"dtype": "object"}},
    "a newer format": lambda _: {"description": {"format": 2}},
}


@pytest.mark.parametrize("kind", OTHER_ARRAYS)
def test_foreign_archives(kind: str, tmp_path: Path) -> None:
    """An archive whose arrays or description are not a model's is refused by an NnexpError, and nothing in it is executed."""
    path = written(tmp_path / "model.npz", **OTHER_ARRAYS[kind](tmp_path / "sprung"))
    with pytest.raises(NnexpError):
        load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_beside_the_arrays(tmp_path: Path) -> None:
    """A pickle among the archive's members is not executed."""
    path = written(tmp_path / "model.npz")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("W9.npy", pickle.dumps(Trap(tmp_path / "sprung")))
        archive.writestr("W8.pkl", pickle.dumps(Trap(tmp_path / "sprung")))
    with contextlib.suppress(NnexpError):
        load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_newer_file_says_so(tmp_path: Path) -> None:
    """A file of a later format asks for an upgrade."""
    with pytest.raises(NnexpError, match=r"which is newer\. Upgrade: pip install -U nnexp"):
        load(written(tmp_path / "model.npz", description={"format": 2}))


def test_no_file(tmp_path: Path) -> None:
    """A path where nothing is, and a folder without a model, are named."""
    with pytest.raises(NnexpError, match=r"No saved model at '.*nothing\.npz'"):
        load(tmp_path / "nothing.npz")
    with pytest.raises(NnexpError, match="No saved model at"):
        load(tmp_path)


# --- what is imported ---

HEAVY = ["hydra", "omegaconf", "mlflow", "pandas", "sklearn", "matplotlib", "rich", "scipy"]


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """Importing nnexp, fit, predict, save and load import neither Hydra nor MLflow, nor pandas, scikit-learn or Matplotlib."""
    program = f"""
import sys
from nnexp import fit
import nnexp, numpy
x = numpy.random.default_rng(0).normal(size=(40, 2))
for y in (x[:, 0], x[:, 0] > 0, numpy.arange(40) % 3):
    r = fit(x, y, hidden=[8], epochs=2, seed=0)
    r.predict(x), r.history
    nnexp.load(r.save(sys.argv[1])).predict(x)
r = fit(x, x[:, 0] > 0, epochs=1)
r.predict_proba(x)
from nnexp.experiment.plan import plan
from nnexp.experiment.experiment import prepare
list(prepare(plan({{"dataset": "diabetes", "epochs": 2}})).epochs())
print([name for name in {HEAVY} if name in sys.modules])
"""
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "model")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_real_data_from_scikit_learn() -> None:
    """On scikit-learn's diabetes, arrays reach what the dataset plugin reaches with all defaults: R2 > 0.3."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    with warnings.catch_warnings(action="error"):
        result = fit(x, y)
    assert result.history["r2/validation"][-1] > 0.3


def test_a_table_is_read_by_its_columns_names() -> None:
    """A DataFrame with the same columns in another order gives the same answers; without one of them it is refused."""
    table = pd.DataFrame(X, columns=["a", "b"])
    result = fit(table, LINE, epochs=3)
    np.testing.assert_array_equal(result.predict(table), result.predict(table[["b", "a"]]))
    with pytest.raises(NnexpError, match="no column 'b'"):
        result.predict(table[["a"]])


def test_dates_and_numbers_out_of_reach_are_refused() -> None:
    """Dates are no numbers, and a prediction that is not finite is an error, not an answer."""
    with pytest.raises(NnexpError, match="holds dates or times"):
        fit(pd.DataFrame({"a": pd.date_range("2026-01-01", periods=60)}), LINE)
    result = fit(X, LINE, epochs=3, dtype="float32")
    with pytest.raises(NnexpError, match="prediction for sample 1 is not finite"):
        result.predict(np.array([[0.0, 0.0], [1e308, -1e308]]))


def test_the_name_that_was_saved_loads(tmp_path: Path) -> None:
    """The name that save was given loads, with or without .npz; a missing folder is named."""
    result = fit(X, LINE, epochs=1)
    result.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(X), result.predict(X))
    with pytest.raises(NnexpError, match="there is no directory"):
        result.save(tmp_path / "nowhere" / "m")
    assert "epoch 1; " in repr(result)


def test_a_prediction_that_is_not_finite_is_refused() -> None:
    """A number in a table whose prediction would be infinite is refused with its row."""
    table = pd.DataFrame({"size": [1.5, 2, 3, 4], "rooms": [1.0, 2, 2, 3]})
    model = fit(table, np.array([3e5, 4e5, 6e5, 8e5]), hidden=[], epochs=1, validation=0).model
    with pytest.raises(NnexpError, match="The prediction for sample 1 is not finite"):
        model.predict_table(table.assign(size=[1, 1e307, 2, 3]))
