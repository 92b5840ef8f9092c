"""Experiments: what is resolved and refused, what the seed drives, whose weights are kept."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, root_mean_squared_error

from nnexp.builtin.losses import Cce, Mae, Mse
from nnexp.builtin.optimizers import MiniBatch
from nnexp.discovery import registry
from nnexp.engine.training import Diverged, Epoch
from nnexp.errors import NnexpError
from nnexp.experiment import experiment as experiment_module
from nnexp.experiment.experiment import Experiment, assemble, prepare
from nnexp.experiment.plan import Settings, plan
from nnexp.plugin import Array, Data, Dataset, Task


@dataclass(frozen=True)
class Given(Dataset):
    """Twelve samples in memory."""

    def load(self, rng: np.random.Generator) -> Data:
        raise AssertionError


def data(task: Task = "regression", n: int = 12, **more: Any) -> Data:
    """A small dataset of a task."""
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, 2))
    values: dict[str, Any] = {"x": x, "y": x @ [2.0, -1.0] + 3, "names": ("u", "v"), "task": task}
    if task != "regression":
        n_classes = 2 if task == "binary" else 3
        values |= {"y": np.arange(n) % n_classes, "classes": tuple("abc"[:n_classes])}
    return Data(**(values | more))


def made(given: Data, **config: Any) -> Experiment:
    """An experiment on data in memory."""
    chosen = plan({"dataset": Given(), **config})
    return assemble(chosen, given, np.random.SeedSequence(chosen.settings.seed).spawn(4))


def ready(dataset: str, **config: Any) -> Experiment:
    """An experiment on an installed dataset."""
    return prepare(plan({"dataset": dataset, **config}))


def trained(dataset: str, **config: Any) -> Experiment:
    """The same, after its epochs."""
    experiment = ready(dataset, **config)
    list(experiment.epochs())
    return experiment


def named(experiment: Experiment) -> tuple[str, str]:
    """The names of the resolved loss and output."""
    config = experiment.config()
    return config["loss"]["name"], config["output"]["name"]


# --- auto ---


@pytest.mark.parametrize(
    ("dataset", "loss", "output"),
    [
        ("diabetes", "mse", "identity"),
        ("sine", "mse", "identity"),
        ("breast_cancer", "bce", "sigmoid"),
        ("moons", "bce", "sigmoid"),
        ("digits", "cce", "softmax"),
        ("wine", "cce", "softmax"),
    ],
)
def test_auto_is_what_suits_the_data(dataset: str, loss: str, output: str) -> None:
    """Regression gets mse and identity, two classes bce and sigmoid, several cce and softmax."""
    assert named(ready(dataset)) == (loss, output)


@pytest.mark.parametrize(("dataset", "output"), [("diabetes", "identity"), ("moons", "sigmoid"), ("wine", "softmax")])
def test_auto_output_follows_loss_and_task(dataset: str, output: str) -> None:
    """The loss mse has a natural output for each task."""
    assert named(ready(dataset, loss="mse")) == ("mse", output)


def test_a_dataset_may_name_its_loss() -> None:
    """loss=auto is the dataset's own loss where it names one; a chosen loss wins over it."""

    @dataclass(frozen=True)
    class Robust(Given):
        loss = "mae"

    assert isinstance(made(data(), dataset=Robust()).plan.loss, Mae)
    assert isinstance(made(data(), dataset=Robust(), loss="mse").plan.loss, Mse)


def test_defaults() -> None:
    """Without a choice: relu, glorot, one hidden layer of 16, seed 0, mini-batches of 32 at 0.1; batch has 0.1, sgd 0.01."""
    chosen = plan({"dataset": "diabetes"})
    assert chosen.loss is None
    assert chosen.output is None
    names = [registry.named(cast("Any", each)) for each in (chosen.activation, chosen.initializer, chosen.optimizer)]
    assert names == ["relu", "glorot", "minibatch"]
    assert chosen.settings == Settings()
    assert (chosen.settings.network.hidden, chosen.settings.seed, chosen.settings.keep) == ((16,), 0, "last")
    assert chosen.optimizer == MiniBatch(batch_size=32, learning_rate=0.1)
    for name, rate in (("batch", 0.1), ("sgd", 0.01)):
        assert plan({"dataset": "diabetes", "optimizer": name}).optimizer.learning_rate == rate


def test_a_plugin_by_name_mapping_or_object() -> None:
    """The three ways to give a plugin make the same plan; a list for a tuple and a whole number for a float are taken."""
    ways: list[Any] = [{"name": "minibatch", "batch_size": 8, "learning_rate": 1}, MiniBatch(8, 1.0)]
    first, second = (plan({"dataset": "wine", "optimizer": way, "network": {"hidden": [3]}}) for way in ways)
    assert first == second
    assert isinstance(first.optimizer.learning_rate, float)
    assert plan({"dataset": "wine", "optimizer": "minibatch"}) == plan({"dataset": "wine", "optimizer": MiniBatch()})


# --- refusals ---


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"epoch": 5}, r"No key 'epoch'\. Did you mean 'epochs'\? Known keys: dataset, .*, scale\."),
        ({"split": {"validatoin": 0.1}}, r"No key 'split\.validatoin'\. Did you mean '(split\.)?validation'\? There are split\."),  # noqa: E501
        ({"split": 0.2}, r"split must be a group of keys \(validation, test, seed\)\. Got 0\.2\."),
        ({"loss": "maee"}, r"No loss 'maee'\. Did you mean 'mae'\? Available: auto, bce, cce, mae, mse\.|.*Available: .*mae"),
        ({"loss": {"name": "mae", "delta": 1}}, r"loss=mae has no option 'delta'\. It has no options\."),
        ({"optimizer": {"name": "sgd", "learning_rat": 1}}, r"optimizer=sgd has no option 'learning_rat'\. Did you mean 'learning_rate'\?"),  # noqa: E501
        ({"optimizer": {"name": "sgd", "learning_rate": 0}}, r"optimizer\.learning_rate must be a float above 0\. Got 0\.0\."),
        ({"optimizer": {"name": "sgd", "learning_rate": "x"}}, r"optimizer\.learning_rate must be a float above 0\. Got 'x'\."),
        ({"optimizer": {"name": "sgd", "learning_rate": float("nan")}}, r"optimizer\.learning_rate must be a float above 0\. Got nan"),  # noqa: E501
        ({"output": {"name": "leaky_relu", "alpha": 1.5}}, r"output\.alpha must be a float at least 0 and below 1\. Got 1\.5\."),  # noqa: E501
        ({"loss": {"name": "auto", "delta": 1}}, r"loss=auto has no option 'delta'\. Name the loss: type loss=NAME loss\.delta=\.\.\."),  # noqa: E501
        ({"schedule": MiniBatch()}, r"schedule must be .* an object of the class Schedule\. Got MiniBatch\(.*\), an object of the kind optimizer\. Type schedule=\"constant\"\."),  # noqa: E501
        ({"loss": 3}, r"loss must be the name of an installed loss, .* Got 3\. Type loss=\"NAME\"\."),
        ({"initializer": "file"}, r"initializer=file needs initializer\.path \(.*\)\. Type initializer\.path=\.\.\."),
        ({"epochs": 0}, r"epochs must be an int at least 1\. Got 0\."),
        ({"epochs": 1.5}, r"epochs must be an int at least 1\. Got 1\.5\."),
        ({"epochs": True}, r"epochs must be an int at least 1\. Got True\."),
        ({"seed": -1}, r"seed must be an int at least 0\. Got -1\."),
        ({"keep": "bset"}, r"keep must be .*one of last, best\. Got 'bset'\. Did you mean 'best'\?"),
        ({"dtype": "float16"}, r"dtype must be .*one of float64, float32\. Got 'float16'\."),
        ({"shuffle": "yes"}, r"shuffle must be true or false\. Got 'yes'\."),
        ({"patience": 0}, r"patience must be .*at least 1\. Got 0\."),
        ({"network": {"hidden": [4, 0]}}, r"network\.hidden must be a list of int.* at least 1\. Got "),
        ({"network": {"hidden": 4}}, r"network\.hidden must be a list of int.* at least 1\. Got 4\."),
        ({"split": {"validation": 1}}, r"split\.validation must be a float at least 0 and below 1\. Got 1\.0\."),
        ({"scale": {"features": "standart"}}, r"scale\.features must be .*minmax, none\. Got 'standart'\. Did you mean 'standard'\?"),  # noqa: E501
    ],
)  # fmt: skip
def test_a_plan_refuses(config: dict[str, Any], text: str) -> None:
    """An unknown key, option or field, a wrong type and a value out of bounds: thing, rule, value and what is near."""
    with pytest.raises(NnexpError) as error:
        plan({"dataset": "diabetes", **config})
    assert re.match(text, str(error.value))


def test_a_dataset_is_needed() -> None:
    """A configuration without a dataset is refused by an NnexpError, not by Python."""
    with pytest.raises(NnexpError, match="dataset"):
        plan({})


@pytest.mark.parametrize(
    ("dataset", "config", "text"),
    [
        ("diabetes", {"loss": "cce"}, "loss=cce is for multiclass; this is a regression (target 'target'). Type loss=mse (or mae)."),  # noqa: E501
        ("diabetes", {"loss": "bce"}, "loss=bce is for binary; this is a regression (target 'target'). Type loss=mse (or mae)."),  # noqa: E501
        ("moons", {"loss": "cce"}, "loss=cce is for multiclass; this is a classification of two classes (binary) (target 'class'). Type loss=bce (or mse)."),  # noqa: E501
        ("wine", {"loss": "mae"}, "loss=mae is for regression; this is a classification of several classes (multiclass) (target 'target'). Type loss=cce (or mse)."),  # noqa: E501
        ("moons", {"output": "tanh"}, "output=tanh does not go with loss=bce: the loss is defined for predictions from 0 to 1, this activation gives -1 to 1. Type output=sigmoid."),  # noqa: E501
        ("wine", {"output": "sigmoid"}, "output=sigmoid does not go with loss=cce: the loss needs predictions that sum to one over the classes. Type output=softmax."),  # noqa: E501
        ("wine", {"output": "identity"}, "output=identity does not go with loss=cce: the loss is defined for predictions from 0 to 1, this activation gives -inf to inf. Type output=softmax."),  # noqa: E501
        ("moons", {"output": "softmax"}, "output=softmax does not go with loss=bce: over the one output of a binary task it is always 1. Type output=sigmoid."),  # noqa: E501
        ("diabetes", {"output": "softmax"}, "output=softmax does not go with loss=mse: over the one output of a regression task it is always 1. Type output=identity."),  # noqa: E501
    ],
)  # fmt: skip
def test_a_pair_that_makes_no_sense(dataset: str, config: dict[str, Any], text: str) -> None:
    """A loss for another task and an output that the loss cannot take are refused with what to type instead."""
    losses = sorted(registry.available("loss"))
    if losses != ["bce", "cce", "mae", "mse"]:
        pytest.skip("other losses are installed, so other remedies are offered")
    with pytest.raises(NnexpError) as error:
        ready(dataset, **config)
    assert str(error.value) == text


@dataclass(frozen=True)
class Counts(Mse):
    """A loss for targets that are counts."""

    target = "nonnegative"


def test_negative_targets_for_a_nonnegative_loss() -> None:
    """A loss for counts refuses a negative target; with counts the target is neither shifted nor scaled."""
    with pytest.raises(NnexpError) as error:
        made(data(y=np.arange(12) - 2.5, target="bikes"), loss=Counts())
    assert str(error.value) == "loss=Counts needs targets of 0 or more; the least 'bikes' is -2.5."
    fine = made(data(y=np.arange(12.0)), loss=Counts(), scale={"target": "standard"})
    assert fine.preprocessing.outputs.shift.tolist() == [0]
    assert fine.preprocessing.outputs.scale.tolist() == [1]
    assert made(data(), loss="mse").preprocessing.outputs.scale.tolist() != [1]


NAN = np.array([[0.0, 1.0], [2.0, np.nan], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"x": np.zeros(12)}, "The dataset gave x of shape (12,) for 12 targets; x must be (n_samples, n_features)."),
        ({"x": np.zeros((5, 2))}, "The dataset gave x of shape (5, 2) for 12 targets"),
        (
            {"x": np.zeros((1, 2)), "y": np.zeros(1)},
            "The dataset has 1 sample with 2 features; at least 2 with 1 are needed.",
        ),
        ({"x": np.zeros((12, 0))}, "The dataset has 12 samples with 0 features; at least 2 with 1 are needed."),
        ({"names": ("u",)}, "The dataset gave 1 name for 2 features."),
        ({"x": NAN, "y": np.arange(3)}, "The feature 'v' is nan in sample 1; it must be finite."),
        ({"y": np.array([*range(11), np.inf])}, "The target 'target' is inf in sample 11; it must be finite."),
    ],
)
def test_data_that_cannot_be_trained_on(broken: dict[str, Any], text: str) -> None:
    """Shapes that do not fit, too few samples, and numbers that are not finite are refused by name and place."""
    with pytest.raises(NnexpError) as error:
        made(data(**broken))
    assert str(error.value).startswith(text)


def test_a_part_without_samples() -> None:
    """A share that rounds to no sample, and a split that leaves none to train on, are refused with what to type."""
    with pytest.raises(
        NnexpError, match=r"split\.validation=0\.02 of 12 samples leaves none .* Type split\.validation=0\."
    ):
        made(data(), split={"validation": 0.02})
    with pytest.raises(NnexpError, match=r"split\.test=0\.02 of 12 samples leaves none .* Type split\.test=0\."):
        made(data(), split={"test": 0.02})


# --- patience and keep, with costs given by hand ---


def scripted(monkeypatch: pytest.MonkeyPatch, costs: list[float]) -> None:
    """Make training a script: after epoch n every parameter is n, and the cost is the n-th of the list."""

    def train(network: Any, *_: Any, epochs: int, **__: Any) -> Iterator[Epoch]:
        for number in range(1, epochs + 1):
            network.theta[...] = number
            yield Epoch(number, {"cost/train": -float(number), "cost/validation": costs[number - 1]})

    monkeypatch.setattr(experiment_module, "train", train)


@pytest.mark.parametrize(
    ("costs", "patience", "ends", "best"),
    [
        ([5, 4, 4.5, 4.2, 3, 2], 2, 4, 2),
        ([5, 4, 4.5, 3.9, 4, 3.95, 4.1, 1], 3, 7, 4),
        ([5, 5, 5, 5], 1, 2, 1),
        ([5, 4, 4, 3], 1, 3, 2),
        ([5, 6, 7, 8], 3, 4, 1),
        ([4, 3, 2, 1], 1, 4, 4),
        ([5, 6, 7, 8], None, 4, 1),
    ],
)
@pytest.mark.parametrize("keep", ["last", "best"])
def test_patience_and_keep(
    monkeypatch: pytest.MonkeyPatch, *, costs: list[float], patience: int | None, ends: int, best: int, keep: str
) -> None:
    """Training stops after N epochs in a row without a lower cost; kept are the weights of the last or the best epoch."""
    scripted(monkeypatch, costs)
    experiment = made(data(), patience=patience, keep=keep, epochs=len(costs))
    seen = [epoch.number for epoch in experiment.epochs()]
    assert seen == list(range(1, ends + 1))
    assert experiment.history[-1].number == ends
    assert experiment.best is not None
    assert experiment.kept is not None
    assert experiment.best.number == best
    assert experiment.kept.number == (best if keep == "best" else ends)
    assert set(experiment.network.theta) == {experiment.kept.number}
    words = {None: "", 1: "no lower cost for 1 epoch", 2: "no lower cost for 2 epochs", 3: "no lower cost for 3 epochs"}
    assert experiment.stopped == (words[patience] if patience is not None and ends - best == patience else "")


def test_the_best_weights_are_those_of_the_best_epoch() -> None:
    """keep=best ends with exactly the weights of a run that has only the best epoch's number of epochs."""
    config: dict[str, Any] = {"optimizer": {"name": "minibatch", "learning_rate": 0.3}, "seed": 2}
    kept = trained("diabetes", epochs=40, keep="best", **config)
    costs = [epoch.metrics["cost/validation"] for epoch in kept.history]
    best = int(np.argmin(costs)) + 1
    assert 1 <= best < 40  # it overfits
    short = trained("diabetes", epochs=best, **config)
    np.testing.assert_array_equal(kept.network.theta, short.network.theta)
    last = trained("diabetes", epochs=40, **config)
    assert not np.array_equal(kept.network.theta, last.network.theta)
    assert [epoch.metrics for epoch in last.history] == [epoch.metrics for epoch in kept.history]


def test_without_a_validation_part_the_train_cost_decides() -> None:
    """split.validation=0: there are only train metrics, and best is the epoch of the lowest train cost."""
    experiment = trained("wine", split={"validation": 0}, epochs=5)
    assert set(experiment.history[0].metrics) == {"cost/train", "accuracy/train"}
    assert experiment.best is not None
    assert experiment.best.number == int(np.argmin([epoch.metrics["cost/train"] for epoch in experiment.history])) + 1
    assert len(experiment.split.training) == 178


def test_divergence_reaches_the_caller() -> None:
    """A cost that is no longer finite raises Diverged; the epochs before it are in the history."""
    experiment = ready("diabetes", optimizer={"name": "batch", "learning_rate": 1e200}, network={"hidden": []})
    with pytest.raises(Diverged, match=r"^diverged at epoch 1; learning_rate=1e\+200\."):
        list(experiment.epochs())
    assert experiment.history == []


# --- seeds ---


def test_the_seed_drives_everything() -> None:
    """Another seed gives other data, another split, other initial weights."""
    first, same, other = (ready("sine", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.data.x, same.data.x)
    np.testing.assert_array_equal(first.split.validation, same.split.validation)
    np.testing.assert_array_equal(first.network.theta, same.network.theta)
    assert not np.array_equal(first.data.x, other.data.x)
    assert not np.array_equal(first.split.validation, other.split.validation)
    assert not np.array_equal(first.network.theta, other.network.theta)


def test_the_seed_drives_shuffling() -> None:
    """With data, split and initial weights fixed, another seed still gives other weights, unless nothing is shuffled."""

    def theta(seed: int, **config: Any) -> Array:
        fixed: dict[str, Any] = {"split": {"seed": 3}, "initializer": "zeros", "network": {"hidden": []}, "epochs": 2}
        return trained("diabetes", seed=seed, **fixed, **config).network.theta

    np.testing.assert_array_equal(theta(1), theta(1))
    assert not np.array_equal(theta(1), theta(2))
    np.testing.assert_array_equal(theta(1, shuffle=False), theta(2, shuffle=False))
    np.testing.assert_array_equal(theta(1, optimizer="batch"), theta(2, optimizer="batch"))


def test_split_seed_pins_the_split_alone() -> None:
    """With split.seed the split stays the same for every seed, and data and initial weights still follow the seed."""
    first, other = (ready("sine", seed=seed, split={"seed": 9}) for seed in (1, 2))
    free = ready("sine", seed=1)
    np.testing.assert_array_equal(first.split.validation, other.split.validation)
    assert not np.array_equal(first.split.validation, free.split.validation)
    assert not np.array_equal(first.network.theta, other.network.theta)
    assert not np.array_equal(first.data.x, other.data.x)
    np.testing.assert_array_equal(first.network.theta, free.network.theta)
    np.testing.assert_array_equal(first.data.x, free.data.x)


def test_choices_of_the_network_leave_data_and_split() -> None:
    """Another activation, size or optimizer with the same seed is trained on the same samples."""
    first = ready("moons", activation="tanh", network={"hidden": [3]}, optimizer="sgd")
    second = ready("moons", activation="relu", network={"hidden": [5, 5]}, optimizer="batch", initializer="he")
    np.testing.assert_array_equal(first.data.x, second.data.x)
    np.testing.assert_array_equal(first.split.validation, second.split.validation)


@pytest.mark.parametrize("dataset", ["diabetes", "moons", "wine"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_config_gives_the_same_bits(dataset: str, dtype: str) -> None:
    """Twice the same configuration: every weight and every metric is bit-identical."""
    first, again = (trained(dataset, dtype=dtype, epochs=5) for _ in range(2))
    np.testing.assert_array_equal(first.network.theta, again.network.theta)
    assert [epoch.metrics for epoch in first.history] == [epoch.metrics for epoch in again.history]


ROUND_TRIPS: list[dict[str, Any]] = [
    {"dataset": "sine", "loss": "mae", "activation": {"name": "leaky_relu", "alpha": 0.2}, "network": {"hidden": [5, 4]}},
    {"dataset": "moons", "optimizer": {"name": "minibatch", "batch_size": 7, "learning_rate": 0.3}, "seed": 4},
    {"dataset": "wine", "loss": "mse", "initializer": {"name": "normal", "bias_std": 0.1}, "split": {"seed": 3, "test": 0.1}},
    {"dataset": "diabetes", "dtype": "float32", "scale": {"target": "minmax", "features": "none"}, "network": {"hidden": []},
     "optimizer": {"name": "sgd", "learning_rate": 1e-7}},
    {"dataset": {"name": "blobs", "n_classes": 4}, "keep": "best", "patience": 3, "shuffle": False, "epochs": 7},
]  # fmt: skip


@pytest.mark.parametrize("config", ROUND_TRIPS, ids=lambda config: str(config["dataset"]))
def test_the_resolved_config_makes_the_same_experiment(config: dict[str, Any]) -> None:
    """config() is plain values without auto, and planning it again trains bit-identically."""
    first = prepare(plan({"epochs": 4, **config}))
    list(first.epochs())
    resolved = first.config()
    assert resolved["loss"]["name"] != "auto"
    assert resolved["output"]["name"] != "auto"
    again = prepare(plan(resolved))
    list(again.epochs())
    assert again.config() == resolved
    np.testing.assert_array_equal(first.network.theta, again.network.theta)
    assert [epoch.metrics for epoch in first.history] == [epoch.metrics for epoch in again.history]

    def leaves(value: Any) -> Iterator[Any]:
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each) if isinstance(each, dict | list) else [each]

    assert {type(leaf) for leaf in leaves(resolved)} <= {str, int, float, bool, type(None)}


# --- units, types, parts ---


def test_regression_metrics_are_in_original_units() -> None:
    """mae, rmse and r2 of the last epoch are scikit-learn's of predict() against the target as it was loaded."""
    experiment = trained("diabetes", epochs=3, split={"test": 0.1})
    model = experiment.model()
    x, y = experiment.data.x, experiment.data.y
    last = experiment.history[-1].metrics | experiment.test()
    for part, rows in (("validation", experiment.split.validation), ("test", experiment.split.test)):
        predicted = model.predict(x[rows])
        assert last[f"mae/{part}"] == pytest.approx(mean_absolute_error(y[rows], predicted), rel=1e-12)
        assert last[f"rmse/{part}"] == pytest.approx(root_mean_squared_error(y[rows], predicted), rel=1e-12)
        assert last[f"r2/{part}"] == pytest.approx(r2_score(y[rows], predicted), rel=1e-12)
        spread = y[experiment.split.training].std()  # the cost is in the scaled units that are trained
        assert last[f"cost/{part}"] == pytest.approx(np.mean((y[rows] - predicted) ** 2) / spread**2, rel=1e-11)


@pytest.mark.parametrize("dataset", ["moons", "wine"])
def test_classification_metrics(dataset: str) -> None:
    """Accuracy and the cross-entropy of the last epoch are scikit-learn's of predict() and predict_proba()."""
    experiment = trained(dataset, epochs=3, split={"test": 0.2})
    model = experiment.model()
    x, labels = experiment.data.x, np.array(experiment.data.classes)[experiment.data.y]
    last = experiment.history[-1].metrics | experiment.test()
    for part, rows in (("validation", experiment.split.validation), ("test", experiment.split.test)):
        assert last[f"accuracy/{part}"] == pytest.approx(accuracy_score(labels[rows], model.predict(x[rows])))
        probabilities = model.predict_proba(x[rows])
        expected = log_loss(labels[rows], probabilities, labels=list(model.classes))
        assert last[f"cost/{part}"] == pytest.approx(expected, rel=1e-9)


def test_a_linear_network_finds_the_least_squares_line() -> None:
    """No hidden layer, mse, many full batches: the predictions are those of scikit-learn's LinearRegression."""
    given = data(n=40, y=np.random.default_rng(0).normal(size=40) * 50 + 1000)
    experiment = made(given, network={"hidden": []}, optimizer={"name": "batch", "learning_rate": 0.3}, epochs=500)
    list(experiment.epochs())
    rows = experiment.split.training
    line = LinearRegression().fit(given.x[rows], given.y[rows])
    np.testing.assert_allclose(experiment.model().predict(given.x), line.predict(given.x), rtol=1e-9)


def test_validation_and_test_rows_are_not_trained_on() -> None:
    """Changing features and targets of the validation and the test part changes no weight and no train metric."""
    before = data(n=40)
    experiment = made(before, split={"test": 0.25}, epochs=3)
    list(experiment.epochs())
    x, y = before.x.copy(), before.y.copy()
    others = np.concatenate([experiment.split.validation, experiment.split.test])
    assert len(others) == 18
    x[others] += 100
    y[others] -= 50
    changed = made(data(n=40, x=x, y=y), split={"test": 0.25}, epochs=3)
    list(changed.epochs())
    np.testing.assert_array_equal(experiment.network.theta, changed.network.theta)
    for one, other in zip(experiment.history, changed.history, strict=True):
        assert {k: v for k, v in one.metrics.items() if "train" in k} == {
            k: v for k, v in other.metrics.items() if "train" in k
        }
        assert one.metrics["cost/validation"] != other.metrics["cost/validation"]


def test_no_test_part_no_test_metrics() -> None:
    """split.test=0 gives no test metrics; with a test part they are scored with the kept weights."""
    assert trained("wine", epochs=1).test() == {}
    found = trained("wine", epochs=1, split={"test": 0.2}).test()
    assert set(found) == {"cost/test", "accuracy/test"}


@pytest.mark.parametrize("dataset", ["diabetes", "moons", "digits"])
@pytest.mark.parametrize("optimizer", ["batch", "minibatch", "sgd"])
def test_float32_everywhere(dataset: str, optimizer: str) -> None:
    """dtype=float32: samples, parameters and outputs are float32, and the cost is near the one of float64."""
    config = {"optimizer": optimizer, "epochs": 2, "split": {"test": 0.1}}
    single, double = (trained(dataset, dtype=dtype, **config) for dtype in ("float32", "float64"))
    assert single.network.theta.dtype == np.float32
    assert {array.dtype for array in single.network.arrays().values()} == {np.dtype(np.float32)}
    part = single.samples.part("training")
    assert {part.design.dtype, part.y.dtype} == {np.dtype(np.float32)}
    assert single.model().outputs(single.data.x[:3]).dtype == np.float32
    for one, other in zip(single.history, double.history, strict=True):
        assert one.metrics["cost/train"] == pytest.approx(other.metrics["cost/train"], rel=1e-3)
    assert single.test()["cost/test"] == pytest.approx(double.test()["cost/test"], rel=1e-2)


@pytest.mark.parametrize(("hidden", "count"), [([], 3), ([4], 17), ([4, 3], 31)])
def test_network_sizes(hidden: list[int], count: int) -> None:
    """Two features and one output: 2+1, 4(2+1)+(4+1), 4(2+1)+3(4+1)+(3+1) parameters."""
    experiment = made(data(), network={"hidden": hidden}, epochs=2)
    assert experiment.network.theta.size == count
    assert experiment.network.sizes == (2, *hidden, 1)
    assert len(list(experiment.epochs())) == 2


def test_several_targets() -> None:
    """A regression of two targets has two outputs, each in its own units; r2 is the mean over them."""
    given = data(n=30)
    y = np.stack([given.y, 1000 - 500 * given.x[:, 0]], axis=1)
    experiment = made(data(n=30, y=y), network={"hidden": []}, optimizer="batch", epochs=300)
    *_, last = experiment.epochs()
    np.testing.assert_allclose(experiment.model().predict(given.x), y, rtol=1e-3, atol=1e-3)
    rows = experiment.split.validation
    predicted = experiment.model().predict(given.x[rows])
    assert last.metrics["r2/validation"] == pytest.approx(r2_score(y[rows], predicted), rel=1e-9)


def test_the_digest_is_the_datas() -> None:
    """The same data have the same digest whatever is trained; one other number, name or class gives another."""
    assert ready("wine").digest() == ready("wine", seed=5, activation="tanh", split={"validation": 0.5}).digest()
    x = data("binary").x.copy()
    x[3, 1] = np.nextafter(x[3, 1], 9)
    variants = [
        data("binary"),
        data("binary", x=x),
        data("binary", names=("u", "w")),
        data("binary", classes=("a", "c")),
    ]
    digests = [made(each).digest() for each in variants]
    assert len(set(digests)) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


def test_time_between_epochs_is_not_training_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller does between two epochs is left out of ``seconds``: each call of the clock takes one second here."""
    clock = itertools.count()
    monkeypatch.setattr(experiment_module, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    scripted(monkeypatch, [3, 2, 1])
    experiment = made(data(), epochs=3)
    for _ in experiment.epochs():
        for _ in range(50):
            next(clock)
    assert experiment.seconds == 3


def test_objects_and_names_give_the_same_run() -> None:
    """A loss given as an object trains as the named one does."""
    named_run, given_run = (trained("wine", loss=loss, epochs=2) for loss in ("cce", Cce()))
    np.testing.assert_array_equal(named_run.network.theta, given_run.network.theta)
