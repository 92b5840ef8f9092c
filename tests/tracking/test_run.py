"""One run: what is recorded arrives exactly once, and a store that fails neither stops nor delays the training."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nnexp.errors import NnexpError
from nnexp.journal.journal import JOURNAL, Journal
from nnexp.journal.outbox import entries
from nnexp.journal.records import DataRecord
from nnexp.tracking.delivery import PROGRESS, Delivery, run_id_of
from nnexp.tracking.lookup import find
from nnexp.tracking.opening import Opening, Pending, Target
from nnexp.tracking.pending import flush
from nnexp.tracking.tracked_run import TrackedRun
from tests.command import SLOW

if TYPE_CHECKING:
    from nnexp.tracking.store import Store

OPENING = Opening("r", {"loss": "mse", "network.hidden": (16,)}, {"nnexp.key": "abc"}, epochs=9)
OPENING_WITH_DATA = Opening("r", {"a": 1}, {}, DataRecord("d", "1", "d", (("x", "double"),), "y", 9, 1))
FOUR = ("cost/train", "cost/validation", "mae/train", "mae/validation")


def started(store: Store, outputs: Path, opening: Opening = OPENING, *, connected: bool = True) -> TrackedRun:
    """Start a run in ``outputs``/run."""
    directory = outputs / "run"
    directory.mkdir(exist_ok=True)
    return TrackedRun.start(
        opening, directory, Target(store.uri, store.experiment, outputs, store if connected else None)
    )


def history(store: Store, run_id: str, key: str) -> list[tuple[int, float, int]]:
    """Read a metric back: (step, value, timestamp), by step."""
    return sorted((point.step, point.value, point.timestamp) for point in store.client.get_metric_history(run_id, key))


def status(store: Store, run_id: str) -> str:
    """MLflow's status of a run."""
    return str(store.client.get_run(run_id).info.status)


def break_store(outputs: Path, broken: bool = True) -> None:
    """Take the table of metrics away, or give it back."""
    connection = sqlite3.connect(outputs / "mlflow.db")
    names = ("metrics", "metrics_gone") if broken else ("metrics_gone", "metrics")
    connection.execute("ALTER TABLE {} RENAME TO {}".format(*names))
    connection.close()


def flushed(store: Store, outputs: Path) -> list[tuple[str, bool]]:
    """Deliver what waits: the words, and whether it is done."""
    return [(words, done) for _, words, done in flush(entries(outputs), store, outputs)]


def test_every_point_arrives_once_with_its_step_and_time(any_store: Store, outputs: Path) -> None:
    """After finish each metric has exactly one point per step, in order, with the given timestamps; nothing waits."""
    run = started(any_store, outputs)
    for step in range(1, 1501):
        run.record(step, {"cost/train": 1 / step, "accuracy/validation": 0.5}, 1_700_000_000_000 + step)
    run.score(1500, {"accuracy/test": 0.9})
    assert history(any_store, run.run_id, "cost/train") == []
    run.finish("FINISHED")
    expected = [(step, 1 / step, 1_700_000_000_000 + step) for step in range(1, 1501)]
    assert history(any_store, run.run_id, "cost/train") == expected
    assert len(history(any_store, run.run_id, "accuracy/validation")) == 1500
    assert history(any_store, run.run_id, "accuracy/test")[0][:2] == (1500, 0.9)
    found = any_store.client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert "nnexp.reason" not in found.data.tags
    assert (found.data.params["network.hidden"], found.data.tags["nnexp.key"]) == ("[16]", "abc")
    assert entries(outputs) == []


def test_values_that_are_not_finite_are_kept(any_store: Store, outputs: Path) -> None:
    """A diverged run's NaN and infinities are stored as MLflow stores them: NaN, and the largest float."""
    run = started(any_store, outputs)
    run.record(1, {"a": math.nan, "b": math.inf, "c": -math.inf}, 0)
    run.finish("FAILED", "diverged at epoch 1; learning_rate=3.0")
    metrics = any_store.client.get_run(run.run_id).data.metrics
    assert math.isnan(metrics["a"])
    assert metrics["b"] > 1e308
    assert metrics["c"] < -1e308
    assert status(any_store, run.run_id) == "FAILED"
    assert any_store.client.get_run(run.run_id).data.tags["nnexp.reason"] == "diverged at epoch 1; learning_rate=3.0"


def test_a_long_run_is_seen_while_it_trains(any_store: Store, outputs: Path) -> None:
    """In the middle of a long run its points are in the store; nothing is delivered by the training process itself."""
    run = started(any_store, outputs)
    run.live_after = 0.0
    began, step, longest = time.perf_counter(), 0, 0.0
    while (seen := len(history(any_store, run.run_id, "cost/train"))) <= 10 and time.perf_counter() - began < 60:
        for _ in range(100):
            step += 1
            before = time.perf_counter()
            run.record(step, dict.fromkeys(FOUR, 1 / step), step)
            longest = max(longest, time.perf_counter() - before)
            time.sleep(0.001)
    assert 10 < seen < step
    assert longest < 0.5 * SLOW
    run.finish("FINISHED")
    assert history(any_store, run.run_id, "cost/train") == [(n, 1 / n, n) for n in range(1, step + 1)]
    assert len(history(any_store, run.run_id, "mae/validation")) == step


def test_telling_twice_changes_nothing(any_store: Store, outputs: Path) -> None:
    """A delivery whose progress was lost, as by a kill between the two, tells all again: no point, file or model is doubled."""
    run = started(any_store, outputs, OPENING_WITH_DATA)
    for step in range(1, 601):
        run.record(step, {"a": 1 / step, "b": math.nan, "c": math.inf, "d": -math.inf}, step)
    (run.directory / "config.yaml").write_text("seed: 0")
    run.artifact(run.directory / "config.yaml")
    run.finish("FINISHED")
    before = repr(any_store.client.get_run(run.run_id).to_dictionary())
    for lost in (0, 1000, 20_000):
        (run.directory / PROGRESS).write_text(json.dumps({"run": run.run_id, "bytes": first_at(run.directory, lost)}))
        delivery = Delivery(any_store, run.directory)
        assert not delivery.complete
        delivery.all()
        assert delivery.complete
    assert repr(any_store.client.get_run(run.run_id).to_dictionary()) == before
    assert [len(any_store.client.get_metric_history(run.run_id, key)) for key in "abcd"] == [600] * 4


def first_at(directory: Path, offset: int) -> int:
    """The first boundary of two records at or behind ``offset``; 0 for 0."""
    data = (directory / JOURNAL).read_bytes()
    return data.index(b"\n", offset) + 1 if offset else 0


def test_a_store_that_fails_at_the_end_gets_the_rest_later(
    store: Store, outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Finish says that the run waits, why, and what to type; what is delivered later is complete and exactly once."""
    run = started(store, outputs)
    for step in range(1, 201):
        run.record(step, {"cost/train": 1 / step}, step)
    break_store(outputs)
    with pytest.raises(
        Pending, match=r"does not have all of this run yet: .*in .*run\. Deliver it: python -m nnexp sync"
    ):
        run.finish("FINISHED")
    assert capfd.readouterr() == ("", "")
    assert status(store, run.run_id) == "RUNNING"
    ((words, done),) = flushed(store, outputs)
    assert not done
    assert words.startswith(f"the run in {run.directory} waits: ")
    break_store(outputs, broken=False)
    assert flushed(store, outputs) == [(f"run {run.run_id[:8]} is complete in MLflow now", True)]
    assert history(store, run.run_id, "cost/train") == [(n, 1 / n, n) for n in range(1, 201)]
    assert status(store, run.run_id) == "FINISHED"
    assert flushed(store, outputs) == []


def test_a_locked_store_is_given_up_when_the_time_is_short(store: Store, outputs: Path) -> None:
    """Within a second finish leaves what a locked database does not take; it is delivered once the lock is gone."""
    run = started(store, outputs)
    run.record(1, {"cost/train": 1.0}, 1)
    other = sqlite3.connect(outputs / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.perf_counter()
    with pytest.raises(Pending, match="there was no time for the rest"):
        run.finish("KILLED", "interrupted (Ctrl-C)", within=0.5)
    assert time.perf_counter() - began < 1 * SLOW
    other.execute("ROLLBACK")
    other.close()
    ends = time.monotonic() + 20
    while entries(outputs) and time.monotonic() < ends:  # the thread that was left alone may still be at it
        flushed(store, outputs)
        time.sleep(0.05)
    assert (status(store, run.run_id), len(history(store, run.run_id, "cost/train"))) == ("KILLED", 1)


def test_a_run_whose_store_never_answered_is_created_later(any_store: Store, outputs: Path) -> None:
    """With nothing in MLflow when it ends, a run arrives whole: name, parameters, times, metrics, status."""
    run = started(any_store, outputs, connected=False)
    run.record(1, {"cost/train": 1.0}, 1)
    with pytest.raises(Pending, match="did not answer when the run began"):
        run.finish("FINISHED")
    ((words, done),) = flushed(any_store, outputs)
    assert done
    found = find(any_store, "r")
    assert words == f"run {found.info.run_id[:8]} is complete in MLflow now"
    assert (found.info.status, found.data.params["loss"]) == ("FINISHED", "mse")
    opened = json.loads((run.directory / JOURNAL).read_text().splitlines()[0])["opened"]
    assert found.info.start_time == opened["time"]
    assert len(history(any_store, found.info.run_id, "cost/train")) == 1
    assert run_id_of(run.directory) == found.info.run_id


class Watched:
    """MLflow's client, which notes its calls, and is gone after so many of them, as is a process that is killed."""

    def __init__(self, client: Any, most: int) -> None:
        self.client = client
        self.most = most
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*values: Any, **named: Any) -> Any:
            answer = getattr(self.client, name)(*values, **named)
            self.calls.append(name)
            if len(self.calls) == self.most:
                raise ConnectionAbortedError
            return answer

        return call


def test_a_run_that_ended_before_mlflow_knew_of_it_takes_four_calls(store: Store, outputs: Path) -> None:
    """Cut off after any of them, the next delivery completes it: one run, each point once, and FINISHED only at the end."""
    client = store.client
    for most in range(1, 6):
        run = started(store, outputs, OPENING_WITH_DATA, connected=False)
        for step in range(1, 21):
            run.record(step, dict.fromkeys(FOUR, 1 / step), step)
        for name in ("config.yaml", "weights.npz"):
            (run.directory / name).write_text(name)
            run.artifact(run.directory / name)
        with pytest.raises(Pending):
            run.finish("FAILED", "diverged")
        store.client = watched = Watched(client, most)  # type: ignore[assignment]
        flushed(store, outputs)
        store.client = client
        assert watched.calls == ["create_run", "log_batch", "log_inputs", "set_terminated"][:most]
        (found,) = client.search_runs([store.experiment_id], f"tags.`nnexp.journal` = '{run.token}'")
        assert found.info.status == ("FAILED" if most >= 4 else "RUNNING")
        flushed(store, outputs)
        (found,) = client.search_runs([store.experiment_id], f"tags.`nnexp.journal` = '{run.token}'")
        assert (found.info.status, found.data.tags["nnexp.reason"]) == ("FAILED", "diverged")
        assert [len(history(store, found.info.run_id, key)) for key in FOUR] == [20] * 4
        assert len(found.inputs.dataset_inputs if found.inputs else []) == 1
        kept = {file.path: file.file_size for file in client.list_artifacts(found.info.run_id)}
        assert kept == {"config.yaml": 11, "weights.npz": 11}
        assert (entries(outputs), run_id_of(run.directory)) == ([], found.info.run_id)
        run.directory.rename(outputs / f"delivered_{most}")


@pytest.mark.parametrize("emptied", [b"", bytes(40), b'{"run": '])
def test_a_progress_file_that_a_power_failure_has_emptied_doubles_no_run(
    emptied: bytes, store: Store, outputs: Path
) -> None:
    """It promises nothing, so the run is looked for in MLflow, and found there."""
    run = started(store, outputs, connected=False)
    for step in range(1, 61):
        run.record(step, {"cost/train": 1 / step}, step)
    with pytest.raises(Pending):
        run.finish("FINISHED")
    client = store.client
    store.client = Watched(client, 2)  # type: ignore[assignment]
    flushed(store, outputs)
    store.client = client
    (run.directory / PROGRESS).write_bytes(emptied)
    assert [done for _, done in flushed(store, outputs)] == [True]
    (found,) = client.search_runs([store.experiment_id])
    assert found.info.status == "FINISHED"
    assert len(history(store, found.info.run_id, "cost/train")) == 60


def test_more_than_a_call_takes_is_told_in_several(store: Store, outputs: Path) -> None:
    """A run of 230 parameters and 2,001 points in all arrives whole, with its reason."""
    run = started(store, outputs, Opening("r", {f"p{n}": n for n in range(230)}, {}), connected=False)
    for step in range(1, 668):
        run.record(step, {"a": step, "b": step, "c": step}, step)
    with pytest.raises(Pending):
        run.finish("KILLED", "terminated (SIGTERM)")
    ((_, done),) = flushed(store, outputs)
    assert done
    found = store.client.get_run(run_id_of(run.directory))
    assert (len(found.data.params), found.data.tags["nnexp.reason"]) == (230, "terminated (SIGTERM)")
    assert [len(history(store, found.info.run_id, key)) for key in "abc"] == [667] * 3


def test_a_dead_run_is_found_also_before_its_id_was_noted(any_store: Store, outputs: Path) -> None:
    """Killed right after MLflow created it, a run is found by its journal's tag, completed and marked, not made twice."""
    run = started(any_store, outputs)
    run_id = run.run_id
    run._journal.close()  # what a kill does: the lock is free, nothing more is written
    (run.directory / PROGRESS).unlink()
    ((words, done),) = flushed(any_store, outputs)
    assert (words, done) == (f"run {run_id[:8]} is marked as KILLED: its process was killed after epoch 0 of 9", True)
    assert [found.info.run_id for found in any_store.client.search_runs([any_store.experiment_id])] == [run_id]
    found = any_store.client.get_run(run_id)
    assert (found.info.status, found.data.tags["nnexp.reason"]) == (
        "KILLED",
        "its process was killed after epoch 0 of 9",
    )
    assert json.loads((run.directory / "result.json").read_text())["status"] == "KILLED"


def test_the_journal_is_on_the_disk_before_mlflow_knows_of_the_run(
    store: Store, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure may take what was not forced, and MLflow must not be left with a run that has no journal."""
    done: list[str] = []
    force, start = os.fsync, store.start

    def forced(file: int) -> None:
        force(file)
        done.append(Path(f"/proc/self/fd/{file}").readlink().name)

    def told(*arguments: Any, **more: Any) -> str:
        done.append("MLflow")
        return start(*arguments, **more)

    monkeypatch.setattr(os, "fsync", forced)
    monkeypatch.setattr(store, "start", told)
    run = started(store, outputs)
    before = done[: done.index("MLflow")]
    assert {JOURNAL, run.directory.name, run.directory.parent.name} <= set(before)
    run.finish("FINISHED")


def test_a_run_that_is_alive_is_left_alone(store: Store, outputs: Path) -> None:
    """As long as its process holds the lock nobody takes a run for dead, and none is started over it."""
    run = started(store, outputs)
    assert flushed(store, outputs) == []
    assert status(store, run.run_id) == "RUNNING"
    with pytest.raises(NnexpError, match=r"is not completely in MLflow\. Type python -m nnexp sync, or choose another"):
        started(store, outputs)
    run.finish("FINISHED")


def test_a_run_whose_directory_or_record_was_deleted_waits_no_longer(any_store: Store, outputs: Path) -> None:
    """Where the directory is gone its MLflow run is closed; where the user deleted the MLflow run it stays deleted."""
    run = started(any_store, outputs)
    run._journal.close()
    for path in run.directory.iterdir():
        path.unlink()
    run.directory.rmdir()
    assert flushed(any_store, outputs) == [(f"run {run.run_id[:8]} was closed: its directory is gone", True)]
    assert status(any_store, run.run_id) == "KILLED"
    other = started(any_store, outputs)
    other._journal.close()
    any_store.client.delete_run(other.run_id)
    assert flushed(any_store, outputs) == [(f"run {other.run_id[:8]} was deleted in MLflow, and is left so", True)]
    assert entries(outputs) == []


@pytest.mark.parametrize("left", [b"", b"\0" * 500, None], ids=["empty", "zeros", "no journal"])
def test_a_run_whose_journal_was_damaged_waits_until_somebody_decides(
    left: bytes | None, store: Store, outputs: Path
) -> None:
    """Where the directory is there and its journal says nothing, the file is named, each time, and nothing is given up."""
    run = started(store, outputs)
    run._journal.close()
    if left is None:
        (run.directory / JOURNAL).unlink()
    else:
        (run.directory / JOURNAL).write_bytes(left)
    for _ in range(2):
        ((words, done),) = flushed(store, outputs)
        assert f"{run.directory / JOURNAL} is not there, or has no record of the run that MLflow has as" in words
        assert not done
    (entry,) = entries(outputs)
    assert f"remove {entry.path} to give up" in words
    assert status(store, run.run_id) == "RUNNING"


def test_without_mlflow_the_journal_is_the_record(tmp_path: Path) -> None:
    """A run without a store has its journal all the same, and waits for nothing."""
    run = TrackedRun.start(OPENING, tmp_path)
    run.record(1, {"cost/train": 1.0}, 1)
    run.finish("FINISHED")
    assert [next(iter(json.loads(line))) for line in (tmp_path / JOURNAL).read_text().splitlines()] == [
        "opened",
        "epoch",
        "ended",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {JOURNAL}
    Journal(tmp_path).close()
