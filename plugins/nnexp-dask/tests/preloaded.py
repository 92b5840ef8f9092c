"""Python processes many times over: one that has imported what schedulers, workers and heads import forks each of them.

To import it anew takes seconds each time. What is forked is a process of its own as any other: a child of the one that asks for
it, with its directory, environment and files, which is waited for, stopped and killed. Only the imports are there already.
Processes that a forked one has jobs carried out in are forked, too, from a process beside it that has no threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from multiprocessing import util
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

PRELOADED = (
    "dask.cli",
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "hydra_plugins.nnexp_dask.launcher",
    "hydra_plugins.nnexp_launcher._launch",
    "hydra_plugins.nnexp_launcher._pool",
    "hydra_plugins.nnexp_launcher._worker",
    "matplotlib.backends.backend_agg",
    "mlflow.store.tracking.sqlalchemy_store",
    "nnexp.builtin.real",
    "nnexp.builtin.synthetic",
    "nnexp.commands.run",
    "nnexp.commands.subcommands",
    "nnexp.pictures.curve",
    "nnexp_dask.pool",
    "rich.console",
)
"""What these processes have in common."""
LOOKS = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
"""How seldom schedulers and workers look at themselves, which takes more of a processor than their small jobs."""
MOST = 2**20
"""Bytes that an order may have."""
MOST_FILES = 64
SUBREAPER = 36
"""Linux's PR_SET_CHILD_SUBREAPER: whose the children's children are when their own parent has ended."""
SERVER_OF_WORKERS = "from multiprocessing.forkserver import main;"


class Line:
    """To a process that forks others, from one that wants them."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._alone = threading.Lock()

    def ask(self, words: Sequence[str], files: Mapping[int, int], how: Mapping[str, Any]) -> int:
        """Have ``python WORDS`` forked, with open files under these numbers; the number of a child of this process."""
        order = {"words": words, "numbers": list(files), **how}
        with self._alone, adopting():
            socket.send_fds(self._end, [json.dumps(order).encode()], [*files.values()])
            return int(self._end.recv(MOST))


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Within the block the children of ended children are this process's."""
    libc = ctypes.CDLL(None)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(SUBREAPER, 0, 0, 0, 0)


class Forked(subprocess.Popen[Any]):
    """``[python, *WORDS]``, forked."""

    def __init__(self, line: Line, words: Sequence[Any], **how: Any) -> None:
        """``how`` is as for any ``Popen``."""
        self._line = line
        super().__init__(words, **how)

    def _execute_child(self, *arguments: Any) -> None:
        """What starts the process, once its pipes are made."""
        (_, *words), passed, cwd, environment, pipes = arguments[0], *arguments[4:7], arguments[10:16]
        streams = [pipe if pipe != -1 else number for number, pipe in enumerate((pipes[0], pipes[3], pipes[5]))]
        how = {
            "cwd": os.fspath(cwd or os.getcwd()),  # noqa: PTH109
            "environment": dict(os.environ if environment is None else environment),
            "session": bool(arguments[21]),
        }
        files = dict(enumerate(streams)) | {number: number for number in passed}
        self.pid = self._line.ask([os.fspath(word) for word in words], files, how)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


@contextlib.contextmanager
def preloading(environment: Mapping[str, str]) -> Iterator[Line]:
    """Within the block, a line to a new process that has everything imported."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    try:
        yield Line(ours)
    finally:
        ours.close()  # which ends it
        server.wait()


def beside() -> Line:
    """A line to a fork of this process, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        serve(theirs)
    theirs.close()
    return Line(ours)


def serve(line: socket.socket) -> NoReturn:
    """Fork what is ordered, until nobody is there to order. A fork leaves by the exception that ends its work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        order, files, *_ = socket.recv_fds(line, MOST, MOST_FILES)
        if not order:
            os._exit(0)
        between = os.fork()
        if between == 0:
            between = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == between:
                time.sleep(0.001)  # from now on it is whose it shall be
            line.send(str(os.getpid()).encode())
            become(json.loads(order), files)
        os.waitpid(between, 0)
        for each in files:
            os.close(each)


def become(order: Mapping[str, Any], files: Sequence[int]) -> NoReturn:
    """Be the process that was ordered, to its end."""
    above = [fcntl.fcntl(each, fcntl.F_DUPFD, 1000) for each in files]
    for number, each in zip(order["numbers"], above, strict=True):
        os.dup2(each, number)
    for number in (int(each) for each in os.listdir("/dev/fd")):  # noqa: PTH208 (numbers)
        if number not in order["numbers"]:
            with contextlib.suppress(OSError):  # which listed them
                os.close(number)
    streams()
    if order["session"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.path[:0] = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each and each not in before]
    sys.warnoptions[:] = [each for each in os.environ.get("PYTHONWARNINGS", "").split(",") if each]
    warnings._processoptions(sys.warnoptions)  # type: ignore[attr-defined]
    if order["words"][0] not in ("-P", "-c"):
        fork_what_it_starts(beside())
    run(order["words"])
    raise SystemExit


def streams() -> None:
    """Python's own for the files 0, 1 and 2, as it makes them where it begins."""
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # type: ignore[misc]  # noqa: SIM115


def fork_what_it_starts(line: Line) -> None:
    """Have its warm processes forked, the one that delivers, and the server from which a local sweep's workers are."""
    from nnexp_dask import warm_process

    from nnexp.tracking import spawn

    forking = SimpleNamespace(Popen=partial(Forked, line), DEVNULL=subprocess.DEVNULL, PIPE=subprocess.PIPE)
    for module in (warm_process, spawn):
        vars(module)["subprocess"] = forking
    start = util.spawnv_passfds

    def forked(path: bytes, words: Sequence[Any], passed: Sequence[int]) -> int:
        *_, code = map(os.fsdecode, words)
        if not code.startswith(SERVER_OF_WORKERS):
            return start(path, words, passed)
        how = {"cwd": os.getcwd(), "environment": dict(os.environ), "session": False}  # noqa: PTH109
        return line.ask(["-c", code], {number: number for number in (0, 1, 2, *passed)}, how)

    util.spawnv_passfds = forked  # type: ignore[assignment]  # with names of its own


def run(words: Sequence[str]) -> None:
    """Carry out ``python WORDS``."""
    match [each for each in words if each != "-P"]:
        case ["-c", code, *rest]:
            sys.argv = ["-c", *rest]
            exec(code, {"__name__": "__main__"})  # noqa: S102
        case ["-m", module, *rest]:
            say_what_python_would(module)
            sys.path.insert(0, os.getcwd())  # noqa: PTH109
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [script, *rest]:
            say_what_python_would(script)
            sys.path.insert(0, str(Path(script).parent.absolute()))
            sys.argv = [script, *rest]
            runpy.run_path(script, run_name="__main__")


def say_what_python_would(program: str) -> None:
    """Dask reads what it is to log where it is imported; a head says that before."""
    import dask
    from distributed.config import initialize_logging
    from nnexp_dask.cluster import LOGGERS, SILENT

    if program != "dask":
        with dask.config.set({"logging": dict.fromkeys(LOGGERS, SILENT)}):
            initialize_logging(dask.config.config)


def preload() -> None:
    """Import everything, and do what every command does first: grammars are slow at their first sentence."""
    for name in PRELOADED:
        importlib.import_module(name)
    import dask

    dask.config.set(LOOKS)
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.plugins import Plugins

    from nnexp.composition.options import claimed, structured
    from nnexp.composition.reference import reference
    from nnexp.discovery.registry import GROUPS

    Plugins.instance()
    OverridesParser.create().parse_overrides(["a.b=1.5", "c=d", "e=[1,2]", "f=1,2", "g='h'", "i={j:k}", "+l=m", "~n"])
    reference(())
    for kind in GROUPS.values():
        for name in claimed(kind):
            structured(kind, name)


def main() -> NoReturn:
    """Serve, once everything is there. Nothing is forced onto the disk: processes are killed here, and no power fails."""
    preload()
    vars(os)["fsync"] = lambda _: None
    gc.collect()
    gc.freeze()  # a fork has no garbage to look for in what it was born with
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    del sys.path[0]
    main()
