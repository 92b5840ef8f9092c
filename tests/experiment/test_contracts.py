"""Plugins that break their contract: refused before training, with their name, and what has to be done instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.builtin.activations import Relu, Softmax
from nnexp.builtin.initializers import Glorot
from nnexp.builtin.losses import Mse
from nnexp.builtin.optimizers import Sgd
from nnexp.errors import NnexpError
from nnexp.experiment.contracts import blaming, check_data
from nnexp.experiment.experiment import Experiment, assemble
from nnexp.experiment.plan import plan
from nnexp.plugin import Activation, Array, Data, Dataset, Layer, Loss, Plugin, State
from tests.command import nnexp
from tests.discovery.test_installed_plugins import install

FORWARD = "must write into out (out[...] = ...)"


@dataclass(frozen=True)
class Given(Dataset):
    """Data in memory."""

    def load(self, rng: np.random.Generator) -> Data:
        raise AssertionError


def made(**chosen: Plugin) -> Experiment:
    """An experiment with the plugins on eight samples of three classes."""
    x = np.random.default_rng(0).normal(size=(9, 2))
    data = Data(x, np.arange(9) % 3, ("u", "v"), "multiclass", ("a", "b", "c"))
    config = {"dataset": Given(), "loss": "mse", "split": {"validation": 0.0}, **chosen}
    return assemble(plan(config), data, np.random.SeedSequence(0).spawn(4))


# --- one class per mistake; each is otherwise sound ---


class ReturnsActivation(Relu):
    """Returns f(z) instead of writing it."""

    def forward(self, z: Array, out: Array) -> Any:
        return np.maximum(z, 0)


class RebindsActivation(Relu):
    """Assigns f(z) to the name ``out``, which writes nothing."""

    def forward(self, z: Array, out: Array) -> None:
        out = np.maximum(z, 0)  # noqa: F841 (the mistake)


class HalfActivation(Softmax):
    """Writes the first unit alone."""

    def forward(self, z: Array, out: Array) -> None:
        out[0] = 0.5


class ReturnsSlope(Relu):
    """Returns dJ/dz instead of changing grad."""

    def backward(self, grad: Array, z: Array, a: Array) -> Any:
        return grad * np.sign(a)


class ValuePerSample(Mse):
    """Gives a cost for each sample instead of their mean."""

    def value(self, y_pred: Array, y: Array) -> Any:
        return np.square(y_pred - y).mean(axis=0)


class NoValue(Mse):
    """Forgets to return."""

    def value(self, y_pred: Array, y: Array) -> Any:
        np.square(y_pred - y).mean()


class ReturnsGradient(Mse):
    """Returns the gradient instead of writing it."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> Any:
        return 2 * (y_pred - y) / y.size


class RebindsGradient(Mse):
    """Assigns the gradient to the name ``out``."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        out = 2 * (y_pred - y) / y.size  # noqa: F841 (the mistake)


class LogitsByName(Mse):
    """Names a class where it has to give an object."""

    def on_logits(self, activation: Activation) -> Any:
        return Mse


class FusedPerSample(Mse):
    """Its form on the logits is wrong."""

    def on_logits(self, activation: Activation) -> Loss | None:
        return ValuePerSample()


class HalfABatch(Sgd):
    """A batch size that is no number of samples."""

    batch_size: Any = 0.5


class ListMemory(Sgd):
    """A memory that is no dict."""

    def init(self, theta: Array) -> Any:
        return [np.zeros_like(theta)]


class NumberMemory(Sgd):
    """A memory that holds a number, which cannot be updated in place."""

    def init(self, theta: Array) -> Any:
        return {"step": 0}


class ReturnsTheta(Sgd):
    """Returns the parameters instead of changing them."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> Any:
        return theta - learning_rate * grad


class ReturnsWeights(Glorot):
    """Returns the weights instead of writing them."""

    def weights(self, rng: np.random.Generator, layer: Layer, out: Array) -> Any:
        return rng.normal(size=out.shape)


class InfiniteBiases(Glorot):
    """Biases that no sum survives."""

    def biases(self, rng: np.random.Generator, layer: Layer, out: Array) -> None:
        out[...] = np.inf


WRONG: list[tuple[dict[str, Plugin], str]] = [
    (
        {"activation": ReturnsActivation()},
        f"The activation: forward returned an array of float64 and shape (16, 3); it {FORWARD}.",
    ),
    (
        {"activation": RebindsActivation()},
        "The activation: forward left entries of out unwritten; it must write all of them (out[...] = ...).",
    ),
    ({"output": HalfActivation()}, "The output: forward left entries of out unwritten"),
    (
        {"activation": ReturnsSlope()},
        "The activation: backward returned an array of float64 and shape (16, 3); it must change grad in place.",
    ),
    (
        {"loss": ValuePerSample()},
        "The loss: value returned an array of float64 and shape (3,); it must return one float, the mean.",
    ),
    ({"loss": NoValue()}, "The loss: value returned None; it must return one float, the mean."),
    (
        {"loss": ReturnsGradient()},
        f"The loss: gradient returned an array of float64 and shape (3, 3); it {FORWARD}.",
    ),
    ({"loss": RebindsGradient()}, "The loss: gradient left entries of out unwritten"),
    ({"loss": LogitsByName()}, "The loss: on_logits returned a ABCMeta; it must return a Loss or None."),
    ({"loss": FusedPerSample()}, "The loss: ValuePerSample.value returned an array of float64 and shape (3,)"),
    ({"optimizer": HalfABatch()}, "The optimizer: its batch_size is 0.5; it must be an int at least 1, or None."),
    ({"optimizer": ListMemory()}, "The optimizer: init returned a list; it must return a dict of arrays."),
    ({"optimizer": NumberMemory()}, "The optimizer: init returned a dict; it must return a dict of arrays."),
    (
        {"optimizer": ReturnsTheta()},
        "The optimizer: update returned an array of float64 and shape (99,); it must change theta in place.",
    ),
    ({"initializer": ReturnsWeights()}, "The initializer left W1 unset or not finite; it must write numbers into out"),
    ({"initializer": InfiniteBiases()}, "The initializer left b1 unset or not finite"),
]


@pytest.mark.parametrize(("chosen", "text"), WRONG, ids=[type(*chosen.values()).__name__ for chosen, _ in WRONG])
def test_a_breach(chosen: dict[str, Plugin], text: str) -> None:
    """What a plugin gives that its contract does not allow is refused before the first epoch, with what it must do."""
    with pytest.raises(NnexpError) as error:
        made(**chosen)
    assert str(error.value).startswith(text)


def test_returning_out_is_no_breach() -> None:
    """A method that returns the very array it had to write into has written it."""

    class Fluent(Relu):
        def forward(self, z: Array, out: Array) -> Any:
            return np.maximum(z, 0, out=out)

    assert made(activation=Fluent()).network.hidden == Fluent()


def test_the_rehearsal_changes_nothing() -> None:
    """Neither the parameters nor the random numbers of a run depend on the samples that were tried before."""
    experiment = made()
    expected = np.zeros_like(experiment.network.matrices[0][:, :-1])
    Glorot().weights(np.random.default_rng(np.random.SeedSequence(0).spawn(4)[2]), Layer(1, 2, 16), expected)
    assert np.array_equal(experiment.network.matrices[0][:, :-1], expected)


GOOD: dict[str, Any] = {
    "x": np.zeros((6, 2)),
    "y": np.arange(6) % 3,
    "names": ("u", "v"),
    "task": "multiclass",
    "classes": ("a", "b", "c"),
}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": [[1.0, 2.0]]}, "It gave a list for x; it must be an array of real numbers."),
        (
            {"x": np.array([["a", "b"]] * 6)},
            "It gave an array of <U1 and shape (6, 2) for x; it must be an array of real",
        ),
        ({"y": np.zeros(6) * 1j}, "It gave an array of complex128 and shape (6,) for y"),
        ({"y": np.array(1.0)}, "It gave x of shape (6, 2) for 0 targets"),
        ({"task": "clustering"}, "It gave the task 'clustering'; it must be one of regression, binary, multiclass."),
        ({"task": "binary"}, "It gave 3 classes for the task binary; it needs 2."),
        ({"classes": ("a",)}, "It gave 1 classes for the task multiclass; it needs at least 2."),
        (
            {"classes": ("a", "b")},
            "It gave y of shape (6,) and type int64 with values from 0 to 2; for a classification",
        ),
        ({"y": np.arange(6) % 3 - 1}, "It gave y of shape (6,) and type int64 with values from -1 to 1"),
        ({"y": np.arange(6) % 3 * 1.0}, "It gave y of shape (6,) and type float64 with values from 0.0 to 2.0"),
        ({"y": np.eye(3, dtype=int)[[0, 1, 2] * 2]}, "It gave y of shape (6, 3) and type int64"),
        ({"task": "regression", "y": np.zeros((6, 1, 1))}, "It gave y of shape (6, 1, 1); it must be (n_samples,) or"),
    ],
)
def test_nonsense_data(change: dict[str, Any], text: str) -> None:
    """A dataset's arrays, task and classes have to be what they are said to be."""
    check_data(Data(**GOOD), "It")
    with pytest.raises(NnexpError) as error:
        check_data(Data(**(GOOD | change)), "It")
    assert str(error.value).startswith(text)


def test_data_of_another_type() -> None:
    """What is no Data is refused by its type."""
    with pytest.raises(NnexpError, match=r"It gave a tuple; load\(rng\) must return a nnexp\.plugin\.Data\."):
        check_data((GOOD["x"], GOOD["y"]), "It")


def test_nobody_is_blamed_for_nnexps_own_bugs() -> None:
    """An error in nnexp's code, its built-in plugins included, stays what it is; so does running out of memory."""
    for error in (ValueError("ours"), MemoryError("large"), NnexpError("said")):
        with pytest.raises(type(error)) as raised, blaming({"loss": Mse()}):
            raise error
        assert raised.value is error


def test_a_later_failure() -> None:
    """A plugin that fails in the middle of training is named with the place in its file."""

    class Tired(Sgd):
        calls: Iterator[int] = iter(range(30))

        def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
            if next(self.calls) > 20:
                raise ValueError("enough")

    experiment = made(optimizer=Tired())
    with pytest.raises(NnexpError) as error:
        list(experiment.epochs())
    assert str(error.value).startswith("The optimizer failed in update() (test_contracts.py, line ")
    assert str(error.value).endswith("): ValueError: enough.")
    assert len(experiment.history) == 2


# --- installed distributions, real processes ---

HEAD = """from dataclasses import dataclass
import numpy as np
from nnexp.plugin import Activation, Data, Dataset, Initializer, Loss, Optimizer, param

def helper():
    return [][1]

@dataclass(frozen=True)
"""
CODE = {
    "dataset": """
class X(Dataset):
    def load(self, rng):
        return np.zeros((3, 1))
""",
    "loss": """
class X(Loss):
    outputs = {"regression": "identity"}
    def value(self, y_pred, y):
        return abs(y_pred - y)
    def gradient(self, y_pred, y, out):
        out[...] = 1
""",
    "activation": """
class X(Activation):
    def forward(self, z, out):
        out[...] = z.sum(axis=1)
    def backward(self, grad, z, a):
        pass
""",
    "initializer": """
class X(Initializer):
    def weights(self, rng, layer, out):
        helper()
""",
    "optimizer": """
class X(Optimizer):
    learning_rate: float = param(0.1)
    batch_size = 8
    def update(self, theta, grad, state, learning_rate):
        return theta - grad
""",
}
SAID = {
    "dataset": " gave an array of float64 and shape (3, 1); load(rng) must return a nnexp.plugin.Data.",
    "loss": ": value returned an array of float64 and shape (1, 3); it must return one float, the mean. Choose another "
    "loss, or see what is wrong: python -m nnexp check loss.odd",
    "activation": " failed in forward() (my_odd.py, line 11): ValueError: could not broadcast",
    "initializer": " failed in weights() (my_odd.py, line 11): IndexError: list index out of range. Choose another",
    "optimizer": ": update returned an array of float64 and shape (193,); it must change theta in place. Choose another",
}


@pytest.mark.parametrize("kind", CODE)
def test_an_installed_plugin_that_breaks_its_contract(kind: str, tmp_path: Path) -> None:
    """The plugin is named with its distribution and what to type next; no traceback, no run, nothing left behind."""
    modules = {"my_odd": HEAD + CODE[kind].lstrip()}
    install(tmp_path / "site", "nnexp-odd", {f"nnexp.{kind}": "odd = my_odd:X"}, modules)
    (tmp_path / "place").mkdir()
    ended = nnexp(f"{kind}=odd", "epochs=2", cwd=tmp_path / "place", PYTHONPATH=str(tmp_path / "site"))
    assert ended.err.startswith(f"nnexp: {kind}=odd of nnexp-odd 1.2{SAID[kind]}")
    assert "bug" not in ended.err
    assert "Traceback" not in ended.err
    assert ended.code == 1
    assert list((tmp_path / "place").iterdir()) == []
