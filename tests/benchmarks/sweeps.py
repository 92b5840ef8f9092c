"""Sweeps: the reference work against the same done the usual way, and what a job costs.

The reference work is 64 runs (8 learning rates x 8 seeds) of digits, 64-32-10, relu, cce, minibatch 32, 20 epochs, four
metrics an epoch, 15 parameters or more, the cost curve and the weights kept, in one SQLite store that does not exist yet.
The peer is ``peer_sweep.py`` beside this module. All figures are wall times of whole commands, imports included, taken in
turns, each in a directory of its own, with one BLAS thread a process on both sides; after each it is looked up that all runs
are in the store with all points, pictures and weights, and have learned.

* The split: processor seconds of all processes by what they were for, from one more command each (``sampling/``).
* Cost per job: the slope between a small and a large sweep of jobs of one epoch, that epoch included.
* Two workers against one: the reference work with 400 epochs, on two processors of which MLflow takes its share for 102,400
  points; the same without MLflow; and what two processes gain on this machine that only train.
* Large sweeps: when the first of 1,000 jobs trains; the memory of the sweep's own process when 900 jobs are done beyond that
  at 100; the listing of 10,000 jobs.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.benchmarks.measure import Pair, Pairs, Row, Seconds, faster, paired, row
from tests.benchmarks.startup import environment, output

HERE = Path(__file__).parent
RATES = "0.02,0.05,0.1,0.2,0.3,0.5,0.7,1.0"
NNEXP = [sys.executable, "-m", "nnexp", "-m", "dataset=digits", "network.hidden=[32]"]
PEER = [sys.executable, str(HERE / "peer_sweep.py"), "-m"]
WORKERS = {1: ["hydra.launcher.workers=1"], 2: ["hydra.launcher.workers=2"]}
"""What gives a sweep one worker, or two."""
ACCURACY = 0.9
"""What each run of the reference work reaches at least, on both sides."""


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = folders(Path(folder))
        yield reference(fresh, quick=quick)
        yield from split(fresh, quick=quick)
        yield from per_job(fresh, quick=quick)
        yield from two_workers(fresh, quick=quick)
        yield two_processes(quick=quick)
        n_jobs = 50 if quick else 1000
        yield first_of_many(fresh, n_jobs, 1 if quick else 3)
        yield memory(fresh, n_jobs)
        yield listing(fresh, 10 * n_jobs)


def folders(parent: Path) -> Callable[[], Path]:
    """Gives a new empty directory each time."""

    def new() -> Path:
        return Path(tempfile.mkdtemp(dir=parent))

    return new


def one_thread() -> dict[str, str]:
    """The environment of every command here."""
    return {**environment(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def grid(*, quick: bool) -> tuple[list[str], list[str], int]:
    """The reference work's last words for nnexp and for the peer, and its number of runs."""
    rates, seeds = ("0.1,0.2", "0,1") if quick else (RATES, "0,1,2,3,4,5,6,7")
    ours = ["epochs=20", f"optimizer.learning_rate={rates}", f"seed={seeds}"]
    return ours, [f"learning_rate={rates}", f"seed={seeds}"], 4 if quick else 64


def timed(command: Sequence[str], fresh: Callable[[], Path], check: Callable[[Path], None] | None = None) -> Seconds:
    """The wall time of a whole command in a new directory, where ``check`` then looks at what was left."""

    def run() -> float:
        folder = fresh()
        began = time.perf_counter()
        output(list(command), folder, env=one_thread())
        seconds = time.perf_counter() - began
        if check:
            check(folder)
        return seconds

    return run


def reference(fresh: Callable[[], Path], *, quick: bool) -> Row:
    """The reference work on both sides."""
    ours, peer, n_runs = grid(quick=quick)
    pairs = paired(
        timed([*NNEXP, *ours], fresh, lambda folder: complete(folder / "outputs", n_runs)),
        timed([*PEER, *peer], fresh, lambda folder: complete(folder, n_runs)),
        1 if quick else 3,
    )
    return faster(f"sweep of {n_runs} runs, end to end", "s", pairs, peer_name="Hydra, sklearn, MLflow", goal=8.5)


def complete(folder: Path, n_runs: int) -> None:
    """Look up in the store that nothing is missing, and that every run has learned."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as store:
        runs = store.execute("SELECT artifact_uri FROM runs WHERE status = 'FINISHED'").fetchall()
        points = store.execute("SELECT run_uuid, key FROM metrics WHERE key LIKE 'cost/%' OR key LIKE 'accuracy/%'")
        per_run = Counter(run for run, _ in points.fetchall())
        params = Counter(run for (run,) in store.execute("SELECT run_uuid FROM params").fetchall())
        accuracy = store.execute("SELECT value FROM latest_metrics WHERE key = 'accuracy/validation'").fetchall()
    assert len(runs) == len(per_run) == len(accuracy) == n_runs, (len(runs), len(per_run))
    assert set(per_run.values()) == {80}, per_run
    assert min(params.values()) >= 15, params
    assert min(value for (value,) in accuracy) > ACCURACY, sorted(accuracy)[:3]
    for (uri,) in runs:
        place = folder.parent / uri.removeprefix("file://")
        assert (place / "cost.png").exists(), place
        assert (place / "weights.npz").exists(), place


def split(fresh: Callable[[], Path], *, quick: bool) -> Iterator[Row]:
    """Processor seconds of the reference work by what they were for, and all together."""
    ours, peer, n_runs = grid(quick=quick)
    spent = [sampled([*NNEXP, *ours], fresh), sampled([*PEER, *peer], fresh)]
    for group in ("imports", "composition", "training", "tracking", "pictures", "the rest", "all"):
        pair = Pair(*(each.get(group, 0.0) for each in spent))
        ratio = pair.peer / max(pair.ours, 0.01)
        name = f"  of {n_runs} runs, processor seconds: {group}"
        yield row(name, "s", Pairs([pair]), [ratio], peer_name="Hydra, sklearn, MLflow")


def sampled(command: Sequence[str], fresh: Callable[[], Path]) -> dict[str, float]:
    """Processor seconds of a command and its workers by group."""
    samples = fresh()
    watched = {"PYTHONPATH": str(HERE / "sampling"), "NNEXP_BENCHMARK_SAMPLES": str(samples)}
    output(list(command), fresh(), env={**one_thread(), **watched})
    spent: Counter[str] = Counter()
    for file in samples.iterdir():
        for line in file.read_text(encoding="ascii").splitlines():
            group, _, seconds = line.partition("\t")
            spent[group] += float(seconds)  # type: ignore[assignment]
    return {**spent, "all": sum(spent.values())}


def per_job(fresh: Callable[[], Path], *, quick: bool) -> Iterator[Row]:
    """Milliseconds that one more job of one epoch costs, on one worker and on two."""
    few, many = (2, 6) if quick else (8, 136)

    def slope(workers: int) -> float:
        small, large = (
            timed([*NNEXP, "epochs=1", f"seed=range({n})", *WORKERS[workers]], fresh)() for n in (few, many)
        )
        return 1000 * (large - small) / (many - few)

    pairs = Pairs(Pair(slope(1), slope(2)) for _ in range(1 if quick else 3))
    name = "one more job of a sweep, one epoch, one worker"
    one = [pair.ours for pair in pairs]
    yield row(name, "ms", pairs, one, peer_name="", kind="value", goal=60)
    yield faster(
        "one more job, two workers against one", "ms", Pairs(Pair(b, a) for a, b in pairs), peer_name="one worker"
    )


def two_workers(fresh: Callable[[], Path], *, quick: bool) -> Iterator[Row]:
    """The reference work with 400 epochs, and the same with no delivery process beside the workers."""
    ours, _, n_runs = grid(quick=quick)
    tracked = f"sweep of {n_runs} runs, 400 epochs, two workers"
    for tracking, name, goal in ([], tracked, 1.7), (["tracking=none"], "  the same, tracking=none", None):
        command = [*NNEXP, *ours[1:], "epochs=400", *tracking]
        one, two = (timed([*command, *WORKERS[n]], fresh) for n in (1, 2))
        yield faster(name, "s", paired(two, one, 1 if quick else 3), peer_name="one worker", goal=goal)


BARE = """
import sys
import numpy as np
from nnexp import fit
rng = np.random.default_rng(0)
y = np.arange(1437) % 10
x = rng.standard_normal((1437, 64)) + 0.5 * np.eye(10, 64)[y]
for seed in range(int(sys.argv[1])):
    fit(x, y, hidden=[32], epochs=int(sys.argv[2]), seed=seed, validation=0.2)
"""
"""The reference work's training alone, so many networks of so many epochs."""


def two_processes(*, quick: bool) -> Row:
    """The same number of networks trained by one process, and by two at the same time."""
    n_networks, epochs = (4, 5) if quick else (16, 400)

    def seconds(n_processes: int) -> float:
        command = [sys.executable, "-c", BARE, str(n_networks // n_processes), str(epochs)]
        began = time.perf_counter()
        processes = [subprocess.Popen(command, env=one_thread()) for _ in range(n_processes)]
        codes = [process.wait() for process in processes]
        if any(codes):
            raise RuntimeError(f"{command!r} failed")
        return time.perf_counter() - began

    pairs = paired(lambda: seconds(2), lambda: seconds(1), 1 if quick else 3)
    return faster("  the same, two bare processes", "s", pairs, peer_name="one process")


@contextmanager
def started(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs meanwhile, and is interrupted as by Ctrl-C afterwards."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=one_thread(), stdout=quiet, stderr=quiet, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait()


def first_of_many(fresh: Callable[[], Path], n_jobs: int, n_times: int) -> Row:
    """Seconds until the first of ``n_jobs`` has trained an epoch."""

    def once() -> float:
        folder = fresh()
        began = time.perf_counter()
        with started([*NNEXP, "epochs=20", f"seed=range({n_jobs})"], folder) as process:
            while not any('"epoch":' in path.read_text() for path in folder.glob("outputs/sweeps/*/*/journal.jsonl")):
                refuse_end(process)
                time.sleep(0.02)
            return time.perf_counter() - began

    pairs = Pairs(Pair(once(), 0.0) for _ in range(n_times))
    seconds = [pair.ours for pair in pairs]
    return row(f"first epoch of {n_jobs:,} jobs", "s", pairs, seconds, peer_name="", kind="value", goal=10)


def memory(fresh: Callable[[], Path], n_jobs: int) -> Row:
    """MB that the sweep's own process has more when nine tenths of its jobs have ended than when one tenth has."""
    folder, found = fresh(), []
    few, many = n_jobs // 10, 9 * n_jobs // 10
    with started([*NNEXP, "epochs=1", f"seed=range({n_jobs})"], folder) as process:
        for n_done in (few, many):
            while sum(1 for _ in folder.glob("outputs/sweeps/*/*/result.json")) < n_done:
                refuse_end(process)
                time.sleep(0.1)
            found.append((resident(process.pid), [resident(child) for child in children(process.pid)]))
    (small, _), (large, others) = found
    note = f"its processes at {many}: {', '.join(f'{each:.0f}' for each in others)} MB" if others else ""
    name = f"memory at {many} finished jobs against {few}"
    pairs = Pairs([Pair(large, small)])
    return row(name, "MB", pairs, [large - small], peer_name=f"at {few}", kind="difference", goal=10, note=note)


def refuse_end(process: subprocess.Popen[bytes]) -> None:
    """Raise where the command has ended too early."""
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")


def children(parent: int) -> list[int]:
    """All processes that stem from one. Linux."""
    direct: list[int] = []
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        direct += map(int, path.read_text().split())
    return direct + [each for child in direct for each in children(child)]


def resident(number: int) -> float:
    """MB that a process has in memory. Linux."""
    return 1024 * int(Path(f"/proc/{number}/status").read_text().split("VmRSS:")[1].split()[0]) / 1e6


def listing(fresh: Callable[[], Path], n_jobs: int) -> Row:
    """Seconds to list a sweep without running it."""
    once = timed([*NNEXP, "epochs=20", f"seed=range({n_jobs})", "sweep.dry_run=true"], fresh)
    pairs = Pairs(Pair(once(), 0.0) for _ in range(2))
    return row(f"list {n_jobs:,} jobs", "s", pairs, [pair.ours for pair in pairs], peer_name="", kind="value")
