"""A stranger's database in ``outputs/``: where it says that artifacts are, and what it calls things, is not believed."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tests.attacks.scene import Scene, assert_clear, copied
from tests.attacks.test_runs import RUN, sent
from tests.trees import harmed, tree


def rewritten(scene: Scene, statement: str, value: str = "") -> None:
    """Change the database of the stranger's ``outputs/``."""
    with contextlib.closing(sqlite3.connect(scene.place / "outputs" / "mlflow.db")) as database, database:
        database.execute(statement, (scene.filled(value),) if "?" in statement else ())


def placed(scene: Scene, place: str) -> None:
    """Have the database say that artifacts are there."""
    rewritten(scene, "UPDATE experiments SET artifact_location = ?", place)
    rewritten(scene, "UPDATE runs SET artifact_uri = ?", place)


PLACES = {
    "the user's keys": "file://HOME/.ssh",
    "the user's keys by a path": "HOME/.ssh",
    "above": "file://HOME/place/outputs/../../thesis",
    "another machine": "http://127.0.0.1:PORT/artifacts",
    "another machine's tracking server": "mlflow-artifacts://127.0.0.1:PORT/x",
    "a cloud": "s3://127.0.0.1:PORT/x",
    "a database": "dbfs:/x",
    "files by ftp": "ftp://127.0.0.1:PORT/x",
    "nothing": "",
    "an unknown scheme": "evil://x",
}
"""Where an experiment's artifacts are said to be."""


@pytest.mark.parametrize("what", PLACES)
def test_where_artifacts_go(what: str, tracked: Scene, a_run: Path) -> None:
    """Files go below the folder that nnexp chose, or nowhere: what a stranger's database says is not followed."""
    directory = sent(tracked, a_run)
    (directory / "authorized_keys").write_text("a stranger's key")
    with (directory / "journal.jsonl").open("a") as journal:
        journal.write('{"artifact":"authorized_keys"}\n')
    placed(tracked, PLACES[what])
    tracked.attempt("sync", code=None)


@pytest.mark.parametrize("what", ["the user's keys", "another machine", "a cloud", "an unknown scheme"])
def test_where_a_model_comes_from(what: str, tracked: Scene, a_run: Path) -> None:
    """``predict RUN_ID`` fetches nothing from where only a stranger's database says."""
    copied(a_run, tracked.place / "outputs")
    tracked.send({"table.csv": "x1,x2\n1,2\n"})
    placed(tracked, PLACES[what])
    rewritten(tracked, "UPDATE runs SET name = 'theirs'")
    tracked.attempt("predict", "theirs", "../theirs/table.csv", code=None)


def test_names_in_a_store(tracked: Scene, a_run: Path) -> None:
    """Names of runs, experiments and tags with control characters are shown without commanding the terminal."""
    copied(a_run, tracked.place / "outputs")
    tracked.send({"table.csv": "x1,x2\n1,2\n"})
    evil = "\x1b]0;x\x07\x1b[2J"
    for column in ("runs SET name", "experiments SET name", "tags SET value"):
        rewritten(tracked, f"UPDATE {column} = ? || rowid", evil)
    tracked.attempt("predict", "nobody", "../theirs/table.csv")
    tracked.attempt("predict", "nobody", "../theirs/table.csv", f"--experiment={evil}")


def test_a_run_whose_directory_is_elsewhere(tracked: Scene, a_run: Path) -> None:
    """``resume RUN_ID`` does not go where a tag in a stranger's database leads."""
    copied(a_run, tracked.place / "outputs")
    copied(tracked.place / RUN, tracked.home / "thesis" / "r")
    rewritten(tracked, "UPDATE runs SET name = 'theirs'")
    rewritten(tracked, "UPDATE tags SET value = '../thesis/r' WHERE key = 'nnexp.directory'")
    tracked.attempt("resume", "theirs", "epochs=2", code=None)


DATABASES = {
    "a directory": "folder",
    "a link to the user's file": "HOME/thesis/chapter.txt",
    "a link to nothing": "HOME/new.db",
    "a pipe": "pipe",
    "a text": "no database",
    "nothing": "",
    "half of itself": "SQLite format 3\0" + "\0" * 4000,
}
"""What can be in the database's place."""


@pytest.mark.parametrize("what", DATABASES)
def test_another_thing_in_the_databases_place(what: str, tracked: Scene, a_run: Path) -> None:
    """A run does not write through what is no database of nnexp's, nor wait for it, and says what is wrong."""
    copied(a_run, tracked.place / "outputs")
    for path in (tracked.place / "outputs").glob("*mlflow.db*"):
        path.unlink()
    if what in ("a text", "nothing", "half of itself"):
        tracked.send({"outputs/mlflow.db": DATABASES[what]}, tracked.place)
    else:
        tracked.put(DATABASES[what], tracked.place / "outputs" / "mlflow.db")
    tracked.attempt("dataset=xor", "epochs=1", code=None)


@pytest.mark.parametrize("name", [".open", "runs", "sweeps", "mlartifacts", "artifacts"])
def test_an_outputs_folder_that_leads_elsewhere(name: str, tracked: Scene) -> None:
    """Where a folder of ``outputs/`` is a link, a run adds what it makes, and nothing that was there is removed or changed."""
    (tracked.place / "outputs").mkdir()
    (tracked.place / "outputs" / name).symlink_to(tracked.home / "thesis")
    before = tree(tracked.root)
    assert_clear(tracked.command("dataset=xor", "epochs=1"))
    assert harmed(before, tree(tracked.root)) == []
