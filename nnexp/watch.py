"""What the process of a sweep does while its jobs train in others: it counts them, and feeds MLflow from their journals."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from omegaconf import DictConfig

from nnexp import app, ledger, sweep
from nnexp.composition import plain
from nnexp.curve import draw_missing
from nnexp.progress import SweepProgress
from nnexp.run import store_uri
from nnexp.settings import TrackingSettings
from nnexp.tracking.address import masked
from nnexp.tracking.database import in_order
from nnexp.tracking.deliveries import Deliveries
from nnexp.tracking.journal import JOURNAL
from nnexp.tracking.result import read_result
from nnexp.tracking.store import Store
from nnexp.tracking.waiting import embedded, entries

LAST_SECONDS = 0.4
"""What is left for MLflow after Ctrl-C or SIGTERM."""


class Watch:
    """Accompanies the jobs of one launch; the launcher tells it what begins and ends."""

    def __init__(self, config: DictConfig, numbers: Collection[int]) -> None:
        assert sweep.Recorder.directory is not None
        self.directory = sweep.Recorder.directory
        self.fail_fast = bool(config.sweep.fail_fast)
        resumed = sweep.Recorder.resumed is not None
        self.wanted = set(ledger.todo(self.directory)).intersection(numbers) if resumed else set(numbers)
        self.deliveries = deliveries(TrackingSettings(**plain(config)["tracking"]), self.note)
        self.progress = SweepProgress(len(numbers), len(numbers) - len(self.wanted))

    @property
    def enter(self) -> Callable[[], None]:
        """What a worker does first."""
        return app.enter_worker

    def wants(self, number: int) -> bool:
        """Whether a job is to run; what is done in a resumed sweep is not."""
        return number in self.wanted

    def value(self, number: int) -> float:
        """What Hydra gets for a job that did not run now."""
        return float(read_result(self.place(number)).get("objective", math.nan))

    def place(self, number: int) -> Path:
        """A job's directory."""
        return self.directory / str(number)

    def begun(self, number: int) -> None:
        """A worker has the job now."""
        self.progress.begun()
        if self.deliveries:
            self.deliveries.begun(self.place(number))

    def ended(self, number: int, status: JobStatus, value: Any) -> tuple[float, bool]:
        """A job has ended; what Hydra gets for it, and whether other jobs are to begin."""
        objective = float(value) if status == JobStatus.COMPLETED else math.nan
        failed = math.isnan(objective)
        if status != JobStatus.COMPLETED and ledger.state(self.place(number)) == "waiting":
            sweep.write_failure(self.place(number), value)  # it failed before it could train
        if self.deliveries:
            self.deliveries.ended(self.place(number))
        self.progress.ended(number, objective, failed=failed)
        return objective, not (failed and self.fail_fast)

    def note(self, line: str) -> None:
        """Say what the user should know while the sweep goes on."""
        self.progress.note(line)

    def stopped(self) -> None:
        """The sweep was interrupted or terminated: there is little time."""
        self.progress.close()
        if self.deliveries:
            self.deliveries.close(LAST_SECONDS)

    def close(self) -> None:
        """All jobs have ended: wait for MLflow."""
        try:
            self.progress.recording()
            for words in self.deliveries.close() if self.deliveries else ():
                self.note(words)
        finally:
            self.progress.close()


def deliveries(tracking: TrackingSettings, warn: Callable[[str], None]) -> Deliveries | None:
    """The thread that feeds MLflow, also with the runs that wait from before; None for ``tracking=none``.

    Raises NnexpError where the store does not answer. Importing MLflow takes seconds, in which the first jobs train already if
    it is the embedded database and that looks as it should.
    """
    if tracking.name == "none":
        return None
    outputs = Path.cwd() / "outputs"
    uri = store_uri(tracking, outputs)
    if uri != embedded(outputs) or not in_order(outputs, tracking.experiment):
        Store.connect(tracking.uri, tracking.experiment, outputs)
    made = Deliveries(uri, tracking.experiment, outputs, before=draw_missing, warn=warn)
    for entry in entries(outputs):
        if entry.uri == masked(uri) and not ledger.is_alive(entry.directory / JOURNAL):
            made.ended(entry.directory)
    return made
