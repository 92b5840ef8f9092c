"""A search as a file for Optuna's tools: each trial as it was told, when it was trained, what it had reached at each rung."""

from __future__ import annotations

from datetime import UTC, datetime

from nnexp.basics.search import Course, outside
from nnexp.composition.search import metrics_of, searched
from nnexp.errors import NnexpError
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import RESULT
from nnexp.plugin import Trial
from nnexp.sweep.ledger import Sweep
from nnexp.sweep.manifest import MANIFEST
from nnexp.sweep.outcome import COST, jobs_of, levels, reached, space_of, trials


def exported(sweep: Sweep) -> bytes:
    """The file's content. Raises NnexpError where there is none, or nothing to read it with."""
    if not sweep.manifest.search:
        raise NnexpError(f"'{sweep.directory}' is no search: it has no {MANIFEST} that names one.")
    space = space_of(sweep)
    found = searched(sweep.manifest.search)
    for trial in trials(sweep, space):
        for key, value in trial.values.items():
            if why := outside(value, space[key]):
                raise NnexpError(
                    f"Trial {trial.number} of '{sweep.directory}' has {key}={value}, which the search did not choose: {why}. "
                    f"Bring back its {RESULT} and {MANIFEST}."
                )
    told = [each._replace(course=course(sweep, each)) for each in trials(sweep, space)]
    objectives = dict(zip(metrics_of(sweep.manifest.search) or (COST,), found.directions, strict=True))
    made = found.plugin.exported(space, told, objectives, sweep.directory.name)
    if not made:
        raise NnexpError(f"search={found.name} has no form that Optuna's tools read.")
    return made


def course(sweep: Sweep, trial: Trial) -> Course | None:
    """How a trial went, by its journals; None where they do not say, as of a run that was reused."""
    try:
        runs = [RecordedRun.read(job.directory) for job in jobs_of(sweep, trial.number)]
    except NnexpError:
        return None
    if any(not run.ending.time for run in runs):
        return None
    began, ended = (
        datetime.fromtimestamp(moment / 1000, UTC)
        for moment in (min(run.opened.time for run in runs), max(run.ending.time for run in runs))
    )
    if not sweep.manifest.search.get("halving"):
        return Course(began, ended)
    ends, epochs = levels(sweep), max(run.last for run in runs)
    came = [level for before, level in zip([0, *ends], ends, strict=False) if epochs > before]
    found = {min(level, epochs): reached(sweep, trial.number, level) for level in came}
    rungs = {epoch: value for epoch, value in found.items() if value is not None}
    return Course(began, ended, rungs, any(job.result.paused for job in jobs_of(sweep, trial.number)))
