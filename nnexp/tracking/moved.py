"""The embedded database of an ``outputs/`` that was moved, renamed or copied: its locations lead to where the files are now.

MLflow notes absolute paths. Its experiment "Default" has one that nobody chooses, ``outputs``/artifacts/0 as it was when the
database was made, so that tells where ``outputs`` lay then.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from nnexp.tracking.artifacts import ARTIFACTS, path_of
from nnexp.tracking.sqlite import PATIENCE, address

LOCATIONS = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"))
"""The tables and columns in which MLflow keeps where files lie."""
DEFAULT = "0"
"""The id of MLflow's experiment "Default", and its folder's name."""


def follow(database: Path) -> str:
    """Have the locations of a database that has moved with its ``outputs`` lead to that folder's artifacts again.

    Only those below the old artifacts folder change; what was typed stays. Returns the folder where ``outputs`` lay before;
    empty where it has not moved, or where the artifacts stayed behind. Raises sqlite3.Error.
    """
    artifacts = database.parent / ARTIFACTS
    with contextlib.closing(sqlite3.connect(address(database, "ro"), uri=True, timeout=PATIENCE)) as connection:
        old = _old(connection, artifacts)
    if not old:
        return ""
    with (
        contextlib.closing(sqlite3.connect(address(database, "rw"), uri=True, timeout=PATIENCE)) as connection,
        connection,
    ):
        for table, column in LOCATIONS:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column} || '/', 1, ?) = ?",  # noqa: S608
                (artifacts.as_uri(), len(old) + 1, len(old) + 1, f"{old}/"),
            )
    return str(Path(path_of(old)).parent)


def _old(connection: sqlite3.Connection, artifacts: Path) -> str:
    """Where the artifacts lay when the database was made, as MLflow spells it; empty where that is here, or where they are."""
    asked = "SELECT artifact_location FROM experiments WHERE experiment_id = ?"
    location, *_ = connection.execute(asked, (DEFAULT,)).fetchone() or ("",)
    path = path_of(str(location))
    if not path.endswith(f"/{ARTIFACTS}/{DEFAULT}"):
        return ""
    before = Path(path).parent
    came_along = artifacts.is_dir() or not before.exists()
    return str(location).removesuffix(f"/{DEFAULT}") if came_along and not _same(before, artifacts) else ""


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
