"""A worker's end: a folder of its own in which jobs are carried out as at the head, and what is new in a job's directory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nnexp.basics.files import Unreadable, open_plain
from nnexp.basics.removing import NewFolder
from nnexp.basics.secrets import TRACKING_URIS, masked
from nnexp.basics.store_address import HIDDEN
from nnexp.composition.command import Command
from nnexp.composition.configs import save
from nnexp.composition.patches import patch
from nnexp.engine.training import blas_threads
from nnexp.experiment.checkpoint import CHECKPOINT, PREVIOUS
from nnexp.experiment.data import MOST_BYTES, Cache
from nnexp.journal.journal import JOURNAL
from nnexp.remote.updates import LOG, STREAMS, Update
from nnexp.sweep.session import Session, current, enter
from nnexp.tracking.store import Finished

ADDRESS = "MLFLOW_TRACKING_URI"
NAMES = ("MLFLOW_RUN_NAME", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")
HEADS = (ADDRESS, TRACKING_URIS, *NAMES)
"""Variables of the environment that a run's record follows from: a worker has those of the head."""
ELSEWHERE = "kept-at-the-head"
"""What stands for a password on a worker, which never opens a store."""


@dataclass(frozen=True)
class HeadPaths:
    """The head, as a job is to see it."""

    directory: str
    """The one that its command was started in."""
    sweep: str
    """The sweep's, from there."""

    @contextmanager
    def around(self, config: DictConfig) -> Iterator[None]:
        """Within the block a job's directory is on this machine; afterwards its ``.hydra/`` says what it says at the head."""
        here = Path.cwd()
        with read_write(config.hydra), open_dict(config.hydra):
            typed = OmegaConf.to_container(config.hydra.sweep, resolve=False)["dir"]  # type: ignore[index,call-overload]
            config.hydra.sweep.dir = self.sweep
            config.hydra.runtime.cwd = str(here)
        try:
            yield
        finally:
            inside = Path(config.hydra.runtime.output_dir)
            if config.hydra.output_subdir is not None:
                with read_write(config.hydra), open_dict(config.hydra):
                    config.hydra.sweep.dir = typed
                    config.hydra.runtime.cwd = self.directory
                    config.hydra.runtime.output_dir = str(self.directory / inside.relative_to(here))
                hydra = OmegaConf.masked_copy(config, "hydra")
                save(hydra, "hydra.yaml", inside / str(config.hydra.output_subdir))


def enter_remote_worker(workers: int, files: Mapping[str, str], tags: Mapping[str, str]) -> None:
    """Make this process one of so many workers of a sweep on this machine, which reads its files where they are here."""
    patch(Command())
    blas_threads().limit(limits=1, user_api="blas")
    enter(Session(worker=True, cache=Cache(MOST_BYTES // workers, files), tags=tags))


class Asked(BaseException):
    """A job ends here for now: it has to be known first whether a run with its key is finished (``reuse=true``).

    No Exception: it is no failure.
    """

    def __init__(self, key: str, experiment: str) -> None:
        super().__init__(key, experiment)
        self.question = (key, experiment)


def know(answers: Mapping[str, Finished | None]) -> None:
    """Let the next job know what the head has found: runs by their keys. For any other key it asks."""

    def finished(key: str, experiment: str) -> Finished | None:
        if key not in answers:
            raise Asked(key, experiment)
        return answers[key]

    current().finished = finished


def surroundings(environment: Mapping[str, str], copied: Collection[str], addresses: Collection[str]) -> dict[str, str]:
    """What a worker's environment has of the head's: names of stores, without their passwords, and what was typed to be copied.

    ``addresses`` are those that were typed, as they are shown.
    """
    found = {name: environment[name] for name in (*NAMES, *copied) if name in environment}
    shown = [*addresses]
    if ADDRESS in environment:
        found[ADDRESS] = masked(environment[ADDRESS])
        shown.append(found[ADDRESS])
    hidden = {each: each.replace(HIDDEN, ELSEWHERE) for each in shown if HIDDEN in each}
    if ADDRESS in found:
        found[ADDRESS] = hidden.get(found[ADDRESS], found[ADDRESS])
    if hidden:
        found[TRACKING_URIS] = json.dumps(hidden)
    return found


@dataclass
class JobFolder:
    """A job's directory on a worker, and how much of it was sent."""

    directory: Path
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of each file that only grows."""
    checkpoint: tuple[int, int] | None = None
    """Time and size of the checkpoint that was sent."""

    def begin(self, files: Mapping[str, bytes]) -> None:
        """Put what the job goes on from in its place."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (self.directory / name).write_bytes(content)
        self.sent = {name: len(files.get(name, b"")) for name in STREAMS}
        if CHECKPOINT in files:
            self.checkpoint = self._stamp()

    def update(self) -> Update:
        """What is new: complete lines of what grows, and a checkpoint; the journal last, so it is never behind that."""
        checkpoint, stamp = b"", self._stamp()
        if stamp and stamp != self.checkpoint:
            checkpoint, self.checkpoint = self.checkpoint_content(), stamp
        streams = {}
        for name in (LOG, JOURNAL):
            offset = self.sent.get(name, 0)
            grown = self._read(name, offset)
            grown = grown[: grown.rfind(b"\n") + 1]
            if grown:
                streams[name] = (offset, grown)
                self.sent[name] = offset + len(grown)
        return Update(streams, {CHECKPOINT: checkpoint} if checkpoint else {})

    def checkpoint_content(self) -> bytes:
        """The present checkpoint; nothing where there is none."""
        return self._read(CHECKPOINT)

    def final_update(self) -> Update:
        """What is left to be sent when the job has ended, all of its files included."""
        update = self.update()
        sent = (*STREAMS, CHECKPOINT, PREVIOUS)
        names = [str(path.relative_to(self.directory)) for path in self._paths()]
        return Update(
            update.streams, {**update.files, **{name: self._read(name) for name in names if name not in sent}}
        )

    def clear(self) -> None:
        """Remove what the job has made here."""
        names = [str(path.relative_to(self.directory)) for path in self._paths()]
        NewFolder(self.directory, (self.directory,), tuple(names)).clear()

    def _paths(self) -> Iterator[Path]:
        return (path for path in sorted(self.directory.rglob("*")) if path.is_file())

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = (self.directory / CHECKPOINT).stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size

    def _read(self, name: str, offset: int = 0) -> bytes:
        try:
            with open_plain(self.directory / name) as file:
                file.seek(offset)
                return file.read()
        except (FileNotFoundError, Unreadable):
            return b""
