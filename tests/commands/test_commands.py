"""What the subcommands refuse: each says what was given, what is there, and what to type."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from nnexp import NnexpError, fit
from nnexp.commands import subcommands as commands
from tests.command import nnexp, runs, sweeps


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one run, a sweep of two, a model that save() wrote, and a table."""
    made = tmp_path_factory.mktemp("place")
    assert nnexp("dataset=wine", "epochs=1", "tracking=none", cwd=made).code == 0
    assert nnexp("-m", "hydra.launcher.workers=1", "dataset=wine", "epochs=1,2", cwd=made).code == 0
    fit(np.eye(8), np.arange(8.0), epochs=1).save(made / "own.npz")
    (made / "houses.csv").write_text("a,y\n1,2\n")
    return made


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place, as the working directory, with no store named from outside."""
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return place


def refusal(*words: str | Path) -> str:
    """What a subcommand is refused with."""
    with pytest.raises(NnexpError) as refused:
        commands.main([str(word) for word in words])
    return str(refused.value)


def test_a_sweep_is_no_run(here: Path) -> None:
    """``predict`` and ``log-model`` of a sweep's directory name its jobs, the newest first, and type one."""
    sweep = sweeps(here)[0].relative_to(here)
    for command, rest in (("predict", ["houses.csv"]), ("log-model", [])):
        table = " TABLE" if rest else ""
        assert refusal(command, sweep, *rest).splitlines() == [
            f"'{sweep}' is a sweep's directory. Type python -m nnexp {command} {sweep}/1{table}",
            "The newest runs in it:",
            f"  {sweep}/1",
            f"  {sweep}/0",
        ]


def test_a_folder_of_runs_is_no_run(here: Path) -> None:
    """``predict outputs`` lists the newest runs of all kinds; an empty folder says where runs are."""
    sweep, run = sweeps(here)[0].relative_to(here), runs(here)[0].relative_to(here)
    lines = refusal("predict", "outputs", "houses.csv").splitlines()
    assert lines[0] == f"'outputs' is no run. Type python -m nnexp predict {sweep}/1 TABLE"
    assert lines[2:] == [f"  {sweep}/1", f"  {sweep}/0", f"  {run}"]
    (here / "empty").mkdir()
    assert refusal("predict", "empty", "houses.csv").startswith("'empty' holds neither a run nor a model. Runs are in")


def test_weights_alone(here: Path) -> None:
    """The weights of a run are answered with the run's directory, or without one with what loads."""
    run = runs(here)[0].relative_to(here)
    text = f"'{run}/weights.npz' holds a run's weights alone. Type python -m nnexp predict {run} TABLE"
    assert refusal("predict", run / "weights.npz", "houses.csv") == text
    shutil.copy(run / "weights.npz", "w.npz")
    text = (
        "'w.npz' is not a model that nnexp saved: it holds arrays without a description. Give a file that save() wrote"
    )
    assert refusal("predict", "w.npz", "houses.csv").startswith(text)


def test_what_has_no_record(here: Path) -> None:
    """``log-model`` tells a saved model from a run that was not tracked."""
    text = "'own.npz' is no run: a saved model, or any other file, has no record in MLflow. Name a run's directory"
    assert refusal("log-model", "own.npz").startswith(text)
    assert "it was run with tracking=none" in refusal("log-model", runs(here)[0])


def test_a_table_is_no_model(here: Path) -> None:
    """A file of another kind is refused without NumPy's advice to load it as a pickle."""
    assert here.is_dir()
    text = refusal("predict", "houses.csv", "houses.csv")
    assert text.startswith("'houses.csv' is not a model that nnexp saved")
    assert text.endswith("Give a file that save() wrote, or a run's directory.")
    assert "pickle" not in text


def test_the_pages_of_what_is_not_there(here: Path) -> None:
    """``ui`` creates neither an experiment nor a database, and names the experiments that there are."""
    text = refusal("ui", "--experiment", "nnex")
    assert "No experiment 'nnex' at sqlite:///" in text
    assert text.endswith("Did you mean 'nnexp'? There are: nnexp, Default. Type --experiment NAME")
    assert "There are: nnexp, Default." in refusal("log-model", "abc", "--experiment", "nnex")
    assert refusal("ui", "--uri", "sqlite:///nope.db") == (
        f"There is no database {here}/nope.db. Name the one that holds the runs: --uri sqlite:///FILE.db"
    )
    assert not (here / "nope.db").exists()


@pytest.mark.parametrize("port", ["0", "65536", "99999999"])
def test_a_port_that_there_is_not(port: str) -> None:
    """Ports go up to 65535."""
    assert refusal("ui", f"--port={port}").startswith(f"--port {port}: ports go from 1 to 65535. Type --port 5000")


def test_a_command_after_an_option(here: Path) -> None:
    """It is told to come first: what an option comes before is a run."""
    ended = nnexp("--config-dir", ".", "resume", "outputs/x", cwd=here)
    assert (ended.code, ended.err) == (
        1,
        "nnexp: 'resume' is a command, and comes first. Type python -m nnexp resume ...\n",
    )
