"""What a search has come to: its trials as they were told, which keys mattered, what was reached by which effort."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from statistics import fmean

from hydra.errors import HydraException

from nnexp.composition.search import PARAMETERS, directions_of, metrics_of, searched
from nnexp.composition.space import region
from nnexp.errors import NnexpError, counted, first_line
from nnexp.experiment.settings import SearchSettings
from nnexp.journal.result import Result
from nnexp.pictures.comparison import Panel
from nnexp.plugin import Dimension, Direction, Space, Span, Steps, Trial, Value
from nnexp.run.identity import brief, short
from nnexp.sweep.best import BEST
from nnexp.sweep.effects import percent
from nnexp.sweep.ledger import Job, Sweep
from nnexp.sweep.rungs import as_first_ended, as_of, planned, rungs
from nnexp.terminal.console import note, say, shown, width, wrapped
from nnexp.terminal.table import table

COST = "cost/validation"
"""What is optimised where no metric was named."""
FEWEST = 10
"""Of fewer trials nobody can say what mattered."""


def space_of(sweep: Sweep) -> Space:
    """What a search varied, from the words that it began with."""
    try:
        found = region([*sweep.manifest.varied, *sweep.manifest.overrides], None)
    except (HydraException, NnexpError):  # a glob, whose options are not known any more
        return {}
    return {axis.key: axis.dimension for axis in found.axes.values()}


def trials(sweep: Sweep, space: Space) -> list[Trial]:
    """A search's trials that have ended, with their values of what varied and the means of their objectives over seeds."""
    metrics, seeds = metrics_of(sweep.manifest.search), sweep.manifest.seeds
    ended = {job.number: job for job in sweep.of("finished", "reused", "diverged", "failed")}
    made = []
    for number in range(sweep.manifest.trials):
        jobs = [ended[each] for each in range(seeds * number, seeds * (number + 1)) if each in ended]
        if len(jobs) == seeds:
            reached = [objectives(own_result(sweep, job), metrics) for job in jobs]
            there = [each for each in reached if each is not None]
            mean = tuple(map(fmean, zip(*there, strict=True))) if len(there) == seeds else None
            made.append(Trial(number, values(jobs[0].overrides, space), mean))
    return made


def values(lines: Sequence[str], space: Space) -> dict[str, Value]:
    """A trial's values, from its overrides."""
    typed = {line.lstrip("+").partition("=")[0]: line.partition("=")[2] for line in lines}
    return {key: value_of(typed[key], dimension) for key, dimension in space.items() if key in typed}


def value_of(text: str, dimension: Dimension) -> Value:
    """A value as it was chosen; the text itself where somebody has written what was not."""
    with suppress(ValueError):
        match dimension:
            case Span(low=int()):
                return int(text)
            case Span():
                return float(text)
            case Steps(values=steps):
                return min(steps, key=lambda each: abs(each - float(text)))
    return text


def objectives(result: Result, metrics: Sequence[str]) -> tuple[float, ...] | None:
    """What was optimised of a run; None where it failed, or has not all of it."""
    if result.status not in ("FINISHED", "REUSED"):
        return None
    cost = result.metrics.get("cost/validation", result.metrics.get("cost/train", math.nan))
    found = tuple(objective(result, name) for name in metrics) or (cost,)
    return found if all(map(math.isfinite, found)) else None


def objective(result: Result, metric: str) -> float:
    """One of them; not a number where the run has none."""
    return float(result.parameters) if metric == PARAMETERS else result.metrics.get(metric, math.nan)


def importance(sweep: Sweep) -> Mapping[str, float]:
    """Which keys mattered, the most important first; empty where that is not known."""
    space = space_of(sweep)
    told = trials(sweep, space)
    if len([each for each in told if each.objectives]) < FEWEST:
        return {}
    try:
        found = searched(sweep.manifest.search).plugin.importance(space, told, directions_of(sweep.manifest.search))
    except NnexpError:  # the plugin is not installed here
        return {}
    except Exception as error:  # noqa: BLE001 (a plugin's, or Optuna's: a search without it is a search)
        note(f"The importance of each factor is not known ({type(error).__name__}: {first_line(error)}).")
        return {}
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def show(sweep: Sweep) -> None:
    """Print what is to be said of a search beside the ranking of its runs."""
    if not sweep.manifest.search:
        return
    metrics = metrics_of(sweep.manifest.search)
    if len(metrics) > 1:
        show_front(sweep, metrics)
    if found := importance(sweep):
        say("")
        rows = [[name, percent(share)] for name, share in zip(short_keys([*found]), found.values(), strict=True)]
        table(
            ["factor", "importance"], rows, title=f"what makes a good trial, by {(*metrics, 'the cost')[0]} (PED-ANOVA)"
        )


def show_front(sweep: Sweep, metrics: Sequence[str]) -> None:
    """Print the trials that no other one beats by both objectives."""
    front = front_of(sweep)
    told = {each.number: each for each in trials(sweep, space_of(sweep))}
    names = [" ".join(f"{key}={value}" for key, value in told[each.number].values.items()) for each in front]
    rows = [
        [f"#{each.number * sweep.manifest.seeds}", brief(name), *map(shown, each.objectives or ())]
        for each, name in zip(front, short(names), strict=True)
    ]
    say("")
    title = f"Pareto front: {counted(len(front), 'trial')} that no other one beats by both metrics"
    table(["job", "trial", *metrics], rows, title=title)
    words = f"All else goes by the first metric, {metrics[0]}: the runs above, what makes a good trial, and {BEST}."
    for line in wrapped(words, width()):
        say(line)


def front_of(sweep: Sweep) -> list[Trial]:
    """The trials that no other one beats by both objectives, the best by the first one first; of equals the first."""
    directions = directions_of(sweep.manifest.search)
    good = [each for each in trials(sweep, space_of(sweep)) if each.objectives]
    unbeaten = [
        each
        for each in good
        if not any(better(other.objectives or (), each.objectives or (), directions) for other in good)
    ]
    distinct = list({each.objectives: each for each in reversed(unbeaten)}.values())
    sign = -1 if directions[0] == "maximize" else 1
    return sorted(distinct, key=lambda each: (sign * (each.objectives or (0,))[0], each.number))


def short_keys(keys: Sequence[str]) -> list[str]:
    """Keys as a table shows them."""
    return [each.rstrip("=") for each in short([f"{key}=" for key in keys])]


def of_search(sweep: Sweep) -> list[Panel]:
    """The best so far against the epochs that were spent on it, of two objectives the front; nothing without a search."""
    good = [each for each in trials(sweep, space_of(sweep)) if each.objectives] if sweep.manifest.search else []
    if len(good) < 2:
        return []
    metrics = metrics_of(sweep.manifest.search) or (COST,)
    if len(metrics) > 1:
        return [of_front(sweep, good, metrics)]
    higher = directions_of(sweep.manifest.search)[0] == "maximize"
    best = -math.inf if higher else math.inf
    points, line = [], []
    for spent, value in steps_of(sweep):
        best = max(best, value) if higher else min(best, value)
        points.append((spent, value))
        line.append((spent, best))
    title = f"The best so far of {counted(len(good), 'trial')}"
    return [Panel({}, metrics[0], title, points=points, steps=line, legend="the best so far", across="epochs spent")]


def of_front(sweep: Sweep, good: Sequence[Trial], metrics: Sequence[str]) -> Panel:
    """The trials by both objectives, the first one upwards, and the front with the numbers of its jobs."""
    front = sorted(front_of(sweep), key=turned)
    return Panel(
        {},
        metrics[0],
        f"Pareto front: {len(front)} of {counted(len(good), 'trial')}",
        points=[turned(each) for each in good],
        steps=[turned(each) for each in front],
        names=[f"#{each.number * sweep.manifest.seeds}" for each in front],
        before=directions_of(sweep.manifest.search)[1] == "maximize",
        legend="Pareto front",
        across=metrics[1],
    )


def turned(trial: Trial) -> tuple[float, float]:
    """Where a trial is in the picture of two objectives."""
    up, across = trial.objectives or (math.nan, math.nan)
    return across, up


def steps_of(sweep: Sweep) -> Iterator[tuple[float, float]]:
    """What the trials had reached, rung by rung and in each in their order: the epochs spent up to there, and the objective.

    Without halving there is one rung. Epochs of trials that failed are spent, too.
    """
    spent, before = 0, 0
    for level in levels(sweep):
        for number in range(sweep.manifest.trials):
            trained = sum(max(0, min(job.result.epochs, level) - before) for job in jobs_of(sweep, number))
            if not trained:
                continue
            spent += trained
            if (found := reached(sweep, number, level)) is not None:
                yield float(spent), found
        before = level


def reached(sweep: Sweep, number: int, level: int) -> float | None:
    """A trial's first objective at the end of a rung, the mean over its seeds; None where one of them has none.

    It is that of the rung's last epoch, by which trials are compared there; of one that is over that of its kept epoch.
    """
    metrics = metrics_of(sweep.manifest.search)
    own = [(job, own_result(sweep, job)) for job in jobs_of(sweep, number)]
    results = [
        result if not result.paused and result.epochs <= level else as_of(job.directory, result, level)
        for job, result in own
    ]
    found = [each[0] for result in results if (each := objectives(result, metrics))]
    return fmean(found) if len(found) == sweep.manifest.seeds else None


def own_epochs(sweep: Sweep, job: Job) -> int:
    """The epochs that a search gave a job, which somebody may have trained on since."""
    config = sweep.manifest.compositions[0].config if sweep.manifest.compositions else {}
    epochs = config.get("epochs")
    return planned(job.overrides, epochs if isinstance(epochs, int) else max(job.result.epochs, job.result.paused))


def own_result(sweep: Sweep, job: Job) -> Result:
    """A job as it was when the search had trained it."""
    return as_first_ended(job.directory, job.result, own_epochs(sweep, job))


def jobs_of(sweep: Sweep, number: int) -> Sequence[Job]:
    """The jobs of a trial, one for each seed."""
    return sweep.jobs[sweep.manifest.seeds * number : sweep.manifest.seeds * (number + 1)]


def levels(sweep: Sweep) -> list[int]:
    """The epochs of a search's rungs, without halving those of its longest trial."""
    most = max((own_epochs(sweep, job) for job in sweep.jobs), default=0)
    given = sweep.manifest.search
    return (
        rungs(SearchSettings(halving=given["halving"], rungs=given["rungs"]), most) if given.get("halving") else [most]
    )


def better(ours: Sequence[float], theirs: Sequence[float], directions: Sequence[Direction]) -> bool:
    """Whether a trial is at least as good by each objective, and better by one."""
    signs = [-1 if each == "maximize" else 1 for each in directions]
    pairs = [(sign * one, sign * other) for sign, one, other in zip(signs, ours, theirs, strict=False)]
    return all(one <= other for one, other in pairs) and any(one < other for one, other in pairs)
