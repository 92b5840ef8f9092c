"""A real tracking server in another process: the same promises over HTTP."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from nnexp.errors import NnexpError
from nnexp.experiment.preprocessing import Feature
from nnexp.journal.records import DataRecord
from nnexp.tracking.links import sweep_filter
from nnexp.tracking.lookup import find
from nnexp.tracking.opening import Opening, Pending, Target
from nnexp.tracking.store import Store
from nnexp.tracking.tracked_run import TrackedRun
from tests.command import SLOW

if TYPE_CHECKING:
    from pathlib import Path

DATA = DataRecord("wine", "abc", "scikit-learn", (("alcohol", "double"),), "cultivar", 178, 13)


def test_a_whole_run_over_http(
    server: Any,
    linear_model: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Parameters, data, metrics (also NaN), artifacts and model arrive at a server, which decides where they lie."""
    import mlflow.pyfunc
    import pandas as pd

    monkeypatch.chdir(tmp_path)
    store = Store.connect(server.uri, "over http", tmp_path / "outputs")
    trained = tmp_path / "trained"
    trained.mkdir()
    opening = Opening("r", {f"p{i}": i for i in range(120)}, {"nnexp.sweep": "s1"}, DATA)
    run = TrackedRun.start(opening, trained, Target(store.uri, "over http", tmp_path / "outputs", store))
    for step in range(1, 1201):
        run.record(step, {"cost/train": math.nan if step == 7 else 1.0, "mae/train": math.inf}, step)
    linear_model((Feature("a"),), "regression", (), [[3.0]]).save_parts(trained)
    run.artifact(trained / "model.json")
    run.model(["numpy==2.4.6"])
    run.finish("FINISHED")
    assert capfd.readouterr() == ("", "")
    assert {path.name for path in tmp_path.iterdir()} == {"trained", "outputs"}
    assert list((tmp_path / "outputs").rglob("*")) == [tmp_path / "outputs" / ".open"]

    found = find(store, "r")
    assert (found.info.run_id, found.info.status, found.data.params["p119"]) == (run.run_id, "FINISHED", "119")
    assert found.inputs is not None
    assert found.inputs.dataset_inputs[0].dataset.name == "wine"
    costs = {point.step: point.value for point in store.client.get_metric_history(run.run_id, "cost/train")}
    assert len(costs) == 1200
    assert math.isnan(costs[7])
    assert found.data.metrics["mae/train"] > 1e308
    assert [hit.info.run_id for hit in store.client.search_runs([store.experiment_id], sweep_filter("s1"))] == [
        run.run_id
    ]
    assert store.download(run.run_id, "model.json", tmp_path / "new").read_text().startswith("{")
    assert find(store, run.run_id[:10]).info.run_id == run.run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    answer = mlflow.pyfunc.load_model(f"runs:/{run.run_id}/model").predict(pd.DataFrame({"a": [2]}))
    assert answer["prediction"].tolist() == [6.0]


def test_what_is_no_mlflow_server_is_refused(server: Any, tmp_path: Path) -> None:
    """A server that answers with something else is not taken for one."""
    with pytest.raises(NnexpError, match="what answers there is no MLflow 3 server"):
        Store.connect(f"{server.uri}/no/such/path", "nnexp", tmp_path)


def test_a_server_that_dies_does_not_stop_the_training(running_server: Any, tmp_path: Path) -> None:
    """Recording goes on without a pause, and finish says within seconds what was lost and where the rest lies."""
    with running_server(tmp_path / "server") as server:
        store = Store.connect(server.uri, "dying", tmp_path)
        (tmp_path / "x").mkdir()
        run = TrackedRun.start(Opening("r", {}, {}), tmp_path / "x", Target(server.uri, "dying", tmp_path, store))
        run.live_after = 0.0
        said: list[str] = []
        run.warn = said.append
        server.kill()
        began = time.perf_counter()
        step, longest = 0, 0.0
        while time.perf_counter() - began < 30 and not said:
            step += 1
            before = time.perf_counter()
            run.record(step, {"cost/train": 1.0}, step)
            longest = max(longest, time.perf_counter() - before)
            time.sleep(0.01)
        (words,) = said
        assert words.startswith("MLflow does not take the metrics (")
        assert words.endswith("connection refused). Training goes on; they are kept and delivered later.")
        assert longest < 0.5 * SLOW
        began = time.perf_counter()
        with pytest.raises(Pending, match=r"does not have all of this run yet: connection refused.*waits in .*/x"):
            run.finish("FINISHED")
        assert time.perf_counter() - began < 20 * SLOW
    with pytest.raises(NnexpError, match="connection refused"):
        Store.connect(server.uri, "dying", tmp_path)
