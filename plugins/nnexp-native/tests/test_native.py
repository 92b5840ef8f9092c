"""Beside the kit: each target and each product, the accuracy of functions, signals, memory, and what is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nnexp_native import Native, _native

from nnexp.testing.engine_cases import Case, plain, shapes, trained
from nnexp.testing.engines import compare

TARGETS = list(_native.targets())


@pytest.fixture(scope="module")
def cases() -> list[tuple[Case, Any]]:
    """Networks of many sizes, and what NumPy makes of them."""
    from nnexp.engine.numpy_engine import Numpy

    return [(case, trained(Numpy(), case)) for case in shapes()]


@pytest.mark.parametrize("matmul", ["naive", "blocked", "simd"])
@pytest.mark.parametrize("target", TARGETS)
def test_each_product_on_each_target(target: str, matmul: str, cases: list[tuple[Case, Any]]) -> None:
    """All that this processor can run gives NumPy's numbers, for sizes that fill no vector and batches that do not divide."""
    for case, right in cases:
        compare(case, trained(Native(target=target, matmul=matmul), case), right)


def big(hidden: int = 1500) -> Case:
    """A case whose epoch takes a minute."""
    return plain(hidden=(hidden, hidden, hidden), n_samples=4000, n_features=50, epochs=1)


LONG = """
import signal, sys, time
sys.path[:0] = {path!r}
from nnexp_native import Native
from test_native import big
case = big()
theta = case.theta.copy()
runner = Native(matmul="naive").runner(case.training, case.design, case.y, theta, {{}})
def ended(number, frame):
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, ended)
signal.signal(signal.SIGINT, ended)
print("begun", flush=True)
try:
    runner.run(case.orders[0], 0.01)
except KeyboardInterrupt:
    print("ended", (theta == case.theta).all(), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_epoch(number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM are answered within two seconds in an epoch of minutes; the parameters are as before the epoch."""
    from pathlib import Path

    program = LONG.format(path=[str(Path(__file__).parent)])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        time.sleep(1)
        sent = time.monotonic()
        process.send_signal(number)
        assert process.stdout.readline() == "ended True\n"
        assert time.monotonic() - sent < 2
        process.wait(60)


def test_too_little_memory() -> None:
    """Where the memory ends it says so, with the sizes and what to type, and not by a crash."""
    program = (
        "import resource, sys\n"
        f"sys.path[:0] = [{str(__file__.rpartition('/')[0])!r}]\n"
        "from nnexp_native import Native\n"
        "from nnexp.errors import NnexpError\n"
        "from test_native import big\n"
        "case = big(3000)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, used + 100_000_000))\n"
        "try:\n"
        "    Native().runner(case.training, case.design, case.y, case.theta, {})\n"
        "except NnexpError as error:\n"
        "    print(error)\n"
    )
    if sys.platform != "linux":
        pytest.skip("the limit is set as Linux has it")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "50-3000-3000-3000-3" in ended.stdout
    assert "engine=native" in ended.stdout
    assert "dtype=float32" in ended.stdout


def test_an_order_that_is_none() -> None:
    """An index that is no sample's is refused before anything is read."""
    case = plain()
    runner = Native().runner(case.training, case.design, case.y, case.theta.copy(), {})
    for wrong in (np.array([0, 1, 2, 3, 4, 5, 7]), np.array([0, 1, 2, 3, 4, 5, -1]), np.arange(6), np.arange(8)):
        with pytest.raises((IndexError, ValueError), match="order"):
            runner.run(wrong.astype(np.intp), 0.1)


def test_what_this_processor_lacks() -> None:
    """A target that was not compiled or that the processor lacks is refused in words."""
    for target in {"avx2", "avx512", "neon", "baseline"} - set(TARGETS):
        assert "Type engine.target=auto" in Native(target=target).refusal(plain().training)
    assert Native().settled() == Native(target=TARGETS[0])


def test_half_precision_is_refused() -> None:
    """There is code for float64 and float32 only."""
    training = replace(plain().training, dtype=np.dtype(np.float16))
    assert "float16" in Native().refusal(training)


POINTS = np.concatenate([np.linspace(-30, 30, 20001), np.logspace(-300, 2, 3001), -np.logspace(-300, 2, 3001), [0.0]])
REFERENCES: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("name", list(REFERENCES))
@pytest.mark.parametrize("target", TARGETS)
def test_functions_are_accurate(name: str, target: str) -> None:
    """exp, tanh and sigmoid are within two units in the last place of values computed with more digits, in both tails."""
    if np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant:
        pytest.skip("this machine has no longer numbers to compare with")
    x = POINTS.copy()
    out = np.empty_like(x)
    _native.elementary(target, name, x, out)
    right = REFERENCES[name](x.astype(np.longdouble))
    units = np.abs(out - right) / np.spacing(np.abs(right.astype(np.float64)))
    assert float(units.max()) <= 2.5


@pytest.mark.parametrize("target", TARGETS)
def test_functions_at_the_ends(target: str) -> None:
    """At infinity the limits, at NaN NaN, and beyond the range 0 or infinity."""
    x = np.array([np.inf, -np.inf, np.nan, 800.0, -800.0, 0.0, -0.0])
    for name, right in {
        "exp": [np.inf, 0, np.nan, np.inf, 0, 1, 1],
        "tanh": [1, -1, np.nan, 1, -1, 0, 0],
        "sigmoid": [1, 0, np.nan, 1, 0, 0.5, 0.5],
    }.items():
        out = np.empty_like(x)
        _native.elementary(target, name, x, out)
        np.testing.assert_array_equal(out, right)
