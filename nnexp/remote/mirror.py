"""A job's directory at the head, which is fed with what its worker sends: the record, as a local run would have made it.

What comes is a stranger's: a line is a record, and follows those before; the first one opens this very job; a file has one of
the names that a run makes, and lies where that has it; a result is one. What is anything else is refused, and the job with it.
The order is a local run's: epochs as they come; at the end the files, then their names, then the end of the journal.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.basics.files import replacing
from nnexp.experiment.checkpoint import CHECKPOINT, PREVIOUS, placing
from nnexp.journal.journal import JOURNAL, Journal
from nnexp.journal.outbox import FOLDER, entry_in, register
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.records import NoRecord, Opened, Record, record_of
from nnexp.journal.result import RESULT, flaw, write_result
from nnexp.remote.facts import PROCESSOR
from nnexp.remote.updates import LOG, Refused, Update
from nnexp.sweep.ledger import set_aside
from nnexp.tracking.artifacts import may_be_called
from nnexp.tracking.delivery import promise_new
from nnexp.tracking.pending import ended

ENDING = ("score", "artifact", "ended", "model")
"""Records that are written when the files are on the disk."""


@dataclass(frozen=True)
class Destination:
    """Where a run is to be delivered, and of what it may consist."""

    outputs: Path
    uri: str | None
    """The store of the job; None for one that is not tracked."""
    files: Collection[str]
    """The names of the files that Hydra makes in a job's directory."""


class Mirror:
    """The directory of one job. Methods raise Refused for what no worker of nnexp's sends, and OSError."""

    def __init__(self, directory: Path, number: int, destination: Destination) -> None:
        self.directory = directory
        self._number = number
        self._destination = destination
        self._journal: Journal | None = None
        self._received: dict[str, int] = {}
        self._last = 0
        self._opened = False
        self._held_back: list[Record] = []
        self.epochs = 0
        """Epochs that have come, of all attempts."""

    def packed(self) -> dict[str, bytes]:
        """What the job goes on from, wherever it is carried out next; nothing where it begins."""
        files, self._held_back = {}, []
        for name in (JOURNAL, LOG, CHECKPOINT, PREVIOUS, RESULT):
            path = self.directory / name
            if path.is_file():
                files[name] = path.read_bytes()
        if not files.get(JOURNAL):
            files = {}
        self._received = {name: len(files.get(name, b"")) for name in (JOURNAL, LOG)}
        if files:
            recorded = RecordedRun.read(self.directory)
            self._opened, self._last = True, recorded.last
            if recorded.ending.status != "FINISHED":  # one that was paused says so there
                files.pop(RESULT, None)
        return files

    @property
    def processor(self) -> str:
        """The processor that the job has been carried out on; empty where that is not known."""
        return RecordedRun.read(self.directory).opened.tags.get(PROCESSOR, "")

    def take(self, update: Update) -> None:
        """Write what is new of a job that goes on: records, its log, a checkpoint."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name, (offset, lines) in update.streams.items():
            if offset != self._received.get(name, 0):
                raise Refused(f"job #{self._number}: what its worker sent of {name} does not follow what came before")
            if name == JOURNAL:
                self._record(lines)
            elif name == LOG:
                with (self.directory / LOG).open("ab") as log:
                    log.write(lines)
            else:
                raise self._refused(f"the stream {name!r}")
            self._received[name] = offset + len(lines)
        if CHECKPOINT in update.files and self._journal:
            self._journal.sync()
            with placing(self.directory) as file:
                file.write(update.files[CHECKPOINT])

    def finish(self, rest: Update) -> None:
        """Write the rest of a job that has ended: its files, and then how it ended."""
        self.take(rest)
        for name, content in rest.files.items():
            if name == CHECKPOINT:
                continue
            if name == RESULT:
                self._write_result(content)
            elif may_be_called(name) or name in self._destination.files:
                path = self.directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path, forced=may_be_called(name)) as file:
                    file.write(content)
        if self._journal and self._held_back:
            self._journal.sync(names=True)
            self._journal.write(*self._held_back)
        self.close()

    def close(self, why: str = "") -> None:
        """Let others have the journal. Of how it ended nothing is written without its files, but ``why`` it is given up."""
        self._held_back = []
        if self._journal:
            journal, self._journal = self._journal, None
            try:
                if why:
                    ended(journal, self.directory, why)
            finally:
                journal.close()

    def set_aside(self) -> Path:
        """Move what the job has left into a folder of its own, so that it begins anew; where that is."""
        self.close()
        opened = RecordedRun.read(self.directory).opened
        attempt = set_aside(self.directory)
        if (uri := self._destination.uri) and opened.again:
            register(self._destination.outputs, opened.id, attempt, uri, str(opened.again.tracking["experiment"]))
        self._opened, self._last, self._received = False, 0, {}
        return attempt

    def _record(self, lines: bytes) -> None:
        """Write the records of complete lines."""
        ready: list[Record] = []
        for record in self._checked(lines):
            if "opened" in record:
                self._open(record)
                continue
            self.epochs += "epoch" in record
            (self._held_back if next(iter(record)) in ENDING else ready).append(record)
        if not self._opened:
            raise self._refused("records of a run that it did not open")
        if self._journal is None:
            self._journal = Journal(self.directory)
        if ready:
            self._journal.write(*ready)

    def _checked(self, lines: bytes) -> Iterator[Record]:
        for line in lines.splitlines(keepends=True):
            try:
                record = record_of(line, self._last)
            except NoRecord as error:
                raise self._refused(str(error)) from None
            if record is None:
                raise self._refused("a line that is no record")
            self._last = record.get("epoch", self._last)
            yield record

    def _open(self, record: Record) -> None:
        """Begin the journal, and note that the run is to be delivered."""
        opened = Opened.of(record["opened"])
        place = opened.again.place if opened.again else None
        if self._opened or place is None or (place.sweep, place.job) != (self.directory.parent.name, self._number):
            raise self._refused("the beginning of another run")
        uri = self._destination.uri
        note = self._destination.outputs / FOLDER / opened.id
        if note.exists() and entry_in(note, self._destination.outputs).directory != self.directory:
            raise self._refused("a journal with another run's id")
        self._journal = Journal(self.directory, new=True)
        self._journal.write(record)
        self._opened = True
        if uri and opened.again:
            register(
                self._destination.outputs, opened.id, self.directory, uri, str(opened.again.tracking["experiment"])
            )
            promise_new(self.directory)

    def _write_result(self, content: bytes) -> None:
        try:
            found: Any = json.loads(content)
            why = flaw(found)
        except (ValueError, RecursionError):
            found, why = None, "it is no JSON"
        if why:
            raise self._refused(f"a {RESULT} that is none ({why})")
        write_result(self.directory, {**found, "directory": str(self.directory)} if "directory" in found else found)

    def _refused(self, what: str) -> Refused:
        return Refused(f"job #{self._number}: its worker sent {what}, which nothing is done with")
