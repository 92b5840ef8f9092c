"""Telling MLflow what a journal says: in order, in batches, each piece exactly once however often it is interrupted.

How far it has come is kept in ``delivery.json`` beside the journal. It lags behind where a process is killed between the two;
what is then told a second time changes nothing, since MLflow drops a metric point that equals one it has, and parameters, tags,
artifacts and the status are what they were.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.files import replace_json
from nnexp.tracking.journal import JOURNAL, end, read
from nnexp.tracking.store import DataRecord, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow.entities import Metric

PROGRESS = "delivery.json"
BATCH = 1000
"""Metric points per call: MLflow's limit."""


class Delivery:
    """The way of one run's journal into its MLflow run. Methods raise whatever the store's client raises."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.directory = directory
        self.run_id = ""
        """MLflow's id of the run; empty until it was created there."""
        self._offset = 0
        self.look()

    def look(self) -> None:
        """Take over the progress that another process has made."""
        try:
            known = json.loads((self.directory / PROGRESS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        self.run_id, self._offset = known["run"], known["bytes"]

    @property
    def complete(self) -> bool:
        """Whether MLflow has everything."""
        return self._offset >= end(self.directory / JOURNAL)

    def all(self) -> None:
        """Tell everything that is not told yet."""
        while self.advance():
            pass

    def advance(self) -> bool:
        """Tell the next piece: a batch of metric points, or one record of another kind. False where there is none."""
        points: list[Metric] = []
        behind = self._offset
        for record, after in read(self._durable(), self._offset):
            if "metrics" not in record:
                if not points:
                    self._tell(record)
                    behind = after
                break
            new = list(_points(record))
            if points and len(points) + len(new) > BATCH:
                break
            points += new
            behind = after
        if points:
            self.store.client.log_batch(self.run_id, metrics=points)
        if behind == self._offset:
            return False
        self._offset = behind
        self._save()
        return True

    def created(self, run_id: str) -> None:
        """Note that the run was created in MLflow just now, with all that the journal's first record says."""
        self.run_id = run_id
        _, self._offset = next(read(self.directory / JOURNAL))
        self._save()

    def mark(self) -> None:
        """Tell how the run ended before anything else is told: for the case that there is no time for more."""
        last = [record for record, _ in read(self.directory / JOURNAL, self._offset) if "ended" in record]
        if last and self.run_id:
            self._tell(last[-1])

    def _durable(self) -> Path:
        """The journal, forced onto the disk: MLflow never holds what a power failure takes from the journal."""
        path = self.directory / JOURNAL
        with path.open("rb") as file:
            os.fsync(file.fileno())
        return path

    def _tell(self, record: Mapping[str, Any]) -> None:
        client = self.store.client
        match record:
            case {"opened": opened}:
                self._open(opened)
            case {"artifact": str(name)}:
                path = self.directory / Path(name).name
                if path.exists():
                    client.log_artifact(self.run_id, str(path))
            case {"model": requirements, "anew": anew}:
                if anew or not self.store.has_model(self.run_id):
                    self.store.log_model(self.run_id, self.directory, requirements)
            case {"resumed": _, "epochs": epochs, "key": key}:
                self.store.go_on(self.run_id, epochs, key)
            case {"ended": status, "reason": reason, "time": time}:
                if reason:
                    self.store.tag(self.run_id, "nnexp.reason", reason)
                client.set_terminated(self.run_id, status, time)
            case _:  # a record of a later version that this one cannot tell
                pass

    def _open(self, opened: Mapping[str, Any]) -> None:
        """Find the run that was created just before a crash, or create it now; complete its parameters and data."""
        data = DataRecord(**opened["data"]) if opened["data"] else None
        self.run_id = self.run_id or self.store.with_journal(opened["id"])
        if self.run_id:
            self.store.describe(self.run_id, opened["params"], data)
        else:
            self.run_id = self.store.start(
                opened["name"], opened["params"], opened["tags"], data, began=opened["time"], journal=opened["id"]
            )
        self._save()

    def _save(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: it will be told once more, which changes nothing
            replace_json(self.directory / PROGRESS, {"run": self.run_id, "bytes": self._offset})


def _points(record: Mapping[str, Any]) -> Iterator[Metric]:
    from mlflow.entities import Metric

    step = record["epoch"] if "epoch" in record else record["score"]
    return (Metric(key, value, record["time"], step) for key, value in record["metrics"].items())
