"""The database of a project that was moved, renamed or copied: its locations lead to where the files are now.

MLflow notes absolute paths. Its experiment "Default" has one that nobody chooses, artifacts/0 beside the database as it was
made, so that tells where the database lay then.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from nnexp.tracking.artifacts import ARTIFACTS, path_of
from nnexp.tracking.sqlite import PATIENCE, address

LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""The tables and columns in which MLflow keeps where files lie."""
DEFAULT = "0"
"""The id of MLflow's experiment "Default", and its folder's name."""


def follow(database: Path, outputs: Path) -> str:
    """Have the locations of a database that has moved with its project lead to the artifacts there again.

    Only what lay below the artifacts folders of the old place changes; what was typed stays. A database that somebody else has
    made may keep its artifacts anywhere: so some run's folder has to be found in the new place. Returns the folder where the
    database lay before; empty where it has not moved, or where the artifacts stayed behind. Raises sqlite3.Error.
    """
    with contextlib.closing(sqlite3.connect(address(database, "ro"), uri=True, timeout=PATIENCE)) as connection:
        before, here = _before(connection), database.parent
        moves = {}
        if before and not _same(before, here):
            folders = _folders(before, here, outputs)
            moves = {old: new for old, new in folders if _came_along(connection, old, new, alone=here == outputs)}
    if not moves:
        return ""
    with (
        contextlib.closing(sqlite3.connect(address(database, "rw"), uri=True, timeout=PATIENCE)) as connection,
        connection,
    ):
        there = {
            (table, name) for table, _ in LOCATIONS for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")
        }
        for table, column in there.intersection(LOCATIONS):
            for old, new in moves.items():
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column} || '/', 1, ?) = ?",  # noqa: S608
                    (new, len(old) + 1, len(old) + 1, f"{old}/"),
                )
    return str(before)


def _before(connection: sqlite3.Connection) -> Path | None:
    """The folder of the database when it was made; None where that cannot be told."""
    asked = "SELECT artifact_location FROM experiments WHERE experiment_id = ?"
    location, *_ = connection.execute(asked, (DEFAULT,)).fetchone() or ("",)
    path = path_of(str(location))
    return Path(path).parents[1] if path.endswith(f"/{ARTIFACTS}/{DEFAULT}") else None


def _folders(before: Path, here: Path, outputs: Path) -> Iterator[tuple[str, str]]:
    """The folders of artifacts, as MLflow spells them: where each was, and would be now."""
    yield (before / ARTIFACTS).as_uri(), (here / ARTIFACTS).as_uri()
    if outputs != here and outputs.is_relative_to(here):
        within = outputs.relative_to(here) / ARTIFACTS
        yield (before / within).as_uri(), (here / within).as_uri()


def _came_along(connection: sqlite3.Connection, old: str, new: str, *, alone: bool) -> bool:
    """Whether some run's folder is there now; without runs, whether an embedded database (``alone``) left nothing behind."""
    asked = "SELECT artifact_uri FROM runs WHERE substr(artifact_uri, 1, ?) = ?"
    rows = connection.execute(asked, (len(old) + 1, f"{old}/")).fetchall()
    if not rows:
        return alone and not Path(path_of(old)).exists()
    return any(Path(path_of(f"{new}{str(row[0])[len(old) :]}")).is_dir() for row in rows)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
