"""``timing=true`` and ``sweep.show``: what computing took, beside the numbers and apart from them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command import nnexp, result, runs, sweeps

NAMES = {"time/epoch", "time/products_share", "time/predict_1", "time/predict_1000"}


def test_a_timed_run_has_times_and_the_same_numbers(tmp_path: Path) -> None:
    """Times are scores of the whole run, shown in their units; weights, metrics and key are those of the run without."""
    timed = nnexp("dataset=wine", "epochs=5", "timing=true", cwd=tmp_path)
    assert timed.code == 0, timed.err
    plain = nnexp("dataset=wine", "epochs=5", cwd=tmp_path)
    first, second = runs(tmp_path)
    metrics, others = result(first)["metrics"], result(second)["metrics"]
    assert set(metrics) - set(others) == NAMES
    assert {name: metrics[name] for name in others} == others
    assert all(metrics[name] > 0 for name in NAMES)
    assert metrics["time/products_share"] < 1
    assert metrics["time/predict_1"] < metrics["time/predict_1000"]
    assert (first / "weights.npz").read_bytes() == (second / "weights.npz").read_bytes()
    assert (first / "config.yaml").read_text() == (second / "config.yaml").read_text()
    opened = [json.loads((run / "journal.jsonl").read_text().splitlines()[0])["opened"] for run in (first, second)]
    assert opened[0]["tags"]["nnexp.key"] == opened[1]["tags"]["nnexp.key"]
    (line,) = [line for line in timed.out.splitlines() if line.startswith("time ")]
    assert line.startswith("time     epoch ")
    assert "time " not in plain.out.replace("time/", "")


def test_reuse_takes_no_times(tmp_path: Path) -> None:
    """A run that is answered by a timed one has its numbers, and not its times."""
    assert nnexp("dataset=wine", "epochs=3", "timing=true", cwd=tmp_path).code == 0
    again = nnexp("dataset=wine", "epochs=3", "reuse=true", cwd=tmp_path)
    assert again.code == 0, again.err
    assert "reused   run" in again.out
    assert not NAMES & set(result(runs(tmp_path)[1])["metrics"])
    assert not NAMES & set(result(runs(tmp_path)[1])["history"])


def test_a_resumed_run_of_a_timed_one(tmp_path: Path) -> None:
    """A timed run that is trained further keeps its numbers; its times are of the part before."""
    assert nnexp("dataset=wine", "epochs=3", "timing=true", "hydra.run.dir=r", cwd=tmp_path).code == 0
    assert nnexp("resume", "r", "epochs=6", cwd=tmp_path).code == 0
    assert len(result(tmp_path / "r")["history"]["cost/train"]) == 6


def test_a_sweep_shows_what_is_asked_for(tmp_path: Path) -> None:
    """sweep.show adds columns and panels: a metric by epoch, a score of the run, in the units of each."""
    words = ["-m", "dataset=wine", "epochs=3", "timing=true", "activation=relu,tanh"]
    ended = nnexp(*words, "sweep.show=[time/predict_1,cost/train]", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    head = " ".join(ended.out.split("best first by cost/validation\n")[1].split("1  #")[0].split())
    assert "predict" in head
    assert head.count("cost") == 2  # of the validation part, and of training
    plain = nnexp(*words, "tracking=none", cwd=tmp_path)
    assert "predict" not in plain.out.split("next ")[0]
    first, second = ((each / "comparison.png").stat().st_size for each in sweeps(tmp_path))
    assert first > second


def test_a_metric_that_no_run_has(tmp_path: Path) -> None:
    """A slip in sweep.show is refused before the first job, as are times that nobody measures; nothing is left behind."""
    words = ["-m", "dataset=wine", "epochs=2", "seed=0,1", "tracking=none"]
    for shown, message in (
        ("acuracy/train", "no run has the metric 'acuracy/train'. Did you mean 'accuracy/train'? There are cost/train"),
        ("time/epoc", "no run has the metric 'time/epoc'. Did you mean 'time/epoch'?"),
        ("time/epoch", "what takes how long, as 'time/epoch', is measured with timing=true. Type timing=true"),
    ):
        ended = nnexp(*words, f"sweep.show=[{shown}]", cwd=tmp_path)
        assert (ended.code, ended.out) == (1, "")
        assert f"sweep.show: {message}" in ended.err
        assert list(tmp_path.iterdir()) == []


def test_a_metric_that_these_runs_do_not_have(tmp_path: Path) -> None:
    """A metric of another task is known at the end only: a note says what there is."""
    ended = nnexp("-m", "dataset=wine", "epochs=2", "seed=0,1", "sweep.show=[r2/train]", "tracking=none", cwd=tmp_path)
    assert ended.code == 0
    assert "sweep.show: no run has the metric 'r2/train'." in ended.err
    assert "2 jobs: 2 finished" in ended.out


def test_the_sweep_goes_on_with_what_it_shows(tmp_path: Path) -> None:
    """A resumed sweep ends with the same columns."""
    words = ["-m", "dataset=wine", "epochs=2", "seed=0,1", "sweep.show=[accuracy/train]", "tracking=none"]
    assert nnexp(*words, cwd=tmp_path).code == 0
    (sweep,) = sweeps(tmp_path)
    for path in (sweep / "1").iterdir():
        if path.is_file():
            path.unlink()
    ended = nnexp("resume", str(sweep.relative_to(tmp_path)), cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "accuracy train" in " ".join(ended.out.split())
