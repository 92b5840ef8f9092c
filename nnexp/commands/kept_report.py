"""``report=true``: the report of a run or a sweep in its directory, and as an artifact in MLflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nnexp.basics.files import outputs_here, relative
from nnexp.errors import NnexpError, first_line
from nnexp.experiment.plan import part
from nnexp.experiment.settings import TrackingSettings
from nnexp.journal.recorded_run import RecordedRun
from nnexp.terminal.console import fact, note, say
from nnexp.tracking.client import worded
from nnexp.tracking.delivery import run_id_of
from nnexp.tracking.store import Store


def keep(directory: Path, run: Path, tracking: TrackingSettings | None) -> None:
    """Write the report of what is in ``directory``, and store it with the run in MLflow, of a sweep its best one.

    What does not work is told: a run without its report is a run all the same.
    """
    from nnexp.report.file import REPORT, write

    try:
        path = write(directory)
        if tracking and tracking.name != "none" and (run_id := run_id_of(run)):
            own = part(TrackingSettings, "tracking.", RecordedRun.read(run).recipe.tracking)
            chosen = replace(tracking, experiment=own.experiment)  # it may be what the sweep varies
            store = Store.connect(chosen.uri, chosen.experiment, outputs_here(), artifacts=chosen.artifacts)
            with worded("store the report", store.uri):
                store.log_files(run_id, directory, [REPORT])
    except (NnexpError, OSError) as error:
        note(f"The report is not complete: {first_line(error)}.")
        return
    for line in fact("report", relative(str(path))):
        say(line)
