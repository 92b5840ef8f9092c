"""No text of the user's or of a file's leads out of outputs/, commands the terminal, or has a secret written down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.composition.safety import check_names, stays_inside
from nnexp.errors import NnexpError, printable
from tests.command import environment, nnexp, result, runs, sweeps

BELL = "\x1b]0;owned\x07\x1b[2J\u202e"
"""Renames a terminal's window, clears it, and turns the direction of the text."""

REFUSED = {
    "hydra.job.name=../../x": "holds no /",
    "hydra.output_subdir=../../x": "leads out of the run's directory",
    "-m hydra.sweep.subdir=../../x seed=0,1": "leads out of the run's directory",
    "-m hydra.sweep.subdir=/tmp/x seed=0,1": "leads out of the run's directory",
    "-m hydra.sweep.subdir=${hydra.job.override_dirname} tracking.experiment=../../x,y": "no name of a directory",
    "-m hydra.sweep.subdir=${tracking.experiment} tracking.experiment=../../x,y": "hydra.sweep.subdir",
    "hydra.run.dir=outputs/${tracking.experiment} tracking.experiment=../../x": "no name of a directory",
    "experiment=../experiment/regression": "an option is chosen by its name",
    "loss=../../x": "No loss '../../x'",
    "hydra.job.env_copy=[MLFLOW_TRACKING_PASSWORD]": "may be a secret",
    "+hydra.job.env_set.AWS_SECRET_ACCESS_KEY=abc": "may be a secret",
    f"'tracking.experiment=\"a{BELL}b\"'": "holds no control characters",
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_name_that_leads_elsewhere_is_refused(words: str, tmp_path: Path) -> None:
    """Nothing is written beside outputs/, the message says why, and no escape sequence reaches the terminal."""
    place = tmp_path / "a" / "b" / "c"
    place.mkdir(parents=True)
    given = [word.strip("'") for word in words.split(" ")]
    ended = nnexp(*given, "dataset=xor", "epochs=1", "tracking=none", cwd=place, MLFLOW_TRACKING_PASSWORD="geheim")  # noqa: S106
    assert ended.code == 1, ended
    assert REFUSED[words] in ended.err + ended.out
    assert printable(ended.out + ended.err) == ended.out + ended.err
    assert not (place / "outputs").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "c"]


@pytest.mark.parametrize("words", ["hydra.run.dir=missing/../thesis", "-m seed=0,1 hydra.sweep.dir=missing/../thesis"])
def test_a_folder_named_by_a_detour_is_not_written_into(words: str, tmp_path: Path) -> None:
    """A folder with something in it is refused also where the path to it goes through one that is not there."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.txt").write_text("mine")
    ended = nnexp(*words.split(" "), "dataset=xor", "epochs=1", "tracking=none", cwd=tmp_path)
    assert ended.code == 1, ended
    assert "a folder with something in it, which stays as it is" in ended.err
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis", "a.txt"]


def test_odd_names_of_experiments_columns_and_classes_stay_names(tmp_path: Path) -> None:
    """Slashes, dots and escape sequences in a file's columns and classes, and in MLflow's experiment, are only shown."""
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    lines = [f"../x{BELL},../../target"]
    lines += [f"{number}.5,{('../../up', 'a/b' + BELL, '..')[number % 3]}" for number in range(60)]
    table = place / "odd table.csv"
    table.write_text("\n".join(lines) + "\n")
    words = ("dataset=csv", "dataset.path='odd table.csv'", "dataset.target=../../target", "epochs=2")
    ended = nnexp(*words, "tracking.experiment=../../x/../y", cwd=place)
    assert ended.code == 0, ended
    swept = nnexp("-m", *words, "tracking=none", "seed=0,1", cwd=place)
    assert swept.code == 0, swept
    (directory,) = runs(place)
    answered = nnexp("predict", str(directory), "odd table.csv", "-o", "answers.csv", cwd=place)
    assert answered.code == 0, answered
    refused = nnexp("predict", str(directory), "answers.csv", cwd=place)
    assert refused.code == 1
    for each in (ended, swept, answered, refused):
        assert printable(each.out + each.err) == each.out + each.err
    assert "\\x1b" in refused.err
    assert result(directory)["status"] == "FINISHED"
    assert len(sweeps(place)) == 1
    assert {path.name for path in place.iterdir()} == {"odd table.csv", "answers.csv", "outputs"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_artifacts_lie_in_outputs_whatever_the_databases_driver(tmp_path: Path) -> None:
    """Without a server in between nnexp places the artifacts; MLflow's own choice would be ./mlruns."""
    ended = nnexp("dataset=xor", "epochs=1", "tracking.uri=sqlite+pysqlite:///other.db", cwd=tmp_path)
    assert ended.code == 0, ended
    assert {path.name for path in tmp_path.iterdir() if "other.db" not in path.name} == {"outputs"}
    assert list((tmp_path / "outputs" / "artifacts").rglob("weights.npz"))


def test_a_strangers_model_does_not_command_the_terminal(tmp_path: Path) -> None:
    """On a terminal classes are shown without control characters; a pipe gets them as they are."""
    assert nnexp("dataset=moons", "epochs=1", "tracking=none", cwd=tmp_path).code == 0
    (directory,) = runs(tmp_path)
    model = json.loads((directory / "model.json").read_text())
    model["classes"] = [BELL, BELL + "b"]
    (directory / "model.json").write_text(json.dumps(model))
    names = [each["name"] for each in model["features"]]
    (tmp_path / "t.csv").write_text(f"{','.join(names)}\n1,2\n")
    piped = nnexp("predict", str(directory), "t.csv", cwd=tmp_path)
    assert BELL in piped.out
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "nnexp", "predict", str(directory), "t.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), stdout=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "\\x1b" in shown
    assert "\x1b" not in shown


@settings(deadline=None)
@given(st.text(st.sampled_from("a./~\\")))
def test_a_name_that_stays_inside_does(name: str) -> None:
    """What is let through cannot lead out of its directory, as Python resolves paths."""
    if stays_inside(name):
        assert Path("/outputs/run", name).resolve().is_relative_to("/outputs/run")


@settings(deadline=None)
@given(st.text(st.sampled_from("a./")), st.text(st.sampled_from("a./")))
def test_no_value_within_a_directorys_name_leads_out_of_it(subdir: str, value: str) -> None:
    """A directory named after a value is refused, or lies where it should."""
    config = {"seed": value, "hydra": {"sweep": {"subdir": subdir + "${seed}"}}}
    try:
        check_names(config)
    except NnexpError:
        return
    resolved = Path("/outputs/sweep", subdir + value).resolve()
    assert resolved.is_relative_to("/outputs/sweep")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_shown_without_commands_to_the_terminal(text: str) -> None:
    """What is shown has no control characters but tabs and line breaks, and can be encoded."""
    shown = printable(text)
    assert not [each for each in shown if ord(each) < 32 and each not in "\n\t"]
    shown.encode()
    assert printable(shown) == shown
