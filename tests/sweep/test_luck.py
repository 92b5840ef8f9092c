"""Whether the best setting is better than the next, or only had the better seeds: against SciPy, and in words."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from nnexp.journal.result import Result
from nnexp.sweep.grid import Points, Setting
from nnexp.sweep.ledger import Job
from nnexp.sweep.luck import luck, seeds_needed, sentences
from nnexp.sweep.student import Interval, holm, quantile, two_sided

COSTS = np.array(
    [
        [0.11, 0.13, 0.10, 0.12, 0.115],
        [0.16, 0.17, 0.15, 0.18, 0.155],
        [0.15, 0.19, 0.17, 0.16, 0.18],
        [1, 2, 1.5, 3, 2],
    ]
)
"""Four settings over five seeds."""


def made(costs: np.ndarray, missing: int = 0) -> tuple[list[Setting], Points]:
    """Settings with these costs, best first, and their grid; ``missing`` of the last one's seeds did not finish."""
    settings, grid, numbers = [], {}, itertools.count()
    for row, values in enumerate(costs):
        jobs = []
        for seed, cost in enumerate(values):
            number = next(numbers)
            grid[number] = {"rate": str(row), "seed": str(seed)}
            jobs.append(Job(number, Path(), Result("FINISHED", metrics={"cost/validation": cost}), "finished"))
        lost = {"diverged": missing} if missing and row == len(costs) - 1 else {}
        settings.append(Setting(f"rate={row}", jobs[: len(jobs) - (missing if lost else 0)], lost))
    return settings, grid


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 30, 101, 999])
def test_students_t(degrees: int) -> None:
    """Probabilities and quantiles are SciPy's."""
    t = np.array([0.0, 1e-3, 0.5, 1.0, 2.0, 4.3, 12.7, 60.0])
    np.testing.assert_allclose(two_sided(t, degrees), 2 * stats.t.sf(t, degrees), rtol=1e-7, atol=1e-13)
    for probability in (0.6, 0.95, 0.99, 0.9999):
        assert quantile(probability, degrees) == pytest.approx(stats.t.ppf((1 + probability) / 2, degrees), rel=1e-9)


def test_the_interval_of_a_mean() -> None:
    """It is SciPy's; there is none for one value, nor where one is not finite."""
    found = Interval.of([1.0, 2.0, 4.0])
    assert found is not None
    low, high = stats.t.interval(0.95, 2, loc=7 / 3, scale=stats.sem([1.0, 2.0, 4.0]))
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
    assert Interval.of([1.0]) is None
    assert Interval.of([1.0, math.nan]) is None


def test_holms_correction() -> None:
    """By hand, for p of 0.01, 0.04, 0.03 and 0.005 (the example of R's p.adjust): 0.03, 0.06, 0.06, 0.02."""
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_the_best_against_the_next() -> None:
    """The corrected p is that of SciPy's paired t-tests of all pairs, corrected by hand."""
    settings, grid = made(COSTS)
    found = luck(settings, grid, "cost/validation")
    assert found is not None
    pairs = list(itertools.combinations(range(4), 2))
    p = [float(stats.ttest_rel(COSTS[a], COSTS[b]).pvalue) for a, b in pairs]
    order = sorted(range(6), key=lambda each: p[each])
    corrected, so_far = {}, 0.0
    for place, each in enumerate(order):
        so_far = max(so_far, (6 - place) * p[each])
        corrected[pairs[each]] = min(so_far, 1)
    assert found.p == pytest.approx(corrected[0, 1])
    assert (found.seeds, found.pairs) == (5, 6)
    assert found.by == pytest.approx((COSTS[1] - COSTS[0]).mean())
    assert found.distinguishable == (corrected[0, 1] < 0.05)
    assert set(found.alike) == {f"rate={b}" for b in (1, 2, 3) if corrected[0, b] >= 0.05}


def test_a_score_that_is_better_if_higher() -> None:
    """The same numbers with the other sign, best first, come out the same."""
    settings, grid = made(COSTS)
    turned, _ = made(-COSTS)
    costs, scores = luck(settings, grid, "cost/validation"), luck(turned, grid, "cost/validation", higher=True)
    assert costs == scores


def test_seeds_that_would_do() -> None:
    """With that many seeds the power is that of statsmodels' formula by the non-central t: about 0.8, with one less below."""
    differences = np.array([0.3, -0.1, 0.4, 0.2])
    n = seeds_needed(differences, 1)
    assert n is not None
    effect = differences.mean() / differences.std(ddof=1)

    def power(seeds: int) -> float:
        limit = stats.t.ppf(0.975, seeds - 1)
        return float(stats.nct.sf(limit, seeds - 1, effect * math.sqrt(seeds)))

    assert power(n - 2) < 0.8 < power(n + 2)


def test_settings_without_all_seeds_are_left_out() -> None:
    """A setting of which a seed diverged is not compared; with one seed, or one setting left, there is nothing to say."""
    settings, grid = made(COSTS[:3], missing=1)
    found = luck(settings, grid, "cost/validation")
    assert found is not None
    assert (found.pairs, found.best, found.next) == (1, "rate=0", "rate=1")
    for costs in (COSTS[:1], COSTS[:, :1]):
        assert luck(*made(costs), "cost/validation") is None


def test_a_setting_that_blew_up_hides_no_difference() -> None:
    """Costs of 1e280 in another setting leave what is said of the best and the next as it is, and overflow nowhere."""
    alone = luck(*made(COSTS[:2]), "cost/validation")
    beside = luck(*made(np.vstack([COSTS[:2], [[1e280, 1e279, 1e277, 1e280, 1e278]]])), "cost/validation")
    assert alone is not None
    assert beside is not None
    assert beside.p == pytest.approx(3 * alone.p)  # the smallest p of three pairs
    assert beside.distinguishable


def test_equal_settings_are_not_told_apart() -> None:
    """Two settings that come to the same on every seed differ by nothing, and no number of seeds would tell them apart."""
    found = luck(*made(np.stack([COSTS[0], COSTS[0]])), "cost/validation")
    assert found is not None
    assert (found.p, found.enough, found.alike) == (1, None, ("rate=1",))
    assert list(sentences(found, {"rate=0": "r=0", "rate=1": "r=1"})) == [
        "r=0 and r=1 are the same on each of 5 seeds: there is no difference."
    ]


def test_luck_alone_is_seldom_called_a_difference() -> None:
    """Of 300 sweeps whose eight settings are all the same, at most 5 in 100 say that the best is better than another."""
    draw = np.random.default_rng(0)
    alarms = 0
    for _ in range(300):
        costs = draw.normal(1, 0.1, (8, 5)) + draw.normal(0, 0.5, 5)
        found = luck(*made(costs[np.argsort(costs.mean(axis=1))]), "cost/validation")
        assert found is not None
        alarms += len(found.alike) < 7
    assert alarms <= 0.05 * 300


def test_words() -> None:
    """The method and the number of seeds are named, and short names are used."""
    found = luck(*made(COSTS), "cost/validation")
    assert found is not None
    text = " ".join(sentences(found, {f"rate={each}": f"r={each}" for each in range(4)}))
    assert text.startswith("Is it luck? ")
    assert "r=0 is better than the next, r=1, by 0.048 on the same seeds (95% interval " in text
    assert "paired t-test over 5 seeds, corrected for 6 pairs by Holm's method" in text
