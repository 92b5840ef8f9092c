"""A SQLite file that a stranger may have put there, looked at before SQLite is: what lies beside it, and what its schema does.

SQLite rolls back what a journal beside a database says, and then removes the file that this journal names as its
super-journal, whatever that is (https://www.sqlite.org/atomiccommit.html, section 5). It writes into a log or an index that
is there, under whatever other names. And triggers and views of a database do their work whenever somebody writes or reads. A
pipe in their place would keep it waiting for the other end.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

from nnexp.errors import NnexpError, printable

SATELLITES = ("", "-wal", "-shm", "-journal")
"""What SQLite may keep for a database: the file, and three others beside it."""
SUPER = bytes.fromhex("d9d505f920a163d7")
"""The last bytes of a journal that names a super-journal (https://www.sqlite.org/fileformat.html, section 3)."""
OWN_TRIGGERS = ("secrets",)
"""The tables that MLflow's own schema has triggers on; nnexp writes to none of them."""


def refuse_foreign(database: Path) -> None:
    """Refuse a database with anything beside it that would lead SQLite to another file. Raises NnexpError, OSError."""
    for satellite in SATELLITES:
        path = database.with_name(database.name + satellite)
        try:
            found = path.lstat() if satellite else path.stat()
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(found.st_mode) and not satellite:
            return  # whoever opens it says so
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise NnexpError(
                f"{path} is no plain file, or has a second name, and through it SQLite would change another file. Put a copy "
                "of it in its place, or choose another store: tracking.uri=..."
            )
    journal = database.with_name(f"{database.name}-journal")
    if journal.exists() and ends(journal) == SUPER:
        raise NnexpError(
            f"{journal} names another file, which SQLite would remove. Move it away, or choose another store: tracking.uri=..."
        )


def ends(path: Path) -> bytes:
    """The last bytes of a file."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - len(SUPER)))
        return file.read()


def refuse_busy_schema(connection: sqlite3.Connection, database: Path) -> None:
    """Refuse a database that does more than to keep rows. Raises NnexpError, sqlite3.Error."""
    rows = connection.execute(
        "SELECT type, name, tbl_name FROM sqlite_master WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%'"
    )
    for kind, name, table in rows:
        if kind != "trigger" or table not in OWN_TRIGGERS:
            what = "virtual table" if kind == "table" else kind
            raise NnexpError(
                f"{database} has a {what} that MLflow does not make, {printable(str(name))}, which could do anything as runs "
                "are written or read. Drop it, or choose another store: tracking.uri=..."
            )
