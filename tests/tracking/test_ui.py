"""``nnexp ui``: the interface answers under the printed link, and ends with its parent, however that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from nnexp.errors import NnexpError
from nnexp.tracking import ui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVE = """
import sys
from pathlib import Path
from nnexp.tracking.ui import serve
serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), "/#/experiments/1/runs")
"""


@contextlib.contextmanager
def serving(outputs: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run ``serve`` in a process of its own, without proxies or variables that hide what a user would see."""
    command = [sys.executable, "-c", SERVE, f"sqlite:///{outputs}/mlflow.db", str(outputs), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=outputs.parent)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """Wait for the next line it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def children(process: subprocess.Popen[str]) -> list[int]:
    """List the processes it has started."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)  # noqa: S607
    return [int(pid) for pid in found.stdout.split()]


def group_is_gone(leader: int, seconds: float = 15) -> bool:
    """Wait until no process of the group is left."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_it_serves_under_the_printed_link_and_ctrl_c_ends_it_all(outputs: Path) -> None:
    """On a taken port it says so and takes the next; the link answers; Ctrl-C leaves no process and no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(outputs, port) as process:
            assert f"(port {port} is taken)" in line(process)
            link = line(process)
            address, _, page = link.partition("/#")
            assert page == "/experiments/1/runs"
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - http, on this machine
                assert b"<title>MLflow</title>" in answer.read()
            assert line(process) == "Ctrl-C ends it."
            (child,) = children(process)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=30)
            assert (process.returncode, rest, errors) == (0, "", "")
            assert group_is_gone(child, 0.5)
    assert {path.name for path in outputs.parent.iterdir()} == {"outputs"}


def test_the_server_does_not_outlive_a_killed_parent(outputs: Path, free_port: int) -> None:
    """Even SIGKILL, which no program can answer, leaves no server behind."""
    with serving(outputs, free_port) as process:
        assert line(process).startswith("Starting MLflow's interface")
        ends = time.monotonic() + 10
        while not (found := children(process)) and time.monotonic() < ends:
            time.sleep(0.05)
        time.sleep(1)
        process.kill()
        assert group_is_gone(found[0])


def test_a_server_that_does_not_start_says_why(tmp_path: Path, free_port: int) -> None:
    """A store that MLflow refuses ends the command with MLflow's own last words, without the password."""
    with pytest.raises(NnexpError, match=r"(?s)did not start. Its last words:\n.*nosuchdriver") as refused:
        ui.serve("postgresql+nosuchdriver://me:geheim@127.0.0.1/db", tmp_path, free_port)
    assert "geheim" not in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 12


def test_for_a_tracking_server_the_link_is_all_there_is_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started where a server runs already."""
    ui.serve("http://me:geheim@tracking.example:5000/", tmp_path, link_suffix="/#/experiments/3/runs")
    assert capsys.readouterr().out == "http://tracking.example:5000/#/experiments/3/runs\n"


def test_the_wished_port_is_taken_if_it_is_free(free_port: int) -> None:
    """A free port is used as it is."""
    assert ui.free_port(free_port) == free_port
