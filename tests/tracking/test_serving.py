"""The model in MLflow: it loads by its run, takes the user's own table, and nothing in it is pickled."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import pytest

from nnexp.errors import NnexpError
from nnexp.experiment.preprocessing import Feature
from nnexp.tracking.logged_models import has_model, log_model
from nnexp.tracking.models import own_requirement, signature
from tests.command import python

if TYPE_CHECKING:
    from pathlib import Path

    from nnexp.experiment.model import Model
    from nnexp.tracking.store import Store

NUMERIC = (Feature("area"), Feature("rooms"))
MIXED = (Feature("area"), Feature("floor", ("1", "2", "3")), Feature("city", ("Bonn", "Ulm")))


@pytest.fixture
def regression(linear_model: Any) -> Model:
    """Return a model for area + 2 rooms."""
    return cast("Model", linear_model(NUMERIC, "regression", (), [[1.0, 2.0]]))


@pytest.fixture
def binary(linear_model: Any) -> Model:
    """Return a model for sigmoid(area + (-5, 0 or 5 by floor) + (1 in Bonn, -1 in Ulm))."""
    return cast("Model", linear_model(MIXED, "binary", ("no", "yes"), [[1.0, -5.0, 0.0, 5.0, 1.0, -1.0]]))


def sigmoid(z: float) -> float:
    """Compute 1 / (1 + e^-z)."""
    return 1 / (1 + math.exp(-z))


def logged(store: Store, trained: Model, folder: Path) -> str:
    """Store a model with a new run, from a folder that holds more than the model; the run's id."""
    run_id = store.start("r", {"loss": "mse"}, {})
    (folder / "trained" / ".hydra").mkdir(parents=True)
    (folder / "trained" / ".hydra" / "config.yaml").touch()
    trained.save_parts(folder / "trained")
    log_model(store, run_id, folder / "trained", ["numpy>=2.2", "pandas>=2.3"])
    return run_id


@pytest.fixture
def load(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Store a model and load it as a user does: by the run's id, with MLflow's own loader."""
    import mlflow.pyfunc

    def load(trained: Model) -> Any:
        run_id = logged(store, trained, tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
        return mlflow.pyfunc.load_model(f"runs:/{run_id}/model")

    return load


def test_a_stored_model_loads_by_its_run(load: Any, regression: Model) -> None:
    """``runs:/<id>/model`` loads and predicts; the values are those computed by hand."""
    table = pd.DataFrame({"area": [1.5, 2.5], "rooms": [1.0, 2.0]})
    assert load(regression).predict(table)["prediction"].tolist() == [3.5, 6.5]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 7], dtype="int64"),
        pd.Series([1, 7], dtype="int8"),
        pd.Series([1, 7], dtype="float32"),
        pd.Series([1, 7], dtype="Int64"),
        pd.Series([1, 7], dtype=object),
        pd.Series([True, False]),
        pd.Series([1, 7], index=[5, 3]),
    ],
    ids=lambda column: f"{column.dtype}-{column.index[0]}",
)
def test_numeric_columns_of_any_kind_pass(load: Any, regression: Model, column: Any) -> None:
    """Whole numbers, small numbers, true/false and nullable numbers reach the model of a numeric column."""
    table = pd.DataFrame({"rooms": column, "area": 0.5})
    answer = load(regression).predict(table)
    assert answer["prediction"].tolist() == [2 * float(value) + 0.5 for value in column]
    assert answer.index.tolist() == column.index.tolist()


@pytest.mark.parametrize("dtype", ["int64", "object", "str", "category"])
def test_category_columns_of_any_kind_pass(load: Any, binary: Model, dtype: Any) -> None:
    """A category written as a number, as text or as pandas' own categorical reaches the model."""
    values = ["1", "3"] if dtype == "str" else [1, 3]
    table = pd.DataFrame(
        {"area": [4, 4], "floor": pd.Series(values).astype(dtype), "city": pd.Series(["Ulm", "Bonn"], dtype="category")}
    )
    answer = load(binary).predict(table)
    assert answer["prediction"].tolist() == ["no", "yes"]
    assert answer["probability_yes"].tolist() == pytest.approx([sigmoid(4 - 5 - 1), sigmoid(4 + 5 + 1)])


def test_a_missing_column_is_named(load: Any, regression: Model) -> None:
    """A table without a feature is refused by MLflow with the feature's name; further columns do not matter."""
    from mlflow.exceptions import MlflowException

    served = load(regression)
    with pytest.raises(MlflowException, match="rooms"):
        served.predict(pd.DataFrame({"area": [1.0]}))
    assert len(served.predict(pd.DataFrame({"area": [1.0], "rooms": [1], "note": ["x"]}))) == 1


def test_the_signature_names_columns_predictions_and_probabilities(
    regression: Model, binary: Model, linear_model: Any
) -> None:
    """The signature lists the raw features, and what comes out in the type of the labels."""
    written = signature(binary)
    assert written.inputs.input_names() == ["area", "floor", "city"]
    assert written.inputs.required_input_names() == ["area", "floor", "city"]
    assert [(column.name, column.type.name) for column in written.outputs.inputs] == [
        ("prediction", "string"),
        ("probability_no", "double"),
        ("probability_yes", "double"),
    ]
    assert [(column.name, column.type.name) for column in signature(regression).outputs.inputs] == [
        ("prediction", "double")
    ]
    for classes, name in (((0, 1), "long"), ((False, True), "boolean"), ((1.5, 2.5), "double"), ((1, "x"), "string")):
        assert signature(linear_model(NUMERIC, "binary", classes, [[1, 1]])).outputs.inputs[0].type.name == name
    several = signature(linear_model(NUMERIC, "regression", (), [[1, 1], [1, 1]])).outputs
    assert several.input_names() == ["prediction_0", "prediction_1"]


def test_the_stored_files_hold_no_pickle_and_name_their_requirements(
    store: Store, regression: Model, tmp_path: Path
) -> None:
    """Besides MLflow's descriptions there are only the two files; the requirements name nnexp and what was given."""
    run_id = logged(store, regression, tmp_path)
    (kept,) = store.client.search_logged_models([store.experiment_id])
    assert (kept.name, kept.source_run_id, str(kept.status)) == ("model", run_id, "READY")
    assert kept.params == {"loss": "mse"}
    outputs = store.client.get_run(run_id).outputs
    assert outputs is not None
    assert [output.model_id for output in outputs.model_outputs] == [kept.model_id]
    files = [path for path in tmp_path.rglob("*") if kept.model_id in str(path) and path.is_file()]
    assert {file.name for file in files} == {
        "MLmodel",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "weights.npz",
        "model.json",
    }
    (requirements,) = [file for file in files if file.name == "requirements.txt"]
    lines = requirements.read_text().splitlines()
    assert {own_requirement(), "numpy>=2.2", "pandas>=2.3"} <= set(lines)
    assert any(line.startswith("mlflow") for line in lines)


def test_storing_a_model_is_silent_and_changes_nothing_else(
    store: Store,
    regression: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No warning, no line on the terminal, no tracking address set, nothing in the working directory."""
    import mlflow

    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "uv.lock").write_text("version = 1")
    (tmp_path / "work" / "pyproject.toml").write_text("[project]\nname = 'mine'\nversion = '1'\n")
    monkeypatch.chdir(tmp_path / "work")
    before, address = dict(os.environ), mlflow.get_tracking_uri()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logged(store, regression, tmp_path)
    assert capfd.readouterr() == ("", "")
    assert (dict(os.environ), mlflow.get_tracking_uri()) == (before, address)
    assert len(list((tmp_path / "work").iterdir())) == 2
    assert not list((tmp_path / "outputs").rglob("uv.lock"))


def test_a_model_that_cannot_be_read_is_not_left_pending(store: Store, tmp_path: Path) -> None:
    """Where the files are missing the error is told and MLflow's record of the model says that it failed."""
    run_id = store.start("r", {}, {})
    with pytest.raises(NnexpError, match="Could not store the model of run"):
        log_model(store, run_id, tmp_path / "nothing", [])
    assert [str(kept.status) for kept in store.client.search_logged_models([store.experiment_id])] == ["FAILED"]


KILLED = """
import os, signal, sys
from pathlib import Path
from mlflow import MlflowClient
from nnexp.tracking.artifacts import Folder
from nnexp.tracking.logged_models import log_model
from nnexp.tracking.store import Store

outputs, run_id, directory, last = sys.argv[1:]
setattr(Folder if last == "put" else MlflowClient, last, lambda *ignored: os.kill(os.getpid(), signal.SIGKILL))
store = Store.connect(f"sqlite:///{outputs}/mlflow.db", "nnexp", Path(outputs))
log_model(store, run_id, Path(directory), ["numpy"])
"""


@pytest.mark.parametrize("last", ["put", "log_outputs", "finalize_logged_model"])
def test_a_process_killed_while_it_stores_a_model(last: str, regression: Model, tmp_path: Path) -> None:
    """Before the files are there, before they are linked or before the last word: there is one whole model in the end."""
    from nnexp.tracking.store import Store

    outputs = tmp_path / "outputs"
    store = Store.connect(f"sqlite:///{outputs}/mlflow.db", "nnexp", outputs)
    run_id = store.start("r", {"loss": "mse"}, {})
    (tmp_path / "trained").mkdir()
    regression.save_parts(tmp_path / "trained")
    words = [str(outputs), run_id, str(tmp_path / "trained"), last]
    ended = python("-c", KILLED, *words, cwd=tmp_path)
    assert ended.code == -signal.SIGKILL, ended.err
    (half,) = store.client.search_logged_models([store.experiment_id])
    assert str(half.status) == "PENDING"
    assert not has_model(store, run_id)
    model = log_model(store, run_id, tmp_path / "trained", ["numpy"])
    assert has_model(store, run_id)
    (whole,) = store.client.search_logged_models([store.experiment_id])
    assert (whole.model_id, str(whole.status)) == (model, "READY")
    assert (whole.model_id == half.model_id) == (last == "finalize_logged_model")


def test_mlflow_models_predict_reads_a_csv_file(store: Store, binary: Model, tmp_path: Path) -> None:
    """``mlflow models predict --env-manager local -t csv`` answers for a file with whole numbers in its columns."""
    run_id = logged(store, binary, tmp_path)
    (tmp_path / "table.csv").write_text("area,floor,city\n4,1,Ulm\n4,3,Bonn\n")
    command = [sys.executable, "-m", "mlflow", "models", "predict", "--env-manager", "local"]
    command += ["-m", f"runs:/{run_id}/model", "-i", "table.csv", "-t", "csv", "-o", "answer.json"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": store.uri}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads((tmp_path / "answer.json").read_text())["predictions"]
    assert [row["prediction"] for row in answer] == ["no", "yes"]
