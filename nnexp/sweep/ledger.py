"""What is known of a sweep: its manifest, what its jobs left, what is still to be done, and how that is told.

A job's state is read from its directory (its journal and ``result.json``), which whoever carries it out keeps true however
that process ends. The manifest has what was typed, the jobs that follow from it, and what a resumed sweep is compared with; it
is written before the first job and once more at the end, so 10,000 jobs do not rewrite it 10,000 times.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from nnexp.basics.bounded_yaml import refuse_deep
from nnexp.basics.files import MOST_BYTES, Unreadable, open_plain, relative
from nnexp.errors import NnexpError, command, counted, first_line, listed
from nnexp.experiment.checkpoint import CHECKPOINT, PREVIOUS
from nnexp.experiment.moments import MOMENTS
from nnexp.journal.journal import JOURNAL
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import RESULT, Result, read_result
from nnexp.run.start import CONFIG
from nnexp.sweep.manifest import Manifest, PlannedJob, read_manifest, write_manifest
from nnexp.sweep.states import BAD, DONE, LEFT, State, run_name, status_of
from nnexp.terminal.console import say, width, wrapped
from nnexp.tracking.delivery import PROGRESS

ATTEMPT = "failed_{}"
"""Where the files of a job that failed are kept when it is tried again."""
MOST = 10
"""Failures that are shown one by one."""
WORDS: Mapping[State, str] = {"running": "still running", "waiting": "not started"}


@dataclass(frozen=True)
class Job:
    """One job of a sweep: how it stands, and its ``result.json`` where it ended, but for the history, read when it is drawn."""

    number: int
    directory: Path
    result: Result
    state: State
    overrides: Sequence[str] = ()
    problem: str = ""
    """What is wrong with its files; empty where nothing is."""

    @property
    def finished(self) -> bool:
        """Whether it trained to its end, now or as an earlier run that is reused."""
        return self.state in DONE

    @property
    def cause(self) -> str:
        """Why it failed and what to type, in one line."""
        said = (self.problem or self.result.message or self.result.reason).splitlines()
        return said[0] if said else "no reason is known"

    @property
    def history(self) -> Mapping[str, Sequence[float]]:
        """Each metric by epoch."""
        return read_result(self.directory).history

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of a finished job. Raises Unreadable where it has none that ranking can use."""
        import yaml

        path = self.directory / CONFIG
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times faster, where PyYAML was built with it
        try:
            with open_plain(path) as file:
                text = file.read(MOST_BYTES).decode()
            refuse_deep(text)
            read = yaml.load(text, loader)  # noqa: S506
        except (OSError, ValueError, RecursionError, yaml.YAMLError, Unreadable) as error:
            raise Unreadable(f"{path} cannot be read ({first_line(error)}), so the job is not ranked.") from None
        match read:
            case {"dataset": {"name": str()}, "scale": {"target": str()}}:
                return dict(read)
        raise Unreadable(f"{path} is not what nnexp writes, so the job is not ranked.")


@dataclass(frozen=True)
class Sweep:
    """A sweep's directory, its manifest and its jobs as they stand, in order."""

    directory: Path
    manifest: Manifest
    jobs: Sequence[Job] = field(default_factory=list)

    def of(self, *states: State) -> list[Job]:
        """The jobs in these states."""
        return [job for job in self.jobs if job.state in states]

    @property
    def counts(self) -> str:
        """How many jobs stand how: ``64 jobs: 60 finished, 1 reused, 2 diverged, 1 failed``."""
        numbers = Counter(job.state for job in self.jobs)
        parts = [f"{numbers[each]:,} {WORDS.get(each, each)}" for each in get_args(State) if numbers[each]]
        paused = sum(job.state in DONE and bool(job.result.paused) for job in self.jobs)
        early = f" ({paused:,} of them paused before the last rung)" if paused else ""
        return f"{counted(len(self.jobs), 'job')}: {', '.join(parts) or 'none'}{early}"


def read(directory: Path, *, results: bool = True) -> Sweep:
    """A sweep as it stands; without ``results`` only the states, which is quick. Raises NnexpError for a torn manifest."""
    manifest = read_manifest(directory) or Manifest()
    overrides: list[Sequence[str]] = [job.overrides for job in manifest.jobs]
    if not manifest.grid:  # its sweeper chose the jobs as it went
        there = len([path for path in directory.iterdir() if path.name.isdigit()])
        overrides = [()] * max(there, manifest.trials * manifest.seeds)
    jobs = []
    for number, own in enumerate(overrides):
        place = directory / str(number)
        stands = status_of(place)
        result = replace(stands.result, history={}) if results else Result()  # a thousand of them are small without
        lines = own or result.overrides or (begun_with(place) if results and (place / JOURNAL).exists() else ())
        jobs.append(Job(number, place, result, stands.state, lines, stands.problem))
    return Sweep(directory, manifest, jobs)


def begun_with(place: Path) -> Sequence[str]:
    """The overrides that a job began with, as its journal says; none where that cannot be read."""
    try:
        return RecordedRun.read(place).recipe.place.overrides
    except (NnexpError, OSError):
        return ()


def close(sweep: Sweep) -> None:
    """Bring the manifest's states up to date; one that says so already is not written to."""
    jobs = tuple(PlannedJob(tuple(job.overrides), job.state) for job in sweep.jobs)
    if jobs != sweep.manifest.jobs or not jobs:
        write_manifest(sweep.directory, replace(sweep.manifest, jobs=jobs))


def todo(directory: Path) -> dict[int, Literal["train", "continue"]]:
    """The jobs of a sweep that are to be carried out: those that nobody began, and those that were interrupted."""
    found: dict[int, Literal["train", "continue"]] = {}
    for job in read(directory, results=False).jobs:
        if job.state in ("waiting", "killed"):
            found[job.number] = "train" if job.state == "waiting" else "continue"
    return found


def set_aside(directory: Path) -> Path:
    """Move what a job left into a folder of its own, so that it begins anew; ``result.json``, which says how, at last."""
    number = 1
    while (attempt := directory / ATTEMPT.format(number)).exists():
        number += 1
    attempt.mkdir()
    for name in (JOURNAL, PROGRESS, CHECKPOINT, PREVIOUS, MOMENTS, RESULT):
        if (directory / name).exists():
            (directory / name).replace(attempt / name)
    return attempt


def show_problems(sweep: Sweep) -> None:
    """Name the files that cannot be read of jobs that did not fail; those of failed ones are told as their cause."""
    named = [job for job in sweep.jobs if job.problem and job.state not in BAD]
    for job in named[:MOST]:
        for line in wrapped(f"#{job.number} {job.problem}", width()):
            say(line)
    if len(named) > MOST:
        say(f"and files of {counted(len(named) - MOST, 'job')} more")


def show(sweep: Sweep, store: str) -> None:
    """Print the ledger: the counts, each failure with its cause and the command that runs it again, what to type for all.

    ``store`` is what has to be typed behind that, to find its store again.
    """
    say("")
    for line in wrapped(sweep.counts, width()):
        say(line)
    show_problems(sweep)
    alike: dict[str, list[Job]] = {}
    for job in sweep.of(*BAD):
        alike.setdefault(re.sub(r"[\d.]+(e[-+]?\d+)?", "0", f"{job.state} {job.cause}"), []).append(job)
    each = 1 if sweep.manifest.search else max(1, MOST // max(1, len(alike)))
    for group in list(alike.values())[:MOST]:
        for job in group[:each]:
            show_failure(job, sweep)
        if len(group) > each:
            more = listed([f"#{job.number}" for job in group[each:]], most=8)
            say(f"and {counted(len(group) - each, 'job')} {group[0].state} for the same reason: {more}")
    if len(alike) > MOST:
        more = listed([f"#{job.number}" for group in list(alike.values())[MOST:] for job in group], most=8)
        say(f"and others, whose reasons are in their {RESULT}: {more}")
    here = relative(str(sweep.directory))
    if sweep.manifest.grid or sweep.manifest.search:
        if sweep.of(*LEFT):
            most = sweep.manifest.search.get("max_failures")
            spent = most and len(sweep.of(*BAD)) >= most * sweep.manifest.seeds
            without = ["search.max_failures=null"] if spent else []
            say(f"finish   {command('resume', here, *without)}{store}")
        if sweep.of(*BAD) and sweep.manifest.grid:  # a failure is an answer to a search
            say(f"retry    {command('resume', here, '--failed')}{store}")


def show_failure(job: Job, sweep: Sweep) -> None:
    """Print which job failed, why, and what runs it again by itself."""
    say(f"#{job.number} {job.state}: {run_name(sweep.directory, job.overrides)}")
    for line in wrapped(job.cause, width() - 3):
        say(f"   {line}")
    words = ["python", "-m", "nnexp", *sweep.manifest.alone, *job.overrides]
    for line in typed(words, width() - 3):
        say(f"   {line}")


def typed(words: Sequence[str], columns: int) -> Iterator[str]:
    """A command as a shell takes it, in lines that fit where its words do."""
    line = ""
    for word in map(shlex.quote, words):
        if line and len(line) + len(word) + 3 > columns:
            yield f"{line} \\"
            line = f"    {word}"
        else:
            line = f"{line} {word}" if line else word
    yield line
