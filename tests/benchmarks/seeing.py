"""Seeing: what it takes to read 1,000 runs from their journals, to write a report, to draw pictures; and how large a report is.

Wall time of whole processes. The runs are of one small sweep, copied; ``--quick`` reads and reports fewer of them.

* ``results SWEEP --csv`` of 1,000 runs of 20 epochs: at most 2 s.
* ``report`` of 64 runs of 100 epochs: at most 5 s and 6 MB.
* The pictures of a run on ten digits: what they add to the run, a third of which is matplotlib's import.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measure import Pair, Pairs, Row, paired, row
from tests.benchmarks.startup import environment


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every figure, as it is measured."""
    repetitions = 1 if quick else 7
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        read = copies(place, "read", 100 if quick else 1000, epochs=20)
        yield value(place, ["results", str(read), "--csv"], repetitions, 2.0, f"results of {len(jobs(read))} runs")
        told = copies(place, "told", 16 if quick else 64, epochs=100)
        words = ["report", str(told), "--replace", "-o", "report.html"]
        yield value(place, words, repetitions, 5.0, f"report of {len(jobs(told))} runs, 100 epochs")
        size = (place / "report.html").stat().st_size / 1e6
        pairs = Pairs([Pair(size, 0)])
        yield row("its size", "MB", pairs, [size], peer_name="", kind="value", goal=6.0)
        run = ["dataset=digits", "epochs=20", "tracking=none"]
        measured = paired(
            lambda: seconds(place, run), lambda: seconds(place, [*run, "pictures=[]"]), 1 if quick else 11
        )
        added = [pair.ours - pair.peer for pair in measured]
        yield row("pictures of ten digits", "s", measured, added, peer_name="without", kind="difference")


def value(place: Path, words: list[str], repetitions: int, goal: float, name: str) -> Row:
    """The seconds that a command takes."""
    times = [seconds(place, words) for _ in range(repetitions)]
    return row(name, "s", Pairs(Pair(each, 0) for each in times), times, peer_name="", kind="value", goal=goal)


def seconds(place: Path, words: list[str]) -> float:
    """How long a command takes."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "nnexp", *words]
    subprocess.run(command, cwd=place, env=environment(), check=True, capture_output=True)
    return time.perf_counter() - began


def jobs(sweep: Path) -> list[Path]:
    """The directories of a sweep's runs."""
    return [path for path in sweep.iterdir() if path.name.isdigit()]


def copies(place: Path, name: str, number: int, *, epochs: int) -> Path:
    """A sweep of so many runs: eight are trained, the others are their copies under other seeds."""
    words = ["-m", "dataset=digits", f"epochs={epochs}", "seed=0,1,2,3", "optimizer.learning_rate=0.1,0.2"]
    seconds(place, [*words, "tracking=none", f"hydra.sweep.dir={name}_8"])
    few, many = place / f"{name}_8", place / name
    manifest = json.loads((few / "manifest.json").read_text())
    many.mkdir()
    planned = []
    for each in range(number):
        shutil.copytree(few / str(each % 8), many / str(each))
        own = [line for line in manifest["jobs"][each % 8]["overrides"] if not line.startswith("seed=")]
        planned.append({"overrides": [f"seed={each // 2}", *own], "state": "finished"})
    (many / "manifest.json").write_text(json.dumps({**manifest, "jobs": planned}))
    return many
