"""What a sweep's finished jobs amount to, ranked and drawn.

It is drawn beside the rest of a sweep's end, in a process forked from the workers' server, which has matplotlib imported: to
import it and to draw takes a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from nnexp.composition.search import known_metrics
from nnexp.errors import NnexpError, did_you_mean, first_line, listed
from nnexp.pictures.comparison import compared
from nnexp.run.timing import NAMES
from nnexp.sweep import ledger, states
from nnexp.sweep.outcome import of_search
from nnexp.sweep.panels import panels
from nnexp.sweep.ranking import Ranking, rankings
from nnexp.sweep.states import key_of
from nnexp.terminal.console import note

COMPARISON = "comparison.png"


def refuse_unknown(show: Sequence[str], *, timed: bool) -> None:
    """Refuse metrics (``sweep.show``) that no run can have; ``timed``: whether some may have times. Raises NnexpError."""
    there = [*known_metrics(), "learning_rate", *NAMES]
    for name in show:
        if name not in there:
            raise NnexpError(f"{no_such(name, there)} There are {listed(there, most=30)}.")
        if name in NAMES and not timed:
            raise NnexpError(
                f"sweep.show: what takes how long, as '{name}', is measured with timing=true. Type timing=true"
            )


def no_such(name: str, there: Sequence[str]) -> str:
    """That no run has a metric, and which one may be meant."""
    return f"sweep.show: no run has the metric '{name}'.{did_you_mean(name, there)}"


def ranked(sweep: ledger.Sweep, show: Sequence[str] = ()) -> list[Ranking]:
    """The rankings of the sweep's finished jobs, the failed ones told of; ``show`` are metrics to be shown beside."""
    found = rankings(sweep.of(*states.DONE, *states.BAD, "killed"), sweep.manifest)
    there = list(dict.fromkeys(name for each in found for job in each.jobs for name in job.result.metrics))
    for name in show if found else ():
        if name not in there:
            note(f"{no_such(name, there)} There are {listed(there, most=20)}.")
    return [replace(each, also=tuple(name for name in show if name in there)) for each in found]


def drawn(sweep: ledger.Sweep, found: Sequence[Ranking]) -> AbstractContextManager[None]:
    """Draw the comparison of the sweep's runs while the block goes on. Where that fails, a note says so."""
    if not found:
        return nullcontext()
    fixed = [line for line in sweep.manifest.overrides if key_of(line) not in sweep.manifest.swept]

    def failed(error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {first_line(error)}"
        note(f"The picture {sweep.directory.name}/{COMPARISON} could not be drawn: {why}.")

    title = " ".join(fixed) or sweep.directory.name
    return compared([*panels(found, title), *of_search(sweep)], sweep.directory / COMPARISON, failed)
