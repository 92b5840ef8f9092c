"""Searches on the command line: the same trials and numbers with any workers, after kills, and with more trials."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState

BASIC = "hydra/launcher=basic"
"""No workers have to be started."""
SPACE = (
    "optimizer=minibatch,batch",
    "optimizer.learning_rate=tag(log,interval(1e-3,1))",
    "optimizer.batch_size=int(interval(8,128))",
    "network.hidden=[4],[8],[8,4]",
    "scale.features=standard,minmax",
)
REST = ("epochs=20", "checkpoint.epochs=7", "tracking=none")
WORDS = ("-m", "search=tpe", "search.trials=14", "search.startup=3", "search.lag=2", *SPACE, *REST)
RATE = "optimizer.learning_rate=tag(log,interval(1e-3,1))"
SMALL = ("-m", BASIC, "dataset=xor", "tracking=none", "epochs=2", RATE)


@pytest.fixture(scope="module")
def whole(new: Callable[[], Any]) -> Any:
    """A search that nobody interrupted, on two workers."""
    made = new()
    (made.cwd / "said").write_text(made(*WORDS, "hydra.launcher.workers=2"))
    return made


def values(trial: Any) -> dict[str, str]:
    """The words of a job, by key."""
    return dict(line.split("=", 1) for line in trial["overrides"] or [])


def test_it_says_how_it_goes_and_ends(whole: Any) -> None:
    """The trials, the best so far with its values, the best ones in order, what is kept."""
    said = (whole.cwd / "said").read_text()
    assert "14/14 trials" in said
    assert "best first by cost/validation" in said
    assert "14 jobs: " in said
    assert "experiment/best.yaml" in " ".join(said.split())
    assert json.loads((whole.place / "manifest.json").read_text())["search"]["trials"] == 14


def test_fields_are_asked_for_where_there_are_some(whole: Any) -> None:
    """``optimizer=batch`` has no batch size, and its trials are given none; both optimizers were tried."""
    lines = [each["overrides"] for each in whole.trials() if each["overrides"]]
    sized = ["optimizer=minibatch" in each for each in lines]
    assert sized == [any(line.startswith("optimizer.batch_size=") for line in each) for each in lines]
    assert len(set(sized)) == 2


@pytest.mark.parametrize("words", ["hydra.launcher.workers=7", BASIC])
def test_any_workers_give_the_same(words: str, whole: Any, here: Any) -> None:
    """Trials and numbers are the same to the last bit, whatever the launcher and the number of workers."""
    here(*WORDS, words)
    assert here.trials() == whole.trials()


def test_a_killed_search_goes_on_to_the_same(whole: Any, here: Any) -> None:
    """After three SIGKILLs, each somewhere else, ``resume`` ends with the same trials and numbers, no epoch twice."""
    words = [*WORDS, "hydra.launcher.workers=2"]
    for begun, launcher in ((2, BASIC), (6, BASIC), (10, "hydra.launcher.workers=1")):
        here.killed(*words, when=lambda begun=begun: here.epochs(begun))
        words = ["resume", here.typed, launcher]
    assert len(list(here.place.glob("*/result.json"))) < 14
    here(*words)
    assert here.trials() == whole.trials()
    assert "Nothing is left to do" in here(*words)


def test_a_search_gets_more_trials(whole: Any, here: Any) -> None:
    """A search of 5 trials that goes on to 14 is the search of 14, also where a trial was trained on; it does not get fewer."""
    here(*WORDS, "search.trials=5", BASIC)
    here("resume", f"{here.typed}/0", "epochs=30")
    here("resume", here.typed, "search.trials=14", BASIC)
    assert here.trials()[1:] == whole.trials()[1:]
    (longer, *_), (first, *_) = here.trials(), whole.trials()
    assert (len(longer["epochs"]), longer["overrides"]) == (30, first["overrides"])
    told, expected = (found.study().trials[0] for found in (here, whole))
    assert told.value == expected.value == first["metrics"]["cost/validation"]
    assert "Type search.trials=28" in here("resume", here.typed, "search.trials=13", code=1)


def test_a_search_that_has_changed_is_refused_and_nothing_else_said(here: Any) -> None:
    """Where the manifest has another interval the trials are others: one line says so, without a table or what to finish.

    The manifest stays as it is, also where more trials were typed.
    """
    here(*SMALL, "search=random", "search.trials=3")
    shutil.rmtree(here.place / "2")
    manifest = here.place / "manifest.json"
    manifest.write_text(manifest.read_text().replace("interval(1e-3,1)", "interval(1e-3,5)"))
    before = manifest.read_bytes()
    (said,) = here("resume", here.typed, BASIC, "search.trials=5", code=1).splitlines()
    assert manifest.read_bytes() == before
    assert said.startswith("nnexp: Trial 0 of ")
    assert "search=random now chooses optimizer.learning_rate=" in said


def test_a_report_of_a_search_that_is_not_done(here: Any) -> None:
    """Trials that are still to be chosen are named with the others that have no result."""
    here(*SMALL, "search=random", "search.trials=3")
    for number in (1, 2):
        shutil.rmtree(here.place / str(number))
    here("report", here.typed, "-o", "r.html")
    page = (here.cwd / "r.html").read_text()
    assert re.findall(r"<td[^>]*>(#\d)</td>", page.partition("What did not finish")[2]) == ["#1", "#2"]


def test_the_winner_trains_again(whole: Any, here: Any) -> None:
    """``experiment=best`` gives the numbers of the best trial, bit for bit."""
    best = min(whole.trials(), key=lambda each: (each["metrics"] or {}).get("cost/validation", float("inf")))
    here("--config-dir", str(whole.place), "experiment=best", "tracking=none", "pictures=[]")
    assert json.loads((here.run / "result.json").read_text())["history"] == best["history"]


def test_optuna_reads_what_is_exported(whole: Any, tmp_path: Path) -> None:
    """``search-export`` writes a journal file in which Optuna itself finds every trial with its values and its cost."""
    read = whole.study()
    assert read.metric_names == ["cost/validation"]
    for trial, made in zip(read.trials, whole.trials(), strict=True):
        typed = values(made)
        assert 0 < (trial.datetime_complete - trial.datetime_start).total_seconds() < 600
        if made["status"] == "FINISHED":
            assert trial.value == made["metrics"]["cost/validation"]
            assert {key: str(value) for key, value in trial.params.items()} == {key: typed[key] for key in trial.params}
        else:
            assert trial.state == TrialState.FAIL
    assert "no search" in whole("search-export", str(whole.cwd), "-o", str(tmp_path / "x.log"), code=1)


def test_what_made_a_good_trial(whole: Any) -> None:
    """The end names each key that all trials have, with its share by Optuna's PED-ANOVA, the largest first."""
    expected = optuna.importance.get_param_importances(whole.study(), evaluator=PedAnovaImportanceEvaluator())
    shown = (whole.cwd / "said").read_text().partition("(PED-ANOVA)")[2].partition("14 jobs")[0]
    found = [line.split() for line in shown.splitlines() if line.endswith("%")]
    names = {key.rpartition(".")[2]: share for key, share in expected.items()}
    assert {name for name, _ in found} <= {*names, *(key for key in expected)}
    assert [share for _, share in found] == [
        "<1%" if 1e-3 < share < 0.005 else f"{share:.0%}" for share in sorted(expected.values(), reverse=True)
    ]


def test_failures_are_answers(here: Any) -> None:
    """A trial that diverges ends nothing, and ``search.max_failures`` ends the search, which goes on without that limit."""
    space = ("optimizer=batch", "optimizer.learning_rate=interval(1,100)", "search=random", "search.trials=6")
    settings = ("search.lag=0", "search.max_failures=2", "activation=identity", "epochs=200", "tracking=none")
    said = here("-m", BASIC, *space, *settings, code=1)
    assert "search.max_failures allows no more" in said
    assert f"finish python -m nnexp resume {here.typed} search.max_failures=null" in " ".join(said.split())
    here("resume", here.typed, "search.max_failures=null", BASIC, code=1)  # all six diverge
    assert [each["status"] for each in here.trials()] == ["FAILED"] * 6


@pytest.mark.parametrize("value", ["abc", "7"])
def test_a_trial_that_somebody_has_edited_is_not_exported(value: str, whole: Any, here: Any) -> None:
    """It is named, with what is wrong, and nothing is written."""
    shutil.copytree(whole.cwd, here.cwd, dirs_exist_ok=True)
    place = here.place / "3" / "result.json"
    result = json.loads(place.read_text())
    rate = next(line for line in result["overrides"] if line.startswith("optimizer.learning_rate="))
    for path in (place, here.place / "manifest.json"):
        path.write_text(path.read_text().replace(rate, f"optimizer.learning_rate={value}"))
    said = here("search-export", here.typed, "-o", "edited.log", code=1)
    assert "has optimizer.learning_rate=" in said
    assert "which the search did not choose: it takes floats from 0.001 to 1. Bring back" in " ".join(said.split())
    assert not (here.cwd / "edited.log").exists()


def test_a_trial_is_a_mean_over_seeds(here: Any) -> None:
    """Job 3k + i is trial k with the i-th seed, and the trial's value is the mean of the three."""
    here(*SMALL, "search=tpe", "search.trials=4", "search.startup=2", "search.lag=1", "search.seeds=3", "seed=5")
    made = here.trials()
    assert len(made) == 12
    for number, trial in enumerate(here.study().trials):
        jobs = made[3 * number : 3 * number + 3]
        assert [values(each)["seed"] for each in jobs] == ["5", "6", "7"]
        assert len({values(each)["optimizer.learning_rate"] for each in jobs}) == 1
        assert trial.value == fmean(each["metrics"]["cost/validation"] for each in jobs)
        assert str(trial.params["optimizer.learning_rate"]) == values(jobs[0])["optimizer.learning_rate"]
    assert len({each["metrics"]["cost/validation"] for each in made[:3]}) == 3


def test_two_objectives_have_a_front(here: Any) -> None:
    """The table has the trials that none beats by both, by what they came to; the picture is there, Optuna finds the same."""
    metric = "search.metric=[cost/validation,parameters]"
    said = here(*SMALL, "search=tpe", "search.trials=12", "search.startup=4", "network.hidden=[2],[4],[8],[16]", metric)
    weights = {"[2]": 9, "[4]": 17, "[8]": 33, "[16]": 65}  # (2 + 1) units to the hidden layer, units + 1 to the output
    points = {
        number: (each["metrics"]["cost/validation"], weights[values(each)["network.hidden"]])
        for number, each in enumerate(here.trials())
    }
    front = {
        number
        for number, (cost, size) in points.items()
        if not any(other[0] <= cost and other[1] <= size and other != (cost, size) for other in points.values())
    }
    shown = said.partition("Pareto front: ")[2].partition("\n\n")[0]
    assert {int(each) for each in re.findall(r"^#(\d+)", shown, re.MULTILINE)} == front
    assert {trial.number for trial in here.study().best_trials} == front
    assert "All else goes by the first metric, cost/validation" in said
    assert f", #{min(points, key=points.__getitem__)}.\n" in (here.place / "experiment" / "best.yaml").read_text()
    assert (here.place / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_search_would_be(here: Any) -> None:
    """``sweep.dry_run=true`` shows the space, the first trials as the search then has them, the cost; nothing is made."""
    words = (
        "search=tpe",
        "search.trials=9",
        "search.lag=2",
        "optimizer=minibatch,batch",
        "optimizer.batch_size=range(8,40,8)",
    )
    said = here(*SMALL, *words, "sweep.dry_run=true")
    assert not list(here.cwd.iterdir())
    assert re.search(r"optimizer.learning_rate +0.001 to 1, by ratios where the chosen option has it\n", said)
    assert re.search(r"optimizer +minibatch, batch\n", said)
    assert re.search(r"optimizer.batch_size +4 numbers from 8 to 32 where the chosen option has it\n", said)
    assert "and 6 more, each chosen by how those before went" in said
    assert "9 jobs; nothing was trained or written." in said
    here(*SMALL, *words)
    shown = re.findall(r"^#(\d+) (.*)$", said, re.MULTILINE)
    assert [number for number, _ in shown] == ["0", "1", "2"]
    for (_, line), trial in zip(shown, here.trials()[:3], strict=True):
        assert f"learning_rate={float(values(trial)['optimizer.learning_rate']):.4g}" in line
