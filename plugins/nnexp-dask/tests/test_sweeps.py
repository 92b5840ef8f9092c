"""Sweeps on a cluster: a local sweep's directories and bits, whatever dies meanwhile."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

SLOW = 5
SHORT = ("-m", "seed=0,1", "optimizer=minibatch,sgd", "epochs=4", "tracking=none", "hydra.sweep.dir=outputs/sweeps/s")
LONG = (
    *("-m", "dataset=digits", "epochs=400", "checkpoint.epochs=20", "seed=0,1,2"),
    "hydra.sweep.dir=outputs/sweeps/s",
)
TABLE = "a,b,y\n" + "".join(f"{a},{a * a % 7},{3 * a - a * a % 7}\n" for a in range(24))
VOLATILE = ("seconds", "training_seconds", "directory")

APPLICATION = """
import os, signal, time
from pathlib import Path
import hydra
from hydra.core.config_store import ConfigStore

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def app(cfg):
    if cfg.a == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if cfg.a == 3:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
        Path("begun").touch()
        time.sleep(600)

ConfigStore.instance().store(
    "config",
    {"defaults": [{"override hydra/launcher": "dask"}], "a": 0, "hydra": {"sweep": {"dir": "out"}, "job": {"name": "app"}}},
)
if __name__ == "__main__":
    app()
"""


def files(sweep: Path) -> dict[str, Any]:
    """Every file of a sweep, but for what differs from one time to the next, and where it was carried out."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in sweep.rglob("*") if path.is_file()):
        name = str(path.relative_to(sweep))
        if name.endswith("result.json"):
            found[name] = {key: each for key, each in json.loads(path.read_text()).items() if key not in VOLATILE}
        elif name.endswith("journal.jsonl"):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            tags = lines[0]["opened"]["tags"]
            assert ("nnexp.host" in tags) == ("nnexp.processor" in tags)
            lines[0]["opened"].update(
                id="", tags={key: each for key, each in tags.items() if key not in ("nnexp.host", "nnexp.processor")}
            )
            lines[0]["opened"]["time"] = 0
            found[name] = [{**line, "time": 0} for line in lines]
        elif name.endswith(("hydra.yaml", ".log", "manifest.json", "multirun.yaml")):
            found[name] = "differs"
        else:
            found[name] = path.read_bytes()
    return found


def test_a_sweep_leaves_what_a_local_one_leaves(tmp_path: Path, tools: dict[str, Any]) -> None:
    """The same files with the same content, on a cluster of this machine's own; a table of one's own included."""
    (tmp_path / "table.csv").write_text(TABLE)
    found = {}
    for launcher in ("nnexp", "dask"):
        place = tmp_path / launcher
        place.mkdir()
        (place / "table.csv").write_text(TABLE)
        data = ("dataset=csv,diabetes", "dataset.path=table.csv", "dataset.target=y")
        words = (*SHORT, *data, f"hydra/launcher={launcher}", "hydra.launcher.workers=2")
        done = tools["started" if launcher == "dask" else "command"](*words, cwd=place)
        assert done.returncode == 0, done.stderr
        assert "8 jobs: 8 finished" in done.stdout
        found[launcher] = files(place / "outputs" / "sweeps" / "s")
    assert len(found["nnexp"]) > 8 * 9
    assert found["dask"] == found["nnexp"]
    hydra = (tmp_path / "dask/outputs/sweeps/s/0/.hydra/hydra.yaml").read_text()
    assert f"output_dir: {tmp_path / 'dask/outputs/sweeps/s/0'}\n" in hydra
    assert f"cwd: {tmp_path / 'dask'}\n" in hydra


def two_under_way(place: Path, tools: dict[str, Any]) -> Any:
    """Whether two jobs have come some way, a checkpoint included."""
    jobs = [place / "outputs/sweeps/s" / str(number) for number in range(3)]
    return lambda: sum(len(tools["records"](each)) > 30 and (each / "checkpoint.npz").exists() for each in jobs) >= 2


def warm_processes(worker: subprocess.Popen[Any]) -> list[Path]:
    """The processes in which a worker has jobs carried out: its children that lead a session of their own. Linux."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, parent, _, session, *_ = (each / "stat").read_text().rpartition(")")[2].split()
            if state != "Z" and parent == str(worker.pid) and session == each.name:
                found.append(each)
    return found


def points(place: Path) -> list[tuple[Any, ...]]:
    """How many points each run has of each metric, and how many different steps, in MLflow."""
    with sqlite3.connect(place / "outputs" / "mlflow.db") as store:
        counted = "select r.status, m.key, count(*), count(distinct m.step) from runs r join metrics m using (run_uuid)"
        return store.execute(f"{counted} group by r.run_uuid, m.key order by 1, 2").fetchall()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tools: dict[str, Any]) -> dict[str, Any]:
    """What a local sweep comes to."""
    place = tmp_path_factory.mktemp("alone")
    assert tools["command"](*LONG, "tracking=none", cwd=place).returncode == 0
    found: dict[str, Any] = tools["contents"](place / "outputs" / "sweeps" / "s")
    return found


@pytest.fixture(scope="module")
def two_workers(cluster: Any) -> Any:
    """A cluster with two workers."""
    cluster.scheduler()
    cluster.workers = [cluster.worker(name, PYTHONWARNINGS="always::ResourceWarning") for name in ("one", "two")]
    return cluster


def test_a_head_that_is_killed_and_one_that_is_interrupted(
    two_workers: Any, alone: dict[str, Any], tmp_path: Path, tools: dict[str, Any]
) -> None:
    """Workers end their jobs when the head is killed, and are free for the sweep that is resumed.

    Ctrl-C ends it within two seconds with every run closed; ``resume`` finishes it to the same bits, under any launcher.
    """
    head = two_workers.head(tmp_path, *LONG, "tracking=none")
    tools["until"](two_under_way(tmp_path, tools))
    head.process.kill()
    head.process.wait()
    tools["until"](lambda: not [*two_workers.place.rglob("journal.jsonl")])
    jobs = [tmp_path / "outputs/sweeps/s" / str(number) for number in (0, 1)]
    before = [len(tools["records"](each)) for each in jobs]
    again = two_workers.head(tmp_path, "resume", "outputs/sweeps/s")
    tools["until"](lambda: all(len(tools["records"](each)) > n for each, n in zip(jobs, before, strict=True)))
    began = time.monotonic()
    again.process.send_signal(signal.SIGINT)
    assert again.ended() == 130, again.said
    assert time.monotonic() - began < 2 * SLOW
    assert "3 jobs: 2 killed, 1 not started" in again.said
    last = [tools["records"](each)[-1] for each in jobs]
    assert {each["reason"] for each in last if "ended" in each} <= {
        "interrupted (Ctrl-C)"
    }  # a slow one has no time for it
    done = tools["command"]("resume", "outputs/sweeps/s", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 jobs: 3 finished" in done.stdout
    assert tools["contents"](tmp_path / "outputs" / "sweeps" / "s") == alone


def test_no_process_is_left_of_a_job_that_cannot_be_interrupted(
    two_workers: Any, tmp_path: Path, tools: dict[str, Any]
) -> None:
    """After Ctrl-C a job that listens to no signal is killed, and none takes its place on workers that live on."""
    (tmp_path / "application.py").write_text(APPLICATION)
    words = ("application.py", "-m", "a=3", f"hydra.launcher.address={two_workers.address}")
    head = two_workers.started("application", *words, cwd=tmp_path)
    tools["until"]((tmp_path / "begun").exists)
    assert sum(len(warm_processes(each)) for each in two_workers.workers) >= 1
    head.send_signal(signal.SIGINT)
    assert head.wait(30) != 0
    tools["until"](lambda: not any(map(warm_processes, two_workers.workers)), 15)
    time.sleep(2)  # in which another one would be made, and be dropped
    logs = [(two_workers.place / f"{name}.log").read_text() for name in ("one", "two")]
    assert all("Removing Worker plugin" in each for each in logs)
    assert not [line for each in logs for line in each.splitlines() if "is still running" in line]


def test_a_worker_that_hangs_costs_nothing(
    two_workers: Any, alone: dict[str, Any], tmp_path: Path, tools: dict[str, Any]
) -> None:
    """One that does not answer at the beginning gets jobs once it does; the job of one that hangs later goes on elsewhere."""
    first, second = two_workers.workers
    second.send_signal(signal.SIGSTOP)
    head = two_workers.head(tmp_path, *LONG, "tracking=none", "hydra.launcher.patience=3")
    tools["until"](lambda: "No answer within 3 s, and no jobs before there is one: tcp://127.0.0.1:" in head.said)
    tools["until"](lambda: len(tools["records"](tmp_path / "outputs/sweeps/s/0")) > 30)
    second.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGSTOP)
    assert head.ended() == 0, head.said
    first.send_signal(signal.SIGCONT)
    assert "has been silent for 3 s" in head.said
    assert "3 jobs: 3 finished" in head.said
    assert tools["contents"](tmp_path / "outputs" / "sweeps" / "s") == alone


def test_a_workers_death_costs_nothing(
    two_workers: Any, alone: dict[str, Any], tmp_path: Path, tools: dict[str, Any]
) -> None:
    """A job whose worker is killed goes on elsewhere from its last checkpoint, to the same bits; each point is there once.

    So it is where Dask, too, starts it once more at once, on a worker that carries out several jobs at a time.
    ``reuse=true`` finds the runs afterwards, though workers do not reach the store.
    """
    wide = two_workers.worker("wide", "--no-nanny", "--nthreads", "3")
    head = two_workers.head(tmp_path, *LONG)
    tools["until"](two_under_way(tmp_path, tools))
    at_work = [name for name in ("one", "two") if [*(two_workers.place / name).rglob("checkpoint.npz")]]
    two_workers.workers[0 if "one" in at_work else 1].kill()
    assert head.ended() == 0, head.said
    wide.kill()
    assert "goes on from its last checkpoint: its worker tcp://127.0.0.1:" in head.said
    assert "3 jobs: 3 finished" in head.said
    assert "1 host, 4 workers" in head.said
    assert tools["contents"](tmp_path / "outputs" / "sweeps" / "s") == alone
    jobs = [tools["records"](tmp_path / "outputs/sweeps/s" / str(number)) for number in range(3)]
    assert sum(any("resumed" in each for each in job) for job in jobs) == 1
    found = points(tmp_path)
    assert {status for status, *_ in found} == {"FINISHED"}
    assert [(n, steps) for _, _, n, steps in found] == [(400, 400)] * len(found)
    again = (*LONG[:-1], "reuse=true", "hydra/launcher=dask", "hydra.launcher.workers=1")
    done = tools["command"](*again, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 jobs: 3 reused" in done.stdout
    assert points(tmp_path) == found


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_scheduler_that_is_gone_ends_the_sweep(
    how: signal.Signals, two_workers: Any, tmp_path: Path, tools: dict[str, Any]
) -> None:
    """With one line, a true ledger and exit code 1, whether it has ended or hangs. Dask's log is kept to itself."""
    words = (*LONG, "epochs=100000", "tracking=none", "hydra.launcher.patience=3")
    started = subprocess.Popen if how == signal.SIGKILL else None  # one that sets up that log as a user's does
    head = two_workers.head(tmp_path, *words, start=started)
    tools["until"](lambda: len(tools["records"](tmp_path / "outputs/sweeps/s/0")) > 30)
    two_workers.processes[0].send_signal(how)
    assert head.ended() == 1, head.said
    two_workers.processes[0].send_signal(signal.SIGCONT)
    assert "nnexp: The Dask scheduler at tcp://127.0.0.1:" in head.said
    assert re.search("3 jobs: (1 killed, 2|2 killed, 1) not started", head.said)  # by how many workers there are still
    assert "Traceback" not in head.said
    assert "distributed" not in head.said
    result = json.loads((tmp_path / "outputs/sweeps/s/0/result.json").read_text())
    assert re.fullmatch(r"the Dask scheduler was gone after epoch \d+ of 100000", result["reason"])


def test_fail_fast(tmp_path: Path, tools: dict[str, Any]) -> None:
    """No job begins once one has diverged, though Dask had some in its hands already."""
    words = (
        "-m",
        "optimizer.learning_rate=1e9,0.1",
        "seed=0,1,2,3",
        "epochs=3",
        "tracking=none",
        "sweep.fail_fast=true",
    )
    done = tools["command"](*words, "hydra/launcher=dask", "hydra.launcher.workers=1", cwd=tmp_path)
    assert done.returncode == 1
    assert "8 jobs: 1 diverged, 7 not started" in done.stdout


def test_a_job_that_kills_its_processes_is_given_up_and_named(tmp_path: Path, tools: dict[str, Any]) -> None:
    """The third process in a row is the last; other jobs are not touched. The application knows nothing of nnexp."""
    (tmp_path / "application.py").write_text(APPLICATION)
    done = tools["python"]("application.py", "-m", "a=0,1,2", "hydra.launcher.workers=1", cwd=tmp_path)
    assert done.returncode == 1
    assert "given up, since 3 processes in a row were lost with it (its worker process was killed" in done.stderr
    assert (tmp_path / "out" / "2" / "app.log").exists()
