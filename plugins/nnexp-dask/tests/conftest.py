"""Real schedulers, workers and heads, each a process of its own in a directory of its own.

Most are forked from a process that has everything imported (``preloaded.py``); some are started, from their first line.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed.gc import disable_gc_diagnosis, enable_gc_diagnosis

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package

from preloaded import Forked, preloading

SLOW = 5
"""How much longer than promised things may take in a test: the machine may be slow, or busy with others."""


Process = subprocess.Popen[Any]
Start = Callable[..., Process]
"""Starts a process, as ``Popen`` does."""


def environment(**more: str) -> dict[str, str]:
    """The environment without what would point a run elsewhere."""
    left_out = ("MLFLOW_", "HYDRA_", "COLUMNS", "PYTEST_", "DASK_")
    return {key: value for key, value in os.environ.items() if not key.startswith(left_out)} | more


def until(what: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it has not come to that in time"
        time.sleep(0.05)


@dataclass
class Head:
    """A sweep under way, with what it has said."""

    process: Process
    log: Path

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self.log.read_text(encoding="utf-8")

    def ended(self, within: float = 120) -> int:
        """Wait for its end; its exit code."""
        return self.process.wait(within)


@dataclass
class Cluster:
    """A scheduler on 127.0.0.1 and its workers."""

    place: Path
    fork: Start
    scheme: str = "tcp"
    options: tuple[str, ...] = ()
    port: int = 0
    processes: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)

    def started(self, name: str, *words: str, cwd: Path, start: Start | None = None, **more: str) -> Process:
        """A process of this cluster's."""
        begin = start or self.fork
        with (self.place / f"{name}.log").open("ab") as log:
            made = begin([sys.executable, *words], cwd=cwd, env=environment(**more), stdout=log, stderr=log)
        self.processes.append(made)
        return made

    @property
    def address(self) -> str:
        """The scheduler's."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def scheduler(self) -> Process:
        """Start one, at the port of the one before if there was one."""
        if not self.port:
            with socket.socket() as found:
                found.bind(("127.0.0.1", 0))
                self.port = found.getsockname()[1]
        words = ("--host", self.address.rpartition(":")[0], "--port", str(self.port), "--no-dashboard")
        made = self.started("scheduler", "-m", "dask", "scheduler", *words, *self.options, cwd=self.place)
        until(self.answers)
        return made

    def answers(self) -> bool:
        """Whether something listens there."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def worker(self, name: str, *words: str, start: Start | None = None, **more: str) -> Process:
        """Start one, with a single thread, in a directory of its own."""
        folder = self.place / name
        folder.mkdir(exist_ok=True)
        options = ("--nthreads", "1", "--name", name, "--local-directory", str(folder), "--no-dashboard")
        command = ("-m", "dask", "worker", self.address, *options, *self.options, *(words or ("--no-nanny",)))
        made = self.started(name, *command, cwd=folder, start=start, **more)
        until(lambda: b"Registered to" in (self.place / f"{name}.log").read_bytes())
        return made

    def head(self, cwd: Path, *words: str, at: str | None = None, start: Start | None = None, **more: str) -> Head:
        """Start a command, at this cluster or another address."""
        log = cwd / f"head{len([*cwd.glob('head*.log')])}.log"
        launcher = ("hydra/launcher=dask", f"hydra.launcher.address={at or self.address}")
        with log.open("wb") as out:
            command = [sys.executable, "-m", "nnexp", *words, *launcher]
            made = (start or self.fork)(command, cwd=cwd, env=environment(**more), stdout=out, stderr=out)
        self.processes.append(made)
        return Head(made, log)

    def end(self) -> None:
        """End everything that was started here."""
        for each in reversed(self.processes):
            if each.poll() is None:
                each.send_signal(signal.SIGCONT)
                each.kill()
            each.wait()


@pytest.fixture(scope="session", autouse=True)
def watched_garbage() -> Iterator[None]:
    """Dask watches the collection of garbage from the first test to the last: begun by a thread while one goes on, it fails."""
    enable_gc_diagnosis()  # type: ignore[no-untyped-call]
    yield
    disable_gc_diagnosis()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def fork() -> Iterator[Start]:
    """Forks ``[python, *WORDS]``."""
    with preloading(environment()) as line:
        yield partial(Forked, line)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, fork: Start) -> Iterator[Cluster]:
    """One of which nothing is started yet."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), fork)
    try:
        yield made
    finally:
        made.end()


def command(start: Start, *words: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """``python WORDS`` to its end."""
    pipe = subprocess.PIPE
    with start([sys.executable, *words], cwd=cwd, env=environment(**more), stdout=pipe, stderr=pipe, text=True) as made:
        try:
            out, err = made.communicate(timeout=240)
        except BaseException:
            made.kill()
            raise
    return subprocess.CompletedProcess(made.args, made.returncode, out, err)


def records(job: Path) -> list[dict[str, Any]]:
    """The journal of a job; what there is of it."""
    path = job / "journal.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def content(job: Path) -> tuple[list[str], dict[str, list[float]]]:
    """Every metric of every epoch, and the weights, of a job."""
    series = [f"{each['epoch']} {each['metrics']!r}" for each in records(job) if "epoch" in each]
    with np.load(job / "weights.npz", allow_pickle=False) as file:
        return series, {f"{name} {file[name].dtype}": file[name].ravel().tolist() for name in file.files}


def contents(sweep: Path) -> dict[str, Any]:
    """That of all jobs of a sweep."""
    return {job.name: content(job) for job in sorted(sweep.glob("[0-9]*"))}


@pytest.fixture(scope="session")
def tools(fork: Start) -> dict[str, Any]:
    """What tests have in common; they are no package that could be imported from."""
    return {
        "command": partial(command, fork, "-m", "nnexp"),
        "started": partial(command, subprocess.Popen, "-m", "nnexp"),
        "content": content,
        "contents": contents,
        "python": partial(command, fork),
        "records": records,
        "until": until,
    }
