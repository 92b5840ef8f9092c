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

    Only what lay below the artifacts folders of the old place changes; what was typed stays. Returns the folder where the
    database lay before; empty where it has not moved, or where the artifacts stayed behind. Raises sqlite3.Error.
    """
    with contextlib.closing(sqlite3.connect(address(database, "ro"), uri=True, timeout=PATIENCE)) as connection:
        before = _before(connection)
    here = database.parent
    moves = dict(_moves(before, here, outputs)) if before and not _same(before, here) else {}
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


def _moves(before: Path, here: Path, outputs: Path) -> Iterator[tuple[str, str]]:
    """Folders of artifacts that came along, as MLflow spells them: where each was, and is."""
    folders = [Path(ARTIFACTS)]
    if outputs != here and outputs.is_relative_to(here):
        folders.append(outputs.relative_to(here) / ARTIFACTS)
    for folder in folders:
        if (here / folder).is_dir() or not (before / folder).exists():
            yield (before / folder).as_uri(), (here / folder).as_uri()


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
