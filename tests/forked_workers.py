"""What starts a forked command's other processes: itself forked, before the command does anything.

A process that starts anew imports for more than a second what the command has imported already: the server of sweeps' workers,
joblib's workers, what delivers to MLflow.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import util
from typing import Any, NoReturn, Protocol

MOST = 2**20
"""Bytes that an order may have."""
SUBREAPER = 36
"""Linux's PR_SET_CHILD_SUBREAPER: whose the children's children are when their own parent has ended."""
SWEEPS = {"-m", "--multirun", "resume"}
SERVER = "from multiprocessing.forkserver import main;"
LOKY = "joblib.externals.loky.backend.fork_exec"
"""What starts joblib's workers."""
AS_A_MODULE = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.modules.pop({module!r}, None)
sys.argv = [{module!r}, *{words!r}]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
"""``python -m MODULE WORDS``."""


class Begin(Protocol):
    """Have a process carry out code, with open files under these numbers, in an environment; its number, a child's."""

    def __call__(
        self, code: str, files: Sequence[int], numbers: Sequence[int], environment: Mapping[str, str]
    ) -> int: ...


def may_sweep(words: Sequence[str]) -> bool:
    """Whether a command may be one that has workers."""
    return not SWEEPS.isdisjoint(words)


def fork_workers(begin: Begin) -> None:
    """Have the server of a sweep's workers begun, and joblib's workers.

    What keeps track of semaphores is started as ever: which warnings it leaves out its environment says as it starts.
    """
    spawn = util.spawnv_passfds

    def of_multiprocessing(path: bytes, words: Sequence[Any], passed: Sequence[Any]) -> int:
        *_, code = map(os.fsdecode, words)
        return begin(code, passed, passed, os.environ) if code.startswith(SERVER) else spawn(path, words, passed)

    def of_joblib(words: Sequence[str], passed: Sequence[Any], env: Mapping[str, str] | None = None) -> int:
        _, _, module, *rest = words
        files = [*map(int, passed)]
        return begin(AS_A_MODULE.format(module=module, words=rest), files, files, {**os.environ, **(env or {})})

    util.spawnv_passfds = of_multiprocessing  # type: ignore[assignment]  # with names of its own
    vars(importlib.import_module(LOKY))["fork_exec"] = of_joblib


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Within the block the children of ended children are this process's."""
    libc = ctypes.CDLL(None)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(SUBREAPER, 0, 0, 0, 0)


def forked_for(line: socket.socket) -> bool:
    """Fork a child for who is at the other end of ``line``, and tell its number there; True in that child.

    It is the child of the nearest process above this one that is ``adopting``.
    """
    told, tell = os.pipe()
    between = os.fork()
    is_child = between == 0
    if is_child:
        between = os.getpid()
        if os.fork():
            os._exit(0)  # from now on the child is whose it shall be
        os.write(tell, str(os.getpid()).encode())
        while os.getppid() == between:
            time.sleep(0.001)
    else:
        os.waitpid(between, 0)
        line.send(os.read(told, 100))
    for number in (told, tell):
        os.close(number)
    return is_child


def fork_ahead(streams: Callable[[], None]) -> Begin:
    """Fork a process now that may begin others later; it ends with this one. ``streams`` makes Python's own anew."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
    if os.fork() == 0:
        ours.close()
        try:
            serve(theirs, streams)
        finally:
            os._exit(1)
    theirs.close()
    alone = threading.Lock()

    def begin(code: str, files: Sequence[int], numbers: Sequence[int], environment: Mapping[str, str]) -> int:
        order = {"code": code, "numbers": [*numbers], "environment": dict(environment), "cwd": os.getcwd()}  # noqa: PTH109
        with alone, adopting():
            socket.send_fds(ours, [json.dumps(order).encode()], files)
            return int(ours.recv(100))

    return begin


def serve(line: socket.socket, streams: Callable[[], None]) -> None:
    """Wait for orders, and fork what they would start; end where the command has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is nobody's to interrupt
    while True:
        order, files, *_ = socket.recv_fds(line, MOST, 16)
        if not order:
            os._exit(0)
        if forked_for(line):
            become(json.loads(order), files, line, streams)
        for number in files:
            os.close(number)


def become(
    asked: Mapping[str, Any], files: Sequence[int], line: socket.socket, streams: Callable[[], None]
) -> NoReturn:
    """Be what an order would start."""
    # First out of the way of the numbers that they are to have.
    above = 1 + max([line.fileno(), *asked["numbers"], *files])
    for number, file in enumerate(files, above):
        os.dup2(file, number)
    for number, wanted in enumerate(asked["numbers"], above):
        os.dup2(number, wanted)
    line.detach()
    kept = {0, 1, 2, *asked["numbers"]}
    for number in range(3, above + len(files)):
        if number not in kept:
            with contextlib.suppress(OSError):
                os.close(number)
    os.closerange(above + len(files), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    streams()
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["cwd"])
    sys.argv = ["-c"]
    code = 0
    try:
        exec(asked["code"], {"__name__": "__main__"})  # noqa: S102
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    os._exit(code)
