"""What each swept factor does: means, shares of the variance, gaps, and how it is printed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from nnexp.sweep.effects import Effects, effects, show
from nnexp.sweep.grid import Points, complete


def grid(**factors: Sequence[object]) -> Points:
    """The points of a full grid, numbered as Hydra does."""
    combinations = itertools.product(*factors.values())
    return {number: dict(zip(factors, map(str, each), strict=True)) for number, each in enumerate(combinations)}


def found(values: Sequence[float], points: Points, *, cost: bool = True) -> Effects:
    """The effects on the values of the jobs in order."""
    every = effects(dict(enumerate(values)), points, cost=cost)
    assert every is not None
    return every


def eta_squared(values: Sequence[float], labels: Sequence[object]) -> float:
    """From scipy's F: SS_between / SS_total = F (k - 1) / (F (k - 1) + n - k)."""
    groups = [[value for value, label in zip(values, labels, strict=True) if label == each] for each in set(labels)]
    f = stats.f_oneway(*groups).statistic * (len(groups) - 1)
    return float(f / (f + len(values) - len(groups)))


def test_means_and_shares_by_hand() -> None:
    """2 x 2 runs 1 2 / 5 8: means 1.5 and 6.5, 3 and 5; sums of squares 25, 4 and 1 of 30."""
    first, second = (each := found([1, 2, 5, 8], grid(loss="ab", width=[4, 8]))).factors
    assert (first.factor, first.means) == ("loss", {"a": 1.5, "b": 6.5})
    assert (second.factor, second.means) == ("width", {"4": 3.0, "8": 5.0})
    assert [first.share, second.share, each.together] == pytest.approx([25 / 30, 4 / 30, 1 / 30])
    assert not each.by_ratio


@pytest.mark.parametrize("wide", [False, True])
def test_shares_agree_with_scipy(*, wide: bool) -> None:
    """A factor's share is eta squared; the seed's is what is not between the settings; the shares sum up to 1."""
    points = grid(rate=[0.1, 1, 10], width=[4, 8], seed=range(5))
    rng = np.random.default_rng(3)
    values = np.exp(rng.normal(size=len(points)) * (3 if wide else 0.1))
    each = found(values.tolist(), points)
    assert each.by_ratio is wide
    measured = (np.log(values) if wide else values).tolist()
    shares = {factor.factor: factor.share for factor in each.factors}
    for key in ("rate", "width"):
        assert shares[key] == pytest.approx(eta_squared(measured, [point[key] for point in points.values()]))
    settings = eta_squared(measured, [(point["rate"], point["width"]) for point in points.values()])
    assert shares["seed"] == pytest.approx(1 - settings)
    assert sum(filter(None, [*shares.values(), each.together])) == pytest.approx(1)
    assert each.factors[-1].factor == "seed"


def test_costs_of_different_magnitude_have_geometric_means() -> None:
    """What is better in three settings of four stays better, though its fourth is the worst of all."""
    narrow, broad = [0.1, 0.1, 0.1, 20.0], [0.05, 0.05, 0.05, 24.0]
    each = found(narrow + broad, grid(width=[4, 32], rate="abcd"))
    means = next(factor.means for factor in each.factors if factor.factor == "width")
    assert list(means) == ["32", "4"]
    assert list(means.values()) == pytest.approx([stats.gmean(broad), stats.gmean(narrow)])


def test_a_score_is_better_if_higher() -> None:
    """Of scores the highest mean comes first, and there are no geometric means."""
    each = found([0.01, 0.5, 0.6, 0.9], grid(loss="ab", width=[4, 8]), cost=False)
    assert [list(factor.means) for factor in each.factors] == [["b", "a"], ["8", "4"]]
    assert not each.by_ratio


def test_a_value_that_diverges_does_not_spoil_its_company() -> None:
    """A rate that relu diverged at and tanh did not is left out: relu is better, as it is in each pair that finished."""
    points = grid(activation=["relu", "tanh"], rate=[0.1, 0.3, 9], seed=[0, 1])
    each = found([1, 1.1, 2, 2.1, math.nan, math.nan, 3, 3.1, 4, 4.1, 9, 9.1], points)
    means = {factor.factor: factor.means for factor in each.factors}
    assert means["activation"] == pytest.approx({"relu": 1.55, "tanh": 3.55})
    assert means["rate"] == pytest.approx({"0.1": 2.05, "0.3": 3.05})
    assert [(gap.key, gap.value, gap.missing, gap.planned) for gap in each.gaps] == [("rate", "9", 2, 4)]


def test_one_missing_run_costs_a_seed() -> None:
    """Of equals a seed is left out, not a value that is to be compared."""
    points = grid(rate=[1, 2], seed=[0, 1])
    left, gaps = complete(points, {0, 1, 2})
    assert list(left) == [0, 2]
    assert [(gap.key, gap.value) for gap in gaps] == [("seed", "1")]
    assert complete(points, set())[0] == {}


@pytest.mark.parametrize(
    ("values", "factors"),
    [
        ([1.0, 2.0], {"rate": [1, 2]}),
        ([1.0, 2.0], {"seed": [1, 2]}),
        ([1.0, 2.0, math.nan, math.nan], {"rate": [1, 2], "width": [4, 8]}),
        ([1.0, math.nan, math.nan, 2.0], {"rate": [1, 2], "width": [4, 8]}),
        ([], {}),
    ],
)
def test_one_factor_is_the_ranking(values: Sequence[float], factors: Mapping[str, Sequence[object]]) -> None:
    """Where fewer than two factors can be compared there are no effects."""
    assert effects(dict(enumerate(values)), grid(**factors) if factors else {}, cost=True) is None


def test_runs_that_are_all_equal() -> None:
    """Where nothing varies nothing is explained."""
    each = found([2, 2, 2, 2], grid(loss="ab", width=[4, 8]))
    assert [factor.share for factor in each.factors] == [None, None]
    assert each.together is None


def test_few_lines_in_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Many values are the best three and the worst, seeds a range, no pair of value and mean is broken."""
    monkeypatch.setenv("COLUMNS", "80")
    points = grid(
        **{"optimizer.learning_rate": range(1, 9), "initializer": ["glorot_uniform", "x" * 49], "seed": [0, 1]}
    )
    values = [int(p["optimizer.learning_rate"]) + 0.1 * int(p["seed"]) for p in points.values()]
    values[-1] = math.nan
    show(found(values, points), "cost/validation", {key: key.rpartition(".")[2] for key in points[0]})
    assert capsys.readouterr().out.splitlines() == [
        "",
        "effect of each factor on cost/validation (mean over all else)",
        "factor         mean at each value, best first                           explains",
        "learning_rate  1: 1.05  2: 2.05  3: 3.05  ...  7: 7.05                      100%",
        "initializer    glorot_uniform: 4.05                                           0%",
        f"               {'x' * 49}: 4.05",
        "seed           from 4 to 4.1                                                 <1%",
        "               how they act together                                          0%",
        "left out, so that all means are of the same runs: learning_rate=8 (1 of 4 runs",
        "missing)",
    ]
