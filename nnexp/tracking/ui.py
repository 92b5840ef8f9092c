"""MLflow's user interface, served on this machine alone by a child that ends with this process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import IO, TYPE_CHECKING

from nnexp.basics.secrets import masked, without_secrets
from nnexp.basics.store_address import StoreAddress
from nnexp.errors import NnexpError
from nnexp.tracking.artifacts import ARTIFACTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 120.0
"""How long the server may take to answer. Usually it is 7 to 19."""

STOP_SECONDS = 5.0
PORTS = 50
"""How many ports from the wished one on are tried."""

UNSAFE = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)
)
"""Ports from 1024 on that browsers do not open (the Fetch standard's bad ports)."""

CHILD = """
import os, signal, sys, threading, time

def end_with_parent():
    sys.stdin.buffer.read()  # returns when the parent is gone, however it went
    os.killpg(0, signal.SIGTERM)
    time.sleep(5)
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=end_with_parent, daemon=True).start()
from mlflow.cli import cli
cli()
"""
"""The child: MLflow's own command, with a thread that watches the pipe to its parent."""

ENVIRONMENT = {
    # Without being asked, MLflow reports its use to its makers, and so does the page it serves.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Queues for language-model judges: several more processes that nobody here needs.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def serve(uri: str, outputs: Path, port: int = 5000, link_suffix: str = "/") -> None:
    """Serve the store at ``uri`` on 127.0.0.1 and print the link once it answers; returns after Ctrl-C.

    ``port``, or where that is taken the next free one. ``link_suffix`` is what follows the address in the link
    (``links.link_suffix``). What users upload in the interface goes to ``outputs``/artifacts. Where ``uri`` is a tracking
    server there is nothing to start: its link is printed. Raises ``NnexpError`` where the server does not start.
    """
    address = StoreAddress.parse(uri)
    if address.is_web:
        say(f"{address.without_user.rstrip('/')}{link_suffix}")
        return
    free = free_port(port)
    why = "is one that browsers do not open" if port in UNSAFE else "is taken"
    taken = "" if free == port else f" (port {port} {why})"
    say(f"Starting MLflow's interface on port {free}{taken}; this takes 10 to 20 s ...")
    ended = contextlib.suppress(KeyboardInterrupt)
    with ended, tempfile.TemporaryFile() as log, _child(uri, outputs, free, log) as child:
        _wait_until_it_answers(child, free, log, uri)
        say(f"http://{HOST}:{free}{link_suffix}\nCtrl-C ends it.")
        child.wait()
        raise NnexpError(f"MLflow's interface ended by itself. Its last words:\n{_last_words(log, uri)}")


def say(line: str) -> None:
    """Show a line at once, also where the output goes to a file or a pipe."""
    print(line, flush=True)  # noqa: T201 - the address is what the command is for


def free_port(wished: int) -> int:
    """Return ``wished``, or the next port on which nothing listens and that browsers open. Raises ``NnexpError``."""
    last = min(wished + PORTS, 65_536)
    for port in (each for each in range(wished, last) if each not in UNSAFE):
        # Both questions are needed: a program that listens on all addresses does not keep others from binding this one.
        with socket.socket() as caller:
            caller.settimeout(1)
            answered = caller.connect_ex((HOST, port)) == 0
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
            if not answered:
                return port
    raise NnexpError(f"No port from {wished} to {last - 1} is free. Choose another with --port")


@contextlib.contextmanager
def _child(uri: str, outputs: Path, port: int, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server in a process group of its own, which is gone when the block ends."""
    arguments = ["server", "--host", HOST, "--port", str(port), "--workers", "1"]
    arguments += ["--artifacts-destination", (outputs.absolute() / ARTIFACTS).as_uri()]
    # The address goes through the environment: any user of the machine can read a command line.
    environment = {**ENVIRONMENT, **os.environ, "MLFLOW_BACKEND_STORE_URI": uri}
    child = subprocess.Popen(  # noqa: S603 - this very Python, and arguments made here
        [sys.executable, "-c", CHILD, *arguments],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the child in good order
    )
    try:
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and all it started. A second Ctrl-C meanwhile does not leave it behind: the pipe closes anyway."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.stdin is not None:
            child.stdin.close()
        child.wait()


def _wait_until_it_answers(child: subprocess.Popen[bytes], port: int, log: IO[bytes], uri: str) -> None:
    """Return once the server answers. Raises ``NnexpError`` with its last words where it does not."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy is no way to this machine
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and child.poll() is None:
        try:
            with opener.open(f"http://{HOST}:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise NnexpError(f"MLflow's interface for {masked(uri)} did not start. Its last words:\n{_last_words(log, uri)}")


def _last_words(log: IO[bytes], uri: str) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return without_secrets("\n".join(f"  {line[:200]}" for line in lines[-5:]), uri)
