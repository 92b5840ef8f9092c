"""The server from which a forked sweep's workers are forked: itself forked, before the command does anything.

One that starts anew imports for more than a second what the command has imported already.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import util
from typing import Any, Protocol

MOST = 2**20
"""Bytes that an order may have."""
BEGINNING = "from multiprocessing.forkserver import main;"
SWEEPS = {"-m", "--multirun", "resume"}


def may_sweep(words: Sequence[str]) -> bool:
    """Whether a command may be one that has workers."""
    return not SWEEPS.isdisjoint(words)


def fork_worker_server(streams: Callable[[], None]) -> None:
    """Have the server forked now, and begin where multiprocessing starts one; ``streams`` makes Python's own anew."""
    begin = fork_ahead(streams)
    spawn = util.spawnv_passfds
    asked = False

    def forked(path: bytes, words: Sequence[Any], passed: Sequence[Any]) -> int:
        nonlocal asked
        *_, code = map(os.fsdecode, words)
        if asked or not code.startswith(BEGINNING):
            return spawn(path, words, passed)
        asked = True
        return begin(code, passed, passed, os.environ)

    util.spawnv_passfds = forked  # type: ignore[assignment]  # with names of its own


class Begin(Protocol):
    """Have a process that waits carry out code, with open files under these numbers, in an environment; its number."""

    def __call__(
        self, code: str, files: Sequence[int], numbers: Sequence[int], environment: Mapping[str, str]
    ) -> int: ...


def fork_ahead(streams: Callable[[], None]) -> Begin:
    """Fork a process now that may begin later, once; it ends with this one where it does not."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    waiting = os.fork()
    if waiting == 0:
        ours.close()
        try:
            serve(theirs, streams)
        finally:
            os._exit(1)
    theirs.close()

    def begin(code: str, files: Sequence[int], numbers: Sequence[int], environment: Mapping[str, str]) -> int:
        order = {"code": code, "numbers": [*numbers], "environment": dict(environment), "cwd": os.getcwd()}  # noqa: PTH109
        with ours:
            socket.send_fds(ours, [json.dumps(order).encode()], files)
        return waiting

    return begin


def serve(line: socket.socket, streams: Callable[[], None]) -> None:
    """Wait for the order, and be what it would start; end without one where the command has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as the server will; until then there is none to be interrupted
    order, files, *_ = socket.recv_fds(line, MOST, 16)
    if not order:
        os._exit(0)
    asked = json.loads(order)
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
    with contextlib.suppress(SystemExit):
        exec(asked["code"], {"__name__": "__main__"})  # noqa: S102
    os._exit(0)
