"""The head's part of a sweep whose jobs are carried out elsewhere: what they take along, and where what comes of them goes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext
from omegaconf import DictConfig

from nnexp.basics.files import outputs_here
from nnexp.basics.secrets import masked
from nnexp.composition.loader import GuardedLoader
from nnexp.errors import NnexpError
from nnexp.remote.facts import Facts, facts
from nnexp.remote.mirror import Destination, Mirror
from nnexp.remote.staging import StagedFiles
from nnexp.remote.worker import HeadPaths, enter_remote_worker, surroundings
from nnexp.run.identity import COMMIT, git_commit
from nnexp.run.store import store_uri
from nnexp.sweep.manifest import read_manifest
from nnexp.sweep.monitor import Monitor
from nnexp.sweep.place import hydras_files
from nnexp.sweep.session import current
from nnexp.tracking.store import Finished

NEEDED = ("nnexp", "numpy", "hydra-core", "omegaconf")
"""What every worker has to have as the head has it, beside the plugins' distributions."""


@dataclass(frozen=True)
class Dispatch:
    """The sweep of the present command."""

    monitor: Monitor
    context: HydraContext
    config: DictConfig

    @property
    def directory(self) -> Path:
        """The sweep's."""
        return self.monitor.directory

    @functools.cached_property
    def head_paths(self) -> HeadPaths:
        """The head as jobs see it. Raises NnexpError where the sweep lies outside of the present directory."""
        here = Path.cwd()
        if not self.directory.is_relative_to(here):
            raise NnexpError(
                f"hydra.sweep.dir={self.directory} lies outside of {here}, and jobs that run on other machines need a place "
                "below it. Leave it out, or start the sweep there."
            )
        return HeadPaths(str(here), str(self.directory.relative_to(here)))

    @functools.cached_property
    def staged(self) -> StagedFiles:
        """What each worker gets once."""
        manifest = read_manifest(self.directory)
        assert manifest is not None
        return StagedFiles.packed(self.head_paths.sweep, self.directory, manifest)

    def facts(self, *more: str) -> Facts:
        """The head's, with the versions that workers need to have; ``more`` are those of whoever brings jobs there."""
        manifest = read_manifest(self.directory)
        return facts(dict.fromkeys((*NEEDED, *(manifest.versions if manifest else ()), *more)))

    def environment(self) -> dict[str, str]:
        """What a worker's environment has of the head's, without secrets."""
        tracking = current().sweep.tracking
        typed = [masked(tracking.uri)] if tracking and tracking.uri else []
        return surroundings(os.environ, [*map(str, self.config.hydra.job.env_copy)], typed)

    def tags(self) -> dict[str, str]:
        """What the records of runs that are carried out elsewhere have of the head."""
        commit = git_commit(Path(self.head_paths.directory))
        return {COMMIT: commit} if commit else {}

    @property
    def around(self) -> Callable[[DictConfig], AbstractContextManager[None]]:
        """What each job runs within on a worker."""
        return self.head_paths.around

    def needs_files(self, overrides: Sequence[str]) -> bool:
        """Whether a worker cannot compose a job's configuration. Most they can, which costs the head no time."""
        loader: Any = self.context.config_loader
        return isinstance(loader, GuardedLoader) and loader.needs_files(self.config, overrides)

    def mirror(self, number: int, overrides: Sequence[str]) -> Mirror:
        """The directory of a job."""
        tracking = current().sweep.tracking
        uri = None
        if tracking and tracking.name != "none":
            uri = typed_store(overrides) or store_uri(tracking, outputs_here())
        destination = Destination(outputs_here(), uri, hydras_files(self.config.hydra))
        return Mirror(self.monitor.place(number), number, destination)

    def finished(self, key: str, experiment: str) -> Finished | None:
        """What a job with ``reuse=true`` asks for. Raises NnexpError where the store does not answer."""
        deliverer = self.monitor.deliverer
        return deliverer.finished(key, experiment) if deliverer else None

    def set_aside(self, mirror: Mirror) -> None:
        """Have a job begin anew that cannot go on elsewhere; what MLflow has of it stays, as a run that was killed."""
        attempt = mirror.set_aside()
        if self.monitor.deliverer:
            self.monitor.deliverer.ended(attempt)


def entering(workers: int, files: dict[str, str], tags: dict[str, str]) -> Callable[[], None]:
    """What each of so many workers of a machine does first."""
    return partial(enter_remote_worker, workers, files, tags)


def typed_store(overrides: Sequence[str]) -> str:
    """The store's address that a job's words have, without what Hydra escapes in them; empty where they have none."""
    own = [line for line in overrides if line.lstrip("+").startswith("tracking.uri=")]
    value = OverridesParser.create().parse_override(own[0]).value() if own else None
    return "" if value is None else str(value)
