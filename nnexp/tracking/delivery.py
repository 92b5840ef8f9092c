"""Telling MLflow what a journal says: in order, in batches, each piece exactly once however often it is interrupted.

How far it has come is kept in ``delivery.json`` beside the journal. It lags behind where a process is killed between the two;
what is then told a second time changes nothing, since MLflow drops a metric point that equals one it has, and parameters, tags,
artifacts and the status are what they were.

A run that ended before MLflow knew of it is one piece: four calls, and its files are copied.

Points are equal by key, step, time and value, NaN and infinities included. What is told was forced onto the disk before, so
MLflow never has what a power failure takes from the journal.

The four calls are create_run with all tags, one log_batch of parameters and points, log_inputs, set_terminated. Files are
copied into the run's folder where that is on this machine, as MLflow's client would after reading the whole run again.
``delivery.json`` alone knows the run's MLflow id; without an id it says that MLflow cannot know the run yet, and is removed
before create_run: where it is missing the run is looked for by its journal's tag.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.basics.files import Unreadable, force_folder, read_json, replace_json
from nnexp.basics.removing import remove
from nnexp.journal.journal import JOURNAL, Ending, end, read
from nnexp.journal.records import Opened, Record
from nnexp.journal.result import RUN_ID, read_result
from nnexp.tracking.artifacts import sendable
from nnexp.tracking.logged_models import has_model, log_model

if TYPE_CHECKING:
    from mlflow.entities import Metric

    from nnexp.tracking.store import Store

PROGRESS = "delivery.json"
NEW = {"run": "", "bytes": 0}
"""What the file says of a run that MLflow cannot know yet."""
MOST_POINTS = 5000
"""Metric points in a piece: what is told again at most after a crash."""


def run_id_of(directory: Path) -> str:
    """MLflow's id of the run in ``directory``, or of the run that answered in its place (reuse); empty where there is none."""
    try:
        answered = read_result(directory).run_id
    except Unreadable:  # told by whoever needs more of it
        answered = ""
    return answered or _progress(directory)[0]


def promise_new(directory: Path) -> None:
    """Note that MLflow cannot know the run in ``directory`` yet, so that nobody has to look for it there. Raises OSError."""
    replace_json(directory / PROGRESS, NEW)


def promised(directory: Path) -> bool:
    """Whether that is noted. A file that a power failure has emptied promises nothing."""
    return bool(_noted(directory) == NEW)


def _noted(directory: Path) -> Any:
    try:
        return read_json(directory / PROGRESS)
    except (FileNotFoundError, Unreadable):
        return None


def _progress(directory: Path) -> tuple[str, int]:
    match _noted(directory):
        case {"run": str(run_id), "bytes": int(offset)} if RUN_ID.fullmatch(run_id) and 0 <= offset < 2**63:
            return run_id, offset
        case _:  # nothing that nnexp wrote: the run is found by its journal's id, and told everything once more
            return "", 0


@dataclass
class Piece:
    """What is told in one go: records that follow each other, up to the byte ``behind``."""

    behind: int
    opened: Opened | None = None
    points: list[Metric] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    last: Record | None = None
    """A record that has to come after all others of its piece: how the run ended; that it goes on; its model."""

    def take(self, record: Record, behind: int) -> bool:
        """Add a record; says whether it fits."""
        if self.last:
            return False
        if "opened" in record:
            self.opened = Opened.of(record["opened"])
        elif "metrics" in record:
            new = list(_points(record))
            if self.points and len(self.points) + len(new) > MOST_POINTS:
                return False
            self.points += new
        elif "artifact" in record:
            self.files.append(record["artifact"])
        elif "ended" in record or not (self.opened or self.points or self.files):
            self.last = record
        else:
            return False
        self.behind = behind
        return True

    @property
    def reason(self) -> dict[str, str]:
        """Why the run ended as it did, as a tag."""
        why = (self.last or {}).get("reason") or ""
        return {"nnexp.reason": why} if why else {}


class Delivery:
    """The way of one run's journal into its MLflow run. Methods raise whatever the store's client raises, and OSError."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.directory = directory
        self.run_id = ""
        """MLflow's id of the run; empty until it was created there."""
        self._offset = 0
        self.look()

    def look(self) -> None:
        """Take over the progress that another process has made."""
        self.run_id, self._offset = _progress(self.directory)

    @property
    def complete(self) -> bool:
        """Whether MLflow has everything."""
        return self._offset >= end(self.directory / JOURNAL)

    def all(self) -> None:
        """Tell everything that is not told yet."""
        while self.advance():
            pass

    def advance(self, *, training: bool = False) -> bool:
        """Tell the next piece. False where there is none.

        Of a run that is ``training``, or was a moment ago, its files and how it ended are left: files may still be added.
        """
        piece = Piece(self._offset)
        for record, behind in read(self._durable(), self._offset):
            if (training and ("artifact" in record or "ended" in record)) or not piece.take(record, behind):
                break
        if piece.behind == self._offset:
            return False
        self._tell(piece)
        self.store.force()
        self._offset = piece.behind
        self._save()
        return True

    def created(self, run_id: str) -> None:
        """Note that the run was created in MLflow just now, with all that the journal's first record says."""
        self.run_id = run_id
        _, self._offset = next(read(self.directory / JOURNAL))
        self._save()

    def mark(self) -> None:
        """Tell that the run ended badly before anything else is told: for the case that there is no time for more."""
        ending = Ending.read(self.directory)
        if ending.status in ("FAILED", "KILLED") and self.run_id:
            last = {"ended": ending.status, "reason": ending.reason, "time": ending.time}
            self._tell(Piece(self._offset, last=last))

    def _durable(self) -> Path:
        """The journal, forced onto the disk: MLflow never holds what a power failure takes from the journal."""
        path = self.directory / JOURNAL
        with path.open("rb") as file:
            os.fsync(file.fileno())
        return path

    def _tell(self, piece: Piece) -> None:
        """Tell a piece, how the run ended last: MLflow never calls a run finished that it does not have completely."""
        params: Mapping[str, Any] = {}
        reason = piece.reason
        if piece.opened:
            params = piece.opened.params
            if not self._found(piece.opened):
                self._create(piece.opened, reason)
                reason = {}
        self.store.log(self.run_id, params, piece.points, reason)
        if piece.opened and piece.opened.data:
            self.store.log_data(self.run_id, piece.opened.data)
        if files := sendable(self.directory, piece.files):
            self.store.log_files(self.run_id, self.directory, files)
        match piece.last:
            case {"ended": status, "time": time}:
                self.store.client.set_terminated(self.run_id, status, time)
            case {"model": requirements, "anew": anew}:
                if anew or not has_model(self.store, self.run_id):
                    log_model(self.store, self.run_id, self.directory, requirements)
            case {"resumed": _, "epochs": epochs, "key": key, "rung": int(rung)}:
                self.store.reopen(self.run_id, epochs, key, rung)
            case {"resumed": _, "epochs": epochs, "key": key}:
                self.store.reopen(self.run_id, epochs, key)
            case _:
                pass

    def _found(self, opened: Opened) -> bool:
        """Whether the run is in MLflow, also where that was not noted because of a crash."""
        if not self.run_id and not promised(self.directory):
            self.run_id = self.store.with_journal(opened.id)
        return bool(self.run_id)

    def _create(self, opened: Opened, reason: Mapping[str, str]) -> None:
        """Create the run. Until all of the piece is told there is no progress file, so after a crash it is looked for."""
        remove(self.directory / PROGRESS)
        force_folder(self.directory)
        tags = {**opened.tags, **reason}
        self.run_id = self.store.create(opened.name, tags, opened.time, opened.id)

    def _save(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: it will be told once more, which changes nothing
            replace_json(self.directory / PROGRESS, {"run": self.run_id, "bytes": self._offset}, forced=True)


def _points(record: Record) -> Iterator[Metric]:
    from mlflow.entities import Metric

    step = record["epoch"] if "epoch" in record else record["score"]
    return (Metric(key, value, record["time"], step) for key, value in record["metrics"].items())
