"""Which runs MLflow does not have completely: a note for each in ``outputs/.open``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from nnexp.basics.files import Unreadable, force_folder, read_json, replace_json
from nnexp.basics.origin import embedded
from nnexp.basics.secrets import masked
from nnexp.basics.store_address import same_store
from nnexp.errors import NnexpError
from nnexp.journal.journal import identity
from nnexp.journal.records import ID, is_file

FOLDER = ".open"


@dataclass(frozen=True)
class Entry:
    """One run that is not completely in MLflow. ``uri`` is its store's address as it may be shown, without a password."""

    path: Path
    directory: Path
    uri: str
    experiment: str


def register(outputs: Path, journal: str, directory: Path, uri: str, experiment: str) -> Path:
    """Note that the run in ``directory``, whose journal has this id, is not completely in MLflow."""
    path = outputs / FOLDER / journal
    path.parent.mkdir(parents=True, exist_ok=True)
    base = outputs.absolute().parent
    place = directory.absolute()
    place = place.relative_to(base) if place.is_relative_to(base) else place  # so that the folder can be moved
    known = {
        "directory": str(place),
        "uri": "" if same_store(uri, embedded(outputs)) else masked(uri),
        "experiment": experiment,
    }
    replace_json(path, known, forced=True)
    force_folder(path.parent)
    return path


def entries(outputs: Path) -> list[Entry]:
    """Every run of ``outputs`` that is not completely in MLflow, the oldest first; those that train included."""
    return notes(outputs)[0]


def notes(outputs: Path) -> tuple[list[Entry], list[str]]:
    """The runs that are noted, the oldest first; and what is wrong with the notes that nobody can follow."""
    found, problems = [], []
    for path in (outputs / FOLDER).glob("*"):
        if ID.fullmatch(path.name):
            try:
                found.append((path.lstat().st_mtime, entry_in(path, outputs)))
            except FileNotFoundError:  # delivered meanwhile
                continue
            except Unreadable as error:
                problems.append(str(error))
    return [entry for _, entry in sorted(found, key=lambda each: each[0])], problems


def entry_in(path: Path, outputs: Path) -> Entry:
    """The note of one run. Raises FileNotFoundError, and Unreadable where it is none."""
    try:
        known = read_json(path)
    except Unreadable as error:
        raise Unreadable(f"{error}. {advice(path)}") from None
    match known:
        case {"directory": str(place), "uri": str(uri), "experiment": str(experiment), **more} if not more and is_file(
            place
        ):
            return Entry(path, outputs.absolute().parent / place, uri or embedded(outputs), experiment)
    raise Unreadable(f"{path} is not what nnexp writes. {advice(path)}")


def advice(path: Path) -> str:
    """What to do about a note that nobody can follow."""
    return f"It would name the run of the journal {path.name}. Move it away; other runs do not need it."


def entry_of(directory: Path, outputs: Path) -> Entry | None:
    """The entry of the run in ``directory``; None where MLflow has all of it, or was never to get it. Raises Unreadable."""
    token = identity(directory)
    if not token:
        return None
    try:
        noted = entry_in(outputs / FOLDER / token, outputs)
    except FileNotFoundError:
        return None
    return replace(noted, directory=directory)


def refuse_pending(outputs: Path, directory: Path) -> None:
    """Refuse to start a run over one that MLflow does not have completely, or that is alive. Raises NnexpError."""
    if entry_of(directory, outputs):
        raise NnexpError(
            f"The run before in '{directory}' is not completely in MLflow. Type python -m nnexp sync, or choose another "
            "directory."
        )
