"""What the picture of a sweep shows of its rankings: curves by epoch, and bars of what a run has one number of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nnexp.journal.result import is_score
from nnexp.pictures.comparison import MOST_CURVES, Panel
from nnexp.run.identity import brief, short
from nnexp.sweep.ledger import Job
from nnexp.sweep.ranking import Ranking
from nnexp.terminal.console import measured


def panels(found: Sequence[Ranking], title: str) -> list[Panel]:
    """The runs' curves, a panel for each ranking; of settings the means over their seeds, with a band for the range."""
    # What is not drawn counts, but its history is not read.
    made = []
    for each in found:
        words = f"{title}: {each.dataset}" if each.dataset else title
        made += [panel(each, name, words, MOST_CURVES) for name in dict.fromkeys((each.measure.name, *each.also))]
    return made


def panel(ranking: Ranking, name: str, title: str, most: int) -> Panel:
    """A metric of a ranking's runs: the first ``most`` curves, the others are empty; or bars, where it is of whole runs."""
    if is_score(name):
        return bars(ranking, name, title)
    if not ranking.compares_settings:
        curves = {
            label(job): job.history.get(name, []) if place < most else [] for place, job in enumerate(ranking.jobs)
        }
        return Panel(curves, name, title)
    labels = named(ranking)
    means: dict[str, Sequence[float]] = {each: [] for each in labels}
    bands = {}
    for each, setting in zip(labels[:most], ranking.settings, strict=False):
        seeds = same_length([job.history.get(name, []) for job in setting.finished])
        means[each] = seeds.mean(axis=0).tolist()
        bands[each] = (seeds.min(axis=0).tolist(), seeds.max(axis=0).tolist())
    return Panel(means, name, title, bands, "mean, and range over seeds")


def bars(ranking: Ranking, name: str, title: str) -> Panel:
    """A score of each run, or the mean of each setting's seeds, best first by what ranks them."""
    if ranking.compares_settings:
        labels = named(ranking)
        values = [setting.mean(name) for setting in ranking.settings]
    else:
        labels = [label(job) for job in ranking.jobs]
        values = [job.result.metrics.get(name, math.nan) for job in ranking.jobs]
    written = [(value, measured(name, value)) for value in values]
    return Panel({}, name, title, bars=dict(zip(labels, written, strict=True)))


def named(ranking: Ranking) -> list[str]:
    """What the settings are called, with as many digits of their numbers as tell them apart."""
    whole = short([setting.name for setting in ranking.settings])
    few = [*map(brief, whole)]
    return few if len({*few}) == len(few) else whole


def same_length(curves: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """The curves as rows; one that ended earlier (``patience``) goes on with its last value, as its run would."""
    longest = max(map(len, curves))
    return np.array([[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves])


def label(job: Job) -> str:
    """A curve's name: unique, and what was varied first."""
    return f"{brief(job.result.name)} (#{job.number})"
