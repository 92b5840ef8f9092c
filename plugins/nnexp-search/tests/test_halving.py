"""Successive halving: who goes on, that nobody can see that it was paused, and what is left of those that do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from nnexp.commands.sweep_end import interrupted
from nnexp.experiment.settings import RunContext
from nnexp.journal.result import read_result
from nnexp.run.resume import resume
from nnexp.run.start import run
from nnexp.sweep.session import OwnSweep
from nnexp.terminal.console import Console

BASIC = "hydra/launcher=basic"
RATE = "optimizer.learning_rate=tag(log,interval(1e-3,1e-1))"
HALVED = (
    *("-m", "search=tpe", "search.trials=12", "search.startup=3", "search.lag=2", "search.halving=3"),
    *(RATE, "network.hidden=[4],[8],[8,4]", "keep=best", "epochs=36", "checkpoint.epochs=5"),
)


@pytest.fixture(scope="module")
def halved(new: Callable[[], Any]) -> Any:
    """A search whose best third goes on, twice, recorded in MLflow."""
    made = new()
    made(*HALVED, "hydra.launcher.workers=2")
    return made


def lengths(here: Any) -> list[int]:
    """How many epochs each trial has."""
    return [len(each["epochs"]) for each in here.trials()]


def alone(here: Any, words: list[str]) -> Path:
    """The directory of the run that these words make, without pictures."""
    here(*words, "tracking=none", "pictures=[]")
    found: Path = here.run
    return found


def test_the_best_third_goes_on(halved: Any) -> None:
    """Of 12 trials four go on from epoch 4, the best by their cost there, and of these the best one from 12 to 36."""
    costs = {number: each["history"]["cost/validation"] for number, each in enumerate(halved.trials())}
    best = sorted(costs, key=lambda number: (costs[number][3], number))[:4]
    first = min(best, key=lambda number: (costs[number][11], number))
    expected = [36 if number == first else 12 if number in best else 4 for number in range(12)]
    assert [len(cost) for cost in costs.values()] == lengths(halved) == expected


def test_who_was_paused_trains_as_who_was_not(halved: Any, new: Callable[[], Any]) -> None:
    """The winner, paused twice, has the numbers and weights of a run that never was; so has a loser that is taken up later."""
    winner, loser = lengths(halved).index(36), lengths(halved).index(4)
    kept = new()
    shutil.copytree(halved.cwd, kept.cwd, dirs_exist_ok=True)
    kept("resume", f"{kept.typed}/{loser}", "epochs=36")
    for number, here in ((winner, halved), (loser, kept)):
        trial = here.trials()[number]
        directory = alone(new(), trial["overrides"])
        assert json.loads((directory / "result.json").read_text())["history"] == trial["history"]
        assert (directory / "weights.npz").read_bytes() == (here.place / str(number) / "weights.npz").read_bytes()


def test_what_mlflow_knows_of_halving(halved: Any) -> None:
    """All runs are FINISHED, with their rung. A loser says why and where it ended, and has no key; the winner has one."""
    tags, made = halved.tags(), lengths(halved)
    assert sorted(tags) == [*range(12)]
    assert {each["status"] for each in halved.runs().values()} == {"FINISHED"}
    for number, each in tags.items():
        epochs = made[number]
        assert each["nnexp.search"] == "tpe"
        assert each["nnexp.rung"] == str([4, 12, 36].index(epochs))
        assert each["nnexp.epochs"] == str(epochs)
        assert halved.runs()[each["run"]]["points"] == epochs
        assert ("nnexp.key" in each) == (epochs == 36)
        assert each.get("nnexp.reason", "").startswith("" if epochs == 36 else f"paused at epoch {epochs} of 36")
    assert sum("nnexp.reason" in each for each in tags.values()) == 11


def test_ctrl_c_between_two_rungs(
    halved: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of the jobs tells those that have finished from those that may go on."""
    monkeypatch.chdir(halved.cwd)
    interrupted(OwnSweep(), Path(halved.typed))
    said = " ".join(capsys.readouterr().err.split())
    assert "12 jobs: 12 finished (11 of them paused before the last rung). Go on: python -m nnexp resume" in said


def test_who_was_paused_is_pruned_to_optuna(halved: Any) -> None:
    """In what is exported a loser is a pruned trial; each has its costs at the rungs it came to, the kept one at last."""
    for trial, made in zip(halved.study().trials, halved.trials(), strict=True):
        costs = made["history"]["cost/validation"]
        costs[35:] = [made["metrics"]["cost/validation"]] * len(costs[35:])
        assert trial.state == (TrialState.COMPLETE if len(costs) == 36 else TrialState.PRUNED)
        assert trial.intermediate_values == {epoch: costs[epoch - 1] for epoch in (4, 12, 36) if epoch <= len(costs)}
        assert trial.value == made["metrics"]["cost/validation"]


def test_checkpoints_go_with_the_losers(halved: Any) -> None:
    """Only the trial that was trained to its end has checkpoints."""
    there = {path.parent.name for path in halved.place.glob("*/checkpoint*.npz")}
    assert there == {str(lengths(halved).index(36))}


@pytest.mark.parametrize("words", ["hydra.launcher.workers=7", BASIC])
def test_halving_is_the_same_with_any_workers(words: str, halved: Any, here: Any) -> None:
    """The same trials go on, to the same numbers. Where the lag leaves workers without work, that is said."""
    said = here(*HALVED, "tracking=none", words)
    assert here.numbers() == halved.numbers()
    assert said.count("nnexp: search.lag=2 keeps 3 of 7 workers busy: type search.lag=14.") == (words != BASIC)


def test_halving_is_the_same_on_a_dask_cluster(halved: Any, here: Any) -> None:
    """The same trials go on, to the same numbers and weights, and what is said of the lag is said there, too."""
    pytest.importorskip("nnexp_dask", reason="its launcher is tried")
    said = here(*HALVED, "tracking=none", "hydra/launcher=dask", "hydra.launcher.workers=4")
    assert said.count("nnexp: search.lag=2 keeps 3 of 4 workers busy: type search.lag=8.") == 1
    assert here.numbers() == halved.numbers()
    for number in range(12):
        weights = f"{number}/weights.npz"
        assert (here.place / weights).read_bytes() == (halved.place / weights).read_bytes()


def test_a_killed_halving_goes_on_to_the_same(halved: Any, here: Any) -> None:
    """SIGKILL in the first rung, in the second and in the last changes nothing."""
    words = [*HALVED, "tracking=none", BASIC]
    made = lengths(halved)
    best, winner = [number for number in range(12) if made[number] > 4], made.index(36)
    moments: tuple[Callable[[], bool], ...] = (
        lambda: here.epochs(5) > 1,
        lambda: max(map(here.epochs, best)) > 6,
        lambda: here.epochs(winner) > 16,
    )
    for moment in moments:
        here.killed(*words, when=moment)
        words = ["resume", here.typed, BASIC]
    here(*words)
    assert here.numbers() == halved.numbers()


def test_halving_gets_more_trials(halved: Any, here: Any) -> None:
    """A search of 5 that goes on to 12, over a kill, chooses the trials of the search of 12, and the same ones go on.

    A trial that only the smaller search had go on keeps its epochs, which are those it would have had. Its tags say so.
    """
    here(*HALVED, "search.trials=5", BASIC)
    further = lengths(here)
    here.killed("resume", here.typed, "search.trials=12", BASIC, when=lambda: here.epochs(9) > 1)
    here("resume", here.typed, BASIC)
    for number, (ours, theirs) in enumerate(zip(here.numbers(), halved.numbers(), strict=True)):
        least = len(theirs["epochs"])
        assert len(ours["epochs"]) == max(least, further[number] if number < 5 else 0)
        assert {key: cost[:least] for key, cost in ours["history"].items()} == theirs["history"]
    assert {number: int(each["nnexp.rung"]) for number, each in here.tags().items()} == {
        number: [4, 12, 36].index(epochs) for number, epochs in enumerate(lengths(here))
    }
    assert "can get more" in here("resume", here.typed, "search.trials=11", code=1)


@pytest.mark.parametrize(
    ("search", "schedule"),
    [
        ("search=random", ["schedule=cosine", "schedule.warmup=2"]),
        ("search=qmc", ["schedule=plateau"]),
        ("search=cmaes", ["schedule=exponential", "schedule.gamma=interval(0.7,0.99)"]),
        ("search=tpe", ["schedule=cosine,step,plateau"]),
    ],
)
def test_every_sampler_and_schedule(search: str, schedule: list[str], here: Any, new: Callable[[], Any]) -> None:
    """With each sampler, and where the learning rate follows a schedule, the winner is the run that was never paused."""
    pytest.importorskip("nnexp_optimizers", reason="its schedules are tried")
    settings = ("search.trials=6", "search.lag=1", "search.halving=3", "search.rungs=2", "epochs=9")
    here("-m", BASIC, search, *settings, *schedule, RATE, "optimizer=adam", "dataset=xor", "tracking=none")
    assert sorted(lengths(here)) == [3, 3, 3, 3, 9, 9]
    number = lengths(here).index(9)
    trial = here.trials()[number]
    directory = alone(new(), trial["overrides"])
    assert json.loads((directory / "result.json").read_text())["history"] == trial["history"]
    assert (directory / "weights.npz").read_bytes() == (here.place / str(number) / "weights.npz").read_bytes()


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("minibatch", {"name": "constant"}),
    ("adam", {"name": "cosine", "warmup": 3}),
    ("momentum", {"name": "step"}),
    ("minibatch", {"name": "exponential"}),
    ("adam", {"name": "plateau", "patience": 1}),
]


@pytest.mark.parametrize(
    ("optimizer", "schedule"), SCHEDULES, ids=lambda each: each if isinstance(each, str) else each["name"]
)
def test_a_pause_is_not_seen(optimizer: str, schedule: dict[str, Any], tmp_path: Path) -> None:
    """Paused at any two of its epochs and continued, a run has the numbers and the weights of one that never was."""
    pytest.importorskip("nnexp_optimizers", reason="its schedules are tried")
    common = {"dataset": "xor", "epochs": 7, "tracking": {"name": "none"}, "optimizer": optimizer, "pictures": []}
    config = {**common, "schedule": schedule, "network": {"hidden": [4]}, "dtype": "float32"}
    outputs, console = tmp_path / "outputs", Console(brief=True)

    def directory(name: str) -> Path:
        return outputs / "runs" / name

    run(config, RunContext(directory("whole"), outputs), console)
    whole = read_result(directory("whole"))
    for first, second in ((1, 2), (2, 6), (4, 5)):
        there = directory(f"{first}-{second}")
        run(config, RunContext(there, outputs), console, until=first)
        assert read_result(there).paused == 7
        for epochs in (second, 7):
            resume(there, outputs, epochs, None, console)
        assert repr(read_result(there).history) == repr(whole.history)
        assert (there / "weights.npz").read_bytes() == (directory("whole") / "weights.npz").read_bytes()
