"""A process that delivers a run's journal while the run trains, so that training never waits for MLflow.

``Courier`` is its end in the training process, ``main`` is the process itself. They talk through its pipes: it gets one line
that says which journal goes where, says a line when the store fails and one when it works again, and ends when its input does,
which is also when the training process is gone, however that went.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

from nnexp.errors import NnexpError
from nnexp.tracking.client import QUICK, quiet, reason

START = "from nnexp.tracking.courier import main; main()"
PAUSE = 1.0
"""Seconds until the journal is looked at again."""
RETRY = 5.0
"""Seconds until a store that failed is tried again."""
NICE = 10
"""It yields the processor to whatever trains."""


class Courier:
    """The training process's end."""

    def __init__(self, uri: str, experiment: str, directory: Path, outputs: Path) -> None:
        # -P and the path: what is imported is what this process has, also where the current directory has a folder "nnexp".
        self._child = subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, "-P", "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is for the training process, which then stops this one
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        # The address goes through the pipe: any user of the machine can read a command line.
        order = {"uri": uri, "experiment": experiment, "directory": str(directory), "outputs": str(outputs)}
        self._child.stdin.write(f"{json.dumps(order)}\n".encode())
        self._child.stdin.flush()
        os.set_blocking(self._child.stdout.fileno(), False)

    def heard(self) -> str:
        """What it has said since the last call; usually nothing."""
        assert self._child.stdout is not None
        return (self._child.stdout.read() or b"").decode(errors="replace").strip()

    def stop(self, seconds: float) -> None:
        """End it within ``seconds``; it may finish the batch it is at. Stopping it twice does no harm."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


def main() -> None:
    """Deliver what comes into the journal until the standard input ends."""
    order = json.loads(sys.stdin.readline())
    os.nice(NICE)
    from nnexp.tracking.delivery import Delivery
    from nnexp.tracking.store import Store

    delivery, failing = None, False
    while True:
        try:
            if delivery is None:
                store = Store.connect(order["uri"], order["experiment"], Path(order["outputs"]))
                delivery = Delivery(store, Path(order["directory"]))
            with quiet(QUICK, firmly=True):
                pause = 0.0 if delivery.advance() else PAUSE
            if failing:
                print("works", flush=True)  # noqa: T201 (to the training process)
            failing = False
        except Exception as error:  # noqa: BLE001 - whatever fails is tried again
            if not failing:
                why = (
                    str(error).splitlines()[0].rstrip(".")
                    if isinstance(error, NnexpError)
                    else reason(error, order["uri"])
                )
                print(why, flush=True)  # noqa: T201 (to the training process)
            failing, pause = True, RETRY
        if select.select([sys.stdin], [], [], pause)[0]:
            return
