"""Watches programs as they are: Python imports this at the start of every process with this folder on ``PYTHONPATH``.

A thread looks at all others every few milliseconds. The processor time that each has used since is put down to what its
innermost frame belongs to: the table ``GROUPS``, and for NumPy or the standard library whoever called them. A line for each
look goes at once to a file of the process in the folder ``NNEXP_BENCHMARK_SAMPLES``, as workers end without a farewell. Linux.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from types import FrameType

IMPORTS, REST = "imports", "the rest"
GROUPS = {
    "/matplotlib/": "pictures",
    "/PIL/": "pictures",
    "/nnexp/pictures/comparison.py": "pictures",
    "/nnexp/pictures/curve.py": "pictures",
    "/mlflow/": "tracking",
    "/sqlalchemy/": "tracking",
    "/alembic/": "tracking",
    "/nnexp/tracking/": "tracking",
    "/hydra/": "composition",
    "/hydra_plugins/": "composition",
    "/omegaconf/": "composition",
    "/antlr4/": "composition",
    "/nnexp/composition/loader.py": "composition",
    "/nnexp/composition/safety.py": "composition",
    "/nnexp/composition/shortcut.py": "composition",
    "/nnexp/composition/configs.py": "composition",
    "/nnexp/composition/explain.py": "composition",
    "/nnexp/composition/options.py": "composition",
    "/sklearn/neural_network/": "training",
    "/sklearn/metrics/": "training",
    "/nnexp/engine/training.py": "training",
    "/nnexp/experiment/data.py": "training",
    "/nnexp/engine/network.py": "training",
    "/nnexp/engine/objective.py": "training",
    "/nnexp/builtin/activations.py": "training",
    "/nnexp/builtin/losses.py": "training",
    "/nnexp/builtin/optimizers.py": "training",
    "/nnexp/builtin/schedules.py": "training",
    "/nnexp/engine/metrics.py": "training",
    "/nnexp/": REST,
    "/sklearn/datasets/": REST,
    "/peer_sweep.py": REST,
}
"""Parts of a source file's path; the first found counts. Evaluation is part of training; "composition" is all of Hydra."""
INTERVAL = 0.004


def group_of(path: str, known: dict[str, str | None]) -> str | None:
    """The group of a source file; None where it depends on who calls it."""
    if path not in known:
        known[path] = next((group for part, group in GROUPS.items() if part in path), None)
    return known[path]


def attributed(frame: FrameType | None, known: dict[str, str | None]) -> str:
    """The group of the innermost frame that has one; whatever happens within an import is the import's."""
    found = None
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith("<frozen importlib"):
            return IMPORTS
        found = found or group_of(path, known)
        frame = frame.f_back
    return found or REST


def used(thread: int) -> float:
    """Seconds of processor time of a thread of this process; none if it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/self/task/{thread}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return 0.0


def watch(folder: str) -> None:
    """Look at the other threads for ever."""
    file = os.open(f"{folder}/{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    known: dict[str, str | None] = {}
    before: dict[int, float] = {}
    own = threading.get_native_id()
    while True:
        frames = sys._current_frames()
        spent: dict[str, float] = defaultdict(float)
        for thread in threading.enumerate():
            number = thread.native_id
            if number is None or number == own or thread.ident not in frames:
                continue
            now = used(number)
            spent[attributed(frames[thread.ident], known)] += max(0.0, now - before.get(number, 0.0))
            before[number] = now
        del frames
        os.write(file, "".join(f"{group}\t{seconds}\n" for group, seconds in spent.items()).encode())
        time.sleep(INTERVAL)


def start() -> None:
    """Watch this process, and each that it forks."""
    threading.Thread(target=watch, args=(os.environ["NNEXP_BENCHMARK_SAMPLES"],), daemon=True).start()


if "NNEXP_BENCHMARK_SAMPLES" in os.environ:
    start()
    os.register_at_fork(after_in_child=start)
