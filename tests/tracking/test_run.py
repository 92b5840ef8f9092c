"""One run: what is recorded arrives, on time, and a broken store does not stop the training."""

from __future__ import annotations

import math
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from nnexp.errors import NnexpError
from nnexp.tracking.run import TrackedRun

if TYPE_CHECKING:
    from pathlib import Path

    from nnexp.tracking.store import Store


def history(store: Store, run: TrackedRun, key: str) -> list[tuple[int, float, int]]:
    """Read a metric back: (step, value, timestamp), by step."""
    return sorted(
        (point.step, point.value, point.timestamp) for point in store.client.get_metric_history(run.run_id, key)
    )


def break_store(outputs: Path, broken: bool = True) -> None:
    """Take the table of metrics away, or give it back."""
    connection = sqlite3.connect(outputs / "mlflow.db")
    names = ("metrics", "metrics_gone") if broken else ("metrics_gone", "metrics")
    connection.execute("ALTER TABLE {} RENAME TO {}".format(*names))
    connection.close()


def test_every_point_arrives_once_with_its_step_and_time(store: Store) -> None:
    """After finish each metric has exactly one point per step, in order, with the given timestamps."""
    run = store.start("r", {}, {})
    for step in range(1, 1501):
        run.record(step, {"cost/train": 1 / step, "accuracy/validation": 0.5}, 1_700_000_000_000 + step)
    run.summary({"accuracy/test": 0.9}, 1500)
    assert history(store, run, "cost/train") == []
    run.finish("FINISHED")
    expected = [(step, 1 / step, 1_700_000_000_000 + step) for step in range(1, 1501)]
    assert history(store, run, "cost/train") == expected
    assert len(history(store, run, "accuracy/validation")) == 1500
    assert history(store, run, "accuracy/test")[0][:2] == (1500, 0.9)
    found = store.client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert "nnexp.reason" not in found.data.tags


def test_values_that_are_not_finite_are_kept(store: Store) -> None:
    """A diverged run's NaN and infinities are stored as MLflow stores them: NaN, and the largest float."""
    run = store.start("r", {}, {})
    run.record(1, {"a": math.nan, "b": math.inf, "c": -math.inf}, 0)
    run.finish("FAILED", "diverged at epoch 1; learning_rate=3.0")
    metrics = store.client.get_run(run.run_id).data.metrics
    assert math.isnan(metrics["a"])
    assert metrics["b"] > 1e308
    assert metrics["c"] < -1e308
    assert store.client.get_run(run.run_id).info.status == "FAILED"
    assert store.client.get_run(run.run_id).data.tags["nnexp.reason"] == "diverged at epoch 1; learning_rate=3.0"


def test_a_long_run_is_seen_while_it_trains(store: Store) -> None:
    """In the middle of a run some of its points are in the store, at its end all of them."""
    run = store.start("r", {}, {})
    began, step = time.perf_counter(), 0
    while time.perf_counter() - began < 4:
        step += 1
        run.record(step, dict.fromkeys(("cost/train", "cost/validation", "mae/train", "mae/validation"), 1.0), step)
        time.sleep(0.001)
    seen = len(history(store, run, "cost/train"))
    assert 10 < seen < step
    run.finish("FINISHED")
    assert [point[0] for point in history(store, run, "cost/train")] == list(range(1, step + 1))


def test_a_short_run_is_not_slowed_down(store: Store) -> None:
    """Within the first second nothing is delivered."""
    run = store.start("r", {}, {})
    for step in range(1000):
        run.record(step, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}, step)
    assert run.delivering == 0
    run.finish("FINISHED")


def test_everything_is_delivered_at_the_end(store: Store) -> None:
    """However many points are left, finish delivers each of them once."""
    run = store.start("r", {}, {})
    for step in range(1, 1001):
        run.record(step, {"a": step / 3, "b": 2.0}, step)
    run.finish("FINISHED")
    points = store.client.get_metric_history(run.run_id, "a")
    assert [(point.step, point.value) for point in points] == [(step, step / 3) for step in range(1, 1001)]
    assert len(store.client.get_metric_history(run.run_id, "b")) == 1000


def test_a_store_that_breaks_does_not_stop_the_training(
    store: Store, outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Recording goes on in silence; finish says what is missing, why, and where the rest lies, and closes the run."""
    run = store.start("r", {}, {}, directory=outputs / "runs" / "x")
    break_store(outputs)
    began, step = time.perf_counter(), 0
    while run.error is None and time.perf_counter() - began < 10:
        step += 1
        run.record(step, {"cost/train": 1.0}, step)
        time.sleep(0.01)
    assert run.error is not None
    with pytest.raises(NnexpError, match=r"points could not be delivered to sqlite:.*lies in .*runs/x"):
        run.finish("FINISHED")
    assert capfd.readouterr() == ("", "")
    assert store.client.get_run(run.run_id).info.status == "FINISHED"
    break_store(outputs, broken=False)
    run.finish("FINISHED")
    assert [point[0] for point in history(store, run, "cost/train")] == list(range(1, step + 1))


def test_tags_artifacts_and_folders_are_stored_at_once(store: Store, tmp_path: Path) -> None:
    """A tag, a file and a folder are in the store while the run is still open."""
    run = store.start("r", {}, {})
    folder = tmp_path / "plots"
    folder.mkdir()
    (folder / "cost.png").write_bytes(b"png")
    run.tag("nnexp.key", "abc")
    run.artifact(folder)
    run.artifact(folder / "cost.png")
    assert store.client.get_run(run.run_id).data.tags["nnexp.key"] == "abc"
    assert {file.path for file in store.client.list_artifacts(run.run_id)} == {"plots", "cost.png"}
    with pytest.raises(NnexpError, match=r"Could not store 'missing.png' with run"):
        run.artifact(tmp_path / "missing.png")


def test_a_run_can_be_reopened(store: Store) -> None:
    """A run that has ended takes further points and tags."""
    run = store.start("r", {}, {})
    run.finish("KILLED", "interrupted")
    again = store.reopen(run.run_id)
    again.record(1, {"a": 1.0}, 1)
    again.finish("FINISHED")
    assert history(store, run, "a") == [(1, 1.0, 1)]
    assert store.client.get_run(run.run_id).info.status == "FINISHED"
