"""The process of a ``Courier``. It imports MLflow first of all, so it may be started before anybody knows what it is to do."""

from __future__ import annotations

import os
import subprocess
import sys

BEGIN = """
import gc, os, sys
gc.disable()
os.nice(int(sys.argv[1]))
from nnexp.run.drawing import draw_missing
from nnexp.tracking.courier import main
main(draw_missing)
"""
"""What the process runs. It also draws the pictures that runs have left out."""

_ahead: list[subprocess.Popen[bytes]] = []


def start() -> None:
    """Start one for whoever comes to ``take`` it."""
    _ahead.append(_started())


def take(niceness: int = 0) -> subprocess.Popen[bytes]:
    """The one that was started ahead, or a new one. Its input tells it what to do, and ends it when that ends.

    One that is to yield the processor, by its ``niceness``, does so from the beginning and is always new.
    """
    return _ahead.pop() if _ahead and not niceness else _started(niceness)


def dismiss() -> None:
    """End the one that nobody has taken."""
    while _ahead:
        process = _ahead.pop()
        process.kill()
        process.communicate()


def _started(niceness: int = 0) -> subprocess.Popen[bytes]:
    # -P and the path: what is imported is what this process has, also where the current directory has a folder "nnexp".
    return subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-P", "-c", BEGIN, str(niceness)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,  # Ctrl-C is for this process, which then stops the other one
    )
