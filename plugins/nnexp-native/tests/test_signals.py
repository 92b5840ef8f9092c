"""A signal ends an epoch that would take minutes: real processes, interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

CODE = """
import signal, sys
import numpy as np
from nnexp_native import Native
from nnexp.testing.engine_cases import installed, plain

class Ended(BaseException):
    pass

def end(number, frame):
    raise Ended

signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, signal.default_int_handler)
hidden, n_features, n_samples, batch = {shape}
named = {{type(each).__name__: each for each in installed("optimizer")}}
optimizer = named["Batch"] if batch is None else type(named["MiniBatch"])(batch_size=batch)
case = plain(hidden=hidden, n_features=n_features, n_samples=n_samples, optimizer=optimizer)
theta = case.theta.copy()
engine = Native(matmul={matmul!r})
runner = engine.runner(case.training, case.design, case.y, theta, optimizer.init(theta))
print("ready", flush=True)
try:
    runner.run(None, 1e-9)
    print("the epoch ended", flush=True)
except (KeyboardInterrupt, Ended) as error:
    print(type(error).__name__, np.array_equal(theta, case.theta), flush=True)
"""
SHAPES = {
    "many steps": ((256, 256), 64, 200_000, 1),
    "one step": ((1000, 1000), 500, 20_000, None),
    "steps of many weights": ((4000, 4000), 10, 1000, 1),
}


@pytest.mark.parametrize("matmul", ["simd", "naive"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Ended")])
def test_a_signal_is_answered(number: signal.Signals, name: str, shape: object, matmul: str) -> None:
    """Its handler runs within two seconds, what it raises ends the epoch, and theta is as it was before this epoch."""
    code = CODE.format(shape=shape, matmul=matmul)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        sent = time.perf_counter()
        process.send_signal(number)
        answer = process.stdout.readline()
        took = time.perf_counter() - sent
        process.wait()
    assert answer == f"{name} True\n"
    assert took < 2
