"""Artifacts: which files of a run go along with its record, and where they may go.

A journal, a database and a server may come from anybody, so neither the names in the one nor the locations in the others are
believed. Files have names from a fixed set. They go below ``outputs/artifacts``, below a place that was typed
(``tracking.artifacts``), or through the tracking server itself. In a folder no link is followed that lies there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import SplitResult, unquote, urlsplit

from nnexp.basics.plain import override
from nnexp.basics.removing import remove_in
from nnexp.basics.store_address import StoreAddress, hidden
from nnexp.errors import NnexpError, printable

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

ARTIFACTS = "artifacts"
"""The folder in ``outputs/``."""
NAMES = frozenset({"config.yaml", "cost.png", "weights.npz", "model.json", "report.html"})
PICTURE = re.compile(r"pictures/[A-Za-z0-9_-][A-Za-z0-9._-]*\.(png|gif)")
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def may_be_called(name: str) -> bool:
    """Whether nnexp makes artifacts of this name."""
    return name in NAMES or bool(PICTURE.fullmatch(name))


def sendable(directory: Path, names: Iterable[str]) -> list[str]:
    """Of the names, those of artifacts that are plain files of a run's directory."""
    return [name for name in dict.fromkeys(names) if may_be_called(name) and is_plain(directory, name)]


def is_plain(directory: Path, name: str) -> bool:
    """Whether there is such a file, with no link on the way to it from ``directory``."""
    try:
        with plain_file(directory, name):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def plain_file(directory: Path, name: str) -> Iterator[BinaryIO]:
    """Open a plain file below ``directory`` without following any link. Raises OSError where it is none."""
    *folders, last = PurePosixPath(name).parts
    with folder_below(directory, folders) as folder:
        # Nobody waits for the other end of a pipe that is called like an artifact.
        opened = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise FileNotFoundError(f"{directory / name} is no plain file")
            yield file


@contextlib.contextmanager
def folder_below(root: Path, parts: Iterable[str], *, making: bool = False) -> Iterator[int]:
    """The folder below ``root`` as a descriptor; ``making`` makes what is missing. Raises OSError where one is a link."""
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            if making:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=opened)
            inner = os.open(part, FOLDER, dir_fd=opened)
            os.close(opened)
            opened = inner
        yield opened
    finally:
        os.close(opened)


@dataclass(frozen=True)
class Folder:
    """A place on this machine: ``parts`` below ``root``, which nnexp chose or the user typed."""

    root: Path
    parts: tuple[str, ...]

    def put(self, directory: Path, name: str) -> None:
        """Copy a file of ``directory`` there, over one of the same name, in one step and onto the disk. Raises OSError."""
        *folders, last = PurePosixPath(name).parts
        partial = f".{last}.partial"
        self.root.mkdir(parents=True, exist_ok=True)
        with (
            plain_file(directory, name) as source,
            folder_below(self.root, [*self.parts, *folders], making=True) as folder,
        ):
            remove_in(folder, partial)  # what a killed process left
            made = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder)
            with os.fdopen(made, "wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(made)
            os.replace(partial, last, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def get(self, name: str, directory: Path) -> None:
        """Copy a file from there into ``directory``. Raises OSError."""
        with plain_file(self.root, "/".join([*self.parts, name])) as source, (directory / name).open("wb") as copy:
            shutil.copyfileobj(source, copy)

    def names(self) -> list[str]:
        """What lies there."""
        with contextlib.suppress(OSError), folder_below(self.root, self.parts) as folder:
            return sorted(os.listdir(folder))  # noqa: PTH208 (a descriptor)
        return []


@dataclass(frozen=True)
class Elsewhere:
    """A place that MLflow's client reaches: the store's own server, or an address that the user typed."""

    location: str
    store: str

    def put(self, directory: Path, name: str) -> None:
        """Send a file of ``directory`` there, over one of the same name. Raises whatever the client raises."""
        folder = str(PurePosixPath(name).parent)
        self._client.log_artifact(str(directory / name), None if folder == "." else folder)  # type: ignore[no-untyped-call]

    def get(self, name: str, directory: Path) -> None:
        """Fetch a file from there into ``directory``. Raises whatever the client raises."""
        self._client.download_artifacts(name, str(directory))  # type: ignore[no-untyped-call]

    def names(self) -> list[str]:
        """What lies there."""
        return [file.path for file in self._client.list_artifacts()]

    @functools.cached_property
    def _client(self) -> ArtifactRepository:
        """MLflow's, for this very location: asked by a run's id it would ask the store for the location once more."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.utils.uri import add_databricks_profile_info_to_artifact_uri

        known = add_databricks_profile_info_to_artifact_uri(self.location, self.store)  # type: ignore[no-untyped-call]
        return get_artifact_repository(known, tracking_uri=self.store)


@dataclass(frozen=True)
class Places:
    """Where artifacts may go: below ``outputs``/artifacts, below what was ``typed``, or to the store's own server."""

    store: StoreAddress
    outputs: Path
    typed: str | None = None

    @classmethod
    def of(cls, uri: str, outputs: Path, typed: str | None) -> Places:
        """Those of a store. Raises NnexpError where what was typed is no place."""
        cls.refuse_no_place(typed)
        return cls(StoreAddress.parse(uri), outputs, typed)

    @staticmethod
    def refuse_no_place(typed: str | None) -> None:
        """Refuse what was typed where it is no place that files can go to. Raises NnexpError."""
        if typed is not None and not (path_of(typed) or _is_elsewhere(typed)) and not Path(typed).exists():
            raise NnexpError(
                f"tracking.artifacts={printable(typed)} is no place. Type a folder (/data/artifacts) or an address (s3://bucket/x)."
            )

    def chosen(self) -> str | None:
        """Where the artifacts of a new experiment go; None where the store's server knows best."""
        return (self.outputs.absolute() / ARTIFACTS).as_uri() if self.store.is_database else None

    def checked(self, location: str, experiment: str) -> Folder | Elsewhere:
        """A location that a store names, as the place that files may go to.

        Raises NnexpError where nobody chose it.
        """
        path = path_of(location)
        if path:
            real = Path(os.path.realpath(path))
            for root in self._roots():
                if real.is_relative_to(root):
                    return Folder(root, real.relative_to(root).parts)
            raise self._refused(location, experiment, str(real))
        if _is_plain(location) and (self._is_the_servers(location) or self._is_typed(location)):
            return Elsewhere(location, self.store.unmasked)
        raise self._refused(location, experiment, location if _is_elsewhere(location) else "")

    def _roots(self) -> list[Path]:
        """The folders below which artifacts may go. A link in place of the own one leads to a place that nobody chose."""
        typed = self.typed or ""
        folder = path_of(typed) if typed.startswith("file:") else "" if _is_elsewhere(typed) else typed
        return [Path(os.path.realpath(self.outputs), ARTIFACTS), *([Path(os.path.realpath(folder))] if folder else [])]

    def _is_the_servers(self, location: str) -> bool:
        found = parts_of(location)
        return found is not None and self.store.is_web and found.scheme == "mlflow-artifacts" and not found.netloc

    def _is_typed(self, location: str) -> bool:
        typed = (self.typed or "").rstrip("/")
        return _is_elsewhere(typed) and (location == typed or location.startswith(f"{typed}/"))

    def _refused(self, location: str, experiment: str, place: str) -> NnexpError:
        """What to type where a location leads to a ``place`` that nobody chose, or, where that is empty, to none at all."""
        said = f"The experiment '{printable(experiment)}' keeps its artifacts in '{printable(hidden(location))}'"
        here = self.outputs.absolute() / ARTIFACTS
        another = "Choose another experiment: tracking.experiment=NAME"
        if not place:
            return NnexpError(f"{said}, which is no place that files can safely go to. {another}")
        before, folder, _ = place.partition(f"/{self.outputs.name}/{ARTIFACTS}")
        if folder and place.startswith("/") and Path(before) != self.outputs.absolute().parent:
            place = before + folder
            why = f"which is another directory's. This one has {here}: was it moved or copied?"
        else:
            why = f"which leads to {place}, and nobody has chosen that: artifacts go to {here}."
        place = printable(hidden(place))
        typed = override("tracking.artifacts", place)
        return NnexpError(
            f"{said}, {why} {another}. If it is right, type {typed} (or --artifacts {shlex.quote(place)})"
        )


def parts_of(location: str) -> SplitResult | None:
    """The parts of an address; None where it is none."""
    try:
        return urlsplit(location)
    except ValueError:  # such as a bracket that is not closed
        return None


def path_of(location: str) -> str:
    """The path that a location means on this machine, as MLflow reads it; empty where it is no absolute one, or ambiguous."""
    found = parts_of(location) if location.startswith("file:") else None
    if location.startswith("file:") and not found:
        return ""
    if found and (found.netloc or found.query or found.fragment):
        return ""
    text = found.path if found else location
    path = unquote(text)
    plain = path.startswith("/") and not path.startswith("//") and printable(path) == path and "\\" not in path
    return path if plain and ".." not in path.split("/") and location.strip() == location else ""


def _is_elsewhere(location: str) -> bool:
    """Whether a location is an address of another machine's."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]+://[^/]", location)) and not location.lower().startswith("file:")


def _is_plain(location: str) -> bool:
    """Whether an address says where it leads, in one way to read it."""
    path = unquote(location)
    odd = printable(path) != path or set("\\?# ").intersection(path) or ".." in path.split("/")
    return not odd and unquote(path) == path
