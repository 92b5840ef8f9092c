"""What each swept factor does to a metric: its means over all else, and how much of the variance it explains.

Ratios are compared as geometric means and shares of the log's variance. The seed's share is all that differs between runs of
one setting.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import listed
from nnexp.sweep.grid import NOISE, Gap, Points, complete
from nnexp.terminal.console import say, width, wrapped
from nnexp.terminal.table import table

WIDE = 10
"""Costs that span more than this factor are compared by ratios: otherwise the worst runs alone would decide every mean."""
ROUNDING = 1e-9
"""A share that is no larger is none."""
MOST_VALUES = 6
"""A factor of more values shows its three best and its worst."""


@dataclass(frozen=True)
class Effect:
    """One factor: the metric's mean at each of its values over everything else that was swept, best first."""

    factor: str
    means: Mapping[str, float]
    share: float | None
    """Of the metric's variance; None where nothing varies."""


@dataclass(frozen=True)
class Effects:
    """All factors of a sweep, the strongest first and chance last."""

    factors: Sequence[Effect]
    together: float | None
    """The share of the variance that the factors explain only together (their interactions)."""
    by_ratio: bool
    """Whether means are geometric, and shares of the logarithm's variance."""
    gaps: Sequence[Gap]
    """What is left out, so that every mean is over the same runs of everything else."""


def effects(values: Mapping[int, float], grid: Points, *, cost: bool) -> Effects | None:
    """The effects of the grid's factors on ``values`` (by job), costs or scores that are better if higher.

    The share of a factor is eta squared, the sum of squares between its values over the total one (Fisher, 1925). Chance
    (``seed``) is everything that differs between runs that are equal otherwise, so the shares sum up to 1. Both, and the means,
    need a grid without gaps: a value that diverges where others do not would otherwise spoil the mean of what it got through
    with. None where fewer than two factors have two values: the ranking says the same then.
    """
    points, gaps = complete(grid, {number for number, value in values.items() if math.isfinite(value)})
    levels = {key: [point[key] for point in points.values()] for key in next(iter(grid.values()), {})}
    factors = {key: every for key, every in levels.items() if len(set(every)) > 1}
    if len(factors) < 2:
        return None
    measured = np.array([values[number] for number in points])
    by_ratio = bool(cost and measured.min() > 0 and measured.max() > WIDE * measured.min())
    if by_ratio:
        measured = np.log(measured)
    shares, together = explained(measured, factors) if np.ptp(measured) > 0 else ({}, None)
    found = []
    for key in sorted(factors, key=lambda key: (key == NOISE, -shares.get(key, 0))):
        means = level_means(measured, factors[key])
        ordered = sorted(means, key=lambda level: means[level] if cost else -means[level])
        shown = {level: math.exp(means[level]) if by_ratio else means[level] for level in ordered}
        found.append(Effect(key, shown, shares.get(key)))
    return Effects(found, together, by_ratio, gaps)


def explained(
    measured: NDArray[np.float64], factors: Mapping[str, Sequence[str]]
) -> tuple[dict[str, float], float | None]:
    """The share of each factor, and what two or more of them explain only together."""
    compared = {key: every for key, every in factors.items() if key != NOISE}
    shares = {key: eta_squared(measured, every) for key, every in compared.items()}
    settings = eta_squared(measured, list(zip(*compared.values(), strict=True)))
    together = max(0.0, settings - sum(shares.values())) if len(compared) > 1 else None
    if NOISE in factors:
        shares[NOISE] = max(0.0, 1 - settings)
    return shares, together


def level_means(measured: NDArray[np.float64], levels: Sequence[str]) -> dict[str, float]:
    """The mean of what was measured at each level."""
    sums = dict.fromkeys(levels, 0.0)
    for level, value in zip(levels, measured, strict=True):
        sums[level] += float(value)
    counts = Counter(levels)
    return {level: total / counts[level] for level, total in sums.items()}


def eta_squared(values: NDArray[np.float64], labels: Sequence[Hashable]) -> float:
    """The share of the values' variance that lies between the groups of equal labels."""
    places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    group = np.array([places[label] for label in labels])
    means = np.bincount(group, values) / np.bincount(group)
    centre = values.mean()
    return float(np.square(means[group] - centre).sum() / np.square(values - centre).sum())


def show(found: Effects, metric: str, names: Mapping[str, str]) -> None:
    """Print the effects on ``metric`` in a few lines; ``names`` are the short ones of the factors."""
    mean = f"geometric mean over all else: the costs span more than a factor of {WIDE}" if found.by_ratio else ""
    room = width() - max(map(len, names.values())) - 2 - 10
    rows = []
    for each in found.factors:
        lines = folded(texts(each), room)
        rows.append([names[each.factor], lines[0], percent(each.share)])
        rows += [["", line, ""] for line in lines[1:]]
    if found.together is not None:
        rows.append(["", "how they act together", percent(found.together)])
    say("")
    title = f"effect of each factor on {metric} ({mean or 'mean over all else'})"
    table(["factor", "mean at each value, best first", "explains"], rows, title=title)
    if found.gaps:
        left_out = [f"{names[gap.key]}={gap.value} ({gap.missing} of {gap.planned} runs missing)" for gap in found.gaps]
        for line in wrapped(f"left out, so that all means are of the same runs: {listed(left_out, most=4)}", width()):
            say(line)


def texts(each: Effect) -> list[str]:
    """An effect in pieces that are not to be broken: ``0.1: 0.109``; of chance only the range."""
    if each.factor == NOISE:
        low, high = min(each.means.values()), max(each.means.values())
        return [f"from {low:.3g} to {high:.3g}"]
    shown = [f"{value}: {mean:.3g}" for value, mean in each.means.items()]
    return [*shown[:3], "...", shown[-1]] if len(shown) > MOST_VALUES else shown


def folded(pieces: Sequence[str], room: int) -> list[str]:
    """The pieces in lines of at most ``room`` columns; one that is longer has a line of its own."""
    lines: list[str] = []
    for piece in pieces:
        longer = f"{lines[-1]}  {piece}" if lines else ""
        if lines and len(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(piece)
    return lines


def percent(share: float | None) -> str:
    """A share in words of three or four characters."""
    if share is None:
        return ""
    return "<1%" if ROUNDING < share < 0.005 else f"{share:.0%}"
