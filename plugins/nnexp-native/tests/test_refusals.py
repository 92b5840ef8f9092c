"""What the engine refuses: plugins it has no code for, other processors' targets, other numbers, what is too large."""

from __future__ import annotations

import dataclasses
import importlib
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from nnexp_native import Native, _native
from nnexp_native.plugins import FORMULAS, STATES

from nnexp.builtin.activations import Sigmoid, Tanh
from nnexp.builtin.losses import Bce, Mse
from nnexp.builtin.optimizers import MiniBatch
from nnexp.errors import NnexpError
from nnexp.plugin import Activation
from nnexp.testing.engine_cases import plain

Swish: Any = dataclasses.dataclass(frozen=True)(
    type("Swish", (Activation,), {"forward": Tanh.forward, "backward": Tanh.backward, "__module__": "my_module"})
)
OtherTanh: Any = dataclasses.dataclass(frozen=True)(
    type("Tanh", (Activation,), {"forward": Tanh.forward, "backward": Tanh.backward, "__module__": "my_module"})
)


@dataclasses.dataclass(frozen=True)
class Heir(Tanh):
    """Tanh, as far as its base class goes."""


@dataclasses.dataclass(frozen=True)
class HeirOfMse(Mse):
    """Mse, as far as its base class goes."""


@dataclasses.dataclass(frozen=True)
class HeirOfMiniBatch(MiniBatch):
    """MiniBatch, as far as its base class goes."""


def test_a_plugin_without_code_is_named() -> None:
    """The message has the key, the name, the class, and what to type."""
    refusal = Native().refusal(plain(activation=Swish()).training)
    assert refusal == "engine=native has no code for activation=Swish (my_module.Swish). Type engine=numpy."


def test_an_installed_plugin_is_called_as_it_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the plugin is an option, the message has the option's name."""
    found = Native().refusal(plain(activation=Swish(), output=Swish()).training)
    assert "activation=Swish (my_module.Swish), output=Swish (my_module.Swish)" in found
    monkeypatch.delitem(FORMULAS, "nnexp.builtin.activations.Tanh")
    assert "activation=tanh (nnexp.builtin.activations.Tanh)" in Native().refusal(plain().training)


@pytest.mark.parametrize(
    "changes",
    [
        {"activation": OtherTanh()},
        {"activation": Heir()},
        {"output": Heir()},
        {"loss": HeirOfMse()},
        {"optimizer": HeirOfMiniBatch()},
    ],
    ids=["same name", "subclass", "output", "loss", "optimizer"],
)
def test_who_is_not_the_plugin_itself(changes: dict[str, Any]) -> None:
    """A class of the same name from elsewhere, and a subclass, may compute anything: they are refused."""
    training = plain(**changes).training
    ((key, plugin),) = changes.items()
    assert f"{key}={type(plugin).__name__}" in Native().refusal(training)
    with pytest.raises(NnexpError, match="has no code for"):
        Native().evaluator(training, np.ones((2, 4)), np.zeros(26))


def test_an_output_that_the_loss_takes_in() -> None:
    """Whose link the loss has a closed form for is never computed itself, so anybody's sigmoid will do."""

    @dataclasses.dataclass(frozen=True)
    class Mine(Sigmoid):
        """A sigmoid."""

    assert Native().refusal(plain(loss=Bce(), output=Mine(), task="binary").training) == ""
    assert "output=Mine" in Native().refusal(plain(loss=Mse(), output=Mine(), task="binary").training)


def test_targets_of_other_processors() -> None:
    """A target that this processor lacks is refused by its key, with those that it has."""
    missing = sorted({"baseline", "avx2", "avx512", "neon"} - {*_native.targets()})
    for target in missing:
        refusal = Native(target=target).refusal(plain().training)
        assert refusal.startswith(f"engine.target={target} is not for this processor, which has {_native.targets()[0]}")
        assert refusal.endswith("Type engine.target=auto.")
    assert missing


def test_settled() -> None:
    """``auto`` becomes the best target that there is; another choice stays."""
    assert Native().settled() == Native(target=_native.targets()[0])
    assert Native(target="baseline", matmul="naive").settled() == Native(target="baseline", matmul="naive")


def test_other_numbers() -> None:
    """A dtype that there is no code for is refused."""
    training = dataclasses.replace(plain().training, dtype=np.dtype("float16"))
    assert Native().refusal(training) == "engine=native has no code for dtype=float16. Type engine=numpy."


TOO_LARGE = """
import dataclasses, resource, sys
import numpy as np
from nnexp_native import Native
from nnexp.errors import NnexpError
from nnexp.testing.engine_cases import plain
case = plain(hidden=(3000,), n_features=3000, n_samples=5)
theta = case.theta.copy()
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 50_000_000, resource.RLIM_INFINITY))
for make in (
    lambda: Native().runner(case.training, case.design, case.y, theta, {}),
    lambda: Native().evaluator(case.training, case.design, theta),
):
    try:
        make()
    except NnexpError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are kept on Linux only")
def test_too_large() -> None:
    """A network for which there is no memory is refused in one line with its sizes and what to type."""
    done = subprocess.run([sys.executable, "-c", TOO_LARGE], capture_output=True, text=True, check=True)
    wanted = r"There is not enough memory .* 3000-3000-3 \(9,012,003 parameters\) on 5 samples .* dtype=float32\."
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert re.fullmatch(wanted, line)


def test_the_table_names_what_there_is() -> None:
    """Every class in the table exists, has the fields that are handed over, and every rule's memory is the optimizer's."""
    for name, formula in FORMULAS.items():
        module, _, qualified = name.rpartition(".")
        cls = getattr(importlib.import_module(module), qualified)
        assert set(formula.fields) <= {item.name for item in dataclasses.fields(cls)}
        if cls.kind == "optimizer":
            assert set(cls().init(np.zeros(3))) == set(STATES[formula.name])
