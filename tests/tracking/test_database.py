"""The embedded database: made once, safely, and cheap to find again."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from nnexp.errors import NnexpError
from nnexp.tracking.database import embedded_uri
from tests.command import SLOW
from tests.command import python as forked

if TYPE_CHECKING:
    from pathlib import Path

EIGHT_AT_ONCE = """
import os, sys, time
from pathlib import Path
from nnexp.tracking.opening import Opening, Target
from nnexp.tracking.tracked_run import TrackedRun
from nnexp.tracking.store import Store

outputs, go = Path(sys.argv[1]), time.time() + 0.5
children = []
for i in range(8):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            time.sleep(max(0, go - time.time()))
            store = Store.connect(None, "raced", outputs)
            directory = outputs / "runs" / str(i)
            directory.mkdir(parents=True)
            opening = Opening(f"run {i}", {"i": i}, {})
            run = TrackedRun.start(opening, directory, Target(store.uri, "raced", outputs, store))
            run.record(1, {"cost/train": 0.5}, 1000)
            run.finish("FINISHED")
            code = 0
        finally:
            os._exit(code)
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""

KILLED_FOUR_TIMES = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from nnexp.tracking.database import embedded_uri

outputs = Path(sys.argv[1])
for last in (1, 5, 25, 60):
    child = os.fork()
    if child == 0:
        left = iter(range(last - 1, -1, -1))

        @event.listens_for(Engine, "after_cursor_execute")
        def killed(*arguments):
            if not next(left):
                os.kill(os.getpid(), signal.SIGKILL)

        embedded_uri(outputs)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, f"it takes fewer than {last} statements"
    assert not (outputs / "mlflow.db").exists()
embedded_uri(outputs)
"""

NOT_IMPORTED = """
import sys
from pathlib import Path
import nnexp.tracking, nnexp.tracking.client, nnexp.tracking.database, nnexp.tracking.tracked_run
import nnexp.serving, nnexp.tracking.store, nnexp.tracking.ui
nnexp.tracking.database.embedded_uri(Path(sys.argv[1]))
print(sorted({"mlflow", "pandas", "sqlalchemy", "filelock", "requests"} & set(sys.modules)))
"""


def python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``script`` in a Python of its own."""
    command = [sys.executable, "-W", "error:::nnexp", "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def sound(database: Path) -> bool:
    """Tell whether SQLite finds nothing wrong with the file."""
    connection = sqlite3.connect(database)
    try:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
    finally:
        connection.close()


def test_creates_a_complete_database_in_wal_mode_and_leaves_nothing_else(tmp_path: Path) -> None:
    """A new database is one finished file beside its hidden lock, in write-ahead mode, with MLflow's tables."""
    outputs = tmp_path / "a folder" / "outputs"
    assert embedded_uri(outputs) == f"sqlite:///{outputs}/mlflow.db"
    assert {path.name for path in outputs.iterdir()} <= {"mlflow.db", ".mlflow.db.lock"}
    connection = sqlite3.connect(outputs / "mlflow.db")
    try:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        default = connection.execute("SELECT artifact_location FROM experiments").fetchone()
        assert default == (f"file://{tmp_path}/a%20folder/outputs/artifacts/0",)
    finally:
        connection.close()


def test_a_database_in_use_is_forced_onto_the_disk(outputs: Path) -> None:
    """What hurries a database's making meets no other one and ends with it: each commit of a run waits for the disk."""
    from sqlalchemy import create_engine

    from nnexp.tracking.database import _unforced

    def waits_for_the_disk(name: str) -> bool:
        engine = create_engine(f"sqlite:///{outputs}/{name}.db")
        with engine.connect() as connection:
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        engine.dispose()
        return bool(level == 2)

    with _unforced(outputs / "new.db"):
        within = waits_for_the_disk("new"), waits_for_the_disk("other")
    assert within == (False, True)
    assert waits_for_the_disk("new")


def test_eight_processes_at_once_all_get_the_same_experiment(tmp_path: Path) -> None:
    """Eight processes that start on an empty folder all record their run, in one experiment of one sound database."""
    outputs = tmp_path / "outputs"
    done = forked("-c", EIGHT_AT_ONCE, str(outputs), cwd=tmp_path, tables=False)
    assert (done.code, done.out, done.err) == (0, "", "")
    connection = sqlite3.connect(outputs / "mlflow.db")
    try:
        assert connection.execute("SELECT count(*) FROM experiments WHERE name = 'raced'").fetchone() == (1,)
        finished = "SELECT count(DISTINCT run_uuid), count(DISTINCT experiment_id) FROM runs WHERE status = 'FINISHED'"
        assert connection.execute(finished).fetchone() == (8, 1)
        assert connection.execute("SELECT count(*) FROM metrics").fetchone() == (8,)
    finally:
        connection.close()
    assert sound(outputs / "mlflow.db")


def test_a_killed_creator_leaves_nothing_broken(tmp_path: Path) -> None:
    """After creators were killed at their 1st, 5th, 25th and 60th statement, the next one succeeds and cleans up."""
    outputs = tmp_path / "outputs"
    done = forked("-c", KILLED_FOUR_TIMES, str(outputs), cwd=tmp_path, tables=False)
    assert (done.code, done.err) == (0, "")
    assert {path.name for path in outputs.iterdir()} <= {"mlflow.db", ".mlflow.db.lock"}
    assert sound(outputs / "mlflow.db")


def test_the_log_of_a_deleted_database_is_not_replayed_into_the_new_one(tmp_path: Path, made_once: Path) -> None:
    """Where only mlflow.db itself was deleted, what SQLite kept beside it does not damage the next database."""
    (tmp_path / "mlflow.db-wal").write_bytes(made_once.read_bytes()[:5000])
    (tmp_path / "mlflow.db").touch()  # as a creator that was killed at once leaves it
    embedded_uri(tmp_path)
    assert not (tmp_path / "mlflow.db-wal").exists()
    assert sound(tmp_path / "mlflow.db")


def test_an_existing_database_and_module_imports_do_not_import_mlflow(outputs: Path) -> None:
    """Importing the package and finding an existing database costs none of MLflow's three seconds."""
    done = python(NOT_IMPORTED, outputs)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    """A file of another kind at the database's place is named, and not touched."""
    (tmp_path / "mlflow.db").write_text("my notes on MLflow")
    with pytest.raises(NnexpError, match=r"mlflow\.db is no SQLite database\. Move it away"):
        embedded_uri(tmp_path)
    assert (tmp_path / "mlflow.db").read_text() == "my notes on MLflow"


def test_a_folder_in_its_place_is_refused_at_once(tmp_path: Path) -> None:
    """MLflow would try for minutes to open it."""
    (tmp_path / "outputs" / "mlflow.db").mkdir(parents=True)
    began = time.monotonic()
    with pytest.raises(NnexpError, match=r"mlflow\.db is a folder, no SQLite database"):
        embedded_uri(tmp_path / "outputs")
    assert time.monotonic() - began < 5 * SLOW


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Where the folder cannot exist the message names it and the way out."""
    (tmp_path / "outputs").write_text("a file in the way")
    with pytest.raises(NnexpError, match=r"outputs/mlflow\.db cannot be created or read: .*tracking=none"):
        embedded_uri(tmp_path / "outputs")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(outputs: Path) -> None:
    """A folder without write permission is refused before anything is trained, also where the database exists."""
    outputs.chmod(0o500)
    try:
        with pytest.raises(NnexpError, match="cannot be written to"):
            embedded_uri(outputs)
    finally:
        outputs.chmod(0o700)


@pytest.mark.parametrize("name", ["what?", "50%25"])
def test_a_folder_whose_name_an_address_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    """A name that would lead SQLite elsewhere is refused instead of making a database in the wrong place."""
    with pytest.raises(NnexpError, match="Rename the folder"):
        embedded_uri(tmp_path / name)
    assert not list(tmp_path.iterdir())
