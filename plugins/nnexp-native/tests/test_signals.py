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
named = {{type(each).__name__: each for each in installed("optimizer")}}
for hidden, n_features, n_samples, batch in {shapes}:
    optimizer = named["Batch"] if batch is None else type(named["MiniBatch"])(batch_size=batch)
    case = plain(hidden=hidden, n_features=n_features, n_samples=n_samples, optimizer=optimizer)
    for matmul in ("simd", "naive"):
        theta = case.theta.copy()
        engine = Native(matmul=matmul)
        runner = engine.runner(case.training, case.design, case.y, theta, optimizer.init(theta))
        print("ready", flush=True)
        try:
            runner.run(None, 1e-9)
            print("the epoch ended", flush=True)
        except (KeyboardInterrupt, Ended) as error:
            print(type(error).__name__, np.array_equal(theta, case.theta), flush=True)
"""
MANY_STEPS = ((256, 256), 64, 200_000, 1)
ONE_STEP = ((1000, 1000), 500, 20_000, None)
MANY_WEIGHTS = ((4000, 4000), 10, 1000, 1)


@pytest.mark.parametrize(
    ("number", "name", "shapes"),
    [
        (signal.SIGINT, "KeyboardInterrupt", [MANY_STEPS, ONE_STEP, MANY_WEIGHTS]),
        (signal.SIGTERM, "Ended", [ONE_STEP]),
    ],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_signal_is_answered(number: signal.Signals, name: str, shapes: list[object]) -> None:
    """Its handler runs within two seconds, what it raises ends the epoch, and theta is as it was before this epoch.

    In epochs of many steps, of one step, and of steps of many weights, by tiles of vectors and by plain loops. Which signal
    it is is the same to the compiled part: SIGTERM has one of the shapes.
    """
    code, slowest = CODE.format(shapes=shapes), 0.0
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answers = []
        while process.stdout.readline() == "ready\n":
            time.sleep(0.3)
            sent = time.perf_counter()
            process.send_signal(number)
            answers.append(process.stdout.readline())
            slowest = max(slowest, time.perf_counter() - sent)
            if answers[-1] != f"{name} True\n" or slowest >= 2:
                process.kill()
    assert answers == [f"{name} True\n"] * (2 * len(shapes))
    assert slowest < 2
