"""The embedded database: one SQLite file, created safely by any number of processes at once.

MLflow creates its tables step by step in the final file. Two processes that do so together fail, and one killed on the
way leaves a file that never opens again. So the tables are made in a file beside it, under a lock, and the finished
file is moved into place in one step.

In a PostgreSQL database MLflow's creation races, too: there the tables get an advisory lock, which belongs to a connection,
so that PostgreSQL frees it however the process ends. MySQL is not locked.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import unquote

from nnexp.basics.locks import UNSUPPORTED, no_locks
from nnexp.basics.origin import DATABASE
from nnexp.basics.removing import remove
from nnexp.errors import NnexpError
from nnexp.tracking.artifacts import ARTIFACTS, Places
from nnexp.tracking.client import no_telemetry, quiet, reason
from nnexp.tracking.foreign_database import SATELLITES, refuse_busy_schema, refuse_foreign
from nnexp.tracking.sqlite import address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


PATIENCE = 120.0
"""Seconds to wait for another process that is creating the database. It needs 1 to 7."""


def embedded_uri(outputs: Path) -> str:
    """Return the SQLite URI of ``outputs/mlflow.db``, which exists afterwards with MLflow's tables in it.

    An existing database is looked into. Raises ``NnexpError`` where the file is no database or the
    directory cannot be written to.
    """
    database = outputs.absolute() / DATABASE
    if "?" in str(database) or unquote(str(database)) != str(database):
        # SQLAlchemy 2.1 reads %41 as A and 2.0 does not, so there is no spelling that holds for both.
        raise NnexpError(
            f"The folder {database.parent} cannot hold the tracking database: '?', and '%' before two hexadecimal "
            "digits, mean something else in a database's address. "
            "Rename the folder, or train without tracking: tracking=none"
        )
    if database.is_symlink():
        raise NnexpError(
            f"{database} is a link, and leads to a database that nobody has typed: {database.resolve()}. Remove the link, or "
            f"type tracking.uri=sqlite:///{database.resolve()}"
        )
    create(database)
    return f"sqlite:///{database}"


def in_order(outputs: Path, experiment: str, artifacts: str | None = None) -> bool:
    """Tell in a millisecond, without MLflow, whether ``outputs``/mlflow.db can be expected to open, or to be created.

    And whether the experiment's artifacts go where they may, below ``outputs`` or the ``artifacts`` that were typed.

    Where it says no, connecting says why.
    """
    database = outputs.absolute() / DATABASE
    if database.is_symlink() or unquote(str(database)) != str(database) or not set("?#").isdisjoint(str(database)):
        return False
    if not all(os.access(path, os.W_OK) for path in (outputs, database) if path.exists()):
        return False
    try:
        if not _exists(database):
            return True
        with contextlib.closing(sqlite3.connect(address(database, "ro"), uri=True, timeout=1)) as connection:
            asked = "SELECT lifecycle_stage, artifact_location FROM experiments WHERE name = ?"
            stage, location = connection.execute(asked, (experiment,)).fetchone() or ("active", None)
            if location is not None:
                Places.of(f"sqlite:///{database}", outputs, artifacts).checked(str(location), experiment)
            return bool(stage == "active")
    except (NnexpError, OSError, sqlite3.Error):
        return False


def create(database: Path) -> None:
    """Make the SQLite file ``database`` with MLflow's tables unless it is there. Raises ``NnexpError``."""
    try:
        if not _exists(database):
            database.parent.mkdir(parents=True, exist_ok=True)
            _create_locked(database)
        for path, what in ((database.parent, "folder"), (database, "file")):
            if not os.access(path, os.W_OK):
                raise NnexpError(
                    f"The {what} {path} of the tracking database cannot be written to. "
                    "Change its permissions, start elsewhere, or train without tracking: tracking=none"
                )
    except OSError as error:
        if error.errno in UNSUPPORTED:
            raise no_locks(database, error) from None
        raise NnexpError(
            f"The tracking database {database} cannot be created or read: {error.strerror or error}. "
            "Start in a folder that can be written to, or train without tracking: tracking=none"
        ) from error


def _exists(database: Path) -> bool:
    """Tell whether the database is there. An empty file counts as none: it is what a killed creator leaves.

    SQLite itself looks into the file: to open and close it here would free the locks that this process has on it, and the
    next program that closes the database would take the log away into which this one goes on to write.
    """
    refuse_foreign(database)
    try:
        if not database.stat().st_size:
            return False
    except FileNotFoundError:
        return False
    if not database.is_file():
        raise NnexpError(f"{database} is a folder, no SQLite database. Name a file in it: tracking.uri=sqlite:///...")
    try:
        with contextlib.closing(sqlite3.connect(address(database, "ro"), uri=True, timeout=0)) as connection:
            refuse_busy_schema(connection, database)
    except sqlite3.OperationalError:  # it is locked, or may not be read: whoever uses it says so
        return True
    except sqlite3.DatabaseError as error:
        raise NnexpError(
            f"{database} is no SQLite database. "
            "Move it away to start a new one, or choose another store: tracking.uri=..."
        ) from error
    return True


def _create_locked(database: Path) -> None:
    """Create the database unless another process does so first."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(database.with_name(f".{database.name}.lock"), timeout=PATIENCE):
            if not _exists(database):
                new = database.with_name(f".{database.name}.new")
                for (
                    satellite
                ) in SATELLITES:  # what a killed creator left; nobody else writes there while the lock is held
                    remove(new.with_name(new.name + satellite))
                _set_aside(database)
                _write_tables(new, database.parent / ARTIFACTS)
                new.replace(database)
    except Timeout as error:
        raise NnexpError(
            f"Another process has been creating {database} for {PATIENCE:.0f} s. "
            "End it, or train without tracking: tracking=none"
        ) from error


def _set_aside(database: Path) -> None:
    """Give other names to the logs of a database that is gone: they would be replayed into the new one."""
    for satellite in filter(None, SATELLITES):
        log = database.with_name(database.name + satellite)
        if log.exists():
            names = (f".{log.name}.{number}.left" for number in itertools.count())
            log.rename(next(free for name in names if not (free := log.with_name(name)).exists()))


def _write_tables(path: Path, artifacts: Path) -> None:
    """Write a complete database to ``path`` and close every connection to it.

    The artifacts of MLflow's experiment "Default" will go to ``artifacts``/0.
    """
    no_telemetry()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    try:
        with quiet(), _unforced(path):
            store = SqlAlchemyStore(f"sqlite:///{path}", artifacts.as_uri())  # type: ignore[no-untyped-call]
            store.engine.dispose()
        connection = sqlite3.connect(path)
        try:
            # Readers and a writer no longer wait for each other. The setting is kept in the file itself.
            connection.execute("PRAGMA journal_mode=wal").fetchone()
        finally:
            connection.close()  # the last to close also empties and deletes the log
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except OSError:
        raise
    except Exception as error:
        raise NnexpError(
            f"The tracking database could not be created in {path.parent}: {reason(error, '')}. "
            "Free some space or start elsewhere, or train without tracking: tracking=none"
        ) from error


@contextlib.contextmanager
def _unforced(path: Path) -> Iterator[None]:
    """Within the block, connections that SQLAlchemy opens to ``path`` leave it to the system when to write onto the disk.

    MLflow makes its tables in some sixty steps, and SQLite would wait for the disk a thousand times: seconds, where others
    write there as well. What is left half-written is thrown away by the next process; a complete file is forced at the end.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def connected(connection: object, _: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        opened = connection.execute("PRAGMA database_list").fetchone()[2]
        if os.path.realpath(opened) != os.path.realpath(path):
            return
        connection.execute("PRAGMA synchronous=off")
        connection.execute("PRAGMA journal_mode=memory").fetchone()

    event.listen(Engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "connect", connected)
