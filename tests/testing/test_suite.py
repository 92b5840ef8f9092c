"""``conformance`` as a plugin's own tests use it, ``examine`` as a library, and what is no plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nnexp.builtin.activations import Tanh
from nnexp.builtin.losses import Mae, Mse
from nnexp.errors import NnexpError
from nnexp.plugin import Activation, Array, Plugin
from nnexp.testing import Check, conformance, examine

PLUGIN = '''
from dataclasses import dataclass
import numpy as np
from nnexp.plugin import Loss, param

@dataclass(frozen=True)
class Huber(Loss):
    """J = mean(r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2)), r = y_pred - y (Huber, 1964)."""

    outputs = {"regression": "identity"}
    delta: float = param(1.0, above=0, doc="where the parabola becomes a line")

    def value(self, y_pred, y):
        r = np.abs(y_pred - y)
        return float(np.where(r <= self.delta, r * r / 2, self.delta * (r - self.delta / 2)).mean())

    def gradient(self, y_pred, y, out):
        np.clip(y_pred - y, -self.delta, self.delta, out=out)
        np.divide(out, y.SIZE, out=out)
'''
TESTS = """
from nnexp.testing import conformance
from huber import Huber

test_huber = conformance(Huber)
test_huber_wide = conformance(Huber(delta=5.0))
"""


def run(directory: Path, plugin: str) -> tuple[int, list[str]]:
    """What pytest says about the two lines of tests, in a process of its own: exit code and lines."""
    (directory / "huber.py").write_text(plugin)
    (directory / "test_huber.py").write_text(TESTS)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-rsf",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "test_huber.py",
    ]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout.splitlines()


def test_one_line_is_a_whole_test(tmp_path: Path) -> None:
    """A right loss: one test per check with the check's name, skips with their reason, all green."""
    code, lines = run(tmp_path, PLUGIN.replace("SIZE", "size"))
    assert code == 0, lines
    assert any(line.startswith("test_huber.py::test_huber[gradient] PASSED") for line in lines)
    assert any(line.startswith("test_huber.py::test_huber_wide[mean_over_samples] PASSED") for line in lines)
    assert any("kink is None: J is smooth" in line for line in lines)
    assert "52 passed, 12 skipped" in lines[-1]


def test_a_mistake_is_a_red_test(tmp_path: Path) -> None:
    """A gradient that does not average over outputs: its checks fail with the message, and without a traceback."""
    code, lines = run(tmp_path, PLUGIN.replace("y.SIZE", "y.shape[1]"))
    assert code == 1
    message = (
        "regression: the gradient is 3 times the derivative of value: n_outputs is 3, so value averages over outputs"
    )
    assert any(line.startswith(message) for line in lines)
    assert not any("Traceback" in line or "suite.py" in line for line in lines if "SKIPPED" not in line)
    assert "4 failed" in lines[-1]


def test_examine() -> None:
    """Every check comes back with its name, one line of what it asks for, and how it ended; reasons where skipped."""
    found = {each.name: each for each in examine(Mae())}
    assert found["gradient"] == Check("gradient", "gradient is the slope of value (differences).", "passed")
    assert found["complex_step"].outcome == "skipped"
    assert found["complex_step"].reason == "analytic is False"
    assert all(each.reason for each in found.values() if each.outcome == "skipped")
    assert all(each.what for each in found.values())


@dataclass(frozen=True)
class Raises(Tanh):
    """a = tanh(z) (LeCun et al., 1998)."""

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        raise KeyError("slope")


def test_whoever_waits_is_told_what_is_examined() -> None:
    """Each check runs within what is made of its name, before the next one begins."""
    told = []

    @contextmanager
    def around(name: str) -> Iterator[None]:
        told.append(name)
        yield
        told.append("")

    results = examine(Mae(), around)
    assert told == [each for result in results for each in (result.name, "")]


def test_an_exception_is_a_failure_with_its_place() -> None:
    """Whatever a plugin raises is shown in one line with the line of the plugin, and stops no other check."""
    found = {each.name: each for each in examine(Raises)}
    assert found["gradient"].outcome == "failed"
    assert found["gradient"].message.startswith("KeyError: 'slope' (test_suite.py, line ")
    assert found["range_holds"].outcome == "passed"


@dataclass(frozen=True)
class ShiftedMae(Mae):
    """J = mean(|r - 0.1|), r = y_pred - y (Laplace, 1789)."""

    def value(self, y_pred: Array, y: Array) -> float:
        return super().value(y_pred, y + 0.1)

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        super().gradient(y_pred, y + 0.1, out)

    def kink(self, y_pred: Array, y: Array) -> Array:
        return y_pred - (y + 0.1)


def test_a_kink_between_the_numbers() -> None:
    """A kink that no number of few digits hits is one all the same; only its slope 0 cannot be asked for."""
    found = {each.name: each for each in examine(ShiftedMae)}
    assert found["kinks_are_kinks"].outcome == "passed"
    assert found["no_other_kinks"].outcome == "passed"
    assert found["kinks_have_slope_0"].reason == "no prediction that floating-point numbers hold exactly makes kink 0"


@dataclass(frozen=True)
class ReturnsTheMean(Mse):
    """J = mean(r^2), r = y_pred - y (Legendre, 1805)."""

    def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
        np.subtract(y_pred, y, out=out)
        np.multiply(out, 2.0, out=out)
        return out / y.size  # type: ignore[return-value]


def test_no_kinks_are_sought_in_a_gradient_that_is_no_mean() -> None:
    """Where the 1 / n_samples is returned instead of written, the checks of the mean fail, and none invents a kink."""
    found = {each.name: each for each in examine(ReturnsTheMean)}
    assert found["mean_over_samples"].outcome == "failed"
    assert found["no_other_kinks"].reason == (
        "the gradient of a sample depends on how many there are: see mean_over_samples"
    )


class NoDataclass(Activation):
    """a = tanh(z) (LeCun et al., 1998)."""

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out=out)


def test_an_abstract_class() -> None:
    """Where no object can be made, the class is checked and the rest skipped with that reason."""
    found = {each.name: each for each in examine(NoDataclass)}
    assert found["methods"].message.startswith("NoDataclass lacks backward.")
    assert found["frozen_dataclass"].outcome == "failed"
    assert found["gradient"].reason == "no object can be made: NoDataclass lacks methods"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (int, "int is no plugin."),
        (3, "3 is no plugin."),
        (Plugin, "Plugin is no plugin."),
        (np.tanh, "tanh is no plugin."),
    ],
)
def test_what_is_no_plugin(target: object, text: str) -> None:
    """What is no plugin is refused, and told what one is."""
    for function in (examine, conformance):
        with pytest.raises(NnexpError) as error:
            function(target)
        assert str(error.value).startswith(text)
        assert "    @dataclass(frozen=True)\n    class Huber(Loss):" in str(error.value)
        assert "one of Activation, Loss, Optimizer, Schedule, Initializer, Dataset" in str(error.value)


def test_pytest_is_imported_late() -> None:
    """``import nnexp.testing`` works where pytest is not installed, as in the environment of a user who types check."""
    code = "import sys; import nnexp.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
