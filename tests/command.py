"""Run nnexp as a user does: a process of its own, in a directory of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent

SLOW = 5
"""How much longer than promised things may take in a test: the machine may be slow, or busy with others."""


OF_PYTHON = {key: value for key, value in os.environ.items() if key.startswith(("PYTHON", "LD_"))}


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """The environment without what would point a run elsewhere."""
    left_out = ("MLFLOW_", "HYDRA_", "COLUMNS", "PYTEST_")
    return {key: value for key, value in os.environ.items() if not key.startswith(left_out)} | more


def nnexp(*words: str, cwd: Path, timeout: float = 180, **more: str) -> Ended:
    """``python -m nnexp WORDS`` in ``cwd``, in a process that has what it needs imported, but where that makes a difference."""
    if not usual(environment(**more)):
        return started(*words, cwd=cwd, timeout=timeout, **more)
    from tests.forked import server

    answer = server().carry_out(words, cwd, timeout, environment(**more), whole=True)
    assert answer.code is not None, f"nnexp {words} took more than {timeout} s: {answer}"
    return Ended(answer.code, answer.out, answer.err)


def started(*words: str, cwd: Path, timeout: float = 180, **more: str) -> Ended:
    """``python -m nnexp WORDS`` in ``cwd``, from its first line."""
    command = [sys.executable, "-m", "nnexp", *words]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=timeout, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def usual(environment: Mapping[str, str]) -> bool:
    """Whether what Python and its libraries read when they start is as it was when the tests began."""
    return {key: value for key, value in environment.items() if key.startswith(("PYTHON", "LD_"))} == OF_PYTHON


def process(
    *words: str,
    cwd: Path,
    stdout: int | IO[Any] = subprocess.PIPE,
    stderr: int | IO[Any] = subprocess.PIPE,
    session: bool = False,
    tables: bool = True,
    **more: str,
) -> subprocess.Popen[str]:
    """``python -m nnexp WORDS`` under way, in a process that has what it needs imported.

    It may lead a ``session`` of its own; without ``tables`` it has MLflow write those of a new database.
    """
    everything = environment(**more)
    how: Mapping[str, Any] = {"cwd": cwd, "env": everything, "stdout": stdout, "stderr": stderr, "text": True}
    if not usual(everything):
        return subprocess.Popen([sys.executable, "-m", "nnexp", *words], start_new_session=session, **how)
    from tests.forked import Command

    return Command(words, session=session, tables=tables, **how)


def sweeping(
    cwd: Path, *words: str, until: Callable[[list[Path]], bool], timeout: float = 180
) -> subprocess.Popen[str]:
    """``python -m nnexp -m WORDS`` in a process group of its own, once ``until`` holds of its jobs' directories."""
    sweep = process("-m", *words, cwd=cwd, session=True)
    end = time.monotonic() + timeout
    try:
        while not until(list(cwd.glob("outputs/sweeps/*/[0-9]*"))):
            assert sweep.poll() is None, sweep.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)
    except BaseException:
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.communicate()
        raise
    return sweep


@contextlib.contextmanager
def killed_after(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End a process that leads a group, and the group, however the block ends: nothing trains on beside other tests."""
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def runs(cwd: Path) -> list[Path]:
    """The directories of the single runs in ``cwd``, oldest first."""
    return sorted((cwd / "outputs" / "runs").iterdir(), key=lambda path: path.stat().st_mtime)


def sweeps(cwd: Path) -> list[Path]:
    """The directories of the sweeps in ``cwd``, oldest first."""
    return sorted((cwd / "outputs" / "sweeps").iterdir(), key=lambda path: path.stat().st_mtime)


def result(directory: Path) -> dict[str, Any]:
    """A run's ``result.json``."""
    read: dict[str, Any] = json.loads((directory / "result.json").read_text())
    return read
