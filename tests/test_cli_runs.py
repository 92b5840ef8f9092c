"""Whole runs and sweeps as a user starts them: real processes, a real SQLite store, MLflow's own client to look."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.tracking.delivery import run_id_of
from tests.command import ROOT, environment, nnexp, process, result, runs, sweeps, with_pictures
from tests.forked import Command

QUICK = ("dataset=wine", "epochs=4")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose store is made once for this module; its name is awkward on purpose."""
    return tmp_path_factory.mktemp("a place with spaces ä")


@pytest.fixture(scope="module")
def single(place: Path) -> tuple[Path, str]:
    """The issue's first command, with fewer epochs: the run's directory and what was printed."""
    ended = with_pictures("loss=mae", "optimizer=sgd", "epochs=6", "split.test=0.1", cwd=place)
    assert ended.code == 0, ended.err
    assert ended.err == ""
    return runs(place)[-1], ended.out


@pytest.fixture(scope="module")
def sweep(used: Path) -> tuple[Path, str]:
    """The six-run sweep: its directory and what was printed."""
    ended = nnexp("-m", "loss=mse,mae", "optimizer=batch,minibatch,sgd", "epochs=3", cwd=used)
    assert ended.code == 0, ended.err
    return sweeps(used)[-1], ended.out


@pytest.fixture(scope="module")
def used(place: Path, single: tuple[Path, str]) -> Path:
    """The place, once its store is there."""
    assert single[0].is_relative_to(place)
    return place


def store(place: Path) -> Any:
    """MLflow's client on the embedded store."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{place}/outputs/mlflow.db")


def recorded(place: Path, directory: Path) -> Any:
    """The MLflow run of a run's directory."""
    return store(place).get_run(run_id_of(directory))


def test_terminal(single: tuple[Path, str]) -> None:
    """A run says what it trains, how it goes, what came out, where it is, and what to type next, in 80 columns."""
    _, out = single
    assert "diabetes: 442 samples (310 training, 88 validation, 44 test), 10" in out
    assert "10-16-1, relu, identity out, 193 parameters" in out
    assert "mae, sgd (learning_rate 0.01), 6 epochs, seed 0" in out
    assert "epoch 1/6  cost/train" in out
    assert "epoch 6/6  cost/train" in out
    assert "kept the weights of epoch 6" in out
    assert "next     python -m nnexp ui" in out
    assert max(map(len, out.splitlines())) <= 80


def test_options_of_every_plugin_are_shown(tmp_path: Path) -> None:
    """The opening lines name the values of whatever has any, and a single epoch, feature or job is one, not several."""
    ended = nnexp(
        "dataset=sine", "activation=leaky_relu", "initializer=normal", "epochs=1", "tracking=none", cwd=tmp_path
    )
    text = " ".join(ended.out.split())
    assert "100 validation), 1 feature -> y" in text
    assert "1-16-1, leaky_relu (alpha 0.01), identity out, 49 parameters (normal (std 0.1, bias_std 0.0))" in text
    assert "learning_rate 0.1), 1 epoch, seed 0" in text
    assert "done 1 epoch in" in text


def test_long_lines_go_on_below(capsys: pytest.CaptureFixture[str]) -> None:
    """A long fact goes on under its own beginning; a path is never cut, however long."""
    from nnexp.terminal.console import Console

    Console().opening({"files": f"{'x' * 60} weights.npz of one run {'y' * 90}/z-z.csv"})
    lines = ["files    " + "x" * 60, "         weights.npz of one run", "         " + "y" * 90 + "/z-z.csv"]
    assert capsys.readouterr().out.splitlines() == lines


def test_the_cost_is_said_to_be_in_scaled_units_where_it_is(single: tuple[Path, str], place: Path) -> None:
    """A regression's cost is in the units that are trained; where the target is not scaled these are the user's own."""
    assert "(scaled units)" in single[1]
    own = nnexp("scale.target=none", "optimizer.learning_rate=1e-5", "epochs=1", "tracking=none", cwd=place)
    assert own.code == 0, own.err
    assert "rmse" in own.out
    assert "scaled units" not in own.out


def test_params_and_tags(place: Path, single: tuple[Path, str]) -> None:
    """MLflow holds every resolved hyperparameter under its dotted name, never auto, and what identifies the run."""
    run = recorded(place, single[0])
    params = run.data.params
    expected = {"loss": "mae", "output": "identity", "optimizer": "sgd", "optimizer.learning_rate": "0.01"}
    expected |= {
        "schedule": "constant",
        "dataset": "diabetes",
        "network.hidden": "[16]",
        "epochs": "6",
        "seed": "0",
        "split.seed": "null",
    }
    assert expected.items() <= params.items()
    assert "auto" not in params.values()
    tags = run.data.tags
    assert tags["nnexp.overrides"] == "loss=mae optimizer=sgd epochs=6 split.test=0.1"
    assert len(tags["nnexp.key"]) == 64
    assert tags["nnexp.plugins"].startswith("nnexp ")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "loss=mae optimizer=sgd epochs=6 split.test=0.1"
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == "diabetes"
    assert len(data.dataset.digest) == 36


def test_metrics(place: Path, single: tuple[Path, str]) -> None:
    """Every metric has exactly one point an epoch, steps 1 to the last, with the time at which the epoch ended."""
    directory, _ = single
    run_id = run_id_of(directory)
    for name in ("cost", "mae", "rmse", "r2"):
        for part in ("train", "validation"):
            points = store(place).get_metric_history(run_id, f"{name}/{part}")
            assert [point.step for point in points] == [1, 2, 3, 4, 5, 6]
            assert [point.value for point in points] == result(directory)["history"][f"{name}/{part}"]
            times = [point.timestamp for point in points]
            assert times == sorted(times)
            assert 0 <= time.time() - times[-1] / 1000 < 3600
        assert [point.step for point in store(place).get_metric_history(run_id, f"{name}/test")] == [6]
    assert "learning_rate" not in recorded(place, directory).data.metrics  # only where a schedule changes it


def test_artifacts(place: Path, single: tuple[Path, str]) -> None:
    """The resolved config, pictures and the weights (no pickle, W1 n_out by n_in) are kept with the run."""
    directory, _ = single
    names = {file.path for file in store(place).list_artifacts(run_id_of(directory))}
    assert {"config.yaml", "cost.png", "weights.npz"} <= names
    (drawn,) = store(place).list_artifacts(run_id_of(directory), "pictures")
    assert drawn.path == "pictures/predicted.png"
    with np.load(directory / "weights.npz", allow_pickle=False) as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
    assert shapes == {"W1": (16, 10), "b1": (16,), "W2": (1, 16), "b2": (1,)}
    assert (directory / "cost.png").read_bytes().startswith(b"\x89PNG")


def test_the_config_makes_the_run_again(single: tuple[Path, str]) -> None:
    """config.yaml given back as a plain configuration trains to the same weights, bit by bit."""
    import yaml

    from nnexp.experiment.experiment import prepare
    from nnexp.experiment.plan import plan

    experiment = prepare(plan(yaml.safe_load((single[0] / "config.yaml").read_text())))
    for _ in experiment.epochs():
        pass
    with np.load(single[0] / "weights.npz", allow_pickle=False) as arrays:
        for name, value in experiment.network.arrays().items():
            np.testing.assert_array_equal(arrays[name], value)


def test_model_loads(place: Path, single: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is stored for a single run and answers for the raw table in original units."""
    import mlflow.pyfunc
    import pandas as pd
    from sklearn.datasets import load_diabetes

    raw = load_diabetes(as_frame=True, scaled=False).frame
    run_id = run_id_of(single[0])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/outputs/mlflow.db")
    answers = mlflow.pyfunc.load_model(f"runs:/{run_id}/model").predict(raw.drop(columns="target"))
    assert isinstance(answers, pd.DataFrame)
    error = float(np.abs(answers["prediction"] - raw["target"]).mean())
    assert error < 60  # the target runs from 25 to 346; its mean absolute deviation is 66


def test_predict(place: Path, single: tuple[Path, str]) -> None:
    """``predict`` gives the same answers by directory and by run id, to the terminal and to a file."""
    from sklearn.datasets import load_diabetes

    from nnexp import load

    raw = load_diabetes(as_frame=True, scaled=False).data.head(3)
    raw[raw.columns[::-1]].to_csv(place / "new.csv", index=False)
    directory, _ = single
    shown = nnexp("predict", str(directory), "new.csv", cwd=place)
    assert shown.code == 0
    values = [float(line) for line in shown.out.splitlines()[1:]]
    np.testing.assert_allclose(values, load(directory).predict(raw.to_numpy()), rtol=1e-12)
    run_id = run_id_of(directory)
    written = nnexp("predict", run_id[:8], "new.csv", "-o", "answers.csv", cwd=place)
    assert written.code == 0, written.err
    assert (place / "answers.csv").read_text() == shown.out
    raw.drop(columns="bmi").to_csv(place / "less.csv", index=False)
    (place / "semicolons.csv").write_text((place / "new.csv").read_text().replace(",", ";"))
    other = nnexp("predict", str(directory), "semicolons.csv", cwd=place)
    assert "Type --separator=';'" in other.err
    assert nnexp("predict", str(directory), "semicolons.csv", "--separator", ";", cwd=place).out == shown.out
    refused = nnexp("predict", str(directory), "less.csv", cwd=place)
    assert "no column 'bmi'" in refused.err
    assert refused.code == 1


def test_sweep_in_the_store(place: Path, sweep: tuple[Path, str]) -> None:
    """The six runs of a sweep lie flat, share a sweep tag, and are told apart by their names."""
    directory, _ = sweep
    found = store(place).search_runs(["1"], f"tags.`nnexp.sweep` = '{directory.name}'")
    assert len(found) == 6
    assert {run.info.status for run in found} == {"FINISHED"}
    assert not any("mlflow.parentRunId" in run.data.tags for run in found)
    names = {
        f"loss={loss} optimizer={optimizer}" for loss in ("mse", "mae") for optimizer in ("batch", "minibatch", "sgd")
    }
    assert {run.info.run_name for run in found} == names
    models = [run for run in found if run.outputs and run.outputs.model_outputs]
    assert len(models) == 1


def test_sweep_directory(sweep: tuple[Path, str]) -> None:
    """A sweep's directory has Hydra's files, the manifest, a picture and one directory per job."""
    directory, out = sweep
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["swept"] == ["loss", "optimizer"]
    assert [job["state"] for job in manifest["jobs"]] == ["finished"] * 6
    assert (directory / "multirun.yaml").exists()
    assert (directory / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert all((directory / str(job) / ".hydra" / "config.yaml").exists() for job in range(6))
    assert "6 runs, best first by r2/validation; costs of different losses do not" in out


def test_ranking(sweep: tuple[Path, str]) -> None:
    """The table at the end has every run, the best first."""
    directory, out = sweep
    scores = [result(directory / str(job))["metrics"]["r2/validation"] for job in range(6)]
    order = [line.split("#")[1].split()[0] for line in out.split("best first")[1].splitlines() if "#" in line]
    assert [int(each) for each in order] == sorted(range(6), key=lambda job: -scores[job])


def test_alone_and_in_a_sweep(place: Path, sweep: tuple[Path, str]) -> None:
    """A run that MLflow does not record has the same weights as in a sweep that it does record, bit by bit."""
    directory, _ = sweep
    assert nnexp("loss=mae", "optimizer=sgd", "epochs=3", "tracking=none", cwd=place).code == 0
    loaded = [np.load(each / "weights.npz") for each in (directory / "5", runs(place)[-1])]
    for name in ("W1", "b1", "W2", "b2"):
        np.testing.assert_array_equal(loaded[0][name], loaded[1][name])


def test_log_model_adds_it(place: Path, sweep: tuple[Path, str]) -> None:
    """``log-model`` adds the model to a run of a sweep that has none."""
    directory, _ = sweep
    ids = {job: run_id_of(directory / str(job)) for job in range(6)}
    without = next(job for job, run_id in ids.items() if not store(place).get_run(run_id).outputs.model_outputs)
    ended = nnexp("log-model", str(directory / str(without)), cwd=place)
    assert ended.code == 0, ended.err
    assert f"runs:/{ids[without]}/model" in ended.out
    assert len(store(place).get_run(ids[without]).outputs.model_outputs) == 1


def test_divergence(used: Path) -> None:
    """A cost that is no longer finite ends the run as FAILED with its reason; the exit code is 1."""
    ended = nnexp("optimizer.learning_rate=300", cwd=used)
    assert ended.code == 1
    assert "diverged at epoch 1; learning_rate=300.0. Type optimizer.learning_rate=30, or smaller." in ended.err
    (run, *_) = store(used).search_runs(["1"], "attributes.status = 'FAILED'")
    assert run.data.tags["nnexp.reason"] == "diverged at epoch 1; learning_rate=300.0"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(number: int, code: int, used: Path) -> None:
    """Ctrl-C and SIGTERM mark the run as KILLED, with the epochs it had; the exit code tells which."""
    training = process("dataset=digits", "epochs=100000", "log_every=1", cwd=used)
    assert training.stdout is not None
    for line in training.stdout:
        if line.startswith("epoch"):
            break
    time.sleep(0.5)
    training.send_signal(number)
    _, err = training.communicate(timeout=60)
    assert training.returncode == code
    assert "Traceback" not in err
    assert f"Go on: python -m nnexp resume {runs(used)[-1].relative_to(used)}\n" in err
    assert result(runs(used)[-1])["status"] == "KILLED"
    (run, *_) = store(used).search_runs(["1"], "attributes.status = 'KILLED'", order_by=["attributes.start_time DESC"])
    points = store(used).get_metric_history(run.info.run_id, "cost/train")
    assert [point.step for point in points] == list(range(1, len(points) + 1))
    assert len(points) > 0


def test_a_failing_job_stops_no_other(used: Path) -> None:
    """A job that diverges costs only itself; the exit code says that one failed, the table has the others."""
    ended = nnexp("-m", "optimizer.learning_rate=0.1,300,0.01", *QUICK[1:], cwd=used)
    assert ended.code == 1
    assert "2 runs, best first" in ended.out
    assert "#1 diverged: optimizer.learning_rate=300\n   diverged at epoch 1; learning_rate=300.0. Type" in ended.out
    assert ended.err.strip().splitlines()[-1] == "nnexp: 1 of 3 jobs failed; the reasons are above."
    assert "diverged" not in ended.err
    manifest = json.loads((sweeps(used)[-1] / "manifest.json").read_text())
    assert [job["state"] for job in manifest["jobs"]] == ["finished", "diverged", "finished"]


def test_a_job_without_enough_memory_stops_no_other(used: Path) -> None:
    """A job that does not fit into memory costs only itself, and its line says what to make smaller."""
    ended = nnexp("-m", "network.hidden=[100000000,100000000],[2]", *QUICK[1:], cwd=used)
    assert ended.code == 1
    assert "1 run, best first" in ended.out
    assert "   Not enough memory (Unable to allocate" in ended.out
    assert "Error executing job" not in ended.err


def test_the_next_command_finds_the_store(used: Path) -> None:
    """A run in another store or experiment names it in the command that opens MLflow's pages, a sweep those of its own runs."""
    chosen = ["tracking.uri=sqlite:///other.db", "tracking.experiment='my runs'"]
    words = "--uri sqlite:///other.db --experiment 'my runs'"
    assert f"next     python -m nnexp ui {words}  comp" in nnexp("epochs=1", *chosen, cwd=used).out
    out = nnexp("-m", "epochs=1,2", *chosen, cwd=used).out
    assert f"next     python -m nnexp ui {sweeps(used)[-1].relative_to(used)} {words}\n" in out


def test_lines_without_a_terminal(tmp_path: Path) -> None:
    """log_every=n prints a line every n epochs, and tracking=none leaves no database."""
    ended = nnexp("epochs=9", "log_every=3", "tracking=none", cwd=tmp_path)
    shown = [line.split()[1] for line in ended.out.splitlines() if line.startswith("epoch")]
    assert shown == ["1/9", "3/9", "6/9", "9/9"]
    assert not (tmp_path / "outputs" / "mlflow.db").exists()


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    """A run whose output goes to ``head`` trains to its end all the same."""
    training = process("dataset=xor", "tracking=none", "epochs=300", "log_every=1", cwd=tmp_path)
    assert training.stdout is not None
    assert training.stderr is not None
    training.stdout.readline()
    training.stdout.close()
    assert training.stderr.read() == ""
    training.stderr.close()
    assert training.wait(60) == 0
    assert result(runs(tmp_path)[0])["status"] == "FINISHED"


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["plugins", "--help"]], ids=" ".join)
def test_what_cannot_be_printed_is_an_error(words: list[str], tmp_path: Path) -> None:
    """Output that a full disk swallows, at the very end as well, does not end with exit code 0."""
    with (
        Path("/dev/full").open("w") as full,
        Command(words, cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True) as command,
    ):
        _, said = command.communicate()
    assert command.returncode == 1
    assert said == "nnexp: No space left on device: the standard output\n"


def test_a_run_that_cannot_begin_to_speak_leaves_nothing(tmp_path: Path) -> None:
    """Where the first line cannot be printed nothing is trained, and no directory stays without a journal."""
    with Path("/dev/full").open("w") as full:
        begun = process("dataset=xor", "epochs=1", "tracking=none", cwd=tmp_path, stdout=full)
    _, err = begun.communicate(timeout=60)
    assert begun.returncode == 1
    assert err.startswith("nnexp: No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_tracking_none_imports_no_mlflow(tmp_path: Path) -> None:
    """Without tracking a run imports neither MLflow nor pandas."""
    command = [sys.executable, "-X", "importtime", "-m", "nnexp", "epochs=1", "tracking=none"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "numpy" in imported
    assert not imported & {"mlflow", "pandas", "sklearn"}


def test_several_processes_make_the_store(tmp_path: Path) -> None:
    """Commands started at once in an empty directory all succeed, in directories of their own."""
    begun = [process(*QUICK, cwd=tmp_path, tables=False) for _ in range(4)]
    said = [each.communicate(timeout=120)[1] for each in begun]
    assert [each.returncode for each in begun] == [0, 0, 0, 0], said
    assert len(runs(tmp_path)) == 4
    assert len(store(tmp_path).search_runs(["1"])) == 4


LEVELS = {
    "softmax_classifier": ("accuracy/validation", 0.95),
    "two_layer_binary": ("accuracy/validation", 0.95),
    "regression": ("r2/validation", 0.95),
}


@pytest.mark.parametrize("preset", LEVELS)
def test_preset_reaches_its_level(preset: str, tmp_path: Path) -> None:
    """Each preset trains its system to the level that its description states, and saves its cost curve."""
    ended = nnexp(f"experiment={preset}", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    name, level = LEVELS[preset]
    (directory,) = runs(tmp_path)
    assert result(directory)["metrics"][name] >= level
    assert (directory / "cost.png").exists()


def test_two_layer_binary_on_a_table(tmp_path: Path) -> None:
    """The same preset with eight hidden units learns a table of 13 columns with two text classes; bce is chosen."""
    from sklearn.datasets import load_wine

    table = load_wine(as_frame=True).frame
    table["target"] = np.where(table["target"] == 0, "first", "other")
    table.to_csv(tmp_path / "wine.csv", index=False)
    words = [
        "experiment=two_layer_binary",
        "network.hidden=[8]",
        "dataset=csv",
        "dataset.path=wine.csv",
        "dataset.target=target",
    ]
    ended = nnexp(*words, "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "13-8-1" in ended.out
    assert result(runs(tmp_path)[0])["metrics"]["accuracy/validation"] >= 0.9


def test_digits_three_ways(tmp_path: Path) -> None:
    """The preset is a sweep of its own accord: three runs, and their labelled curves in comparison.png."""
    ended = nnexp("experiment=digits_three_ways", "epochs=5", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    (directory,) = sweeps(tmp_path)
    assert (directory / "comparison.png").exists()
    assert {result(directory / str(job))["name"] for job in range(3)} == {
        f"optimizer={o}" for o in ("batch", "minibatch", "sgd")
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "conf" / "sweep").glob("*.yaml")))
def test_ready_sweeps(name: str, tmp_path: Path) -> None:
    """Every ready sweep runs as it stands."""
    ended = nnexp("-m", f"sweep={name}", "epochs=1", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert ", best first by " in ended.out


def test_a_preset_of_ones_own(tmp_path: Path) -> None:
    """--config-dir adds presets from a folder, and the command line wins over them."""
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("# @package _global_\ndefaults:\n  - override /loss: mae\nepochs: 2\nseed: 5\n")
    ended = nnexp("--config-dir", "mine", "experiment=own", "epochs=3", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "mae, minibatch (batch_size 32, learning_rate 0.1), 3 epochs, seed 5" in ended.out
