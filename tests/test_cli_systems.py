"""Systems that lack something: locks, semaphores, standard streams. It works, or one line says what to type instead."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnexp.sweep.states import LOCK
from tests.command import Ended, environment, nnexp, runs, sweeps
from tests.compiled import compiled
from tests.forked import Forked

SMALL = ("epochs=2",)


@pytest.fixture(scope="module")
def without_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    """What starts commands with a library that has locks behave as on a network file system."""
    library = tmp_path_factory.mktemp("locks") / "locks.so"
    built = compiled(library, [Path(__file__).with_name("locks.c")], "file systems without locks are tried")
    with Forked(tmp_path_factory.mktemp("said"), LD_PRELOAD=str(built)) as forked:
        yield forked


@pytest.mark.parametrize("words", [(), ("tracking=none",), ("-m", "seed=0,1"), ("-m", "seed=0,1", "tracking=none")])
def test_no_locks_at_all(words: tuple[str, ...], without_locks: Forked, tmp_path: Path) -> None:
    """Nothing could say which run is at work, so the place is refused by its name, and nothing stays there."""
    ended = without_locks.nnexp([*words, *SMALL], tmp_path, NO_LOCKS="1")
    assert ended.code == 1
    (line,) = ended.err.strip().splitlines()
    assert line.startswith(f"nnexp: {tmp_path}/outputs/")
    assert "cannot be locked (No locks available), as on some network file systems" in line
    assert line.endswith("Start in a folder of a local disk, or mount this one with locks.")
    assert not (tmp_path / "outputs").exists()


def test_locks_are_gone_later(without_locks: Forked, tmp_path: Path) -> None:
    """A store that was made elsewhere does not help a run, and a finished run is read as ever."""
    assert nnexp(*SMALL, cwd=tmp_path).code == 0
    (run,) = runs(tmp_path)
    refused = without_locks.nnexp([*SMALL, "seed=1"], tmp_path, NO_LOCKS="1")
    assert "cannot be locked (No locks available)" in refused.err
    assert runs(tmp_path) == [run]
    (tmp_path / "t.csv").write_text("age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n" + ",".join(["0.5"] * 10) + "\n")
    assert without_locks.nnexp(["predict", str(run), "t.csv"], tmp_path, NO_LOCKS="1").code == 0


def test_folders_that_cannot_be_locked(without_locks: Forked, tmp_path: Path) -> None:
    """Where only files that are open for writing can be locked, a sweep locks a file of its own; all else is as ever."""
    ended = without_locks.nnexp(["-m", "seed=0,1", *SMALL], tmp_path)
    assert ended.code == 0, ended.err
    (sweep,) = sweeps(tmp_path)
    assert (sweep / LOCK).is_file()
    assert "2 jobs: 2 finished" in ended.out
    assert without_locks.nnexp(["resume", str(sweep)], tmp_path).code == 0
    assert "Nothing waits" in without_locks.nnexp(["sync"], tmp_path).out


def mounted(how: str, *words: str, cwd: Path) -> Ended:
    """A command that has another /dev/shm, mounted as ``how`` says; skipped where that cannot be done."""
    mount = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o {how} none /dev/shm && exec "$@"', "sh"]
    try:
        subprocess.run([*mount, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("another /dev/shm is mounted by root, on Linux, with unshare")
    command = [*mount, sys.executable, "-m", "nnexp", *words]
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("how", "why"), [("ro", "Read-only file system"), ("nr_inodes=1", "No space left on device")])
def test_no_semaphores(how: str, why: str, tmp_path: Path) -> None:
    """A sweep's workers need them: that is said, with what works instead, and nothing is left."""
    ended = mounted(how, "-m", "seed=0,1", *SMALL, "tracking=none", cwd=tmp_path)
    assert ended.code == 1
    assert f"A sweep's workers need semaphores, and /dev/shm cannot hold any ({why})." in ended.err
    assert ended.err.strip().endswith("or type hydra/launcher=basic")
    assert not (tmp_path / "outputs").exists()


def test_what_needs_no_semaphores(tmp_path: Path) -> None:
    """A sweep under another launcher, and a single run, whose delivery to MLflow needs none either."""
    assert mounted("ro", "-m", "seed=0,1", *SMALL, "tracking=none", "hydra/launcher=basic", cwd=tmp_path).code == 0
    assert mounted("ro", *SMALL, cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("closed", "tracking", "sweep"),
    [
        (">&-", "none", ()),
        ("2>&-", "none", ()),
        ("<&- >&- 2>&-", "mlflow", ()),
        ("<&- >&- 2>&-", "mlflow", ("-m", "seed=0,1")),
    ],
    ids=["out", "err", "all", "all of a sweep"],
)
def test_streams_that_are_closed(closed: str, tracking: str, sweep: tuple[str, ...], tmp_path: Path) -> None:
    """As some schedulers start a command: it runs as ever, and no file of a run is taken for a terminal.

    What workers, and a process that delivers, get of them is tried where all are closed.
    """
    words = shlex.join([sys.executable, "-m", "nnexp", *sweep, *SMALL, f"tracking={tracking}"])
    ended = subprocess.run(
        ["/bin/sh", "-c", f"exec {words} {closed}"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    made = sweeps(tmp_path) if sweep else runs(tmp_path)
    assert len(made) == 1
