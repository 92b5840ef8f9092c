"""Sweeps on nnexp's own launcher: the same numbers, workers that are killed, Ctrl-C, what the terminal shows."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from nnexp.journal.journal import JOURNAL, Ending, read
from nnexp.sweep import ledger
from tests.command import SLOW, environment, killed_after, nnexp, runs, sweeping, sweeps
from tests.test_cli_sweeps import assert_same, line, states, writer

LONG = ("dataset=digits", "epochs=600", "checkpoint.epochs=50", "seed=0,1,2", "hydra.launcher.workers=2")
FOR_EVER = ("dataset=digits", "epochs=1000000", "seed=0,1,2,3", "hydra.launcher.workers=2")


def content(directory: Path) -> tuple[list[str], dict[str, list[float]]]:
    """Every metric of every epoch, and the weights, of a run."""
    series = [f"{each['epoch']} {each['metrics']!r}" for each, _ in read(directory / JOURNAL) if "epoch" in each]
    with np.load(directory / "weights.npz") as file:
        return series, {f"{name} {file[name].dtype}": file[name].ravel().tolist() for name in file.files}


CASES = {
    "float32, patience, keep=best": ("dataset=digits", "dtype=float32", "patience=2", "keep=best", "epochs=6"),
    "csv, two hidden layers, test part": (
        "dataset=csv",
        "dataset.path=table.csv",
        "dataset.target=y",
        "split.test=0.2",
        "network.hidden=[5,4]",
        "epochs=4",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_the_same_alone_and_under_any_launcher(case: str, tmp_path: Path) -> None:
    """Weights and every metric to the last bit: alone, under basic, joblib, one to three workers, in another order."""
    rng = np.random.default_rng(0)
    rows = [f"{a!r},{b!r},{a * b - a!r}" for a, b in rng.normal(size=(60, 2)).tolist()]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,y", *rows]))
    words, rest = ("seed=0,1", "optimizer=minibatch,sgd"), (*CASES[case], "tracking=none")
    alone = {}
    for seed, optimizer in ((0, "minibatch"), (1, "sgd")):
        assert nnexp(f"seed={seed}", f"optimizer={optimizer}", *rest, cwd=tmp_path).code == 0
        alone[f"seed={seed} optimizer={optimizer}"] = content(runs(tmp_path)[-1])
    ways: Sequence[tuple[str, ...]] = (
        ("hydra/launcher=basic", *words),
        ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", *words),
        *((f"hydra.launcher.workers={count}", *words) for count in (1, 2, 3)),
        ("hydra.launcher.workers=2", "seed=1,0", "optimizer=sgd,minibatch"),
    )
    for way in ways:
        ended = nnexp("-m", *way, *rest, cwd=tmp_path)
        assert ended.code == 0, ended.err
        jobs = ledger.read(sweeps(tmp_path)[-1]).jobs
        assert len(jobs) == 4
        for job in jobs:
            name = " ".join(word for word in ("seed=0", "seed=1") if word in job.overrides)
            name += f" {next(word for word in job.overrides if word.startswith('optimizer='))}"
            expected = alone.setdefault(name, content(job.directory))
            assert content(job.directory) == expected, (way, name)


def begun(place: Path, *words: str, jobs: int = 2) -> subprocess.Popen[str]:
    """A sweep in a session of its own, so many jobs of which train."""

    def train(directories: list[Path]) -> bool:
        journals = [each / JOURNAL for each in directories]
        return len([each for each in journals if each.exists() and size(each) > 9000]) >= jobs

    return sweeping(place, *words, until=train)


def size(path: Path) -> int:
    """Bytes of a file."""
    return path.stat().st_size


def until(reached: Callable[[], bool], seconds: float = 60) -> None:
    """Wait."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, its_session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(int(process.name))
    return found


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep that those are compared with of which something was killed."""
    folder = tmp_path_factory.mktemp("untouched")
    assert nnexp("-m", *LONG, "tracking=none", cwd=folder).code == 0
    return sweeps(folder)[0]


@pytest.mark.parametrize("which", ["one", "all"])
def test_a_worker_that_is_killed_costs_its_own_job(which: str, untouched: Path, tmp_path: Path) -> None:
    """The others finish, exit code 1, the ledger is true and says why; resume finishes the killed ones bit by bit."""
    process = begun(tmp_path, *LONG, "tracking=none")
    (directory,) = sweeps(tmp_path)
    journals = sorted(directory.glob(f"*/{JOURNAL}"))[: 1 if which == "one" else 2]
    for path in journals:
        os.kill(writer(path), signal.SIGKILL)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 1
    killed = [int(path.parent.name) for path in journals]
    assert states(directory) == ["killed" if number in killed else "finished" for number in range(3)]
    assert f"3 jobs: {3 - len(killed)} finished, {len(killed)} killed\n" in out
    here = directory.relative_to(tmp_path)
    assert line(out, "finish") == f"finish   python -m nnexp resume {here}"
    for number in killed:
        assert f"nnexp: #{number}: its worker process was killed (by a signal, or for lack of memory)\n" in said
    assert nnexp("resume", str(here), cwd=tmp_path).code == 0
    assert_same(directory, untouched)


def test_a_killed_sweep_leaves_no_worker_behind(untouched: Path, tmp_path: Path) -> None:
    """Two seconds after kill -9 of the command nothing trains any more, nor says anything; resume finishes it bit by bit."""
    process = begun(tmp_path, *LONG, "tracking=none")
    process.kill()
    until(lambda: not alive(process.pid), 2 * SLOW)
    assert process.communicate()[1] == ""  # Python itself would warn of semaphores
    (directory,) = sweeps(tmp_path)
    assert "killed" in [job.state for job in ledger.read(directory).jobs]
    assert nnexp("resume", str(directory), cwd=tmp_path).code == 0
    assert_same(directory, untouched)


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGINT", "SIGTERM", "twice"])
@pytest.mark.parametrize("tracking", ["mlflow", "none"])
def test_a_signal_ends_a_sweep_in_two_seconds(how: str, tracking: str, tmp_path: Path) -> None:
    """Exit code 130 or 143, a true ledger and the command that goes on, no process left; the runs end KILLED."""
    process = begun(tmp_path, *FOR_EVER, f"tracking={tracking}")
    began = time.monotonic()
    if how == "SIGINT":
        process.send_signal(signal.SIGINT)
    elif how == "SIGTERM":
        process.terminate()
    else:  # a terminal sends it to every process of the command
        os.killpg(process.pid, signal.SIGINT)
        if how == "twice":
            time.sleep(0.15)
            os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=60)
    until(lambda: not alive(process.pid), 5)
    assert time.monotonic() - began < 2 * SLOW
    assert process.returncode == (143 if how == "SIGTERM" else 130)
    _, said = process.communicate(timeout=60)
    (directory,) = sweeps(tmp_path)
    here = directory.relative_to(tmp_path)
    assert states(directory) == ["killed", "killed", "waiting", "waiting"]
    assert f"4 jobs: 2 killed, 2 not started. Go on: python -m nnexp resume {here}\n" in said
    assert "Traceback" not in said
    if how == "twice":  # whoever cannot wait has what was written by then
        return
    for number in range(2):
        assert Ending.read(directory / str(number)).status == "KILLED"
    if tracking == "mlflow":
        assert nnexp("sync", cwd=tmp_path).code == 0
        with contextlib.closing(sqlite3.connect(tmp_path / "outputs" / "mlflow.db")) as store:
            assert store.execute("select status from runs").fetchall() == [("KILLED",), ("KILLED",)]


def untimed(lines: list[str]) -> list[str]:
    """The lines without how long the training took."""
    return [re.sub(r"in \d+\.\d s;", "in ... s;", each) for each in lines]


def test_a_jobs_output_is_in_its_log_alone(tmp_path: Path) -> None:
    """The log has what a single run prints; without a terminal a sweep says about ten lines while it goes on."""
    words = ("dataset=xor", "epochs=4", "tracking=none")
    ended = nnexp("-m", "seed=range(40)", *words, cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert len(re.findall(r"^ *\d+/40 jobs", ended.out, re.MULTILINE)) <= 11
    assert "epoch 4/4" not in ended.out
    (directory,) = sweeps(tmp_path)
    assert nnexp("seed=7", *words, cwd=tmp_path).code == 0
    alone = nnexp("seed=7", *words, cwd=tmp_path).out.splitlines()
    log = (directory / "7" / "nnexp.log").read_text().splitlines()
    end = alone.index("", alone.index("") + 1)  # below it are the lines with the directory
    assert end > 10
    assert untimed(log[:end]) == untimed(alone[:end])


@pytest.mark.parametrize("columns", [80, 50])
def test_on_a_terminal_a_sweep_is_one_line(columns: int, tmp_path: Path) -> None:
    """The line moves in place, is never wider than the terminal, and is gone at the end."""
    control, terminal = pty.openpty()
    words = ["seed=range(12)", "dataset=digits", "epochs=20", "tracking=none", "optimizer.learning_rate=0.1,300"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nnexp", "-m", *words],
        cwd=tmp_path,
        env=environment(COLUMNS=str(columns), TERM="xterm"),
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        stdin=subprocess.DEVNULL,
    )
    os.close(terminal)
    said = b""
    with contextlib.suppress(OSError), open(control, "rb", buffering=0) as file:  # noqa: PTH123 (a file descriptor)
        while piece := file.read(4096):
            said += piece
    assert process.wait(timeout=60) == 1
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    moves = [each for each in re.split(r"[\r\n]+", shown) if each.strip()]
    assert len([each for each in moves if each.startswith("sweep")]) > 3
    assert max(len(each) for each in moves if each.startswith("sweep")) <= columns
    assert [each for each in moves if not each.startswith("sweep")] == [
        "nnexp: 12 of 24 jobs failed; the reasons are above."
    ]
    assert shown.count("\n") <= 3
    assert "\x1b[?25h" in said.decode()  # the cursor is there again


def test_the_first_of_a_thousand_jobs_trains_in_ten_seconds(tmp_path: Path) -> None:
    """However many there are; Ctrl-C ends all of them in two seconds."""
    began = time.monotonic()
    process = begun(tmp_path, "dataset=digits", "epochs=1000000", "seed=range(1000)", "tracking=none", jobs=1)
    with killed_after(process):
        assert time.monotonic() - began < 10 * SLOW
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert time.monotonic() - began < 2 * SLOW
    assert re.search(r"1,?000 jobs: \d killed, 99\d not started", said)
