"""Where nnexp runs: narrow and plain terminals, other encodings, files that hide modules, stores that keep nothing."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Ended, environment, nnexp, python, started

SMALL = ("epochs=2", "tracking=none")


@pytest.mark.parametrize("columns", ["1", "5", "9", "29", "400"])
@pytest.mark.parametrize("sweep", [False, True])
def test_any_width(columns: str, sweep: bool, tmp_path: Path) -> None:
    """A run and a sweep end well on a terminal of any width."""
    words = ["-m", "seed=0,1", "hydra.launcher.workers=1"] if sweep else []
    ended = nnexp(*words, *SMALL, cwd=tmp_path, COLUMNS=columns)
    assert ended.code == 0, ended.err


IN_LATIN_1 = """
import sys
for stream in (sys.stdin, sys.stdout, sys.stderr):
    stream.reconfigure(encoding="latin-1")
from nnexp.__main__ import main
main()
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding(encoding: str, tmp_path: Path) -> None:
    """What a stream cannot show, be it all or a part of what is no ASCII, is written otherwise; the run is as it is."""
    (tmp_path / "t.csv").write_text("Größe,名\n" + "".join(f"{n},{n}.5\n" for n in range(20)), encoding="utf-8")
    words = ["dataset=csv", "dataset.path=t.csv", "dataset.target=名"]
    ways: dict[str, Callable[..., Ended]] = {
        "ascii": functools.partial(started, PYTHONIOENCODING="ascii"),
        "latin-1": functools.partial(python, "-c", IN_LATIN_1),
        "utf-8": nnexp,
    }
    ended = ways[encoding](*words, *SMALL, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "20 samples" in ended.out


@pytest.mark.parametrize("sweep", [(), ("-m", "seed=0,1")])
def test_a_file_that_hides_a_module(sweep: tuple[str, ...], tmp_path: Path) -> None:
    """A user's files of libraries' names are not imported in their place, neither by a command nor by a sweep's workers."""
    for module in ("random", "logging", "json", "numpy", "yaml", "mlflow"):
        (tmp_path / f"{module}.py").write_text(f"raise SystemExit('mine: {module}')\n")
    ended = started(*sweep, *SMALL, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "mine" not in ended.out + ended.err


def test_a_long_folder_for_temporary_files(tmp_path: Path) -> None:
    """A sweep's workers need a short one: it is named, and what works; a single run needs none."""
    long = tmp_path / ("a" * 100)
    long.mkdir()
    ended = nnexp("-m", "seed=0,1", *SMALL, cwd=tmp_path, TMPDIR=str(long))
    assert ended.code == 1
    assert f"TMPDIR={long} is too long for the sockets of a sweep's workers" in ended.err
    assert not (tmp_path / "outputs").exists()
    assert nnexp(*SMALL, cwd=tmp_path, TMPDIR=str(long)).code == 0


def test_nothing_stays_in_the_folder_for_temporary_files() -> None:
    """A sweep's sockets and their folder go when it ends."""
    with tempfile.TemporaryDirectory(prefix="t") as place:  # a short name
        folder = Path(place) / "tmp"
        folder.mkdir()
        ended = started("-m", "seed=0,1", *SMALL, cwd=Path(place), TMPDIR=str(folder))
        assert ended.code == 0, ended.err
        assert not [each.name for each in folder.iterdir() if each.name.startswith("pymp-")]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("sqlite://", "is a database in memory, which keeps nothing. Name a file: tracking.uri=sqlite:///mlflow.db"),
        ("sqlite:///:memory:", "is a database in memory, which keeps nothing."),
        (":memory:", "is a database in memory, which keeps nothing."),
        ("127.0.0.1:5000", "Did you mean http://127.0.0.1:5000?"),
        ("new.db", "Choose a database file (tracking.uri=sqlite:///new.db)"),
    ],
)
def test_stores_that_keep_nothing(uri: str, message: str, tmp_path: Path) -> None:
    """They are refused with the right spelling, before anything is trained or written."""
    ended = nnexp("epochs=1", f"tracking.uri={uri}", cwd=tmp_path)
    assert ended.code == 1
    assert message in ended.err
    assert not (tmp_path / "outputs").exists()


def test_a_terminal_that_cannot_go_back(tmp_path: Path) -> None:
    """Where a line cannot be drawn anew, lines are printed."""
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123
        command = [sys.executable, "-m", "nnexp", "epochs=20", "tracking=none"]
        running = subprocess.Popen(command, cwd=tmp_path, env=environment(TERM="dumb"), stdout=theirs, stderr=theirs)
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # how Linux says that nobody has the other end any more
            while part := terminal.read(4096):
                seen += part
        assert running.wait() == 0, seen
    assert b"epoch 20/20" in seen
    assert b"\x1b" not in seen


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    """A command in a directory that was removed meanwhile ends in words."""
    place = tmp_path / "gone"
    place.mkdir()
    command = f"rmdir {place}; exec {sys.executable} -m nnexp epochs=1"
    ended = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=place,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


def test_mlflows_variables(tmp_path: Path) -> None:
    """The experiment's and a single run's name count where none is typed; an experiment's number is said not to."""
    named = functools.partial(nnexp, cwd=tmp_path, MLFLOW_EXPERIMENT_NAME="Müller's 2024", MLFLOW_RUN_NAME="first try")
    ended = named("epochs=1")
    assert ended.code == 0, ended.err
    assert named("epochs=1", "seed=1", "tracking.experiment=typed").code == 0
    assert named("-m", "seed=2,3", "epochs=1").code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "outputs" / "mlflow.db")) as database:
        rows = database.execute("SELECT e.name, r.name FROM runs r JOIN experiments e USING (experiment_id)").fetchall()
    assert sorted(rows) == [
        ("Müller's 2024", "first try"),
        ("Müller's 2024", "seed=2"),
        ("Müller's 2024", "seed=3"),
        ("typed", "first try"),
    ]
    (printed,) = [line for line in ended.out.splitlines() if "nnexp ui" in line]
    assert """--experiment 'Müller'"'"'s 2024'""" in printed
    noted = nnexp("epochs=1", "seed=4", cwd=tmp_path, MLFLOW_EXPERIMENT_ID="1").err
    assert "MLFLOW_EXPERIMENT_ID is not used: an experiment is chosen by its name, tracking.experiment=NAME." in noted
