"""What is to be known of a ranking's numbers and of its jobs' data, beside the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from nnexp.errors import counted, listed
from nnexp.sweep.ledger import Job

MOST_NOTES = 5
"""So many notes on the data are shown."""


def remarks(jobs: Sequence[Job], metrics: Sequence[str]) -> Iterator[str]:
    """Why some of these metrics are undefined, which runs blew up, and what their data's owner should know."""
    for name in metrics:
        if any(math.isnan(job.result.metrics.get(name, 0)) for job in jobs):
            yield f"{name} is undefined for samples whose target does not vary, and comes last."
    grown = [f"#{job.number}" for job in jobs if job.result.remark]
    if grown:
        runs = listed(grown, most=10)
        yield f"Of {runs} the cost grew far beyond that of the untrained network: the learning rate is too large."
    yield from left_out(jobs)
    notes = [*dict.fromkeys(note for job in jobs for note in job.result.notes)]
    yield from (f"data: {note}" for note in notes[:MOST_NOTES])
    if len(notes) > MOST_NOTES:
        yield f"data: {counted(len(notes) - MOST_NOTES, 'more note')} in each run's result.json"


def left_out(jobs: Sequence[Job]) -> Iterator[str]:
    """Which of the sweep's words do not apply to some jobs, as their options have no such field."""
    without: dict[str, list[str]] = {}
    for job in sorted(jobs, key=lambda job: job.number):
        for line in job.overrides:
            if job.result.overrides and line not in job.result.overrides:
                without.setdefault(line, []).append(f"#{job.number}")
    for line, numbers in without.items():
        yield f"{line} does not apply to {listed(numbers, most=10)}: no such option there."
