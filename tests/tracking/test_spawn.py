"""The process that imports MLflow before anybody knows what it is to do: it is used, or it is gone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nnexp.__main__ import probably_sweeps
from nnexp.sweep.session import Session
from nnexp.tracking import spawn
from tests.command import started


def delivery_processes(folder: Path) -> list[int]:
    """The processes of delivery processes that were started in ``folder``. Linux."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = (process / "cwd").resolve() == folder
            if here and b"nnexp.tracking.delivery_process" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:  # it has ended
            continue
    return found


def test_the_one_started_is_taken_once() -> None:
    """Whoever takes first gets the process that was started ahead; for the next one there is none."""
    session = Session(prestarted=spawn.spawned())
    first, second = session.take_prestarted(), session.take_prestarted()
    assert first
    assert second is None
    spawn.dismiss(first)
    assert first.returncode


def test_one_that_nobody_takes_is_ended() -> None:
    """A session that ends leaves no process, not even a dead one; there may be none."""
    process = spawn.spawned()
    session = Session(prestarted=process)
    session.close()
    session.close()
    assert process.returncode


@pytest.mark.parametrize(
    ("words", "status"), [("-m loss=mea,mse", 1), ("-m optimizer.learning_rate=0.1,0.2 --unknown", 1)]
)
def test_a_refused_sweep_leaves_no_process(words: str, status: int, tmp_path: Path) -> None:
    """What was started for a sweep ends with the command that refuses it."""
    assert started(*words.split(), cwd=tmp_path).code == status
    assert delivery_processes(tmp_path.resolve()) == []


def test_a_sweep_leaves_no_process(tmp_path: Path) -> None:
    """Once a sweep has ended, its delivery process has, too."""
    assert started("-m", "epochs=1,2", "dataset=xor", cwd=tmp_path).code == 0
    until = time.monotonic() + 5
    while delivery_processes(tmp_path.resolve()) and time.monotonic() < until:
        time.sleep(0.05)
    assert delivery_processes(tmp_path.resolve()) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-m loss=mse,mae", True),
        ("loss=mse,mae --multirun", True),
        ("loss=mse", False),
        ("-m loss=mse,mae tracking=none", False),
        ("-m loss=mse,mae sweep.dry_run=true", False),
        ("-m loss=mse,mae hydra/launcher=joblib", False),
        ("-m --help", False),
        ("-m --cfg job", False),
    ],
)
def test_what_looks_like_a_tracked_sweep(line: str, *, expected: bool) -> None:
    """Only commands that are going to need MLflow have it imported ahead."""
    assert probably_sweeps(line.split()) is expected
