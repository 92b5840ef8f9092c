"""Sweeps on a Dask cluster: against nnexp's own launcher, and what a job costs the head.

* The reference work of ``sweeps`` on a cluster of this machine's own, two workers, against nnexp's launcher with two.
* What a job costs: jobs whose data sleep for a second and that train one epoch, on a worker with 64 threads; processor time of
  the head from the first tenth of the jobs to the last, by jobs. The 64 processes share this machine's cores, so how many jobs
  they get done in a second says nothing of the head, which is what the figure is for.
* A sweep of 10,000 jobs: when the first has trained, and the memory that the head takes on for each job that has ended.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.measure import Pair, Pairs, Row, paired, row, slower
from tests.benchmarks.startup import output
from tests.benchmarks.sweeps import NNEXP, WORKERS, complete, folders, grid, one_thread, refuse_end, resident
from tests.servers import unused_port

ROOT = Path(__file__).parents[2]
LAUNCHER = ["hydra/launcher=dask"]
SLEEPING = '''"""A dataset whose loading takes a second; each seed's is another one."""
import time
from dataclasses import dataclass
from nnexp.plugin import Data, Dataset, param

@dataclass(frozen=True)
class Sleeping(Dataset):
    """Ten samples of noise, a second later."""

    seconds: float = param(1.0, at_least=0, doc="how long it takes")

    def load(self, rng):
        time.sleep(self.seconds)
        x = rng.normal(size=(10, 2))
        return Data(x, x[:, 0], ("a", "b"), "regression", "y")
'''
POINTS = "[nnexp.dataset]\nsleeping = nnexp_sleeping:Sleeping\n"
METADATA = "Metadata-Version: 2.1\nName: nnexp-sleeping\nVersion: 0.1\nRequires-Dist: nnexp>=0.1,<0.2\n"


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = folders(Path(folder))
        plugins = fresh()
        (plugins / "nnexp_sleeping.py").write_text(SLEEPING)
        info = plugins / "nnexp_sleeping-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(METADATA)
        (info / "entry_points.txt").write_text(POINTS)
        path = os.pathsep.join((str(ROOT / "plugins" / "nnexp-dask" / "src"), str(plugins)))
        everything = {**one_thread(), "PYTHONPATH": os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH"))))}
        yield reference(fresh, everything, quick=quick)
        yield from per_job(fresh, everything, 8 if quick else 64, 40 if quick else 640)
        yield from many(fresh, everything, 100 if quick else 10_000, 40 if quick else 400)


def reference(fresh: Callable[[], Path], env: dict[str, str], *, quick: bool) -> Row:
    """The reference work on both launchers."""
    ours, _, n_runs = grid(quick=quick)

    def timed(*launcher: str) -> Callable[[], float]:
        def run() -> float:
            folder = fresh()
            began = time.perf_counter()
            output([*NNEXP, *ours, *WORKERS[2], *launcher], folder, env=env)
            seconds = time.perf_counter() - began
            complete(folder / "outputs", n_runs)
            return seconds

        return run

    pairs = paired(timed(*LAUNCHER), timed(), 1 if quick else 5)
    return slower(f"sweep of {n_runs} runs on Dask", "s", pairs, peer_name="nnexp's own launcher", goal=1.3)


@contextlib.contextmanager
def cluster(folder: Path, env: dict[str, str], threads: int) -> Iterator[str]:
    """A scheduler and a worker with so many threads; the scheduler's address."""
    address = f"tcp://127.0.0.1:{(port := unused_port())}"
    commands = (
        ("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"),
        (
            "worker",
            address,
            "--nthreads",
            str(threads),
            "--no-dashboard",
            "--no-nanny",
            "--local-directory",
            str(folder),
        ),
    )
    made = []
    try:
        for words in commands:
            command = [sys.executable, "-m", "dask", *words]
            made.append(
                subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
        yield address
    finally:
        for process in reversed(made):
            process.kill()
            process.wait()


@contextlib.contextmanager
def heading(words: Sequence[str], folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A sweep's process, which is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nnexp", "-m", *words],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def done(folder: Path) -> int:
    """How many jobs have ended."""
    return sum(1 for _ in folder.glob("outputs/sweeps/*/*/result.json"))


def wait_for(process: subprocess.Popen[bytes], folder: Path, n_done: int) -> None:
    """Wait until so many jobs have ended."""
    while done(folder) < n_done:
        refuse_end(process)
        time.sleep(0.1)


def processor_seconds(number: int) -> float:
    """Processor time that a process has taken, without that of others. Linux."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def per_job(fresh: Callable[[], Path], env: dict[str, str], threads: int, n_jobs: int) -> Iterator[Row]:
    """Milliseconds of the head's processor for each job, and jobs that it has carried out in a second."""
    folder = fresh()
    with cluster(fresh(), env, threads) as address:
        words = (
            "dataset=sleeping",
            "epochs=1",
            f"seed=range({n_jobs})",
            *LAUNCHER,
            f"hydra.launcher.address={address}",
        )
        with heading(words, folder, env) as process:
            found = []
            for share in (n_jobs // 10, n_jobs * 9 // 10):
                wait_for(process, folder, share)
                found.append((processor_seconds(process.pid), time.perf_counter(), done(folder)))
    (before, began, few), (after, ended, lot) = found
    cost = 1000 * (after - before) / (lot - few)
    name = f"head's processor for a job, {threads} workers"
    yield row(name, "ms", Pairs([Pair(cost, 0.0)]), [cost], peer_name="", kind="value", goal=10)
    rate = (lot - few) / (ended - began)
    yield row("  jobs in a second meanwhile", "1/s", Pairs([Pair(rate, 0.0)]), [rate], peer_name="", kind="value")


def many(fresh: Callable[[], Path], env: dict[str, str], n_jobs: int, n_done: int) -> Iterator[Row]:
    """Seconds until the first of many jobs has ended; MB that the head takes on for all of them, by those that are done."""
    folder = fresh()
    with cluster(fresh(), env, 4) as address:
        words = ("dataset=sleeping", "dataset.seconds=0", "epochs=1", f"seed=range({n_jobs})", *LAUNCHER)
        began = time.perf_counter()
        with heading((*words, f"hydra.launcher.address={address}"), folder, env) as process:
            wait_for(process, folder, 1)
            first = time.perf_counter() - began
            found = []
            for share in (n_done // 4, n_done):
                wait_for(process, folder, share)
                found.append((resident(process.pid), done(folder)))
    name = f"first of {n_jobs:,} jobs has ended"
    yield row(name, "s", Pairs([Pair(first, 0.0)]), [first], peer_name="", kind="value", goal=30)
    (small, few), (large, lot) = found
    grown = (large - small) / (lot - few) * n_jobs
    name = f"head's memory for {n_jobs:,} jobs"
    yield row(name, "MB", Pairs([Pair(grown, 0.0)]), [grown], peer_name="", kind="value", goal=200)
