"""The finished jobs of a sweep, compared: which metric compares them, a table, a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nnexp.basics.files import Unreadable
from nnexp.errors import counted
from nnexp.run.identity import brief, short, with_options
from nnexp.sweep import effects
from nnexp.sweep.grid import Points, Setting, among, points, setting_name, settings
from nnexp.sweep.ledger import MOST, Job
from nnexp.sweep.luck import luck, sentences
from nnexp.sweep.manifest import Manifest
from nnexp.sweep.remarks import remarks
from nnexp.sweep.states import key_of
from nnexp.sweep.yardstick import Yardstick, of_search, yardstick
from nnexp.terminal.console import measured, note, say, shown, spoken, width, wrapped
from nnexp.terminal.table import table


@dataclass(frozen=True)
class Ranking:
    """Jobs that compare, best first, and what by. ``dataset`` tells it from the sweep's other rankings, if there are any."""

    jobs: Sequence[Job]
    measure: Yardstick
    dataset: str = ""
    settings: Sequence[Setting] = ()
    """The jobs by setting, best first, where the seed was swept."""
    grid: Points = field(default_factory=dict)
    also: Sequence[str] = ()
    """Metrics that are to be shown beside (``sweep.show``)."""

    @property
    def beside(self) -> list[str]:
        """Those that the table has not in any case."""
        return [name for name in self.also if name not in compared(self)]

    @property
    def winner(self) -> Job:
        """The best run; of a search over several seeds the best one of its best trial."""
        return self.settings[0].finished[0] if self.settings and not self.grid else self.jobs[0]

    @property
    def paused(self) -> bool:
        """Whether a search let some runs end before the others, which come first then."""
        return any(job.result.paused for job in self.jobs)

    @property
    def compares_settings(self) -> bool:
        """Whether there is something to compare beside the seeds."""
        return any(setting.name for setting in self.settings)


def rankings(done: Sequence[Job], manifest: Manifest) -> list[Ranking]:
    """One ranking of all finished jobs; where no metric is common to them, such as of different tasks, one for each dataset.

    A job whose configuration cannot be read is left out, and named.
    """
    finished = comparable([job for job in done if job.finished])
    if not finished:
        return []
    grid = {} if manifest.search else points(manifest)
    common = of_search(finished, manifest) or yardstick(finished)
    if common and manifest.seeds > 1:
        by_trial = ranked(finished, common, "", done, searched_points(done, manifest))
        return [replace(by_trial, grid={})]  # it is none that effects could be seen in
    if common:
        return [ranked(finished, common, "", done, grid)]
    groups: dict[str, list[Job]] = {}
    for job in finished:
        groups.setdefault(dataset_name(job, finished), []).append(job)
    found = []
    for name, group in groups.items():
        measure = yardstick(group)
        if measure:  # a dataset has one task, and a task one set of metrics, unless somebody has changed a result
            found.append(ranked(group, measure, name, done, grid))
    return found


def searched_points(done: Sequence[Job], manifest: Manifest) -> Points:
    """The values of a search's jobs, the seeds among them."""
    return {
        job.number: {key_of(line): line.partition("=")[2] for line in job.overrides if key_of(line) in manifest.swept}
        for job in done
    }


def comparable(jobs: Sequence[Job]) -> list[Job]:
    """Those whose configuration can be read; the others are named, the first few of many."""
    found, problems = [], []
    for job in jobs:
        try:
            if job.config:
                found.append(job)
        except Unreadable as error:
            problems.append(f"#{job.number}: {error}")
    for problem in problems[:MOST]:
        note(problem)
    if len(problems) > MOST:
        note(f"and {counted(len(problems) - MOST, 'job')} more like these")
    return found


def ranked(jobs: Sequence[Job], measure: Yardstick, dataset: str, done: Sequence[Job], grid: Points) -> Ranking:
    """The jobs, and their settings if the seed was swept, best first.

    Settings of which a seed is missing come after the complete ones, those that miss most last: what diverges on some seeds
    is of no use, and a mean over the seeds it got through would look better than it is.
    """
    best_first = sorted(jobs, key=measure.place)
    here = {job.number for job in jobs}
    own = among(grid, here, [job.number for job in done if job.finished and job.number not in here])
    by_seed = settings(own, done, best_first)
    ordered = sorted(by_seed, key=lambda each: (each.missing, measure.rank(each.mean(measure.name))))
    return Ranking(best_first, measure, dataset, ordered, own)


def dataset_name(job: Job, others: Sequence[Job]) -> str:
    """A job's dataset in words, with the options that tell it from datasets of the same name: ``csv (path a.csv)``."""
    own = job.config["dataset"]
    alike = [other.config["dataset"] for other in others if other.config["dataset"]["name"] == own["name"]]
    telling = {key: value for key, value in own.items() if any(other[key] != value for other in alike)}
    return with_options({"name": own["name"]} | telling)


def show(ranking: Ranking, most: int = 20) -> None:
    """Print a ranking: a table of its settings, or of its runs, and the effects of what was swept."""
    if ranking.compares_settings:
        show_settings(ranking, most)
    else:
        show_runs(ranking, most)
    for line in remarks(ranking.jobs, compared(ranking)):
        for part in wrapped(line, width()):
            say(part)
    show_effects(ranking)


def show_runs(ranking: Ranking, most: int) -> None:
    """A table of the runs with all metrics of the samples that they are compared on; of seeds alone, how much they differ."""
    jobs = ranking.jobs[:most]
    metrics = compared(ranking)
    heads = [*(name.partition("/")[0] for name in metrics), *map(spoken, ranking.beside)]
    columns = ["", "job", "run", *heads, *(["epochs"] if ranking.paused else []), "best epoch", "training"]
    rows = [
        [
            str(place),
            f"#{job.number}",
            name,
            *(cell(job.result.metrics.get(each), each) for each in (*metrics, *ranking.beside)),
            *([str(job.result.epochs)] if ranking.paused else []),
            str(job.result.best_epoch),
            f"{job.result.training_seconds:.2f} s",
        ]
        for place, (job, name) in enumerate(
            zip(jobs, map(brief, short([job.result.name for job in jobs])), strict=True), 1
        )
    ]
    say("")
    table(columns, rows, title=title(ranking, counted(len(ranking.jobs), "run"), ranking.measure.name))
    rest(ranking.jobs, most)
    for setting in ranking.settings:
        if len(setting.finished) > 1:
            values = ", ".join(f"{each.partition('/')[0]} {spread_out(setting, each)}" for each in metrics)
            interval = setting.interval(ranking.measure.name)
            ends = f"; 95% interval of the mean {ranking.measure.name} {interval}" if interval else ""
            words = f"mean and standard deviation over {len(setting.finished)} seeds: {values}{ends}"
            for line in wrapped(words, width()):
                say(line)


def show_settings(ranking: Ranking, most: int) -> None:
    """A table of the settings: the means over their seeds, the spread of what compares them, the best run of each."""
    name = ranking.measure.name
    first = ranking.settings[:most]
    others = [*(each for each in compared(ranking) if each != name), *ranking.beside]
    heads = [spoken(each) if each in ranking.beside else each.partition("/")[0] for each in (name, *others)]
    columns = ["", "setting", heads[0], "sd", "+- 95%", *heads[1:], "seeds", "best"]
    rows = [
        [
            str(place),
            words,
            shown(setting.mean(name)),
            "" if math.isnan(setting.spread(name)) else f"{setting.spread(name):.2g}",
            f"{interval.half:.2g}" if (interval := setting.interval(name)) else "",
            *(cell(setting.mean(each) if setting.has(each) else None, each) for each in others),
            setting.seeds(),
            f"#{setting.finished[0].number}",
        ]
        for place, (setting, words) in enumerate(
            zip(first, map(brief, short([each.name for each in first])), strict=True), 1
        )
    ]
    say("")
    what = f"{counted(len(ranking.settings), 'setting')} ({counted(len(ranking.jobs), 'run')})"
    table(columns, rows, title=title(ranking, what, f"the mean {name} over seeds"))
    rest(ranking.settings, most)
    none = len({setting_name(point) for point in ranking.grid.values()}) - len(ranking.settings)
    if none > 0:
        say(f"and {counted(none, 'setting')} of which no seed finished")
    if any(setting.missing for setting in ranking.settings):
        say("Settings of which a seed is missing come last: the mean of the others flatters them.")
    best = ranking.jobs[0]
    words = f"best single run: #{best.number} {brief(short([best.result.name])[0])}, {name} {shown(ranking.measure.of(best))}"
    for line in wrapped(words, width()):
        say(line)
    show_luck(ranking)


def show_luck(ranking: Ranking) -> None:
    """Say whether the best setting is distinguishable from the next."""
    if not ranking.grid:
        return
    measure = ranking.measure
    found = luck(ranking.settings, ranking.grid, measure.name, higher=measure.higher)
    if found is None:
        return
    names = [each.name for each in ranking.settings]
    for sentence in sentences(found, dict(zip(names, short(names), strict=True))):
        for line in wrapped(sentence, width()):
            say(line)


def cell(value: float | None, name: str) -> str:
    """A metric in a table; nothing where the run has none."""
    return "" if value is None else measured(name, value)


def spread_out(setting: Setting, metric: str) -> str:
    """The mean and the standard deviation of a metric over a setting's seeds."""
    mean = setting.mean(metric)
    return shown(mean) if math.isnan(mean) else f"{mean:.4g} +- {setting.spread(metric):.2g}"


def show_effects(ranking: Ranking) -> None:
    """What each swept key does to the metric that compares, where the sweep is a grid of more than one."""
    values = {job.number: ranking.measure.of(job) for job in ranking.jobs}
    found = effects.effects(values, ranking.grid, cost=not ranking.measure.higher)
    if found:
        keys = next(iter(ranking.grid.values()))
        effects.show(found, ranking.measure.name, {key: short([f"{key}="])[0].rstrip("=") for key in keys})


def compared(ranking: Ranking) -> list[str]:
    """The metrics of the samples that a ranking's jobs are compared on."""
    names = dict.fromkeys(name for job in ranking.jobs for name in job.result.metrics)
    return [name for name in names if is_of(name, ranking.measure.part)]


def title(ranking: Ranking, what: str, measure: str) -> str:
    """A table's title: what is ranked, by what, and why not by the cost."""
    of = f" of {ranking.dataset}" if ranking.dataset else ""
    differing = ranking.measure.differing
    why = f"; costs of different {differing} do not compare" if differing else ""
    first = "those first that were trained furthest, then " if ranking.paused else ""
    return f"{what}{of}, {first}best first by {measure}{why}"


def rest(ranked: Sequence[object], most: int) -> None:
    """Say how many the table leaves out."""
    if len(ranked) > most:
        say(f"and {len(ranked) - most} more")


def is_of(metric: str, part: str) -> bool:
    """Whether a metric, such as ``cost/validation``, was measured on ``part``."""
    return metric.endswith(f"/{part}")
