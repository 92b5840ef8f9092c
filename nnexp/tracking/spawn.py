"""The start of a delivery process: it imports MLflow first of all, so it may be spawned before anybody knows its work."""

from __future__ import annotations

import os
import subprocess
import sys

BEGIN = """
import gc, os, sys
gc.disable()
os.nice(int(sys.argv[1]))
from nnexp.run.drawing import draw_missing
from nnexp.tracking.delivery_process import main
main(draw_missing)
"""
"""What the process runs. It also draws the pictures that runs have left out."""


def spawned(niceness: int = 0) -> subprocess.Popen[bytes]:
    """Start one. Its input tells it what to do, and ends it when that ends; ``niceness`` has it yield the processor."""
    # -P and the path: what is imported is what this process has, also where the current directory has a folder "nnexp".
    return subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-P", "-c", BEGIN, str(niceness)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,  # Ctrl-C is for this process, which then stops the other one
    )


def dismiss(process: subprocess.Popen[bytes]) -> None:
    """End one that nobody has told anything."""
    process.kill()
    process.communicate()
