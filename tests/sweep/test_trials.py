"""The order in which a search asks and tells: it follows from the numbers of the trials, and not from what finishes first."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nnexp.composition.search import Searched
from nnexp.composition.space import Axis, Region
from nnexp.errors import NnexpError
from nnexp.experiment.settings import SearchSettings
from nnexp.plugin import Direction, Sampling, Search, Space, Span, Value
from nnexp.sweep.trials import Trials


@dataclass
class Noted(Sampling):
    """Notes what it is asked and told, and proposes what follows from that."""

    heard: list[tuple[object, ...]] = field(default_factory=list)

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        self.heard.append(("ask", number))
        return {"seed": 1000 * number + len(self.heard)}

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        self.heard.append(("tell", number, values))


@dataclass(frozen=True)
class Noting(Search):
    """A search that notes."""

    noted: Noted = field(default_factory=Noted)

    def begin(self, seed: int, directions: Sequence[Direction]) -> Sampling:
        return self.noted


def searching(directory: Path, lag: int, trials: int = 20) -> tuple[Trials, Noted]:
    """A search in a directory, and what it hears."""
    noting = Noting()
    axis = Axis("seed", "seed", Span(0, 10**6), conditional=False)
    made = Searched("noting", noting, SearchSettings(trials=trials, lag=lag), ("minimize",))
    return Trials(made, Region(("seed=x",), {"seed=x": axis}, None), directory, 9), noting.noted


def end(directory: Path, number: int, lines: Sequence[str]) -> None:
    """Leave what a trial leaves: every fifth one fails, the others have a cost that follows from their values."""
    (directory / str(number)).mkdir()
    cost = float(lines[0].partition("=")[2]) / 7
    history = {"cost/train": [cost], "cost/validation": [cost]}
    done = {
        "status": "FINISHED",
        "overrides": list(lines),
        "objective": cost,
        "epochs": 1,
        "best_epoch": 1,
        "kept_epoch": 1,
        "metrics": {key: values[-1] for key, values in history.items()},
        "history": history,
        "loss": {"name": "mse"},
        "scaled": False,
        "training_seconds": 0.1,
        "requirements": [],
        "name": "",
        "stopped": "",
    }
    failed = {"status": "FAILED", "reason": "it failed", "kind": "failed", "overrides": list(lines)}
    (directory / str(number) / "result.json").write_text(json.dumps(failed if number % 5 == 4 else done))
    ended = {"ended": "FAILED" if number % 5 == 4 else "FINISHED", "reason": "", "time": 1}
    (directory / str(number) / "journal.jsonl").write_text(json.dumps(ended) + "\n")


def carried_out(directory: Path, lag: int, workers: int, seed: int) -> list[tuple[object, ...]]:
    """All that a search hears whose trials end in a random order, on so many workers."""
    directory.mkdir(exist_ok=True)
    trials, noted = searching(directory, lag)
    chance = random.Random(seed)  # noqa: S311
    running: list[tuple[int, list[str]]] = []
    while True:
        while len(running) < workers and (job := trials.take()):
            running.append(job)
        assert len(running) <= lag + 1
        if not running:
            return noted.heard
        number, lines = running.pop(chance.randrange(len(running)))
        end(directory, number, lines)
        trials.ended(number)


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_what_it_hears_does_not_depend_on_who_is_faster(lag: int, tmp_path: Path) -> None:
    """With one worker or many, in any order, it hears the same; trial k after exactly 0 to k - lag - 1 were told."""
    heard = carried_out(tmp_path / "one", lag, 1, 0)
    for seed in range(6):
        assert carried_out(tmp_path / f"many{seed}", lag, 2 + seed, seed) == heard
    asked = [place for place, each in enumerate(heard) if each[0] == "ask"]
    for number, place in enumerate(asked):
        assert [each[1] for each in heard[:place] if each[0] == "tell"] == list(range(max(0, number - lag)))
    assert [each[2] for each in heard if each[0] == "tell" and int(str(each[1])) % 5 == 4] == [None] * len(
        [each for each in heard if each[0] == "tell" and int(str(each[1])) % 5 == 4]
    )


def test_what_is_there_is_told_once_more(tmp_path: Path) -> None:
    """A search that was interrupted anywhere hears the same from its beginning, and hands out only what is missing."""
    heard = carried_out(tmp_path / "whole", 3, 1, 0)
    directory = tmp_path / "interrupted"
    directory.mkdir()
    trials, _ = searching(directory, 3)
    begun = [job for _ in range(4) if (job := trials.take())]
    for number, lines in (begun[2], begun[0]):
        end(directory, number, lines)
        trials.ended(number)
    assert carried_out(directory, 3, 2, 1) == heard


@dataclass(frozen=True)
class Broken(Search):
    """A search whose begin() raises, or returns nothing."""

    raises: bool = True

    def begin(self, seed: int, directions: Sequence[Direction]) -> Sampling:
        if self.raises:
            raise RuntimeError("begin broke")
        return None  # type: ignore[return-value]


@pytest.mark.parametrize(("raises", "why"), [(True, "RuntimeError: begin broke"), (False, "Got NoneType")])
def test_a_search_that_does_not_begin_is_named(raises: bool, why: str, tmp_path: Path) -> None:
    """Whatever its plugin's begin() does wrong, the message says which search it was."""
    made = Searched("mine", Broken(raises), SearchSettings(), ("minimize",))
    with pytest.raises(NnexpError, match=f"search=mine.*{why}"):
        Trials(made, Region((), {}, None), tmp_path, 9)


@dataclass
class Fixed(Sampling):
    """Proposes the same for each trial."""

    values: Mapping[str, Any]

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        return self.values

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        pass


@dataclass(frozen=True)
class Proposing(Search):
    """A search that proposes the same for each trial."""

    fixed: Fixed

    def begin(self, seed: int, directions: Sequence[Direction]) -> Sampling:
        return self.fixed


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "it has no value of seed"),
        ({"seed": 3, "epochs": 4}, "it has a value of epochs, which was not asked for"),
        ({"seed": 3.0}, r"seed is 3\.0, and it takes whole numbers from 0 to 1000000"),
        ({"seed": 10**7}, "it takes whole numbers"),
        ({"seed": float("nan")}, "seed is nan"),
        ({"seed": "3"}, "seed is '3'"),
        (None, "TypeError"),
    ],
)
def test_what_nobody_can_train_is_not_trained(values: Any, why: str, tmp_path: Path) -> None:
    """A search that proposes something else than it was asked for is named with the trial's number and the value."""
    axis = Axis("seed", "seed", Span(0, 10**6), conditional=False)
    made = Searched("mine", Proposing(Fixed(values)), SearchSettings(), ("minimize",))
    trials = Trials(made, Region(("seed=x",), {"seed=x": axis}, None), tmp_path, 9)
    with pytest.raises(NnexpError, match=f"search=mine.*{why}"):
        trials.take()
