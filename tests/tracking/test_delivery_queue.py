"""Runs that train in other processes are delivered by a thread of this one, whatever happens to them or to the store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnexp.journal.journal import JOURNAL, Journal
from nnexp.journal.outbox import entries, entry_of
from nnexp.journal.result import Result, read_result
from nnexp.tracking.delivery import run_id_of
from nnexp.tracking.delivery_queue import ATTEMPTS, DeliveryQueue
from nnexp.tracking.pending import flush_all, held
from nnexp.tracking.store import Store
from tests.command import SLOW, process, program

TRAINING = """
import sys, time
from pathlib import Path
from nnexp.tracking.opening import Opening, Target
from nnexp.tracking.tracked_run import TrackedRun

outputs, directory, uri, epochs, pause = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], *map(float, sys.argv[4:])
target = Target(uri, "nnexp", outputs, None, delivered_here=False)
run = TrackedRun.start(Opening(directory.name, {"a": 1}, {}, epochs=int(epochs)), directory, target)
for epoch in range(1, int(epochs) + 1):
    run.record(epoch, {"cost/train": 1 / epoch, "mae/train": epoch}, epoch)
    time.sleep(pause)
(directory / "weights.npz").write_bytes(b"w")
for name in ("weights.npz", "cost.png"):
    run.artifact(directory / name)
run.finish("FINISHED")
"""
WHOLE_RUN = """
import sys
from pathlib import Path
from nnexp.terminal.console import Console
from nnexp.run.start import run
from nnexp.experiment.settings import RunContext

outputs, directory = map(Path, sys.argv[1:])
config = {"dataset": {"name": "xor"}, "epochs": 3}
run(config, RunContext(directory, outputs, name="xor", sweep="s", job=0), Console(brief=True), delivered_here=False)
print(sorted({"mlflow", "sqlalchemy", "pandas"} & set(sys.modules)))
"""


class Trainings:
    """Processes that train, in directories of one sweep."""

    def __init__(self, outputs: Path, uri: str) -> None:
        self.outputs = outputs
        self.uri = uri
        self.processes: dict[Path, subprocess.Popen[str]] = {}

    def start(self, epochs: int, pause: float = 0.0) -> Path:
        """Start one more."""
        directory = self.outputs / "sweep" / str(len(self.processes))
        directory.mkdir(parents=True)
        words = [self.outputs, directory, self.uri, epochs, pause]
        self.processes[directory] = program("-c", TRAINING, *map(str, words), cwd=self.outputs)
        return directory

    def ended(self, directory: Path) -> Path:
        """Wait for one, which ends well."""
        assert self.processes[directory].wait() == 0
        return directory


@pytest.fixture
def trainings(outputs: Path) -> Iterator[Trainings]:
    """Processes whose runs go to the embedded store; those that are left are killed."""
    made = Trainings(outputs, f"sqlite:///{outputs}/mlflow.db")
    yield made
    for each in made.processes.values():
        each.kill()
        each.wait()


def points(store: Store, directory: Path) -> list[int]:
    """The steps that MLflow has of a run's cost."""
    return sorted(point.step for point in store.client.get_metric_history(run_id_of(directory), "cost/train"))


def status(store: Store, directory: Path) -> str:
    """MLflow's status of a run."""
    return str(store.client.get_run(run_id_of(directory)).info.status)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something to come true."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_run_that_is_delivered_elsewhere_never_imports_mlflow(outputs: Path, store: Store) -> None:
    """It trains, leaves its files and a record that waits, and ends well; delivered, the run is complete, model and all."""
    directory = outputs / "sweep" / "0"
    command = [sys.executable, "-c", WHOLE_RUN, str(outputs), str(directory)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert (len(entries(outputs)), run_id_of(directory)) == (1, "")
    deliveries = DeliveryQueue(store.uri, "nnexp", outputs)
    deliveries.ended(directory)
    assert deliveries.close() == []
    found = store.client.get_run(run_id_of(directory))
    assert (found.info.status, found.info.run_name, found.data.tags["nnexp.sweep"]) == ("FINISHED", "xor", "s")
    assert points(store, directory) == [1, 2, 3]
    kept = {file.path for file in store.client.list_artifacts(found.info.run_id)}
    assert kept >= {"config.yaml", "weights.npz", "model.json"}
    assert entries(outputs) == []


def test_a_run_that_is_busy_at_first_gets_its_picture(trainings: Trainings, store: Store) -> None:
    """A run that somebody else holds is left for later, and then what it lacks is added once, before it is delivered."""
    first, second = (trainings.ended(trainings.start(3)) for _ in range(2))
    prepared: list[Path] = []

    def draw(directory: Path) -> None:
        prepared.append(directory)
        (directory / "cost.png").write_bytes(b"a picture")

    deliveries = DeliveryQueue(store.uri, "nnexp", trainings.outputs, add_files=draw)
    entry = entry_of(first, trainings.outputs)
    assert entry
    with held(entry):
        for directory in (first, second):
            deliveries.ended(directory)
        until(lambda: run_id_of(second) and status(store, second) == "FINISHED")
        assert not run_id_of(first)
    assert deliveries.close() == []
    assert sorted(prepared) == [first, second]
    for directory in (first, second):
        files = {found.path for found in store.client.list_artifacts(run_id_of(directory))}
        assert files == {"cost.png", "weights.npz"}


def test_long_runs_are_seen_while_they_train_and_dead_ones_marked(trainings: Trainings, store: Store) -> None:
    """Points of a run that trains arrive meanwhile; of one that is killed all that it had, and how it ended."""
    outputs, drawn = trainings.outputs, []

    def draw(directory: Path) -> None:
        drawn.append(directory.name)
        (directory / "cost.png").write_bytes(b"p")

    deliveries = DeliveryQueue(trainings.uri, "nnexp", outputs, add_files=draw)
    deliveries.live_after = 0.0
    short, long, killed = trainings.start(20), trainings.start(10**6, 0.01), trainings.start(10**6, 0.01)
    trainings.ended(short)  # while the others train, and before anybody hears of it
    for directory in trainings.processes:
        deliveries.begun(directory)
    until(lambda: run_id_of(short) and points(store, short) == list(range(1, 21)))
    deliveries.ended(short)
    until(lambda: entry_of(short, outputs) is None)
    for directory in (long, killed):
        until(lambda directory=directory: run_id_of(directory) and len(points(store, directory)) > 10)  # type: ignore[misc]
    assert (status(store, long), status(store, short), drawn) == ("RUNNING", "FINISHED", ["0"])
    for directory in (long, killed):
        os.kill(trainings.processes[directory].pid, signal.SIGKILL)
        trainings.processes[directory].wait()
        deliveries.ended(directory)
    assert deliveries.close() == []
    assert points(store, short) == list(range(1, 21))
    assert {file.path for file in store.client.list_artifacts(run_id_of(short))} == {"weights.npz", "cost.png"}
    for directory in (long, killed):
        n_epochs = (directory / JOURNAL).read_bytes().count(b'{"epoch":')
        assert points(store, directory) == list(range(1, n_epochs + 1))
        why = f"its process was killed after epoch {n_epochs} of 1000000"
        assert read_result(directory) == Result(status="KILLED", reason=why)
        assert store.client.get_run(run_id_of(directory)).data.tags["nnexp.reason"] == why
        assert status(store, directory) == "KILLED"
    assert entries(outputs) == []
    assert len(store.client.search_runs([store.experiment_id])) == 3


def test_together_with_sync_each_run_arrives_once(trainings: Trainings, store: Store) -> None:
    """Another process that delivers at the same time neither doubles a run nor loses one; what it holds is left to it."""
    directories = [trainings.start(50) for _ in range(8)]
    for directory in directories:
        trainings.ended(directory)
    deliveries = DeliveryQueue(trainings.uri, "nnexp", trainings.outputs)
    syncing = [process("sync", cwd=trainings.outputs.parent) for _ in range(2)]
    time.sleep(2)
    for directory in directories:
        deliveries.ended(directory)
    deliveries.close()
    for each in syncing:
        each.communicate()
    list(flush_all(entries(trainings.outputs), None, trainings.outputs))
    assert entries(trainings.outputs) == []
    assert len(store.client.search_runs([store.experiment_id])) == 8
    for directory in directories:
        assert (status(store, directory), points(store, directory)) == ("FINISHED", list(range(1, 51)))


def test_a_run_that_is_held_or_alive_waits(trainings: Trainings, store: Store) -> None:
    """A run that somebody else delivers, or that still trains, is not touched, and said to wait."""
    held_one, alive = trainings.ended(trainings.start(5)), trainings.ended(trainings.start(5))
    entry = entry_of(held_one, trainings.outputs)
    assert entry is not None
    journal = Journal(alive)
    deliveries = DeliveryQueue(trainings.uri, "nnexp", trainings.outputs)
    deliveries.begun(alive)
    with held(entry):
        deliveries.ended(held_one)
        said = deliveries.close(within=20)
    journal.close()
    assert len(said) == 2
    assert all("does not have all of 1 run: Another process is " in words for words in said)
    assert store.client.search_runs([store.experiment_id]) == []
    assert len(list(flush_all(entries(trainings.outputs), None, trainings.outputs))) == 2
    assert points(store, alive) == [1, 2, 3, 4, 5]


def test_runs_that_another_process_delivers_are_left_to_it(trainings: Trainings, store: Store) -> None:
    """As many as there are attempts, each held while the queue closes: it waits for who has them, and nothing is said."""
    directories = [trainings.ended(trainings.start(3)) for _ in range(ATTEMPTS)]
    journals = [Journal(directory) for directory in directories]
    deliveries = DeliveryQueue(trainings.uri, "nnexp", trainings.outputs)
    for directory in directories:
        deliveries.ended(directory)
    for journal in journals:
        threading.Timer(2, journal.close).start()
    assert deliveries.close() == []
    for directory in directories:
        assert (status(store, directory), points(store, directory)) == ("FINISHED", [1, 2, 3])


def test_a_picture_that_cannot_be_drawn_does_not_keep_a_run_back(trainings: Trainings, store: Store) -> None:
    """It is said once; the runs are delivered without it."""
    said: list[str] = []
    deliveries = DeliveryQueue(trainings.uri, "nnexp", trainings.outputs, add_files=lambda _: 1 / 0, warn=said.append)
    directories = [trainings.start(2), trainings.start(2)]
    for directory in directories:
        deliveries.ended(trainings.ended(directory))
    assert deliveries.close() == []
    assert [status(store, directory) for directory in directories] == ["FINISHED", "FINISHED"]
    assert said == [f"Files are missing in {directories[0]} (ZeroDivisionError: division by zero)."]


def test_a_server_that_is_away_at_first_and_killed_later_gets_everything(
    trainings: Trainings, tmp_path: Path, running_server: Any, free_port: int
) -> None:
    """Training goes on meanwhile; the failure is told once; in the end each run is complete, each point there once."""
    outputs, said = trainings.outputs, list[str]()
    trainings.uri = f"http://127.0.0.1:{free_port}"
    deliveries = DeliveryQueue(trainings.uri, "nnexp", outputs, warn=said.append)
    deliveries.live_after = 0.0
    first, long = trainings.start(100), trainings.start(10**6, 0.01)
    deliveries.begun(first)
    deliveries.begun(long)
    deliveries.ended(trainings.ended(first))
    until(lambda: said)
    assert "MLflow does not take the metrics (" in said[0]
    with running_server(tmp_path / "server", free_port):
        until(lambda: run_id_of(long))
    second = trainings.start(100)
    deliveries.ended(trainings.ended(second))
    trainings.processes[long].kill()
    trainings.processes[long].wait()
    deliveries.ended(long)
    time.sleep(2)
    with running_server(tmp_path / "server", free_port):
        assert deliveries.close() == []
        store = Store.connect(trainings.uri, "nnexp", outputs)
        n_epochs = (long / JOURNAL).read_bytes().count(b'{"epoch":')
        for directory, number in ((first, 100), (second, 100), (long, n_epochs)):
            assert points(store, directory) == list(range(1, number + 1))
        assert [status(store, each) for each in (first, second, long)] == ["FINISHED", "FINISHED", "KILLED"]
        assert len(store.client.search_runs([store.experiment_id])) == 3
    assert len(said) == 1
    assert entries(outputs) == []


def test_what_a_server_that_stays_away_does_not_get_waits(trainings: Trainings, free_port: int) -> None:
    """Close gives up after a few runs, says how many wait and why, and that a run was killed is known here all the same."""
    outputs, trainings.uri = trainings.outputs, f"http://me:geheim@127.0.0.1:{free_port}"
    deliveries = DeliveryQueue(trainings.uri, "nnexp", outputs, warn=lambda _: None)
    for _ in range(5):
        deliveries.ended(trainings.ended(trainings.start(3)))
    killed = trainings.start(10**6, 0.01)
    deliveries.begun(killed)
    until(lambda: (killed / JOURNAL).exists() and (killed / JOURNAL).read_bytes().count(b"\n") > 2)
    trainings.processes[killed].kill()
    trainings.processes[killed].wait()
    deliveries.ended(killed)
    began = time.monotonic()
    said = " ".join(deliveries.close(within=3.0))
    assert time.monotonic() - began < 4 * SLOW
    assert f"MLflow at http://me:***@127.0.0.1:{free_port} does not have all of " in said
    assert "geheim" not in said
    assert len(entries(outputs)) == 6
    assert read_result(killed).status == "KILLED"
