"""What the tests have in common: commands, and what a search has left in its directory.

A command that needs no process of its own is forked from this one, which has everything imported: a tenth of a second, not two.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: there are no threads that a fork would lose
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import matplotlib.backends.backend_agg
import mlflow.store.tracking.sqlalchemy_store
import nnexp_search.study
import optuna.importance
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import nnexp.commands.run
import nnexp.commands.subcommands
import nnexp.pictures.curve
from nnexp.__main__ import main
from nnexp.composition.options import claimed, structured
from nnexp.composition.reference import reference
from nnexp.discovery.registry import GROUPS
from nnexp.tracking import spawn

IMPORTED = (
    matplotlib.backends.backend_agg,
    mlflow.store.tracking.sqlalchemy_store,
    nnexp_search.study,
    optuna.importance,
    nnexp.commands.run,
    nnexp.commands.subcommands,
    nnexp.pictures.curve,
)
"""What commands would import."""
PATIENCE = 240
"""Seconds that a test waits for something: the machine may be busy with others."""
LEFT_OUT = ("MLFLOW_", "HYDRA_", "COLUMNS", "PYTEST_")


def pytest_sessionstart() -> None:
    """Have done what every command does first: grammars are slow at their first sentence, and options are read one by one."""
    Plugins.instance()
    OverridesParser.create().parse_overrides(["a.b=1.5", "c=d", "e=[1,2]", "f=1,2", "g='h'", "i={j:k}", "+l=m", "~n"])
    assert OmegaConf.create({"a": "b", "c": "d ${a} ${.a}"}).c == "d b b"
    reference(())
    for kind in GROUPS.values():
        for name in claimed(kind):
            structured(kind, name)


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
    gc.freeze()  # it has no garbage to look for in what it was born with
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
        fork_who_delivers()
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


class Deliverer(subprocess.Popen[bytes]):
    """The process that delivers to MLflow, forked from the one that wants it."""

    def _execute_child(self, *arguments: Any) -> None:
        """What starts the process, once its pipes are made."""
        (_, _, _, code, niceness), environment, pipes = arguments[0], arguments[6], arguments[10:16]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                for number, pipe in enumerate((pipes[0], pipes[3], pipes[5])):
                    os.dup2(pipe, number)
                os.closerange(3, max(pipes) + 1)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.environ.clear()
                os.environ.update(environment)
                sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
                sys.argv = ["-c", niceness]
                exec(code, {"__name__": "__main__"})  # noqa: S102
            finally:
                sys.stdout.flush()
                os._exit(0)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def fork_who_delivers() -> None:
    """Have the process that delivers to MLflow forked, which imports for longer than a small search takes."""
    vars(spawn)["subprocess"] = SimpleNamespace(Popen=Deliverer, PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL)


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


@pytest.fixture(scope="session", autouse=True)
def quick_disk() -> Iterator[None]:
    """Nothing is forced onto the disk, neither here nor in forks: processes are killed here, and no power fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    """A directory of a test's own."""
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Folder]:
    """Makes directories."""
    return lambda: Folder(tmp_path_factory.mktemp("search"))
