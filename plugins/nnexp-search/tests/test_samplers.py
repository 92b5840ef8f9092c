"""The samplers by themselves: what they propose lies in the space, and follows from what they were told alone."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping

import pytest
from nnexp_search.samplers import CmaEs, OptunaSearch, Qmc, Random, Tpe

from nnexp.plugin import Dimension, Options, Span, Steps, Value

SPACE: dict[str, Dimension] = {
    "rate": Span(1e-4, 1.0, log=True),
    "share": Span(0.25, 0.5),
    "size": Span(8, 128),
    "steps": Steps((0.1, 0.4, 0.7)),
    "powers": Steps((1, 2, 3, 4, 5, 6, 7, 8), log=True),
    "hidden": Options(("[8]", "[32,16]")),
}
SEARCHES = [Random(), Qmc(), Tpe(startup=3), CmaEs()]


def cost(values: Mapping[str, Value]) -> float:
    """A bowl with its lowest point at a rate of 0.01 and 40 units."""
    return (math.log10(float(values["rate"])) + 2) ** 2 + (float(values["size"]) / 40 - 1) ** 2


def searched(search: OptunaSearch, trials: int, lag: int, seed: int = 0) -> list[dict[str, Value]]:
    """A whole search; every seventh trial fails."""
    sampling = search.begin(seed, ["minimize"])
    made: list[dict[str, Value]] = []
    for number in range(trials):
        if (past := number - lag - 1) >= 0:
            sampling.tell(past, None if past % 7 == 6 else [cost(made[past])])
        made.append(dict(sampling.ask(number, SPACE)))
    return made


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_proposals_lie_in_the_space(search: OptunaSearch) -> None:
    """Numbers lie between the ends, whole ones are whole, steps are the very numbers, words are the words."""
    for values in searched(search, 30, 4):
        assert list(values) == list(SPACE)
        assert 1e-4 <= float(values["rate"]) <= 1
        assert 0.25 <= float(values["share"]) <= 0.5
        assert type(values["size"]) is int
        assert 8 <= values["size"] <= 128
        assert values["steps"] in (0.1, 0.4, 0.7)
        assert values["powers"] in range(1, 9)
        assert values["hidden"] in ("[8]", "[32,16]")


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_the_same_is_proposed_again(search: OptunaSearch) -> None:
    """A search with the same seed, told the same, proposes the same; with another seed it does not."""
    assert searched(search, 20, 2) == searched(search, 20, 2)
    assert searched(search, 20, 2) != searched(search, 20, 2, seed=1)


@pytest.mark.parametrize("search", [Tpe(startup=3), CmaEs()], ids=repr)
def test_what_is_told_counts(search: OptunaSearch) -> None:
    """TPE and CMA-ES come closer to the lowest point than random search does (the median of their last ten trials)."""

    def late(made: list[dict[str, Value]]) -> float:
        return sorted(map(cost, made[-10:]))[5]

    assert late(searched(search, 60, 0)) < 0.5 * late(searched(Random(), 60, 0))


def test_quasi_random_points_are_even() -> None:
    """Of 33 points, the first apart, each quarter of an axis has eight, as a Sobol sequence promises for powers of two."""
    made = searched(Qmc(), 33, 0)[1:]
    shares = [min(3, int((float(values["share"]) - 0.25) * 16)) for values in made]
    assert [shares.count(quarter) for quarter in range(4)] == [8, 8, 8, 8]


def test_random_values_are_even_on_their_scale() -> None:
    """On a logarithmic scale as many values lie below the geometric mean of the ends as above (200 values, 5 deviations)."""
    low = sum(float(values["rate"]) < 1e-2 for values in searched(Random(), 200, 4))
    assert abs(low - 100) < 5 * math.sqrt(200) / 2


def test_a_trial_is_asked_for_more() -> None:
    """A field that only some options have is asked for afterwards, and is learnt from like any other."""
    sampling = Tpe(startup=2).begin(0, ["minimize"])
    for number in range(12):
        first = sampling.ask(number, {"optimizer": Options(("adam", "minibatch"))})
        more = {"beta1": Span(0.5, 0.9)} if first["optimizer"] == "adam" else {}
        values = sampling.ask(number, more)
        assert list(values) == list(more)
        sampling.tell(number, [float(values.get("beta1", 2.0))])


def test_cmaes_wants_two_numbers() -> None:
    """It has no meaning for fewer, and says what to type."""
    assert "Type search=tpe" in CmaEs().refusal({"rate": SPACE["rate"], "hidden": SPACE["hidden"]}, ["minimize"])
    assert not CmaEs().refusal(SPACE, ["minimize"])


def test_a_search_does_without_scikit_learn() -> None:
    """Neither to choose trials nor to say which key mattered is it imported: that takes longer than all else; scipy neither."""
    code = """
import sys
from nnexp_search.samplers import Tpe
from nnexp.plugin import Span, Trial
space = {"rate": Span(0.0, 1.0), "share": Span(0.0, 1.0)}
sampling = Tpe(startup=3).begin(0, ["minimize"])
made = []
for number in range(20):
    values = sampling.ask(number, space)
    made.append(Trial(number, values, (values["rate"] ** 2,)))
    sampling.tell(number, made[-1].objectives)
assert Tpe().importance(space, made, ["minimize"])["rate"] > 0.5
sys.exit("sklearn" in sys.modules or "scipy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
