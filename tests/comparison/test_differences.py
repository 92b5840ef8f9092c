"""``diff`` and ``verify``: what differs between two runs, and whether one comes out the same again, bit for bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.comparison.differences import compared, differences, parting, weights
from nnexp.journal.facts import Facts
from tests.command import Ended, nnexp, runs


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs that differ in the learning rate, and one that diverged."""
    made = tmp_path_factory.mktemp("place")
    for rate in ("0.1", "0.2", "1e9"):
        words = ("dataset=diabetes", "epochs=4", "split.test=0.2", f"optimizer.learning_rate={rate}")
        nnexp(*words, "hydra.run.dir=" + {"0.1": "a", "0.2": "b", "1e9": "c"}[rate], cwd=made)
    return made


def changed(run: Path, to: Path, epoch: int, metric: str, by: float) -> Path:
    """A copy of a run whose journal says another number."""
    shutil.copytree(run, to)
    lines = (to / "journal.jsonl").read_text().splitlines()
    for number, line in enumerate(lines):
        record: dict[str, Any] = json.loads(line)
        if record.get("epoch") == epoch:
            record["metrics"][metric] += by
            lines[number] = json.dumps(record)
    (to / "journal.jsonl").write_text("\n".join(lines) + "\n")
    return to


def answer(ended: Ended) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(ended.out)
    return read


def test_two_runs_differ_in_what_was_typed(place: Path) -> None:
    """The one key that was typed otherwise, the first epoch, the weights; nothing that is the same is listed. Exit code 1."""
    ended = nnexp("diff", "a", "b", cwd=place)
    assert ended.code == 1
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["optimizer.learning_rate", "0.1", "0.2"] in lines
    assert ["metrics", "part", "in", "epoch", "1"] in lines
    assert "same     data, versions, engine, commit" in ended.out
    assert "weights  differ, W1 first, by at most" in ended.out
    assert "dataset" not in ended.out


def test_the_same_run_is_equal_by_its_directory_and_its_id(place: Path) -> None:
    """A run as its journal and as MLflow has it is the same run: exit code 0."""
    run_id = answer(nnexp("results", "a", "--json", cwd=place))["rows"][0]["run_id"]
    ended = nnexp("diff", "a", run_id, "--json", cwd=place)
    told = answer(ended)
    assert (ended.code, told["equal"], told["differences"], told["metrics"]) == (0, True, [], None)
    assert told["weights"]["equal"] is True


def test_the_first_epoch_that_parts(place: Path, tmp_path: Path) -> None:
    """Two runs that are equal up to epoch 2 part in epoch 3, by what was added there."""
    other = changed(place / "a", tmp_path / "other", 3, "mae/validation", 0.5)
    ended = nnexp("diff", "a", str(other), "--json", cwd=place)
    told = answer(ended)["metrics"]
    assert (ended.code, told["epoch"], list(told["values"])) == (1, 3, ["mae/validation"])
    assert told["values"]["mae/validation"]["by"] == pytest.approx(0.5)


def test_parts_of_two_runs() -> None:
    """Data, versions, commit and how a run ended are held against each other; a NaN equals a NaN, a longer run goes on."""
    tags = {"nnexp.plugins": "nnexp 0.1.0, nnexp-losses 0.1.0", "nnexp.versions": "python 3.11.7, numpy 2.2.0"}
    a = Facts("finished", tags=tags, history={"r2/train": [float("nan"), 1.0]})
    b = Facts("killed", tags={**tags, "nnexp.plugins": "nnexp 0.1.0"}, history={"r2/train": [float("nan")]})
    found = {(each.part, each.key): (each.a, each.b) for each in differences(a, b)}
    assert found == {
        ("versions", "nnexp-losses"): ("0.1.0", None),
        ("end", "status"): ("finished", "killed"),
        ("end", "epochs trained"): (2, 1),
    }
    assert parting(a, b) is None
    assert not compared(a, b, None, None).equal
    assert compared(a, a, None, None).equal


def test_weights_are_equal_bit_for_bit() -> None:
    """The sign of a zero is a bit, another shape is named, and the largest difference is the one told."""
    one = {"W1": np.zeros((2, 2)), "b1": np.ones(2)}
    assert weights(one, {name: each.copy() for name, each in one.items()}).equal
    assert weights(one, {**one, "W1": -np.zeros((2, 2))}).equal is False
    assert weights(one, {**one, "b1": np.array([1.0, 1.25])}) == weights(one, {**one, "b1": np.array([1.25, 1.0])})
    assert weights(one, {**one, "b1": np.array([1.0, 1.25])}).by == 0.25
    assert weights(one, {**one, "W1": np.zeros((3, 2))}).why == "2x2 float64 and 3x2 float64"
    assert weights(one, None).equal is None


def test_weights_that_are_not_a_number_differ_by_nothing_that_could_be_told() -> None:
    """They are told as such, and no difference of nan is."""
    one = {"W1": np.zeros((2, 2)), "b1": np.ones(2)}
    found = weights({**one, "W1": np.full((2, 2), np.nan)}, one)
    assert (found.equal, found.array, found.by, found.why) == (False, "W1", None, "some are not a number")


def test_runs_without_weights_are_not_called_the_same(place: Path, tmp_path: Path) -> None:
    """Where the weights of one are not there, all else being equal, whether the runs are cannot be told: exit code 2."""
    other = tmp_path / "other"
    shutil.copytree(place / "a", other)
    (other / "weights.npz").unlink()
    for words in (["diff", "a", str(other)], ["verify", str(other)]):
        ended = nnexp(*words, cwd=place)
        assert ended.code == 2
        assert "weights  not compared: of a run that has none" in ended.out


@pytest.mark.parametrize("run", ["a", "c"])
def test_a_run_comes_out_the_same(place: Path, run: str) -> None:
    """A finished run does, and one that diverged diverges again; nothing is written."""
    before = sorted(place.rglob("*"))
    ended = nnexp("verify", run, cwd=place)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("metrics  the same in ")
    assert sorted(place.rglob("*")) == before


def test_a_change_in_the_last_bits_is_found(place: Path, tmp_path: Path) -> None:
    """A journal that was changed by 1e-15 in its second epoch is not what comes out, and the number is named: exit code 1."""
    other = changed(place / "a", tmp_path / "other", 2, "cost/train", 1e-15)
    ended = nnexp("verify", str(other), "--json", cwd=place)
    told = answer(ended)["difference"]
    assert (ended.code, told["epoch"], told["name"]) == (1, 2, "cost/train")
    assert told["then"] - told["now"] == pytest.approx(1e-15, rel=0.2)


def test_changed_weights_are_found(place: Path, tmp_path: Path) -> None:
    """Weights that are not those of the run are told with the first array that differs."""
    other = tmp_path / "other"
    shutil.copytree(place / "a", other)
    with np.load(other / "weights.npz") as arrays:
        altered = dict(arrays)
    altered["b2"] = altered["b2"] + 0.5
    np.savez(other / "weights.npz", **altered)
    ended = nnexp("verify", str(other), cwd=place)
    assert ended.code == 1
    assert "weights  differ, b2 first, by at most 0.5" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["diff", "a"], "the following arguments are required: B"),
        (["diff", "a", "nowhere/b"], "No directory 'nowhere/b'."),
        (["diff", ".", "b"], "'.' holds 3 runs. Name one of them, such as"),
        (["verify", "outputs"], "'outputs' holds neither a run nor a model."),
        (["verify", "nosuchrun"], "No run 'nosuchrun' in experiment 'nnexp'."),
    ],
)
def test_what_cannot_be_told_has_the_exit_code_two(place: Path, words: list[str], said: str) -> None:
    """1 is an answer of these commands, so what is refused has another code."""
    ended = nnexp(*words, cwd=place)
    assert ended.code == 2
    assert said in ended.err


def test_a_run_that_is_no_record_of_nnexps_is_refused(place: Path, tmp_path: Path) -> None:
    """A journal that nnexp did not write, or that was damaged in its midst, is named, and nothing is compared."""
    other = tmp_path / "other"
    shutil.copytree(place / "a", other)
    journal = other / "journal.jsonl"
    first, *lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([first, lines[0].replace('"metrics":{', '"metrics":{nan'), *lines[1:]]))
    for words in (["diff", "a", str(other)], ["verify", str(other)], ["results", str(other)], ["report", str(other)]):
        ended = nnexp(*words, cwd=place)
        assert ended.code == (1 if words[0].startswith("re") else 2)
        assert "journal.jsonl is not what nnexp writes (line 2: it is no JSON)" in ended.err
    journal.write_text('{"opened": {"id": "<script>"}}\n')
    for words in (["diff", "a", str(other)], ["verify", str(other)]):
        ended = nnexp(*words, cwd=place)
        assert ended.code == 2
        assert "journal.jsonl is not what nnexp writes" in ended.err


def test_best_weights_and_patience_come_out_the_same(tmp_path: Path) -> None:
    """A run that stopped early and kept its best weights is the same when it is trained again, its test scores included."""
    words = ("dataset=wine", "epochs=60", "patience=2", "keep=best", "split.test=0.2", "optimizer.learning_rate=0.5")
    assert nnexp(*words, "tracking=none", "hydra.run.dir=r", cwd=tmp_path).code == 0
    ended = nnexp("verify", "r", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "weights  the same"


def test_other_data_are_refused(tmp_path: Path) -> None:
    """A run whose table has changed cannot come out the same, and says why."""
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{2 * i}.5\n" for i in range(30)))
    words = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "epochs=2", "tracking=none")
    assert nnexp(*words, cwd=tmp_path).code == 0
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{3 * i}.5\n" for i in range(30)))
    ended = nnexp("verify", str(runs(tmp_path)[0]), cwd=tmp_path)
    assert ended.code == 2
    assert "are not those that the run began with" in ended.err
