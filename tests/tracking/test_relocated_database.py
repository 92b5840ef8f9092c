"""An ``outputs/`` that is moved or copied goes on with its database: MLflow's locations lead to the files that came along."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from nnexp.tracking.relocated_database import follow
from tests.command import nnexp, runs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one run, in MLflow."""
    folder = tmp_path_factory.mktemp("moved") / "a b"  # a blank is spelled %20 in a location
    folder.mkdir()
    assert nnexp("dataset=xor", "epochs=2", "tracking.model=all", cwd=folder).code == 0
    connection = sqlite3.connect(folder / "outputs" / "mlflow.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # tests copy the file alone
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    connection.close()
    return folder


def locations(folder: Path) -> list[str]:
    """All that MLflow's tables say of where files lie."""
    columns = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"))
    connection = sqlite3.connect(folder / "outputs" / "mlflow.db")
    found = [row[0] for table, column in columns for row in connection.execute(f"SELECT {column} FROM {table}")]  # noqa: S608
    connection.close()
    return found


def test_a_folder_that_is_moved_goes_on(trained: Path, tmp_path: Path) -> None:
    """A run is continued, a new one trains, and MLflow finds every file of both in the new place; the old one stays away."""
    old = tmp_path / "old"
    shutil.copytree(trained, old)
    follow(old / "outputs" / "mlflow.db", old / "outputs")
    new = tmp_path / "elsewhere" / "new"
    new.parent.mkdir()
    old.rename(new)
    first = runs(new)[0]
    resumed = nnexp("resume", str(first.relative_to(new)), "epochs=4", cwd=new)
    assert (resumed.code, resumed.err) == (
        0,
        f"note: {old}/outputs is {new}/outputs now, and so MLflow's records lead to the files here.\n",
    )
    again = nnexp("dataset=xor", "epochs=3", cwd=new)
    assert (again.code, again.err) == (0, "")
    assert not old.exists()
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{new}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("nnexp")
    assert experiment
    for run in client.search_runs([experiment.experiment_id]):
        found = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"config.yaml", "weights.npz", "cost.png"} <= found
    assert all(each.startswith(f"{new.as_uri()}/outputs/artifacts") for each in locations(new))


def test_a_copy_has_files_of_its_own(trained: Path, tmp_path: Path) -> None:
    """A copy's records lead into the copy, the original's stay as they are."""
    before = locations(trained)
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    assert follow(copy / "outputs" / "mlflow.db", copy / "outputs") == str(trained / "outputs")
    assert locations(copy) == [each.replace(trained.as_uri(), copy.as_uri()) for each in before]
    assert locations(trained) == before
    assert follow(copy / "outputs" / "mlflow.db", copy / "outputs") == ""


def test_artifacts_that_stayed_behind_are_left_where_they_are(trained: Path, tmp_path: Path) -> None:
    """A database that is moved alone still leads to the files in the old place."""
    (tmp_path / "outputs").mkdir()
    shutil.copy(trained / "outputs" / "mlflow.db", tmp_path / "outputs")
    before = locations(tmp_path)
    assert follow(tmp_path / "outputs" / "mlflow.db", tmp_path / "outputs") == ""
    assert locations(tmp_path) == before


def test_a_place_that_was_typed_stays(outputs: Path, tmp_path: Path) -> None:
    """Only what lay below the old artifacts folder changes; a folder whose name merely begins like it is another one."""
    connection = sqlite3.connect(outputs / "mlflow.db")
    others = [
        f"{tmp_path.as_uri()}/outputs/artifacts2",
        "s3://bucket/outputs/artifacts",
        str(outputs / "artifacts" / "7"),
    ]
    own = f"{tmp_path.as_uri()}/outputs/artifacts"
    with connection:
        for name, location in enumerate([*others, own]):
            connection.execute(
                "INSERT INTO experiments (name, artifact_location, lifecycle_stage) VALUES (?, ?, 'active')",
                (str(name), location),
            )
    connection.close()
    outputs.rename(tmp_path / "new")
    assert follow(tmp_path / "new" / "mlflow.db", tmp_path / "new") == str(outputs)
    connection = sqlite3.connect(tmp_path / "new" / "mlflow.db")
    found = [row[0] for row in connection.execute("SELECT artifact_location FROM experiments ORDER BY experiment_id")]
    connection.close()
    new = f"{tmp_path.as_uri()}/new/artifacts"
    assert found == [f"{new}/0", *others, new]


def test_the_same_folder_by_another_name_has_not_moved(trained: Path, tmp_path: Path) -> None:
    """Through a link to the folder above it nothing changes."""
    (tmp_path / "link").symlink_to(trained)
    before = locations(trained)
    assert follow(tmp_path / "link" / "outputs" / "mlflow.db", tmp_path / "link" / "outputs") == ""
    assert locations(trained) == before


@pytest.mark.parametrize(
    "location",
    ["", "/artifacts/0/../..", "file://host/artifacts/0", "s3://bucket/artifacts/0", "/a/b", "file://[x/artifacts/0"],
)
def test_what_is_no_old_place_is_left(location: str, outputs: Path) -> None:
    """A stranger's database says anything of where it was made; only a plain path of the expected form is followed."""
    connection = sqlite3.connect(outputs / "mlflow.db")
    with connection:
        connection.execute("UPDATE experiments SET artifact_location = ?", (location,))
    connection.close()
    assert follow(outputs / "mlflow.db", outputs) == ""


def test_a_store_that_was_typed_follows_its_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of one's own inside the project leads to the artifacts of the new place; so do registered models."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    words = ("dataset=xor", "epochs=2", "tracking.uri=sqlite:///my.db", "tracking.model=all")
    assert nnexp(*words, cwd=old).code == 0
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{old}/my.db")
    (run,) = mlflow.MlflowClient().search_runs(["1"])
    mlflow.register_model(f"runs:/{run.info.run_id}/model", "mine")
    old.rename(new)
    again = nnexp(*words, cwd=new)
    assert (again.code, again.err) == (
        0,
        f"note: {old} is {new} now, and so MLflow's records lead to the files here.\n",
    )
    assert not old.exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{new}/my.db")
    assert mlflow.pyfunc.load_model("models:/mine/1").metadata.run_id == run.info.run_id


def test_a_sweep_in_a_place_of_its_own_moves_along(tmp_path: Path) -> None:
    """A sweep whose directory was typed in full is resumed in the new place."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    words = ("-m", "dataset=xor", "epochs=2", "tracking=none", "seed=0,1", f"hydra.sweep.dir={old}/mine")
    assert nnexp(*words, cwd=old).code == 0
    old.rename(new)
    (new / "mine" / "1" / "result.json").unlink()
    resumed = nnexp("resume", "mine", cwd=new)
    assert resumed.code == 0, resumed
    assert (new / "mine" / "1" / "result.json").exists()
    assert not old.exists()


def test_a_database_of_the_users_is_left_alone(trained: Path, tmp_path: Path) -> None:
    """One that MLflow's server made keeps its artifacts where it was told, also while that place is away, as a share may be."""
    shutil.copy(trained / "outputs" / "mlflow.db", tmp_path / "theirs.db")
    connection = sqlite3.connect(tmp_path / "theirs.db")
    with connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, 'file:///no/such/share')",  # noqa: S608
                (f"{trained.as_uri()}/outputs",),
            )
    before = sorted(connection.execute("SELECT artifact_location FROM experiments"))
    connection.close()
    (tmp_path / "artifacts" / "of another tool").mkdir(parents=True)
    (tmp_path / "outputs" / "artifacts").mkdir(parents=True)
    assert follow(tmp_path / "theirs.db", tmp_path / "outputs") == ""
    connection = sqlite3.connect(tmp_path / "theirs.db")
    assert sorted(connection.execute("SELECT artifact_location FROM experiments")) == before
    connection.close()
