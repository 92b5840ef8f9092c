"""A search gets more trials: with each sampler, 64 that go on to 128 are the 128. Nothing is trained; costs are computed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from nnexp_search.samplers import CmaEs, OptunaSearch, Qmc, Random, Tpe

from nnexp.composition.search import Searched
from nnexp.composition.space import Axis, Region
from nnexp.experiment.settings import SearchSettings
from nnexp.plugin import Span
from nnexp.sweep.trials import Trials

AXES = {
    "a=x": Axis("a", "a", Span(1e-4, 1.0, log=True), conditional=False),
    "b=x": Axis("b", "b", Span(8, 128), conditional=False),
}


def carried_out(search: OptunaSearch, directory: Path, trials: int) -> list[list[str]]:
    """What a search in this directory hands out, trial by trial; every ninth fails."""
    directory.mkdir(exist_ok=True)
    settings = SearchSettings(trials=trials, lag=4)
    made = Trials(Searched("tried", search, settings, ("minimize",)), Region(tuple(AXES), AXES, None), directory, 9)
    while job := made.take():
        number, lines = job
        end(directory / str(number), lines, failed=number % 9 == 8)
        made.ended(number)
    return [json.loads((directory / str(each) / "result.json").read_text())["overrides"] for each in range(trials)]


def end(place: Path, lines: list[str], *, failed: bool) -> None:
    """Leave what a trial leaves."""
    place.mkdir()
    rate, size = (float(line.partition("=")[2]) for line in lines)
    cost = (math.log10(rate) + 2) ** 2 + (size / 40 - 1) ** 2
    metrics = {"cost/train": cost, "cost/validation": cost}
    result = {
        "status": "FINISHED",
        "overrides": lines,
        "objective": cost,
        "epochs": 1,
        "best_epoch": 1,
        "kept_epoch": 1,
        "metrics": metrics,
        "history": {key: [value] for key, value in metrics.items()},
        "loss": {"name": "mse"},
        "scaled": False,
        "training_seconds": 0.1,
        "requirements": [],
        "name": "",
        "stopped": "",
    }
    if failed:
        result = {"status": "FAILED", "reason": "it failed", "kind": "failed", "overrides": lines}
    (place / "result.json").write_text(json.dumps(result))
    (place / "journal.jsonl").write_text(json.dumps({"ended": result["status"], "reason": "", "time": 1}) + "\n")


@pytest.mark.parametrize("search", [Random(), Qmc(), Tpe(), CmaEs()], ids=repr)
def test_64_trials_become_128(search: OptunaSearch, tmp_path: Path) -> None:
    """Gone on with twice, to 64 and to 128, a search has the trials of one that was to have 128 from the beginning."""
    for trials in (20, 64):
        carried_out(search, tmp_path / "grown", trials)
    assert carried_out(search, tmp_path / "grown", 128) == carried_out(search, tmp_path / "whole", 128)


def test_a_trial_that_nobody_could_carry_out_says_what_it_was(tmp_path: Path) -> None:
    """Given up after three workers died with it, before it left anything: its values are in its result."""
    settings = SearchSettings(trials=2, lag=1)
    made = Trials(Searched("tried", Random(), settings, ("minimize",)), Region(tuple(AXES), AXES, None), tmp_path, 9)
    job = made.take()
    assert job
    for _ in range(3):
        made.ended(job[0])
    result = json.loads((tmp_path / "0" / "result.json").read_text())
    assert (result["status"], result["overrides"]) == ("FAILED", job[1])
    assert "3 workers died with it" in result["reason"]
