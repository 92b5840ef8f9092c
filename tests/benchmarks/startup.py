"""Start-up: whole processes on the command line, and a first run in an empty directory.

* ``--help`` and a wrong option (``loss=maee``): wall time of the whole process ``python -m nnexp ...``, with the built-in
  plugins and whatever else is installed here, against the whole process of a minimal Hydra application showing its
  ``--help``: one module of ten lines, one YAML file of four. Same interpreter, taken in turns, both with compiled modules.
* First run: the wall time of the whole process ``python -m nnexp loss=mae optimizer=sgd`` in an empty directory, minus the
  training time that the run itself reports, minus what a second process measures inside itself: importing mlflow with its
  SQL store, and then creating an empty database as nnexp does (``nnexp.tracking.database.create``). What is left is
  everything else: the interpreter's start, Hydra, loading the data, opening the run, the picture, the artifacts, the model,
  the metrics.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measure import Pair, Pairs, Row, Seconds, paired, row, slower

HYDRA_APP = """\
import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    print(config)


main()
"""
HYDRA_CONFIG = """\
optimizer:
  name: sgd
  learning_rate: 0.1
epochs: 10
"""

FLOOR = """\
import sys, time
from pathlib import Path
began = time.perf_counter()
import mlflow
import mlflow.store.tracking.sqlalchemy_store
imported = time.perf_counter()
from nnexp.tracking.database import create
ready = time.perf_counter()
create(Path(sys.argv[1]))
print(imported - began, time.perf_counter() - ready)
"""

FIRST_RUN = ("loss=mae", "optimizer=sgd")


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        app = hydra_app(Path(folder, "app"))
        empty = Path(folder, "empty")
        empty.mkdir()
        peer = process([sys.executable, str(app), "--help"], app.parent)
        n_pairs = 2 if quick else 11
        for words, exit_code in ((["--help"], 0), (["loss=maee"], 1)):
            ours = process([sys.executable, "-m", "nnexp", *words], empty, exit_code)
            pairs = paired(ours, peer, n_pairs)
            yield slower(f"python -m nnexp {words[0]}", "s", pairs, peer_name="minimal Hydra --help", goal=2.5)
        yield first_run(Path(folder), 1 if quick else 3)


def hydra_app(folder: Path) -> Path:
    """Write the minimal application; its module."""
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "config.yaml").write_text(HYDRA_CONFIG, encoding="utf-8")
    module = folder / "app.py"
    module.write_text(HYDRA_APP, encoding="utf-8")
    return module


def environment() -> dict[str, str]:
    """This process's, without what points nnexp at another store, changes how errors are shown or has Python compile anew."""
    apart = ("MLFLOW_TRACKING_URI", "HYDRA_FULL_ERROR", "PYTHONDONTWRITEBYTECODE")
    return {**{key: value for key, value in os.environ.items() if key not in apart}, "MLFLOW_DISABLE_TELEMETRY": "true"}


def process(command: list[str], folder: Path, exit_code: int = 0) -> Seconds:
    """The wall time of a whole process, which has to end with ``exit_code``."""

    def run() -> float:
        began = time.perf_counter()
        output(command, folder, exit_code)
        return time.perf_counter() - began

    return run


def output(command: list[str], folder: Path, exit_code: int = 0, env: dict[str, str] | None = None) -> str:
    """What a process prints, which has to end with ``exit_code``."""
    env = env or environment()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != exit_code:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def first_run(folder: Path, n_pairs: int) -> Row:
    """Seconds of a first run beyond importing mlflow, creating the database, and training; the note has their medians."""
    pairs, parts = Pairs(), []
    for number in range(n_pairs + 1):
        floor = import_and_create(folder / f"floor{number}")
        total, training = run_once(folder / f"first{number}")
        if number:  # the first pair fills the file cache
            pairs.append(Pair(total, sum(floor) + training))
            parts.append((*floor, training))
    beyond = [pair.ours - pair.peer for pair in pairs]
    names = ("import mlflow and SQL store", "create the database", "train")
    middles = [sorted(each)[len(each) // 2] for each in zip(*parts, strict=True)]
    note = "of the peer's: " + ", ".join(f"{name} {value:.2f} s" for name, value in zip(names, middles, strict=True))
    name = f"first run: {' '.join(FIRST_RUN)}"
    return row(name, "s", pairs, beyond, peer_name="import + create + train", kind="difference", goal=1.5, note=note)


def import_and_create(folder: Path) -> tuple[float, float]:
    """Seconds to import mlflow with its SQL store, and to create the database, in a new process and an empty folder."""
    folder.mkdir()
    command = [sys.executable, "-c", FLOOR, str(folder / "outputs" / "mlflow.db")]
    imported, created = map(float, output(command, folder).split())
    return imported, created


def run_once(folder: Path) -> tuple[float, float]:
    """Seconds of the whole first run in an empty folder, and the seconds of training that it reports."""
    folder.mkdir()
    seconds = process([sys.executable, "-m", "nnexp", *FIRST_RUN], folder)()
    (result,) = folder.glob("outputs/runs/*/result.json")
    return seconds, float(json.loads(result.read_text(encoding="utf-8"))["training_seconds"])
