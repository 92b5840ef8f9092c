"""A SQLite store that is written to in bulk, and that waits for the disk once a run, is the store MLflow would have made."""

from __future__ import annotations

import math
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities import Metric, RunStatus

from nnexp.basics.store_address import StoreAddress
from nnexp.journal.outbox import entries
from nnexp.tracking import sqlite
from nnexp.tracking.delivery import PROGRESS, run_id_of
from nnexp.tracking.opening import Opening, Pending, Target
from nnexp.tracking.pending import flush
from nnexp.tracking.store import Store
from nnexp.tracking.tracked_run import TrackedRun

if TYPE_CHECKING:
    from collections.abc import Sequence

FOUR = ("cost/train", "cost/validation", "mae/train", "mae/validation")
VALUES = st.floats() | st.sampled_from([0.0, -0.0, 1, math.nan, math.inf, -math.inf])
POINTS = st.builds(
    Metric, st.sampled_from(FOUR), VALUES, st.integers(0, 3), st.integers(0, 9) | st.sampled_from([-(2**62), 2**62])
)
BATCHES = st.lists(POINTS, max_size=60) | st.lists(POINTS, min_size=sqlite.FEWEST, max_size=60)
RELAXED = """
import sys
from sqlalchemy import create_engine
from nnexp.tracking.sqlite import wait_no_more

for modest in (False, True):
    for name in sys.argv[1:]:
        with create_engine(f"sqlite:///{name}").connect() as connection:
            print(connection.exec_driver_sql("PRAGMA synchronous").scalar(), end=" ")
    if not modest:
        wait_no_more()
"""


def rows(outputs: Path, table: str, run_id: str) -> list[tuple[Any, ...]]:
    """What a table of MLflow's holds of a run's metrics."""
    query = f"SELECT key, step, timestamp, value, typeof(value), is_nan FROM {table} WHERE run_uuid = ? ORDER BY 1, 2, 3, 4, 6"  # noqa: S608
    with closing(sqlite3.connect(outputs / "mlflow.db")) as connection:
        return connection.execute(query, (run_id,)).fetchall()


def by_the_client(store: Store, run_id: str, points: Sequence[Metric]) -> None:
    """Have MLflow's client write them all."""
    for first in range(0, len(points), 1000):
        store.client.log_batch(run_id, points[first : first + 1000])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(BATCHES, min_size=1, max_size=3), n=st.integers(0, 3))
def test_rows_are_those_of_mlflows_client(store: Store, outputs: Path, batches: list[list[Metric]], n: int) -> None:
    """Points in any order, doubled, not finite, in batches that overlap: both tables hold what the client writes there."""
    series = [Metric(key, 1 / step, 1000 + step, step) for step in range(1, 15) for key in FOUR]
    batches = [*batches, series[: 14 * n], series]
    ours, theirs = (store.create("r", {}, None, "") for _ in range(2))
    for points in batches:
        store.log(ours, {}, points)
        by_the_client(store, theirs, points)
    for table in ("metrics", "latest_metrics"):
        assert rows(outputs, table, ours) == rows(outputs, table, theirs)
    assert len(rows(outputs, "metrics", ours)) >= 56


def test_most_points_do_not_pass_through_the_client(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4,000 points the client is told the newest of each metric."""
    told: list[int] = []
    log_batch = store.client.log_batch

    def counted(run_id: str, metrics: Sequence[Metric] = (), *others: Any) -> Any:
        told.append(len(metrics))
        return log_batch(run_id, metrics, *others)

    monkeypatch.setattr(store.client, "log_batch", counted)
    run_id = store.create("r", {}, None, "")
    store.log(run_id, {"a": 1}, [Metric(key, 0.5, step, step) for step in range(1000) for key in FOUR])
    assert told == [4]
    assert [len(store.client.get_metric_history(run_id, key)) for key in FOUR] == [1000] * 4


def test_a_table_that_is_not_known_is_left_to_the_client(store: Store, outputs: Path) -> None:
    """Where another version of MLflow has given the table a column, every point arrives all the same."""
    with closing(sqlite3.connect(outputs / "mlflow.db")) as connection:
        connection.execute("ALTER TABLE metrics ADD COLUMN unit VARCHAR(10) DEFAULT 'new'")
    run_id = store.create("r", {}, None, "")
    points = [Metric("a", 0.5, step, step) for step in range(1500)]
    assert not sqlite.write(str(outputs / "mlflow.db"), run_id, points)
    store.log(run_id, {}, points)
    assert [point.step for point in store.client.get_metric_history(run_id, "a")] == list(range(1500))


def test_nothing_is_written_of_a_run_that_is_gone(store: Store, outputs: Path) -> None:
    """A run that was deleted, or never was, gets no rows: the client refuses it first, and SQLite does as well."""
    from mlflow.exceptions import MlflowException

    deleted = store.create("r", {}, None, "")
    store.client.delete_run(deleted)
    points = [Metric("a", 0.5, step, step) for step in range(100)]
    for run_id in (deleted, "0" * 32):
        with pytest.raises(MlflowException):
            store.log(run_id, {}, points)
        assert rows(outputs, "metrics", run_id) == []
    with pytest.raises(sqlite3.IntegrityError):
        sqlite.write(str(outputs / "mlflow.db"), "0" * 32, points)
    assert rows(outputs, "metrics", "0" * 32) == []


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:////data/mlflow.db", "/data/mlflow.db"),
        ("sqlite:///mlflow.db", "{here}/mlflow.db"),
        ("sqlite:///link.db", "{here}/mlflow.db"),
        ("sqlite+pysqlite:////data/mlflow.db", "/data/mlflow.db"),
        ("sqlite:///file:/data/mlflow.db?mode=ro&uri=true", ""),
        ("sqlite://", ""),
        ("sqlite:///:memory:", ""),
        ("sqlite+pysqlcipher://:password@/data/mlflow.db", ""),
        ("postgresql+psycopg2://me@host/db", ""),
        ("http://127.0.0.1:5000", ""),
    ],
)
def test_the_file_of_an_address(uri: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a SQLite address without options leads to a file, which is the one that the log lies beside."""
    monkeypatch.chdir(tmp_path)
    Path("link.db").symlink_to("mlflow.db")
    assert StoreAddress.parse(uri).file == file.format(here=tmp_path.resolve())


def test_a_database_that_is_gone_is_not_made_anew(store: Store, outputs: Path) -> None:
    """An empty file in its place would look as if it were back."""
    run_id = store.create("r", {}, None, "")
    (outputs / "mlflow.db").rename(outputs / "away.db")
    with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
        sqlite.write(str(outputs / "mlflow.db"), run_id, [Metric("a", 0.5, 1, 1)])
    assert not (outputs / "mlflow.db").exists()


def test_a_point_that_is_none_is_refused(store: Store, outputs: Path) -> None:
    """Doubles are dropped; what breaks another rule of the table's is not, and takes the others with it."""
    run_id = store.create("r", {}, None, "")
    points = [Metric("a", 0.5, 1, 1), Metric("a", 0.5, 1, 1), Metric("a", 0.5, None, 2)]  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        sqlite.write(str(outputs / "mlflow.db"), run_id, points)
    assert rows(outputs, "metrics", run_id) == []
    assert sqlite.write(str(outputs / "mlflow.db"), run_id, points[:2])
    assert len(rows(outputs, "metrics", run_id)) == 1


LOOKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
connection.close()
"""


@pytest.mark.parametrize("points", [0, 1, 60])
def test_somebody_who_looks_into_the_database_costs_no_run(points: int, outputs: Path) -> None:
    """Whoever opens and closes it while this process, connected twice, has it open too: what is told later is there."""

    def looked() -> int:
        command = [sys.executable, "-c", LOOKER, str(outputs / "mlflow.db")]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    first = Store.connect(None, "nnexp", outputs)
    first.create("r", {}, None, "")
    second = Store.connect(f"sqlite:///{outputs}/mlflow.db", "nnexp", outputs)
    assert looked() == 1
    for n, store in enumerate((first, second, first), 2):
        run_id = store.create("r", {}, None, "")
        store.log(run_id, {}, [Metric("a", 0.5, step, step) for step in range(points)])
        store.force()
        assert looked() == n
        assert len(rows(outputs, "metrics", run_id)) == points


def test_only_databases_with_a_log_are_waited_for_later(outputs: Path) -> None:
    """SQLite's level "normal" (1) keeps a database in write-ahead mode whole; any other keeps its own, "full" (2)."""
    shutil.copy(outputs / "mlflow.db", outputs / "other.db")
    with closing(sqlite3.connect(outputs / "other.db")) as connection:
        connection.execute("PRAGMA journal_mode=delete").fetchone()
    command = [sys.executable, "-c", RELAXED, str(outputs / "mlflow.db"), str(outputs / "other.db")]
    levels = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert levels == ["2", "2", "1", "2"]


def test_a_database_that_cannot_be_read_can_be_connected_to(outputs: Path) -> None:
    """What is asked first says why, at once: MLflow tries for 100 s to connect. Here there is no room for SQLite's index."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with closing(sqlite3.connect(outputs / "mlflow.db")) as connection:
            sqlite.relax(connection)
            with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
                connection.execute("SELECT count(*) FROM runs")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_power_failure_leaves_holds_every_run_that_is_called_delivered(
    store: Store, outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was forced onto the disk when delivery.json is written has all that it says; so when the run's note is removed."""
    forced = tmp_path / "forced"
    forced.mkdir()
    fsync, replace, said = os.fsync, Path.replace, []

    def copied(file: int) -> None:
        fsync(file)
        if Path(f"/proc/self/fd/{file}").readlink().name == "mlflow.db-wal":
            for path in outputs.glob("mlflow.db*"):
                shutil.copy(path, forced)

    def noted(path: Path, target: Path) -> Path:
        if target.name == PROGRESS and (run_id := path.read_text().partition('"run": "')[2][:32].strip('",\n ')):
            said.append((run_id, survived()))
        return replace(path, target)

    def survived() -> dict[str, tuple[str, int]]:
        with closing(sqlite3.connect(shutil.copytree(forced, tmp_path / str(len(said))) / "mlflow.db")) as connection:
            counts = (
                "SELECT r.run_uuid, r.status, count(m.key) FROM runs r LEFT JOIN metrics m USING (run_uuid) GROUP BY 1"
            )
            return {run: (status, points) for run, status, points in connection.execute(counts)}

    directory = outputs / "run"
    directory.mkdir()
    run = TrackedRun.start(Opening("r", {"a": 1}, {}), directory, Target(store.uri, store.experiment, outputs, None))
    for step in range(1, 2001):
        run.record(step, dict.fromkeys(FOUR, 1 / step), step)
    with pytest.raises(Pending):
        run.finish("FINISHED")
    monkeypatch.setattr(os, "fsync", copied)
    monkeypatch.setattr(Path, "replace", noted)
    assert [done for *_, done in flush(entries(outputs), store, outputs)] == [True]
    run_id = run_id_of(directory)
    running, finished = (RunStatus.to_string(each) for each in (RunStatus.RUNNING, RunStatus.FINISHED))
    assert [found[run_id] for _, found in said] == [(running, 5000), (finished, 8000)]
    assert entries(outputs) == []
