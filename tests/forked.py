"""``python -m nnexp WORDS`` many times over: a process that has imported everything forks a child for each command.

A command takes a tenth of a second so, not one and a half. What the child does is what ``python -m nnexp`` does, from its first
line to its exit code; only the imports are there already.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.command import ROOT, environment

TRACKING = "mlflow.store.tracking.sqlalchemy_store"
"""The part of MLflow whose import takes longest."""
PRELOADED = (
    "matplotlib.backends.backend_agg",
    "pandas",
    "rich.console",
    "rich.table",
    "nnexp.commands.run",
    "nnexp.commands.subcommands",
    "nnexp.pictures.curve",
    "nnexp.builtin.synthetic",
)
"""What commands import, as far as they have it in common."""
MOST_MEMORY = 6 * 2**30
"""Bytes of addresses that a command may have: what asks for more is told that there is not enough memory."""


SETTLED = ("OPENBLAS_NUM_THREADS", "MLFLOW_DISABLE_TELEMETRY", "MPLCONFIGDIR")
"""What a command's environment has from its server."""


class Answer(NamedTuple):
    """How a command ended: its exit code, None where it had to be killed; what it said; how many seconds it took."""

    code: int | None
    out: str
    err: str
    seconds: float


class Forked:
    """Starts commands, one after the other."""

    def __init__(self, scratch: Path, *more: str) -> None:
        """``scratch`` is a folder for what the commands say; ``more`` are modules that many of them will import."""
        self._out, self._err = scratch / "stdout", scratch / "stderr"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", *more],
            cwd=ROOT,
            env=environment(OPENBLAS_NUM_THREADS="1", MLFLOW_DISABLE_TELEMETRY="true", MPLCONFIGDIR=fonts()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)  # which closes the pipes, and so ends it

    def nnexp(self, words: Sequence[str], cwd: Path, seconds: float = 30, **more: str) -> Answer:
        """``python -m nnexp WORDS`` in ``cwd``, killed with all that it started when the seconds are over.

        Its environment is this process's, with ``more``.
        """
        return self.carry_out(words, cwd, seconds, more, whole=False)

    def carry_out(
        self, words: Sequence[str], cwd: Path, seconds: float, environment: Mapping[str, str], *, whole: bool
    ) -> Answer:
        """The same; the environment is the ``whole`` one, or what there is more."""
        assert self._server.stdin
        assert self._server.stdout
        order = {
            "words": list(words),
            "cwd": str(cwd),
            "out": str(self._out),
            "err": str(self._err),
            "seconds": seconds,
            "environment": dict(environment),
            "whole": whole,
        }
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        ended = json.loads(self._server.stdout.readline())
        said = [path.read_bytes().decode(errors="backslashreplace") for path in (self._out, self._err)]
        return Answer(ended["code"], said[0], said[1], ended["seconds"])


@functools.cache
def server() -> Forked:
    """The one that the commands of this process's tests have in common; it ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="nnexp-forked-")
    forked = Forked(Path(folder.name), TRACKING)
    atexit.register(folder.cleanup)
    atexit.register(forked.__exit__, None, None, None)
    return forked


def fonts() -> str:
    """Where matplotlib has its list of fonts, also for commands that have another home: to make it takes seconds."""
    import matplotlib as mpl

    return str(mpl.get_cachedir())


def serve() -> None:
    """Carry out orders from standard input. Returns in this process, and leaves a child by its command's exception."""
    preload()
    for line in sys.stdin:
        order = json.loads(line)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            become(order)
            return
        code = ended(child, began + order["seconds"])
        print(json.dumps({"code": code, "seconds": time.monotonic() - began}), flush=True)


def preload() -> None:
    """Import what commands import, MLflow apart, which most of them do without."""
    from hydra.core.plugins import Plugins

    for name in (*PRELOADED, *sys.argv[1:]):
        importlib.import_module(name)
    Plugins.instance()


def become(order: dict[str, Any]) -> None:
    """Be the command: in its directory, with its words, until it ends."""
    os.setsid()
    for path, number in ((os.devnull, 0), (order["out"], 1), (order["err"], 2)):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(file, number)
        os.close(file)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 (it is the process's own to its end)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    if order["whole"]:
        for name in {*os.environ} - {*order["environment"], *SETTLED}:
            del os.environ[name]
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    sys.argv = ["nnexp", *order["words"]]
    runpy.run_module("nnexp", run_name="__main__", alter_sys=True)


def ended(child: int, until: float) -> int | None:
    """The exit code of a child, minus the signal that ended it; None where it was killed because its time was over."""
    while time.monotonic() < until:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    serve()
