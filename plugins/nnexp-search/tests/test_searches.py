"""Searches on the command line: the same trials and numbers with any workers, after kills, and with more trials."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

SPACE = (
    "optimizer=minibatch,batch",
    "optimizer.learning_rate=tag(log,interval(1e-3,1))",
    "optimizer.batch_size=int(interval(8,128))",
    "network.hidden=[4],[8],[8,4]",
    "scale.features=standard,minmax",
)
REST = ("epochs=30", "checkpoint.epochs=7", "tracking=none")
WORDS = ("-m", "search=tpe", "search.trials=14", "search.startup=3", "search.lag=2", *SPACE, *REST)


def command(cwd: Path, *words: str) -> subprocess.Popen[str]:
    """``python -m nnexp WORDS`` in ``cwd``, under way."""
    left_out = ("MLFLOW_", "HYDRA_", "COLUMNS", "PYTEST_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "nnexp", *words], cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True
    )


def nnexp(cwd: Path, *words: str, code: int = 0) -> str:
    """The same, ended; what it printed."""
    process = command(cwd, *words)
    out, err = process.communicate(timeout=180)
    assert process.returncode == code, out + err
    return out + err


def place(cwd: Path) -> Path:
    """The directory of the only search in ``cwd``."""
    (found,) = (cwd / "outputs" / "sweeps").iterdir()
    return found


def trials(cwd: Path) -> list[dict[str, Any]]:
    """What each trial was and gave: its values and all its numbers, to the last digit."""
    folders = sorted((each for each in place(cwd).iterdir() if each.name.isdigit()), key=lambda each: int(each.name))
    made = []
    for number, folder in enumerate(folders):
        assert folder.name == str(number)
        result = json.loads((folder / "result.json").read_text())
        kept = {key: result.get(key) for key in ("status", "overrides", "history", "metrics", "reason")}
        epochs = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines() if '"epoch"' in line]
        kept["epochs"] = [each["epoch"] for each in epochs if "epoch" in each]
        made.append(kept)
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nobody interrupted, on two workers."""
    cwd = tmp_path_factory.mktemp("whole")
    said = nnexp(cwd, *WORDS, "hydra.launcher.workers=2")
    (cwd / "said").write_text(said)
    return cwd


def test_it_says_how_it_goes_and_ends(whole: Path) -> None:
    """The trials, the best so far with its values, the best ones in order, what is kept."""
    said = (whole / "said").read_text()
    assert "14/14 trials" in said
    assert "best first by cost/validation" in said
    assert "14 jobs: " in said
    assert "experiment/best.yaml" in " ".join(said.split())
    assert json.loads((place(whole) / "manifest.json").read_text())["search"]["trials"] == 14


def test_fields_are_asked_for_where_there_are_some(whole: Path) -> None:
    """``optimizer=batch`` has no batch size, and its trials are given none; both optimizers were tried."""
    lines = [each["overrides"] for each in trials(whole) if each["overrides"]]
    sized = ["optimizer=minibatch" in each for each in lines]
    assert sized == [any(line.startswith("optimizer.batch_size=") for line in each) for each in lines]
    assert len(set(sized)) == 2


@pytest.mark.parametrize(
    "words", [("hydra.launcher.workers=1",), ("hydra.launcher.workers=7",), ("hydra/launcher=basic",)]
)
def test_any_workers_give_the_same(words: tuple[str, ...], whole: Path, tmp_path: Path) -> None:
    """Trials and numbers are the same to the last bit, whatever the launcher and the number of workers."""
    nnexp(tmp_path, *WORDS, *words)
    assert trials(tmp_path) == trials(whole)


def test_a_killed_search_goes_on_to_the_same(whole: Path, tmp_path: Path) -> None:
    """After three SIGKILLs, each somewhere else, ``resume`` ends with the same trials and numbers, no epoch twice."""
    words = [*WORDS, "hydra.launcher.workers=2"]
    for begun in (2, 6, 10):
        process = command(tmp_path, *words)
        until = time.monotonic() + 60
        while not list(tmp_path.glob(f"outputs/sweeps/*/{begun}/journal.jsonl")) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.5)  # its workers end when they see that it is gone
        words = ["resume", str(place(tmp_path).relative_to(tmp_path)), "hydra.launcher.workers=2"]
    assert len(list(place(tmp_path).glob("*/result.json"))) < 14
    nnexp(tmp_path, *words)
    assert trials(tmp_path) == trials(whole)
    assert "Nothing is left to do" in nnexp(tmp_path, *words)


def test_a_search_gets_more_trials(whole: Path, tmp_path: Path) -> None:
    """A search of 5 trials that goes on to 14 is the search of 14; it does not get fewer."""
    nnexp(tmp_path, *WORDS, "search.trials=5")
    here = str(place(tmp_path).relative_to(tmp_path))
    nnexp(tmp_path, "resume", here, "search.trials=14")
    assert trials(tmp_path) == trials(whole)
    assert "Type search.trials=28" in nnexp(tmp_path, "resume", here, "search.trials=13", code=1)


def test_the_winner_trains_again(whole: Path, tmp_path: Path) -> None:
    """``experiment=best`` gives the numbers of the best trial, bit for bit."""
    best = min(trials(whole), key=lambda each: (each["metrics"] or {}).get("cost/validation", float("inf")))
    nnexp(tmp_path, "--config-dir", str(place(whole)), "experiment=best", "tracking=none")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert json.loads((run / "result.json").read_text())["history"] == best["history"]


def test_optuna_reads_what_is_exported(whole: Path, tmp_path: Path) -> None:
    """``search-export`` writes a journal file in which Optuna itself finds every trial with its values and its cost."""
    file = tmp_path / "search.log"
    nnexp(whole, "search-export", str(place(whole)), "-o", str(file))
    study = optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(file))))
    for trial, made in zip(study.trials, trials(whole), strict=True):
        typed = dict(line.split("=", 1) for line in made["overrides"] or [])
        if made["status"] == "FINISHED":
            assert trial.value == made["metrics"]["cost/validation"]
            assert {key: str(value) for key, value in trial.params.items()} == {key: typed[key] for key in trial.params}
        else:
            assert trial.state == TrialState.FAIL
    assert "no search" in nnexp(whole, "search-export", str(whole), "-o", str(tmp_path / "x.log"), code=1)


def test_failures_are_answers(tmp_path: Path) -> None:
    """A trial that diverges ends nothing, and ``search.max_failures`` ends the search, which goes on without that limit."""
    space = ("optimizer=batch", "optimizer.learning_rate=interval(1,100)", "search=random", "search.trials=6")
    words = (
        "-m",
        *space,
        "search.lag=0",
        "search.max_failures=2",
        "activation=identity",
        "epochs=200",
        "tracking=none",
    )
    said = nnexp(tmp_path, *words, code=1)
    assert "search.max_failures allows no more" in said
    here = str(place(tmp_path).relative_to(tmp_path))
    nnexp(tmp_path, "resume", here, "search.max_failures=null", code=1)  # all six diverge
    assert [each["status"] for each in trials(tmp_path)] == ["FAILED"] * 6


HALVED = (
    *("-m", "search=tpe", "search.trials=12", "search.startup=3", "search.lag=2", "search.halving=3"),
    *("optimizer.learning_rate=tag(log,interval(1e-3,1e-1))", "network.hidden=[4],[8],[8,4]", "keep=best"),
    *("epochs=36", "checkpoint.epochs=5"),
)


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search whose best third goes on, twice, recorded in MLflow."""
    cwd = tmp_path_factory.mktemp("halved")
    nnexp(cwd, *HALVED, "hydra.launcher.workers=2")
    return cwd


def test_the_best_third_goes_on(halved: Path) -> None:
    """Of 12 trials four go on from epoch 4, the best by their cost there, and of these the best one from 12 to 36."""
    costs = {number: each["history"]["cost/validation"] for number, each in enumerate(trials(halved))}
    best = sorted(costs, key=lambda number: (costs[number][3], number))[:4]
    first = min(best, key=lambda number: (costs[number][11], number))
    lengths = {number: len(cost) for number, cost in costs.items()}
    assert lengths == {number: 36 if number == first else 12 if number in best else 4 for number in range(12)}


def test_who_was_paused_trains_as_who_was_not(halved: Path, tmp_path: Path) -> None:
    """The winner, paused twice, has the numbers and weights of a run that never was; so has a loser that is taken up later."""
    made = trials(halved)
    winner = next(number for number, each in enumerate(made) if len(each["epochs"]) == 36)
    loser = next(number for number, each in enumerate(made) if len(each["epochs"]) == 4)
    kept = tmp_path / "halved"
    shutil.copytree(halved, kept)
    nnexp(kept, "resume", str(place(kept).relative_to(kept) / str(loser)), "epochs=36")
    for number, cwd in ((winner, halved), (loser, kept)):
        alone = tmp_path / str(number)
        alone.mkdir()
        nnexp(alone, *trials(cwd)[number]["overrides"], "tracking=none")
        (run,) = (alone / "outputs" / "runs").iterdir()
        assert json.loads((run / "result.json").read_text())["history"] == trials(cwd)[number]["history"]
        assert (run / "weights.npz").read_bytes() == (place(cwd) / str(number) / "weights.npz").read_bytes()


def test_what_mlflow_knows_of_halving(halved: Path) -> None:
    """All runs are FINISHED. A loser says why and at which epoch it ended, and has no key; the winner has one and no reason."""
    database = sqlite3.connect(halved / "outputs" / "mlflow.db")
    tags: dict[str, dict[str, str]] = {}
    for run, key, value in database.execute("select run_uuid, key, value from tags"):
        tags.setdefault(run, {})[key] = value
    assert {status for (status,) in database.execute("select status from runs")} == {"FINISHED"}
    points = dict(database.execute("select run_uuid, count(*) from metrics where key = 'cost/train' group by run_uuid"))
    database.close()
    made = trials(halved)
    for run, each in tags.items():
        epochs = len(made[int(each["nnexp.trial"])]["epochs"])
        assert each["nnexp.search"] == "tpe"
        assert each["nnexp.epochs"] == str(epochs)
        assert points[run] == epochs
        assert ("nnexp.key" in each) == (epochs == 36)
        assert each.get("nnexp.reason", "").startswith("" if epochs == 36 else f"paused at epoch {epochs} of 36")
    assert sum("nnexp.reason" in each for each in tags.values()) == 11


def test_checkpoints_go_with_the_losers(halved: Path) -> None:
    """Only the trial that was trained to its end has checkpoints."""
    there = {path.parent.name for path in place(halved).glob("*/checkpoint*.npz")}
    assert there == {str(number) for number, each in enumerate(trials(halved)) if len(each["epochs"]) == 36}


@pytest.mark.parametrize("words", [("hydra.launcher.workers=7",), ("hydra/launcher=basic",)])
def test_halving_is_the_same_with_any_workers(words: tuple[str, ...], halved: Path, tmp_path: Path) -> None:
    """The same trials go on, to the same numbers."""
    nnexp(tmp_path, *HALVED, "tracking=none", *words)
    for ours, theirs in zip(trials(tmp_path), trials(halved), strict=True):
        assert {**ours, "overrides": []} == {**theirs, "overrides": []}


def test_a_killed_halving_goes_on_to_the_same(halved: Path, tmp_path: Path) -> None:
    """SIGKILL in the first rung, in the second and in the last changes nothing."""
    words = [*HALVED, "tracking=none", "hydra.launcher.workers=2"]
    best = {number for number, each in enumerate(trials(halved)) if len(each["epochs"]) > 4}
    winner = next(number for number, each in enumerate(trials(halved)) if len(each["epochs"]) == 36)

    def lines(number: int) -> int:
        found = list(tmp_path.glob(f"outputs/sweeps/*/{number}/journal.jsonl"))
        return found[0].read_text().count('"epoch"') if found else 0

    for rung in range(3):
        process = command(tmp_path, *words)
        until = time.monotonic() + 60
        while not (lines(5) > 1, max(map(lines, best)) > 6, lines(winner) > 16)[rung] and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.5)
        words = ["resume", str(place(tmp_path).relative_to(tmp_path)), "hydra.launcher.workers=2"]
    nnexp(tmp_path, *words)
    for ours, theirs in zip(trials(tmp_path), trials(halved), strict=True):
        assert {**ours, "overrides": []} == {**theirs, "overrides": []}
