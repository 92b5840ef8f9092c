"""A sweep before it is started: its jobs, which of them are done already, and what the others would cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnexp.errors import NnexpError, counted, first_line
from nnexp.experiment.experiment import prepare
from nnexp.experiment.settings import TrackingSettings, check
from nnexp.run.identity import key
from nnexp.terminal.console import note, say, width, wrapped
from nnexp.terminal.progress import waiting
from nnexp.tracking.choice import chosen_uri
from nnexp.tracking.store import Store

SHOWN = 20
"""Jobs that are listed one by one."""
SAMPLES = 6
"""Jobs that are tried out."""
LONG_ENOUGH = 0.2
"""Seconds for which one of them is trained, at least one epoch."""


@dataclass(frozen=True)
class Candidate:
    """A job that would be started: its number, its name among the others, its overrides, and how it is checked or composed."""

    number: int
    name: str
    overrides: Sequence[str]
    check: Callable[[], object]
    compose: Callable[[], Mapping[str, Any]]


def show(jobs: Iterator[Candidate], total: int, workers: int, outputs: Path) -> None:
    """Print a sweep's jobs and what they would cost; nothing is written. Raises NnexpError for a job that is refused.

    Where no run is finished yet that could be a job's, only so many jobs are checked that every override is in one of them.
    """
    tried = set(np.random.default_rng(0).choice(total, min(SAMPLES, total), replace=False).tolist())
    keys: Mapping[str, str] | None = None
    samples, seen, done, skipped = {}, set[str](), 0, 0
    with ExitStack() as until_all_are_checked:
        for job in jobs:
            if job.number == SHOWN:
                until_all_are_checked.enter_context(waiting(f"checking {counted(total, 'job')}"))
            run = ""
            if keys or keys is None or job.number in tried:
                config = job.compose()
                keys = finished(check(config)[1], outputs) if keys is None else keys
                run = answer(job.number, config, keys)
                done += bool(run)
                skipped += bool(run and config["reuse"])
                if job.number in tried:
                    samples[job.number] = config
            elif not seen.issuperset(job.overrides):
                job.check()
            seen.update(job.overrides)
            if job.number < SHOWN:
                say(f"#{job.number} {job.name}{f'  (done: run {run[:8]})' if run else ''}")
    if total > SHOWN:
        say(f"and {total - SHOWN:,} more")
    say("")
    seconds = [spent for spent in map(price, samples, samples.values()) if spent is not None]
    for line in wrapped(summary(total, done, skipped, workers, seconds), width()):
        say(line)


def finished(tracking: TrackingSettings, outputs: Path) -> Mapping[str, str]:
    """The keys of the finished runs of the experiment, each with its run; none where there is no store yet."""
    if tracking.name == "none" or not (chosen_uri(tracking.uri) or (outputs / "mlflow.db").exists()):
        return {}
    try:
        store = Store.connect(tracking.uri, tracking.experiment, outputs, artifacts=tracking.artifacts, existing=True)
        return store.finished_keys()
    except NnexpError as error:
        note(f"Which jobs are done already is not known: {first_line(error)}.")
        return {}


def answer(number: int, config: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    """The finished run with the job's key; empty where there is none."""
    try:
        return keys.get(key(prepare(check(config)[0])), "") if keys else ""
    except NnexpError as error:
        note(f"#{number} would fail: {first_line(error)}.")
        return ""


def price(number: int, config: Mapping[str, Any]) -> float | None:
    """The seconds that training the job would take, from a few of its epochs; None where it fails."""
    try:
        experiment = prepare(check(config)[0])
        began = time.perf_counter()
        for epoch in experiment.epochs():
            if time.perf_counter() - began >= LONG_ENOUGH or epoch.number >= 20:
                break
    except NnexpError as error:
        note(f"#{number} would fail: {first_line(error)}.")
        return None
    return experiment.seconds / experiment.history[-1].number * experiment.plan.settings.epochs


def summary(total: int, done: int, skipped: int, workers: int, seconds: Sequence[float]) -> str:
    """How many jobs, how many are done, and about how long the training of the others would take."""
    words = f"{counted(total, 'job')}; nothing was trained or written"
    if done:
        words += f". {done:,} of them {'is' if done == 1 else 'are'} done already" + (
            "" if skipped else " (reuse=true takes their numbers instead of training again)"
        )
    if seconds:
        left = total - skipped
        spent = sum(seconds) / len(seconds) * left / min(workers, max(left, 1))
        what = "The rest" if skipped else "All"
        words += f". {what} would be about {duration(spent)} of training on {counted(workers, 'worker')}"
    return f"{words}."


def duration(seconds: float) -> str:
    """``0.4 s``, ``40 s``, ``12 min``, ``3.5 h``: about."""
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
