"""Where a run or a sweep is to be: nothing may lie there yet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from nnexp.basics.files import outputs_here, relative
from nnexp.basics.removing import NewFolder
from nnexp.errors import NnexpError, command
from nnexp.journal.journal import JOURNAL
from nnexp.journal.outbox import FOLDER
from nnexp.sweep.manifest import MANIFEST
from nnexp.sweep.states import LOCK
from nnexp.tracking.artifacts import ARTIFACTS

MULTIRUN = "multirun.yaml"
"""What Hydra's sweeper writes into a sweep's directory."""


def hydras_files(hydra: DictConfig) -> tuple[str, ...]:
    """What Hydra writes into a run's directory, by name."""
    folder = [f"{hydra.output_subdir}/{name}.yaml" for name in ("config", "hydra", "overrides")]
    return (*(folder if hydra.output_subdir is not None else ()), f"{hydra.job.name}.log")


def free(directory: Path, key: str, files: Sequence[str]) -> NewFolder:
    """The place of a run or a sweep, in which there is nothing yet; ``files`` are written there. Raises NnexpError."""
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 (as Hydra reads it: a/../b is b, also where there is no a)
    here = relative(str(directory))
    outputs = outputs_here()
    inside = directory.relative_to(outputs).parts if directory.is_relative_to(outputs) else (here,)
    if not inside or inside[0] in (ARTIFACTS, FOLDER):
        raise NnexpError(f"{key}={here} is where nnexp keeps files of all runs. Choose another name.")
    if os.path.lexists(directory) and not directory.is_dir():
        raise NnexpError(f"{key}={here} is a file, and is to be a folder. Choose another name.")
    if directory.is_dir() and any(each.name != LOCK for each in directory.iterdir()):
        for name, what in ((MANIFEST, "sweep"), (JOURNAL, "run")):
            if (directory / name).exists():
                raise NnexpError(
                    f"'{here}' holds a {what} already. Type {command('resume', here)} to finish it, or "
                    f"choose another {key}."
                )
        raise NnexpError(
            f"{key}={here} is a folder with something in it, which stays as it is. Choose another {key}, or leave it out."
        )
    return NewFolder.of(directory, files)
