"""The embedded store: experiments, runs, and how they are found again."""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from nnexp.basics.plain import spelled
from nnexp.errors import NnexpError
from nnexp.journal.records import DataRecord
from nnexp.tracking.links import link_suffix, sweep_filter
from nnexp.tracking.lookup import find
from nnexp.tracking.opening import Opening, Target
from nnexp.tracking.store import Store
from nnexp.tracking.tracked_run import TrackedRun
from tests.command import SLOW

if TYPE_CHECKING:
    from mlflow.entities import Run

DATA = DataRecord(
    name="houses",
    digest="0123456789abcdef",
    source="/data/houses.csv",
    features=(("area", "double"), ("city", "string")),
    target="price",
    n_samples=100,
    n_features=2,
)
REFUSED = {
    "http://me:geheim@127.0.0.1:9": r"me:\*\*\*@127\.0\.0\.1:9: connection refused\..*start the server.*tracking=none",
    "localhost:5000": r"no address MLflow knows\. Did you mean http://localhost:5000\?",
    "gopher://me:geheim@host": r"gopher://me:\*\*\*@host is no address MLflow knows",
    "./mlruns": r"\./mlruns is a folder.*sqlite:///mlruns\.db",
    "file:///data/mlruns": r"mlruns is a folder",
    "postgresql+nosuchdriver://me:geheim@host/db": r"postgresql\+nosuchdriver://me:\*\*\*@host/db",
}


def stored(store: Store, run_id: str) -> Run:
    """Read a run back, from the store."""
    return store.client.get_run(run_id)


@pytest.mark.parametrize(("uri", "message"), REFUSED.items())
def test_an_address_that_cannot_be_used_is_refused_at_once(tmp_path: Path, uri: str, message: str) -> None:
    """A store that does not answer or exist is refused within seconds, by name, without its password."""
    began = time.perf_counter()
    with pytest.raises(NnexpError, match=f"(?s){message}") as refused:
        Store.connect(uri, "nnexp", tmp_path / "outputs")
    assert time.perf_counter() - began < 6 * SLOW
    assert "geheim" not in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 12
    assert not (tmp_path / "outputs").exists()


def test_the_variable_that_chose_the_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where MLFLOW_TRACKING_URI is to blame, the message says so and how to be rid of it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(NnexpError, match=r"(?s)MLFLOW_TRACKING_URI=http://127.*unset MLFLOW_TRACKING_URI"):
        Store.connect(None, "nnexp", tmp_path)


def test_the_environment_chooses_the_store_unless_an_address_is_given(
    tmp_path: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that was asked for wins over MLFLOW_TRACKING_URI, which wins over the embedded database."""
    shutil.copy(outputs / "mlflow.db", tmp_path / "elsewhere.db")
    elsewhere = f"sqlite:///{tmp_path}/elsewhere.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", elsewhere)
    assert Store.connect(None, "nnexp", outputs).uri == elsewhere
    assert Store.connect(f"sqlite:///{outputs}/mlflow.db", "nnexp", outputs).uri.endswith("outputs/mlflow.db")


def test_a_database_of_another_version_is_refused_with_the_command_that_helps(outputs: Path) -> None:
    """A database with an older schema is not touched; the message says how to upgrade it."""
    import sqlite3

    connection = sqlite3.connect(outputs / "mlflow.db")
    connection.execute("UPDATE alembic_version SET version_num = 'cfd24bdc0731'")
    connection.commit()
    connection.close()
    with pytest.raises(NnexpError, match=r"another version of MLflow.*mlflow db upgrade sqlite:///"):
        Store.connect(None, "nnexp", outputs)


def test_artifacts_lie_under_outputs_also_where_the_path_has_spaces(tmp_path: Path, made_once: Path) -> None:
    """An artifact lies under outputs/artifacts, also of a folder with spaces and accents, and comes back."""
    outputs = tmp_path / "my runs é #1" / "outputs"
    outputs.mkdir(parents=True)
    (outputs / "mlflow.db").write_bytes(made_once.read_bytes())
    store = Store.connect(None, "nnexp", outputs)
    run_id = store.start("r", {}, {})
    (tmp_path / "config.yaml").write_text("seed: 0")
    store.client.log_artifact(run_id, str(tmp_path / "config.yaml"))
    assert (outputs / "artifacts" / run_id / "artifacts" / "config.yaml").is_file()
    assert store.download(run_id, "config.yaml", tmp_path / "new").read_text() == "seed: 0"
    assert {path.name for path in tmp_path.iterdir()} == {"my runs é #1", "config.yaml", "new"}


def test_a_deleted_experiment_is_refused_with_the_way_back(store: Store, outputs: Path) -> None:
    """The name of a deleted experiment is not reused in silence."""
    store.client.delete_experiment(store.experiment_id)
    with pytest.raises(NnexpError, match=r"was deleted\..*tracking\.experiment=.*restore --experiment-id 1"):
        Store.connect(None, "nnexp", outputs)


def test_a_started_run_holds_parameters_as_typed_tags_and_data(store: Store) -> None:
    """Parameters read as on the command line, long ones are cut with a mark, and the dataset column is filled."""
    params = {
        "network.hidden": (30, 100),
        "shuffle": True,
        "patience": None,
        "optimizer.learning_rate": 0.1,
        "long": "x" * 7000,
        **{f"many.{i}": i for i in range(150)},
    }
    run_id = store.start("loss=mae", params, {"nnexp.sweep": "s1", "long": "y" * 9000}, DATA)
    found = stored(store, run_id)
    assert found.info.run_name == "loss=mae"
    assert found.info.status == "RUNNING"
    assert found.data.params["network.hidden"] == "[30, 100]"
    assert (found.data.params["shuffle"], found.data.params["patience"]) == ("true", "null")
    assert found.data.params["optimizer.learning_rate"] == "0.1"
    assert found.data.params["many.149"] == "149"
    assert len(found.data.params["long"]) == 6000
    assert found.data.params["long"].endswith("x…")
    assert found.data.tags["nnexp.sweep"] == "s1"
    assert len(found.data.tags["long"]) == 8000
    assert found.inputs is not None
    (data,) = found.inputs.dataset_inputs
    assert {tag.key: tag.value for tag in data.tags} == {"mlflow.data.context": "training"}
    assert (data.dataset.name, data.dataset.digest) == ("houses", "0123456789abcdef")
    assert json.loads(data.dataset.source) == {"uri": "/data/houses.csv"}
    assert json.loads(str(data.dataset.profile))["num_rows"] == 100


def test_mlflow_itself_reads_the_schema_of_the_data(store: Store) -> None:
    """The recorded columns are what MLflow's own Schema class takes."""
    from mlflow.types import Schema

    inputs = stored(store, store.start("r", {}, {}, DATA)).inputs
    assert inputs is not None
    columns = json.loads(str(inputs.dataset_inputs[0].dataset.schema))["mlflow_colspec"]
    schema = Schema.from_json(json.dumps(columns))
    assert schema.input_names() == ["area", "city"]


def test_a_run_that_cannot_be_started_is_not_left_running(store: Store) -> None:
    """Where a parameter is refused, the message says why, and no run stays open."""
    with pytest.raises(NnexpError, match="Could not start a run"):
        store.start("r", {"not=allowed": 1}, {})
    assert {run.info.status for run in store.client.search_runs([store.experiment_id])} == {"FAILED"}


def test_data_that_another_process_is_storing_are_taken_from_it(in_postgresql: str, tmp_path: Path) -> None:
    """A run whose data another one has written and not committed yet waits for that, and starts with them."""
    import sqlalchemy

    store = Store.connect(in_postgresql, "at once", tmp_path)
    row = {"id": "1" * 32, "experiment": int(store.experiment_id), "name": "wine", "digest": "abc"}
    insert = (
        "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source) "
        "VALUES (:id, :experiment, :name, :digest, 'code', '{}')"
    )
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO datasets%'"
    )
    engine = sqlalchemy.create_engine(in_postgresql)
    watching = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as other, watching, ThreadPoolExecutor(1) as pool:
        other.execute(sqlalchemy.text(insert), row)
        started = pool.submit(store.start, "r", {}, {}, DataRecord("wine", "abc", "x", (("a", "double"),), "y", 9, 1))
        while not watching.execute(sqlalchemy.text(waits)).scalar():
            assert not started.done()
            time.sleep(0.01)
        other.commit()
        run = store.client.get_run(started.result())
    engine.dispose()
    assert run.inputs
    assert [each.dataset.digest for each in run.inputs.dataset_inputs] == ["abc"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([30, 100], "[30, 100]"),
        ([], "[]"),
        (["a", None, [1.5]], "[a, null, [1.5]]"),
        ({"a": False}, "{a: false}"),
        (1e-05, "1e-05"),
        ("relu", "relu"),
        (Path("/data/x.csv"), "/data/x.csv"),
    ],
)
def test_values_are_spelled_as_typed(value: object, text: str) -> None:
    """A value is written as a user would type it."""
    assert spelled(value) == text


def test_a_run_is_found_by_id_prefix_and_name(store: Store) -> None:
    """A full id, the beginning of one and an exact name lead to the run, also where quotes are in the name."""
    names = ["loss=mae", "it's", 'a "quoted" one', 'it\'s "both"', "100%_sure"]
    for name, run_id in {name: store.start(name, {}, {}) for name in names}.items():
        assert [find(store, way).info.run_id for way in (run_id, run_id[:12], name)] == [run_id] * 3


def test_an_ambiguous_name_names_its_runs(store: Store) -> None:
    """Two runs of one name are both listed, with the ids that tell them apart."""
    ids = [store.start("twice", {}, {})[:8] for _ in range(2)]
    with pytest.raises(NnexpError, match=r"2 runs are called 'twice'. Say which by its id") as refused:
        find(store, "twice")
    assert all(begin in str(refused.value) for begin in ids)


def test_an_unknown_run_suggests_one_and_lists_the_newest(store: Store) -> None:
    """A slip of the finger is answered with the name that is meant, and with the newest runs."""
    with pytest.raises(NnexpError, match="has no runs yet"):
        find(store, "loss=maee")
    run_id = store.start("loss=mae", {}, {})
    with pytest.raises(NnexpError, match=f"(?s)No run 'loss=maee'.*Did you mean 'loss=mae'.*{run_id[:8]}"):
        find(store, "loss=maee")
    for unknown in ("0" * 32, "0" * 6, "", "%"):
        with pytest.raises(NnexpError, match="No run"):
            find(store, unknown)


def test_a_missing_artifact_names_those_there_are(store: Store, tmp_path: Path) -> None:
    """A wrong artifact name is answered with the right ones."""
    run_id = store.start("r", {}, {})
    (tmp_path / "weights.npz").write_bytes(b"1")
    store.client.log_artifact(run_id, str(tmp_path / "weights.npz"))
    with pytest.raises(NnexpError, match=r"has no artifact 'weight.npz'. It has: weights.npz"):
        store.download(run_id, "weight.npz", tmp_path)


def test_links_lead_to_the_runs_of_a_sweep(store: Store) -> None:
    """The link opens the view for this kind of run, and its filter is one that MLflow finds exactly the sweep with."""
    for sweep in ("2026-11-20_1", "2026-11-20_2"):
        store.start(sweep, {}, {"nnexp.sweep": sweep})
    address, _, query = link_suffix(store.experiment_id, sweep="2026-11-20_1").partition("?")
    assert address == f"/#/experiments/{store.experiment_id}/runs"
    assert parse_qs(query) == {"workflowType": ["machine_learning"], "searchFilter": [sweep_filter("2026-11-20_1")]}
    runs = store.client.search_runs([store.experiment_id], sweep_filter("2026-11-20_1"))
    assert [run.info.run_name for run in runs] == ["2026-11-20_1"]


def test_tracking_leaves_no_trace_outside_its_store(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A whole run prints nothing, sets no tracking address, changes no variable and writes only under outputs."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    before, address = dict(os.environ), mlflow.get_tracking_uri()
    target = Target(f"sqlite:///{outputs}/mlflow.db", "new", outputs, Store.connect(None, "new", outputs))
    run = TrackedRun.start(Opening("r", {"a": 1}, {}, DATA), outputs, target)
    run.record(1, {"cost/train": 1.0}, 0)
    run.finish("FINISHED")
    assert {key: value for key, value in os.environ.items() if before.get(key) != value} == {}
    assert mlflow.get_tracking_uri() == address
    assert capfd.readouterr() == ("", "")
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
