"""What the journal of a run tells once its process is gone: what it was to train, how far it came, how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnexp.errors import NnexpError
from nnexp.journal.journal import JOURNAL, Ending, read
from nnexp.journal.records import DataRecord, Opened, Recipe, Record


@dataclass(frozen=True)
class RecordedRun:
    """A run that is not at work."""

    directory: Path
    opened: Opened
    epochs: Sequence[Record]
    """The records of those that were trained, from the first one on."""
    scores: Sequence[tuple[int, Mapping[str, float]]]
    """Of the whole run, each with the epoch that it is shown at."""
    wanted: int
    """The epochs that were to be trained."""
    ending: Ending
    seconds: float = 0.0
    """From its beginning to its last record, without the times between an interruption and its resumption."""

    @classmethod
    def read(cls, directory: Path) -> RecordedRun:
        """Read the journal in ``directory``. Raises NnexpError where there is none, or it is not what nnexp writes."""
        try:
            records = [record for record, _ in read(directory / JOURNAL)]
        except FileNotFoundError:
            raise NnexpError(
                f"'{directory}' is no run's directory: it has no {JOURNAL} that tells what to train. Runs are in outputs/runs/."
            ) from None
        if not records or "opened" not in records[0]:
            raise NnexpError(
                f"{directory / JOURNAL} does not tell what to train: its first line is not how nnexp begins a journal. Put the "
                "right one back, or begin the run anew."
            )
        opened = Opened.of(records[0]["opened"])
        epochs = [record for record in records if "epoch" in record]
        if epochs and epochs[0]["epoch"] != 1:
            raise NnexpError(
                f"{directory / JOURNAL} begins with epoch {epochs[0]['epoch']}, so nothing is done with it."
            )
        scores = [(record["score"], record["metrics"]) for record in records if "score" in record]
        wanted = [record["epochs"] for record in records if "resumed" in record]
        ending = Ending.of(reversed(records))
        return cls(directory, opened, epochs, scores, (wanted or [opened.epochs])[-1], ending, lasted(opened, records))

    @property
    def token(self) -> str:
        """The id of the journal."""
        return self.opened.id

    @property
    def last(self) -> int:
        """The last epoch that was trained; 0 where there is none."""
        return int(self.epochs[-1]["epoch"]) if self.epochs else 0

    @property
    def recipe(self) -> Recipe:
        """What it takes to prepare the run again. Raises NnexpError where the journal does not tell."""
        if self.opened.again is None:
            raise NnexpError(
                f"{self.directory / JOURNAL} does not tell how to prepare its run, so it cannot be resumed."
            )
        return self.opened.again

    @property
    def data(self) -> DataRecord:
        """The data that the run began with. Raises NnexpError where the journal does not tell."""
        if self.opened.data is None:
            raise NnexpError(f"{self.directory / JOURNAL} does not tell its run's data, so it cannot be resumed.")
        return self.opened.data


def lasted(opened: Opened, records: Sequence[Record]) -> float:
    """The seconds that a run's records tell of, in which it was at work."""
    before, total = opened.time, 0
    for record in records:
        if "time" in record:
            total += 0 if "resumed" in record else max(0, record["time"] - before)
            before = record["time"]
    return total / 1000
