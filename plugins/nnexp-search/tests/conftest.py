"""What the tests have in common: commands, and what a search has left in its directory.

A command that needs no process of its own is forked from this one, which has everything imported: a tenth of a second, not two.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import util
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: there are no threads that a fork would lose

import nnexp_search.study
import optuna.importance
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import nnexp.commands.run
import nnexp.commands.subcommands
import nnexp.pictures.curve
from nnexp.__main__ import main

IMPORTED = (nnexp_search.study, optuna.importance, nnexp.commands.run, nnexp.commands.subcommands, nnexp.pictures.curve)
"""What commands would import."""
PATIENCE = 240
"""Seconds that a test waits for something: the machine may be busy with others."""
LEFT_OUT = ("MLFLOW_", "HYDRA_", "COLUMNS", "PYTEST_")


def forked(cwd: Path, words: tuple[str, ...], said: int) -> int:
    """Begin ``python -m nnexp WORDS`` in ``cwd``, in a process that is forked from this one; its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are no other threads
        child = os.fork()
    if child == 0:
        carry_out(cwd, words, said)
    return child


def carry_out(cwd: Path, words: tuple[str, ...], said: int) -> None:
    """What the forked process does; it does not return."""
    code = 70
    try:
        for key in [each for each in os.environ if each.startswith(LEFT_OUT)]:
            del os.environ[key]
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        os.chdir(cwd)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = (open(each, "w", encoding="utf-8", closefd=False) for each in (1, 2))  # noqa: SIM115
        sys.argv = ["nnexp", *words]
        fork_server_of_workers()
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


def fork_server_of_workers() -> None:
    """Have the server from which multiprocessing forks workers, and who draws a picture, forked from here, not started anew."""
    start = util.spawnv_passfds

    def begun(path: bytes, words: Sequence[Any], passed: Sequence[Any]) -> int:
        *_, code = map(os.fsdecode, words)
        if not code.startswith("from multiprocessing.forkserver import main;"):
            return start(path, words, passed)
        child = os.fork()
        if child == 0:
            try:
                for number in (int(each.name) for each in Path("/dev/fd").iterdir()):
                    if number > 2 and number not in passed:
                        with contextlib.suppress(OSError):
                            os.close(number)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                exec(code, {"__name__": "__main__"})  # noqa: S102
            finally:
                os._exit(0)
        return child

    util.spawnv_passfds = begun  # type: ignore[assignment]  # with names of its own


@dataclass(frozen=True)
class Folder:
    """A user's directory, with one search at most."""

    cwd: Path

    def __call__(self, *words: str, code: int = 0) -> str:
        """``python -m nnexp WORDS``, which has to end with this code; what it printed."""
        with tempfile.TemporaryFile() as file:
            _, status = os.waitpid(forked(self.cwd, words, file.fileno()), 0)
            said = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()
        assert os.waitstatus_to_exitcode(status) == code, said
        return said

    def killed(self, *words: str, when: Callable[[], object]) -> None:
        """``python -m nnexp WORDS``, killed as soon as something holds."""
        with tempfile.TemporaryFile() as file:
            child = forked(self.cwd, words, file.fileno())
            until = time.monotonic() + PATIENCE
            while not when() and os.waitpid(child, os.WNOHANG) == (0, 0):
                assert time.monotonic() < until
                time.sleep(0.002)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        time.sleep(0.3)  # its workers end when they see that it is gone

    def epochs(self, number: int) -> int:
        """How many epochs the journal of a job has by now."""
        found = list(self.cwd.glob(f"outputs/sweeps/*/{number}/journal.jsonl"))
        return found[0].read_text().count('"epoch"') if found else 0

    @property
    def place(self) -> Path:
        """The search's directory."""
        (found,) = (self.cwd / "outputs" / "sweeps").iterdir()
        return found

    @property
    def typed(self) -> str:
        """The same, as it is typed here."""
        return str(self.place.relative_to(self.cwd))

    @property
    def run(self) -> Path:
        """The directory of the only single run."""
        (found,) = (self.cwd / "outputs" / "runs").iterdir()
        return found

    def trials(self) -> list[dict[str, Any]]:
        """What each job has come to, times left out: its words, every number of every epoch."""
        made = []
        for number, folder in enumerate(sorted(self.place.glob("[0-9]*"), key=lambda path: int(path.name))):
            assert folder.name == str(number)
            result = json.loads((folder / "result.json").read_text())
            kept = {key: result.get(key) for key in ("status", "overrides", "history", "metrics", "reason")}
            lines = (folder / "journal.jsonl").read_text().splitlines()
            records = [json.loads(line) for line in lines if '"epoch"' in line]
            kept["epochs"] = [each["epoch"] for each in records if "epoch" in each]
            made.append(kept)
        return made

    def numbers(self) -> list[dict[str, Any]]:
        """The same without what was typed: other words may have come to the same."""
        return [{**each, "overrides": []} for each in self.trials()]

    def study(self) -> optuna.Study:
        """What is exported of the search, as Optuna reads it."""
        file = self.cwd / "search.log"
        file.unlink(missing_ok=True)
        self("search-export", self.typed, "-o", str(file))
        return optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(file))))

    def tags(self) -> dict[int, dict[str, str]]:
        """What MLflow's database has as the tags of each trial."""
        with contextlib.closing(sqlite3.connect(self.cwd / "outputs" / "mlflow.db")) as database:
            rows = database.execute("select run_uuid, key, value from tags").fetchall()
        found: dict[str, dict[str, str]] = {}
        for run, key, value in rows:
            found.setdefault(run, {"run": run})[key] = value
        return {int(each["nnexp.trial"]): each for each in found.values() if "nnexp.trial" in each}

    def runs(self) -> dict[str, dict[str, Any]]:
        """The status of each run in MLflow's database, and for how many epochs it has the cost."""
        with contextlib.closing(sqlite3.connect(self.cwd / "outputs" / "mlflow.db")) as database:
            points = "select count(*) from metrics where run_uuid = runs.run_uuid and key = 'cost/train'"
            rows = database.execute(f"select run_uuid, status, ({points}) from runs").fetchall()  # noqa: S608
        return {run: {"status": status, "points": count} for run, status, count in rows}


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    """A directory of a test's own."""
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Folder]:
    """Makes directories."""
    return lambda: Folder(tmp_path_factory.mktemp("search"))
