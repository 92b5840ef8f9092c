"""``reuse=true``: what the store holds as FINISHED under the same key is not trained again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnexp.tracking.delivery import run_id_of
from tests.command import nnexp, result, runs, sweeps

WINE = ("dataset=wine", "epochs=6", "split.test=0.1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose store has one finished run."""
    folder = tmp_path_factory.mktemp("reused")
    ended = nnexp(*WINE, "keep=best", cwd=folder)
    assert ended.code == 0, ended.err
    return folder


def client(place: Path) -> Any:
    """MLflow's client on the embedded store."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{place}/outputs/mlflow.db")


def test_the_same_run_is_answered_by_the_finished_one(place: Path) -> None:
    """The second time nothing is trained: the terminal names the run that answers, its numbers are the first one's."""
    first, run_id = result(runs(place)[0]), run_id_of(runs(place)[0])
    ended = nnexp(*WINE, "keep=best", "log_every=2", "reuse=true", cwd=place)
    assert (ended.code, ended.err) == (0, "")
    assert f"reused   run {run_id} ({' '.join(WINE)} keep=best): the same key, and finished" in ended.out
    again = result(runs(place)[-1])
    assert again["status"] == "REUSED"
    for name in ("objective", "metrics", "history", "best_epoch", "kept_epoch"):
        assert again[name] == first[name], name
    assert run_id_of(runs(place)[-1]) == run_id
    assert len(client(place).search_runs(["1"])) == 1
    refused = nnexp("predict", str(runs(place)[-1]), "t.csv", cwd=place)
    assert f"run {run_id} has the same key and is finished" in refused.err


def test_pictures_that_were_asked_for_are_not_silently_left_out(place: Path) -> None:
    """There is no network to draw where numbers are taken: that is said, with what to type."""
    ended = nnexp(*WINE, "keep=best", "reuse=true", "pictures=[confusion]", cwd=place)
    assert ended.code == 0
    assert ended.err == (
        "nnexp: No pictures are drawn here, as nothing was trained. Type reuse=false to train it and draw them.\n"
    )


@pytest.mark.parametrize("other", ["seed=1", "dtype=float32", "epochs=7", "dataset.target=2", "keep=last"])
def test_anything_that_changes_a_number_is_trained(other: str, place: Path) -> None:
    """Another seed, dtype or length, other data or another choice of weights have other keys."""
    words = ["dataset=xor" if other.startswith("dataset") else other]
    ended = nnexp(*WINE, "keep=best", *words, "reuse=true", "tracking.model=none", cwd=place)
    assert ended.code == 0, ended.err
    assert "reused" not in ended.out
    tags = [run.data.tags["nnexp.key"] for run in client(place).search_runs(["1"])]
    assert len(set(tags)) == len(tags)


def test_a_run_that_did_not_finish_answers_nothing(place: Path) -> None:
    """What diverged is tried again."""
    words = ("dataset=diabetes", "optimizer.learning_rate=300", "reuse=true")
    for _ in range(2):
        ended = nnexp(*words, cwd=place)
        assert ended.code == 1
        assert "diverged at epoch 1" in ended.err


def test_a_sweep_trains_only_what_is_new(place: Path) -> None:
    """Jobs that are in the store are taken from there; ranking, picture and manifest have all of them."""
    ended = nnexp("-m", *WINE, "keep=best", "seed=0,5,6", "reuse=true", cwd=place)
    assert ended.code == 0, ended.err
    directory = sweeps(place)[-1]
    states = [job["state"] for job in json.loads((directory / "manifest.json").read_text())["jobs"]]
    assert states == ["reused", "finished", "finished"]
    assert "3 runs, best first" in ended.out
    assert "3 jobs: 2 finished, 1 reused" in ended.out
    assert f"reused   run {result(directory / '0')['run_id']}" in (directory / "0" / "nnexp.log").read_text()
    assert (directory / "comparison.png").exists()


def test_an_extended_run_answers_for_its_new_length(place: Path) -> None:
    """After ``resume RUN epochs=N`` the run has the key of N epochs, and no longer that of fewer."""
    words = ("dataset=wine", "tracking.model=none")
    assert nnexp(*words, "epochs=4", cwd=place).code == 0
    directory = runs(place)[-1]
    assert nnexp("resume", str(directory), "epochs=5", cwd=place).code == 0
    assert "reused   run" in nnexp(*words, "epochs=5", "reuse=true", cwd=place).out
    assert "reused   run" not in nnexp(*words, "epochs=4", "reuse=true", cwd=place).out


def test_without_mlflow_there_is_nothing_to_reuse(tmp_path: Path) -> None:
    """tracking=none with reuse=true, and a reuse that is neither true nor false, are refused before anything is done."""
    assert "Type reuse=false" in nnexp("reuse=true", "tracking=none", cwd=tmp_path).err
    assert "reuse must be true or false. Got 'maybe'" in nnexp("reuse=maybe", cwd=tmp_path).err
    assert not (tmp_path / "outputs").exists()
