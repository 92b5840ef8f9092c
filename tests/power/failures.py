"""Power failures of a recorded sweep or run: each is replayed where it was recorded, and resumed until nothing is left to do.

After a failure a user types ``sync`` (one time in three), and ``resume`` with the sweep or the run. Where its manifest or the
run's first record did not come to the disk, there is nothing to resume, and the same is started again in another directory.
Each command must end well; afterwards the directories and MLflow must hold what the untouched sweep left (see ``torture.py``).

A failure is known by its number: which kind of file was worked on last, when, and what of it is on the disk follow from the
number, the seed and the recording. The kinds take turns, so a thousand writes to the database weigh no more than one rename
of a manifest.
"""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nnexp.journal import journal
from tests.command import nnexp, result
from tests.power.disk import Disk, File, replay
from tests.power.recorder import Recorder, built, read
from tests.torture import (
    SMALL,
    Place,
    Stored,
    Untouched,
    differences,
    has_ended,
    in_directories,
    in_mlflow,
    rest,
    whole,
)

UNCLEAR = re.compile(r"Traceback|unexpected|bug of nnexp|\w(Error|Exception)\b")
"""What a message for users does not have."""
NUMBERED = re.compile(r"m-[0-9a-f]{32}|[0-9a-f]{16,32}|[0-9]+")
"""Names that differ from run to run."""
AGAIN = "outputs/again/0"
"""Where that is started again of which nothing can be resumed."""


class Command(NamedTuple):
    """What is recorded: a sweep or a single run."""

    name: str
    words: Sequence[str]
    jobs: int
    option: str
    """That says where its files go."""
    directory: str

    def begun(self, directory: Path) -> bool:
        """Whether there is anything to resume: a sweep's manifest, the first record of a run."""
        if self.jobs > 1:
            return (directory / "manifest.json").exists()
        return (directory / "journal.jsonl").exists() and journal.identity(directory) != ""


SWEEP = Command("sweep", SMALL, 3, "hydra.sweep.dir", "outputs/sweeps/0")
RUN = Command("run", ("dataset=xor", "epochs=6", "checkpoint.epochs=2"), 1, "hydra.run.dir", "outputs/runs/0")
COMMANDS = (SWEEP, RUN)


@dataclass(frozen=True)
class Recorded:
    """A command that was recorded, and what it left."""

    command: Command
    folder: Path
    """The recording is in it, and ``work``, where the command ran and its power failures are replayed."""
    disk: Disk
    expected: Untouched

    @property
    def work(self) -> Path:
        """Where the command ran."""
        return self.folder / "work"


def recorded(command: Command, folder: Path) -> Recorded:
    """Record a command in ``folder``, which is made; or read the recording that is there."""
    work, log = folder / "work", folder / "log"
    if not log.exists():
        work.mkdir(parents=True)
        recorder = Recorder(built(folder), work, log)
        ended = nnexp(
            *command.words, f"{command.option}={command.directory}", cwd=work, timeout=180, **recorder.begin()
        )
        assert (ended.code, ended.err) == (0, ""), ended
        before = contents(work)
        refill(work, Disk(list(read(log))).whole())
        missing = [path for path, content in contents(work).items() ^ before.items()]
        assert not missing, f"not everything was recorded: {missing}"
    disk = Disk(list(read(log)))
    refill(work, disk.whole())
    place = Place(alias(work, "untouched"), words=command.words, jobs=command.jobs)
    runs, stored = in_directories(sweep_of(command, place.folder / command.directory)), stored_of(command, place)
    assert (stored.wrong, stored.runs, len(runs)) == ([], runs, command.jobs)
    (best,) = stored.models
    return Recorded(command, folder, disk, Untouched(runs, best, {}))


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder, without the one in which SQLite keeps its locks: it is made anew when nobody has it open."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {
        name: path.read_bytes() if path.is_file() else b"" for name, path in files.items() if not name.endswith("-shm")
    }


def refill(folder: Path, found: Iterable[tuple[str, File, bytes]]) -> None:
    """Put these files in the place of those that a folder holds."""
    shutil.rmtree(folder)
    folder.mkdir()
    replay(found, folder)


def alias(work: Path, name: str) -> Path:
    """Another name of the folder: MLflow keeps one connection for each address, also to a database that is gone."""
    link = work.with_name(name)
    link.unlink(missing_ok=True)
    link.symlink_to(work)
    return link


def sweep_of(command: Command, directory: Path) -> Path:
    """The folder whose numbered folders are the runs."""
    return directory if command is SWEEP else directory.parent


def stored_of(command: Command, place: Place, directory: str = "") -> Stored:
    """What MLflow has of what a command left."""
    directory = directory or command.directory
    if command is SWEEP:
        return in_mlflow(place, Path(directory).name)
    return in_mlflow(place, directory, "nnexp.directory")


class Moment(NamedTuple):
    """When the power fails: after so many operations; ``kind`` says on what kind of file the last of them worked."""

    cut: int
    kind: str


def moment(disk: Disk, seed: int, number: int) -> Moment:
    """When the power fails for this number."""
    kinds: dict[str, list[int]] = {"nothing more": [len(disk.operations)]}
    for cut, each in enumerate(disk.operations[1:], 2):
        if not (kind := kind_of(disk.relative(each.other or each.path))).endswith("-shm"):
            kinds.setdefault(kind, []).append(cut)
    turns = sorted(kinds)
    random.Random(f"turns {seed} {number // len(turns)}").shuffle(turns)  # noqa: S311
    kind = turns[number % len(turns)]
    draw = random.Random(f"moment {seed} {number}")  # noqa: S311
    later = draw.choice((0, 0, 0, 1, 2, 5, 10, 20))
    return Moment(min(draw.choice(kinds[kind]) + later, len(disk.operations)), kind)


def kind_of(path: str) -> str:
    """A file's kind, by its name: all artifacts are one, a file and what it is written to before have one."""
    if path.startswith("outputs/artifacts/"):
        return "model's artifacts" if "models" in path else "artifacts"
    name = re.sub(r"\.(tmp|partial)$", "", Path(path).name)
    return NUMBERED.sub("#", re.sub(r"\.(json|jsonl|npz|png|yaml)$", "", name)).lstrip(".")


def failure(it: Recorded, seed: int, number: int) -> list[str]:
    """Let the power fail once, type what a user types, and say what is wrong then."""
    cut, kind = moment(it.disk, seed, number)
    found = list(it.disk.failed(cut, random.Random(f"disk {seed} {number}")))  # noqa: S311
    refill(it.work, found)
    place = Place(alias(it.work, f"failure{number}"), words=it.command.words, jobs=it.command.jobs)
    sync = random.Random(f"sync {seed} {number}").random() < 1 / 3  # noqa: S311
    try:
        wrong = ahead(it.work) + resumed(it, place, sync=sync)
    except Exception as error:  # noqa: BLE001 (what is torn raises anything)
        wrong = [f"what is there cannot be compared: {error!r}"]
    if wrong:
        torn = [path.removeprefix("outputs/") for path, file, content in found if content != file.at(cut)]
        wrong.append(f"not on the disk as they were written: {', '.join(torn) or 'none'}")
    return [f"{it.command.name}, failure {number}, after {cut} operations, {kind}: {each}" for each in wrong]


def resumed(it: Recorded, place: Place, *, sync: bool) -> list[str]:
    """What is wrong after ``sync`` and ``resume``, or a new beginning."""
    command, directory = it.command, it.command.directory
    wrong = typed(it.work, "sync") if sync else []
    if not command.begun(it.work / directory):
        directory = AGAIN
        wrong += typed(it.work, *command.words, f"{command.option}={AGAIN}")
        shutil.rmtree(it.work / command.directory, ignore_errors=True)  # as a user would: nothing has begun there
    elif command is RUN and has_ended(it.work / directory / journal.JOURNAL):  # one that is finished is not resumed
        wrong += typed(it.work, "sync")
    else:
        wrong += typed(it.work, "resume", directory)
    clear_cut_off(it.work)
    return wrong or [*unlike(it, place, directory), *rest(place)]


def clear_cut_off(work: Path) -> None:
    """Remove notes that were being written when the power failed.

    Their runs' journals did not come as far; they count for nothing, and a run with such an id would write over them.
    """
    for path in (work / "outputs" / ".open").glob(".*.partial"):
        path.unlink()


def typed(work: Path, *words: str) -> list[str]:
    """Type a command; what is wrong with how it ends."""
    ended = nnexp(*words, cwd=work)
    said = ended.out + ended.err
    if ended.code == 0 and not UNCLEAR.search(said):
        return []
    return [f"{' '.join(words)} ends with {ended.code}:\n{said[-1500:]}"]


def unlike(it: Recorded, place: Place, directory: str) -> list[str]:
    """How what is there differs from what the untouched command left."""
    if it.command is SWEEP:
        return differences(place.folder / directory, place, it.expected)
    stored, run = stored_of(it.command, place, directory), place.folder / directory
    wrong = stored.wrong
    if (list(stored.models), dict(stored.runs)) != ([it.expected.best], it.expected.runs):
        wrong.append(f"another run or model in MLflow: {stored}")
    if in_directories(run.parent) != it.expected.runs:
        wrong.append("another series, or other weights, in the run's directory")
    if not whole((run / "cost.png").read_bytes()) or result(run)["status"] != "FINISHED":
        wrong.append("cost.png is torn, or result.json does not say FINISHED")
    return wrong


def ahead(work: Path) -> list[str]:
    """The metric points that MLflow has and no journal: what is delivered must have been forced onto the disk before."""
    database = work / "outputs" / "mlflow.db"
    if not database.exists():
        return []
    with tempfile.TemporaryDirectory() as folder:  # to look into it would change it
        for path in database.parent.glob("mlflow.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder, database.name))) as connection:
            rows = connection.execute(
                "SELECT tags.value, metrics.key, step FROM metrics JOIN tags USING (run_uuid) WHERE tags.key = ?",
                ("nnexp.directory",),
            ).fetchall()
    known = {directory: points(work / directory) for directory, *_ in rows}
    lost = sorted({(directory, name, step) for directory, name, step in rows if (name, step) not in known[directory]})
    return [f"MLflow has points that the journals lost: {lost[:3]}"] if lost else []


def points(directory: Path) -> set[tuple[str, int]]:
    """The metric points in a run's journal, as far as its records can be read."""
    found: set[tuple[str, int]] = set()
    for each, _ in journal.read(directory / journal.JOURNAL):
        step = int(each.get("epoch", each.get("score", -1)))
        found.update((name, step) for name in each.get("metrics", ()))
    return found
