"""What a SQLite store is spared: an object for each metric point, and a wait for the disk at each commit.

MLflow's client makes an object of each point and has SQLAlchemy follow it: some 70 µs of processor a point, a fifth of what a
sweep of long runs takes. SQLite itself takes a row in 5 µs. ``write`` adds the rows that the client would have added, and only
to the table that is known here; else the client does the work.

The client commits six times a run, and each time waits for the disk. A process that delivers (``wait_no_more``) waits once,
with ``force``, before it notes that MLflow has a run.

For 64 runs of 400 epochs the objects take 7 s, from two workers on two processors. The client is told the parameters and the
newest point of each metric, to compare with the latest it knows. The others are inserted as it would have done it (a property
test compares the tables), as long as the table has the columns it has in MLflow 3.17. The database's file is opened by SQLite
alone: to open and close it otherwise frees the process's locks on it, and whoever looks into it next takes its log away.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from mlflow.entities import Metric

COLUMNS = ("key", "value", "timestamp", "run_uuid", "step", "is_nan")
"""The columns of MLflow's table ``metrics``."""
FEWEST = 32
"""With fewer points the client is as fast."""
PATIENCE = 20.0
"""Seconds to wait for another process that writes, as MLflow does."""


def address(file: str | Path, mode: str) -> str:
    """How SQLite is told to open a file that is there: "ro" to read, "rw" also to write."""
    return f"file:{quote(str(file))}?mode={mode}"


def split(points: Sequence[Metric]) -> tuple[Sequence[Metric], Sequence[Metric]]:
    """The newest point of each metric, which MLflow compares with the latest that it knows; and the others."""
    if len(points) < FEWEST:
        return points, ()
    newest: dict[str, Metric] = {}
    for point in points:
        other = newest.setdefault(point.key, point)
        if point.step > other.step or (point.step == other.step and _rest(point) > _rest(other)):
            newest[point.key] = point
    return list(newest.values()), [point for point in points if newest[point.key] is not point]


def write(file: str, run_id: str, points: Sequence[Metric]) -> bool:
    """Write points of a run that is there; those that are there are left. False where the table is not as expected.

    ``force`` is to follow. Raises sqlite3.Error.
    """
    with contextlib.closing(sqlite3.connect(address(file, "rw"), uri=True, timeout=PATIENCE)) as connection, connection:
        if tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(metrics)")) != COLUMNS:
            return False
        connection.execute("PRAGMA foreign_keys=on")
        relax(connection)
        connection.executemany(
            "INSERT INTO metrics (key, value, is_nan, timestamp, run_uuid, step) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            [(each.key, *_number(each.value), each.timestamp, run_id, each.step) for each in points],
        )
    return True


def wait_no_more() -> None:
    """From now on, what MLflow commits in this process waits for the disk at the next ``force`` only."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", relax)


def relax(connection: object, _: object = None) -> None:
    """Have what is committed through a connection wait for the disk at the next ``force`` only, in write-ahead mode.

    A power failure then takes the end of what was committed, never a part from the middle; a killed process loses nothing.
    """
    if not isinstance(connection, sqlite3.Connection):
        return
    # A database that cannot be read says so at the first question; MLflow would try to connect for 100 s.
    with contextlib.suppress(sqlite3.OperationalError):
        if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            connection.execute("PRAGMA synchronous=normal")


def force(file: str) -> None:
    """Wait until all that was committed to a SQLite file is on the disk. Raises OSError."""
    with contextlib.suppress(FileNotFoundError), Path(f"{file}-wal").open("rb") as log:
        os.fsync(log.fileno())  # what SQLite took over from there into the file itself it has forced


def _rest(point: Metric) -> tuple[int, float]:
    """What MLflow compares beside the step to find the latest."""
    return point.timestamp, _number(point.value)[0]


def _number(value: float) -> tuple[float, bool]:
    """A value as MLflow stores it, and whether it is NaN: SQL has neither that nor infinity."""
    if math.isnan(value):
        return 0.0, True
    return min(max(float(value), -sys.float_info.max), sys.float_info.max), False
