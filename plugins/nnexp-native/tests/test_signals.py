"""A signal ends an epoch that would take minutes: a real process, interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

CODE = """
import signal, threading, time
import numpy as np
from nnexp_native import Native
from nnexp.testing.engine_cases import installed, plain

class Ended(BaseException):
    pass

def end(number, frame):
    raise Ended

def tell(logits):
    while np.isnan(logits[0, 0]):
        time.sleep(0.01)
    print("under way", flush=True)

signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, signal.default_int_handler)
named = {type(each).__name__: each for each in installed("optimizer")}
MANY_STEPS = (256, 256), 8, 200_000, type(named["MiniBatch"])(batch_size=1)
ONE_STEP = (1000, 1000), 500, 20_000, named["Batch"]
MANY_WEIGHTS = (4000, 4000), 10, 1000, type(named["MiniBatch"])(batch_size=1)
for shape in (MANY_STEPS, ONE_STEP, MANY_WEIGHTS):
    hidden, n_features, n_samples, optimizer = shape
    case = plain(hidden=hidden, n_features=n_features, n_samples=n_samples, optimizer=optimizer)
    for matmul in ("simd", "naive"):
        for _ in range(2 if shape is ONE_STEP else 1):
            theta = case.theta.copy()
            runner = Native(matmul=matmul).runner(case.training, case.design, case.y, theta, optimizer.init(theta))
            runner.logits[...] = np.nan
            threading.Thread(target=tell, args=[runner.logits], daemon=True).start()
            try:
                runner.run(None, 1e-9)
                print("the epoch ended", flush=True)
            except (KeyboardInterrupt, Ended) as error:
                print(type(error).__name__, np.array_equal(theta, case.theta), flush=True)
"""
CTRL_C, TERM = (signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Ended")
SENT = [CTRL_C] * 2 + [CTRL_C, TERM] * 2 + [CTRL_C] * 2
"""In epochs of many steps, of one step, and of steps of many weights, each by tiles of vectors and by plain loops."""


def test_a_signal_is_answered() -> None:
    """Its handler runs within two seconds, what it raises ends the epoch, and theta is as it was before this epoch.

    Which signal it is is the same to the compiled part: SIGTERM has one of the shapes.
    """
    slowest = 0.0
    with subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answers = []
        for number, name in SENT:
            if process.stdout.readline() != "under way\n":
                break
            time.sleep(0.05)
            sent = time.perf_counter()
            process.send_signal(number)
            answers.append(process.stdout.readline())
            slowest = max(slowest, time.perf_counter() - sent)
            if answers[-1] != f"{name} True\n" or slowest >= 2:
                process.kill()
    assert answers == [f"{name} True\n" for _, name in SENT]
    assert slowest < 2
