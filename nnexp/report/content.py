"""What is in a sweep's report: ranking, chart, effects, what failed, how it is made again, versions and data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nnexp.basics.files import relative
from nnexp.comparison.differences import COMMIT, versions_of
from nnexp.comparison.reading import jobs_in
from nnexp.errors import command, counted
from nnexp.journal.facts import Facts
from nnexp.report.charts import of_sweep
from nnexp.report.page import Chart, Code, Grid, Part, Section
from nnexp.run.identity import short
from nnexp.sweep import effects, ledger
from nnexp.sweep.luck import luck, sentences
from nnexp.sweep.picture import ranked
from nnexp.sweep.ranking import Ranking, compared, title
from nnexp.sweep.states import BAD
from nnexp.terminal.console import measured, shown

MOST_FAILURES = 200


def of(directory: Path) -> tuple[str, str, list[Section]]:
    """Title, line below it and sections of the report of the sweep in a directory, as far as it is."""
    found = ledger.read(directory)
    runs = dict(enumerate(jobs_in(directory).runs))
    sections: list[Section] = []
    for ranking in ranked(found):
        sections += of_ranking(ranking, runs)
    sections += [*failures(found, runs), again(found), origins(list(runs.values()))]
    typed = " ".join(found.manifest.overrides) or directory.name
    began = found.manifest.made.replace("T", " ").partition("+")[0]
    return f"Sweep: {typed}", f"{found.counts}; began {began}; {relative(str(directory))}", sections


def of_ranking(ranking: Ranking, runs: dict[int, Facts]) -> Iterator[Section]:
    """A ranking: its settings, whether it is luck, its runs; their chart; the effects."""
    of = f" ({ranking.dataset})" if ranking.dataset else ""
    parts: list[Part] = []
    if ranking.compares_settings:
        parts.append(settings_grid(ranking))
        names = [each.name for each in ranking.settings]
        higher = ranking.measure.higher
        if lucky := luck(ranking.settings, ranking.grid, ranking.measure.name, higher=higher):
            parts.append(" ".join(sentences(lucky, dict(zip(names, short(names), strict=True)))))
    parts.append(runs_grid(ranking))
    yield Section(f"Ranking by {ranking.measure.name}{of}", parts)
    words = (
        "Learning curves, the runs, and what was varied. Pointing at a run shows it in all three, clicking keeps it, the box "
        "hides all others; a click beside shows all again."
    )
    if not of:  # one chart a page: runs of several tasks have no metric in common
        yield Section(
            "Curves", [Chart(of_sweep(charted(ranking, runs), ranking.measure.name, varied(ranking, runs)), words)]
        )
    yield from of_effects(ranking)


def settings_grid(ranking: Ranking) -> Grid:
    """Means over seeds."""
    name = ranking.measure.name
    others = [each for each in compared(ranking) if each != name]
    rows = []
    for place, (setting, words) in enumerate(
        zip(ranking.settings, short([each.name for each in ranking.settings]), strict=True), 1
    ):
        interval = setting.interval(name)
        ends = (shown(interval.low, 3), shown(interval.high, 3)) if interval else ("", "")
        means = [measured(each, setting.mean(each)) if setting.has(each) else "" for each in others]
        rows.append([str(place), words, shown(setting.mean(name)), *ends, *means, setting.seeds()])
    columns = ["", "setting", f"mean {name}", "95% from", "to", *others, "seeds"]
    return Grid("Settings, best first by the mean over their seeds, with the 95% interval of the mean", columns, rows)


def runs_grid(ranking: Ranking) -> Grid:
    """All runs, best first."""
    names = compared(ranking)
    rows = []
    for place, (job, words) in enumerate(
        zip(ranking.jobs, short([job.result.name for job in ranking.jobs]), strict=True), 1
    ):
        values = [measured(each, job.result.metrics[each]) if each in job.result.metrics else "" for each in names]
        epochs = [str(job.result.epochs)] if ranking.paused else []
        seconds = f"{job.result.training_seconds:.2f}"
        rows.append([str(place), f"#{job.number}", words, *values, *epochs, str(job.result.best_epoch), seconds])
    columns = ["", "job", "run", *names, *(["epochs"] if ranking.paused else []), "best epoch", "seconds"]
    return Grid(title(ranking, "Runs", ranking.measure.name), columns, rows)


def charted(ranking: Ranking, runs: dict[int, Facts]) -> list[tuple[int, str, str, Facts]]:
    """The runs of a ranking as the chart takes them."""
    of = {job.number: setting.name for setting in ranking.settings for job in setting.finished}
    names = short([job.result.name for job in ranking.jobs])
    settings = short([of.get(job.number, "") or job.result.name for job in ranking.jobs])
    return [
        (job.number, f"#{job.number} {name}", setting, runs[job.number])
        for job, name, setting in zip(ranking.jobs, names, settings, strict=True)
    ]


def varied(ranking: Ranking, runs: dict[int, Facts]) -> list[str]:
    """The keys whose values differ between the runs, the seed last."""
    of = [runs[job.number].params for job in ranking.jobs]
    keys = [key for key in dict.fromkeys(key for each in of for key in each) if len({each.get(key) for each in of}) > 1]
    return sorted(keys, key=lambda key: key == "seed")


def of_effects(ranking: Ranking) -> Iterator[Section]:
    """What each factor does, where the sweep is a grid of several."""
    values = {job.number: ranking.measure.of(job) for job in ranking.jobs}
    found = effects.effects(values, ranking.grid, cost=not ranking.measure.higher)
    if not found:
        return
    rows = [[each.factor, ", ".join(effects.texts(each)), effects.percent(each.share)] for each in found.factors]
    if found.together is not None:
        rows.append(["", "how they act together", effects.percent(found.together)])
    mean = "geometric mean" if found.by_ratio else "mean"
    caption = f"Effect of each factor on {ranking.measure.name} ({mean} over all else)"
    parts: list[Part] = [Grid(caption, ["factor", "mean at each value, best first", "explains"], rows)]
    if found.gaps:
        left = ", ".join(f"{gap.key}={gap.value} ({gap.missing} of {gap.planned} runs missing)" for gap in found.gaps)
        parts.append(f"Left out, so that all means are of the same runs: {left}.")
    yield Section("Effects", parts)


def failures(found: ledger.Sweep, runs: dict[int, Facts]) -> Iterator[Section]:
    """What did not finish, and why."""
    bad = [job for job in found.jobs if not job.finished]
    if not bad:
        return
    rows = []
    for job in bad[:MOST_FAILURES]:
        run = runs.get(job.number)  # none of a trial that is still to be chosen
        why = job.cause if job.state in BAD or run is None else run.reason
        rows.append([f"#{job.number}", job.state, " ".join(job.overrides), why])
    more = f", the first {MOST_FAILURES} of {len(bad)}" if len(bad) > MOST_FAILURES else ""
    yield Section("What did not finish", [Grid(f"Runs without a result{more}", ["job", "state", "run", "why"], rows)])


def again(found: ledger.Sweep) -> Section:
    """The commands that make the sweep and its best run again."""
    manifest = found.manifest
    words = [*manifest.options, "-m", *manifest.overrides]
    lines = [command(*words)]
    finished = [job for job in found.jobs if job.finished]
    if finished:
        lines += ["", "# one of its runs alone", command(*manifest.alone, *finished[0].overrides)]
        lines += ["", "# is it the same, trained again?", command("verify", relative(str(finished[0].directory)))]
    return Section("How it is made again", [Code(lines)])


def origins(runs: Sequence[Facts]) -> Section:
    """Versions, commits and the data's digests of the runs."""
    rows = []
    seen: dict[str, list[str]] = {}
    for run in runs:
        told = {key: str(value) for key, value in versions_of(run).items()}
        if run.tags.get(COMMIT):
            told["git commit"] = run.tags[COMMIT]
        if run.tags.get("nnexp.engine"):
            told["engine"] = run.tags["nnexp.engine"]
        if run.data:
            told[f"data {run.data.name}"] = f"{counted(run.data.n_samples, 'sample')}, digest {run.data.digest}"
        for key, value in told.items():
            if value not in seen.setdefault(key, []):
                seen[key].append(value)
    rows = [[key, "; ".join(values)] for key, values in seen.items()]
    return Section("Versions and data", [Grid("What the runs were made with", ["what", "which"], rows)])
