"""What lies beside a stranger's ``mlflow.db``, and what its schema does: SQLite would follow it, so nnexp looks first."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from pathlib import Path

import pytest

from tests.attacks.scene import Scene, copied

RUN = ("dataset=xor", "epochs=1")


def journal_that_removes(database: Path, victim: Path) -> None:
    """A journal whose rollback is done and that names ``victim`` as its super-journal (SQLite's file format, section 3)."""
    magic = bytes.fromhex("d9d505f920a163d7")
    header = magic + struct.pack(">IIIII", 0, 0, database.stat().st_size // 4096, 512, 4096)
    name = str(victim).encode()
    page = struct.pack(">I", 0x40000000 // 4096 + 1)
    named = page + name + struct.pack(">II", len(name), sum(name)) + magic
    Path(f"{database}-journal").write_bytes(header.ljust(512, b"\0") + named)


def rolled_back(database: Path) -> Path:
    """A copy of a database without write-ahead log, which takes a journal beside it for its own."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=delete").fetchone()
    return database


@pytest.mark.parametrize("typed", [False, True])
def test_a_journal_that_would_remove_a_file(typed: bool, tracked: Scene, a_run: Path) -> None:
    """The user's file is there afterwards, and the journal is named; so it is where the database was typed."""
    copied(a_run, tracked.place / "outputs")
    database = rolled_back(tracked.place / "outputs" / "mlflow.db")
    journal_that_removes(database, tracked.home / "thesis" / "chapter.txt")
    words = (f"tracking.uri=sqlite:///{database}",) if typed else ()
    tracked.attempt(*RUN, *words, says="mlflow.db-journal names another file, which SQLite would remove")


def test_the_journal_does_remove_a_file(tracked: Scene, a_run: Path) -> None:
    """Without nnexp's look at it SQLite removes what such a journal names: the test above could fail."""
    copied(a_run, tracked.place / "outputs")
    database = rolled_back(tracked.place / "outputs" / "mlflow.db")
    victim = tracked.root / "victim.txt"
    victim.write_text("x")
    journal_that_removes(database, victim)
    with contextlib.closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.Error):
        connection.execute("SELECT count(*) FROM runs").fetchone()
    assert not victim.exists()


@pytest.mark.parametrize("satellite", ["-wal", "-shm", "-journal", ""])
@pytest.mark.parametrize("how", ["a second name", "a pipe"])
def test_what_is_no_plain_file_beside_a_database(satellite: str, how: str, tracked: Scene, a_run: Path) -> None:
    """A user's file under a second name is not written through, and nobody waits for the other end of a pipe."""
    copied(a_run, tracked.place / "outputs")
    path = tracked.place / "outputs" / f"mlflow.db{satellite}"
    path.unlink(missing_ok=True)
    if how == "a pipe":
        os.mkfifo(path)
    else:
        (tracked.home / "notes.txt").write_text("mine")
        path.hardlink_to(tracked.home / "notes.txt")
    tracked.attempt(*RUN, says="is no plain file, or has a second name")


SCHEMAS = {
    "a trigger": "CREATE TRIGGER evil AFTER INSERT ON runs BEGIN UPDATE runs SET name = hex(zeroblob(400000000)); END",
    "a view": "CREATE VIEW evil AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n",
    "a virtual table": "CREATE VIRTUAL TABLE evil USING fts5(x)",
}


@pytest.mark.parametrize("what", SCHEMAS)
def test_a_schema_that_does_something(what: str, tracked: Scene, a_run: Path) -> None:
    """A trigger, a view or a virtual table that MLflow does not make is named, and nothing is written into the database."""
    copied(a_run, tracked.place / "outputs")
    with contextlib.closing(sqlite3.connect(tracked.place / "outputs" / "mlflow.db")) as connection, connection:
        connection.execute(SCHEMAS[what])
    tracked.attempt(*RUN, says="that MLflow does not make, evil")
