"""A search against the same done the usual way, and beside the jobs of a plain sweep.

* The reference search is 64 trials of TPE over four keys on digits, 20 epochs, four metrics an epoch, the cost curve and the
  weights kept, in one SQLite store that does not exist yet; nnexp has a worker for each core. The peer is ``peer_search.py``
  beside this module. Both are wall times of whole commands, taken in turns, each in a directory of its own, with one BLAS
  thread a process.
* When the first trial of that search trains, against the first job of a plain sweep of as many: by its journal's first epoch.
* Asking and telling with each sampler, in a space of four keys: processor time a trial, of the 50 trials before the 200th.
  (What nnexp does around it, to read how a trial ended and to write its overrides, is another millisecond.)
* The share of their time that 8 workers are idle with ``search.lag=16``, simulated: 400 trials of which the longest
  take 16 times as long as the shortest, by ratios evenly, as batches of 8 to 128 samples do.

How good searches are is shown by ``python -m tests.benchmarks.search_quality``.
"""

from __future__ import annotations

import heapq
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from tests.benchmarks.measure import Row, faster, paired, row
from tests.benchmarks.search_quality import LAG, SPACE
from tests.benchmarks.startup import output
from tests.benchmarks.sweeps import folders, one_thread, refuse_end

ROOT = Path(__file__).parents[2]
NNEXP = [sys.executable, "-m", "nnexp", "-m", "dataset=digits"]
SEARCH = [
    *("search=tpe", "optimizer.learning_rate=tag(log,interval(1e-3,1))", "optimizer.batch_size=int(interval(8,128))"),
    *("network.hidden=[8],[16],[32],[64]", "activation=relu,tanh"),
]
PEER = [sys.executable, str(Path(__file__).parent / "peer_search.py")]


def rows(*, quick: bool) -> Iterator[Row]:
    """The comparisons, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = folders(Path(folder))
        env = with_plugin(fresh())
        yield reference(fresh, env, quick=quick)
        yield first_trial(fresh, env, 1 if quick else 5)
    for name in ("random", "qmc", "tpe", "cmaes"):
        figures = [asking(name, seed) for seed in range(1 if quick else 5)]
        yield value(f"asking and telling, {name} at 200 trials", "ms", figures, goal=10)
    figures = [100 * idle(seed) for seed in range(1 if quick else 10)]
    yield value("idle, 8 workers, lag 16", "%", figures, goal=10, note="simulated")


def with_plugin(installed: Path) -> dict[str, str]:
    """An environment that has nnexp-search, installed into a folder."""
    project = str(ROOT / "plugins" / "nnexp-search")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(installed), project], check=True)
    path = os.pathsep.join(filter(None, (str(installed), os.environ.get("PYTHONPATH"))))
    return {**one_thread(), "PYTHONPATH": path}


def reference(fresh: Callable[[], Path], env: dict[str, str], *, quick: bool) -> Row:
    """The reference search on both sides."""
    trials, epochs = (8, 20) if quick else (64, 20)

    def timed(command: Sequence[str], outputs: str) -> Callable[[], float]:
        def run() -> float:
            folder = fresh()
            began = time.perf_counter()
            output(list(command), folder, env=env)
            seconds = time.perf_counter() - began
            complete(folder / outputs / "mlflow.db", trials, epochs)
            return seconds

        return run

    ours = timed([*NNEXP, *SEARCH, f"search.trials={trials}", f"epochs={epochs}"], "outputs")
    theirs = timed([*PEER, f"--trials={trials}", f"--epochs={epochs}"], "")
    pairs = paired(ours, theirs, 1 if quick else 3)
    return faster(f"search of {trials} trials, end to end", "s", pairs, peer_name="Optuna, sklearn, MLflow", goal=6)


def complete(database: Path, trials: int, epochs: int) -> None:
    """Look up in the store that nothing is missing of trials that finished, and that almost all did."""
    with closing(sqlite3.connect(database)) as store:
        runs = {run for (run,) in store.execute("SELECT run_uuid FROM runs WHERE status = 'FINISHED'")}
        points = store.execute("SELECT run_uuid FROM metrics WHERE key LIKE 'cost/%' OR key LIKE 'accuracy/%'")
        per_run = Counter(run for (run,) in points if run in runs)
    assert len(runs) >= 0.8 * trials, (len(runs), trials)
    assert set(per_run.values()) == {4 * epochs}, per_run


def first_trial(fresh: Callable[[], Path], env: dict[str, str], n_pairs: int) -> Row:
    """Seconds until the first trial of a search has trained an epoch, beyond those of a plain sweep's first job."""

    def timed(words: Sequence[str]) -> Callable[[], float]:
        def run() -> float:
            folder = fresh()
            began = time.perf_counter()
            process = subprocess.Popen(
                [*NNEXP, *words, "epochs=20"],
                cwd=folder,
                env=env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            journal = "outputs/sweeps/*/0/journal.jsonl"
            while not any('"epoch"' in path.read_text() for path in folder.glob(journal)):
                refuse_end(process)
                time.sleep(0.002)
            seconds = time.perf_counter() - began
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return seconds

        return run

    plain = ["optimizer.learning_rate=0.02,0.05,0.1,0.2,0.3,0.5,0.7,1.0", "seed=0,1,2,3,4,5,6,7"]
    pairs = paired(timed([*SEARCH, "search.trials=64"]), timed(plain), n_pairs)
    beyond = [pair.ours - pair.peer for pair in pairs]
    name = "first of 64 trials has trained an epoch"
    return row(name, "s", pairs, beyond, peer_name="first of 64 jobs", kind="difference", goal=1)


def value(name: str, unit: str, figures: list[float], *, goal: float, note: str = "") -> Row:
    """A row of figures that are compared with nobody's."""
    middle = statistics.median(figures)
    return Row(name, unit, middle, None, "", "value", middle, min(figures), max(figures), len(figures), goal, note=note)


def asking(name: str, seed: int, trials: int = 200, last: int = 50) -> float:
    """Milliseconds of processor time for each of the last trials."""
    from nnexp_search.samplers import CmaEs, Qmc, Random, Tpe

    search = {"random": Random(), "qmc": Qmc(), "tpe": Tpe(), "cmaes": CmaEs()}[name]
    costs = np.random.default_rng(seed).uniform(size=trials).tolist()
    sampling = search.begin(seed, ["minimize"])
    for number in range(trials):
        if number == trials - last:
            began = time.process_time()
        if number > LAG:
            sampling.tell(number - LAG - 1, [costs[number - LAG - 1]])
        sampling.ask(number, SPACE)
    return 1000 * (time.process_time() - began) / last


def idle(seed: int, workers: int = 8, lag: int = 16, trials: int = 400) -> float:
    """The share of the workers' time, up to when the last trial begins, in which they wait."""
    lengths = np.exp(np.random.default_rng(seed).uniform(0, np.log(16), size=trials)).tolist()
    free = [0.0] * workers
    told = 0.0
    ends: list[float] = []
    busy = 0.0
    for number, length in enumerate(lengths):
        if number > lag:
            told = max(told, ends[number - lag - 1])
        start = max(heapq.heappop(free), told)
        ends.append(start + length)
        heapq.heappush(free, ends[-1])
    over = start
    busy = sum(min(over, end) - (end - length) for end, length in zip(ends, lengths, strict=True))
    return float(1 - busy / (workers * over))
