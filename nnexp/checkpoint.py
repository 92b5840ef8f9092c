"""Checkpoints: all that the next epoch of a run depends on, in one file without pickle, written in one step."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnexp.errors import NnexpError
from nnexp.plugin import Array, State

CHECKPOINT, PREVIOUS = "checkpoint.npz", "checkpoint.previous.npz"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where training stands after ``epoch``. The metrics of the epochs before are in the run's journal."""

    epoch: int
    theta: Array
    state: State
    """The optimizer's."""
    rng: Mapping[str, Any]
    """The state of the generator that shuffles, as NumPy's ``bit_generator.state``."""
    best_theta: Array | None = None
    """The parameters of the best epoch so far, where they are to be kept."""
    run: str = ""
    """The id of the run's journal: a checkpoint of another run is refused."""


def save(checkpoint: Checkpoint, directory: Path) -> None:
    """Write the checkpoint, on the disk when it returns; the one before stays as the previous one. Raises OSError."""
    facts = {"format": FORMAT, "epoch": checkpoint.epoch, "rng": checkpoint.rng, "run": checkpoint.run}
    arrays: dict[str, Any] = {
        "theta": checkpoint.theta,
        **{f"state.{name}": each for name, each in checkpoint.state.items()},
    }
    if checkpoint.best_theta is not None:
        arrays["best_theta"] = checkpoint.best_theta
    path, partial = directory / CHECKPOINT, directory / f".{CHECKPOINT}"
    with partial.open("wb") as file:
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        path.replace(directory / PREVIOUS)
    partial.replace(path)


def load(path: Path, run: str) -> Checkpoint:
    """Read a checkpoint of the run with this journal. Raises NnexpError with the reason where it cannot be used."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = dict(found)
        facts = json.loads(str(arrays.pop("facts")))
        theta, best = arrays.pop("theta"), arrays.pop("best_theta", None)
        state = {name.removeprefix("state."): each for name, each in arrays.items()}
        made = Checkpoint(facts["epoch"], theta, state, facts["rng"], best, facts["run"])
        known = facts["format"]
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise NnexpError(f"{path.name} cannot be read ({type(error).__name__}: {error})") from None
    if known != FORMAT:
        raise NnexpError(f"{path.name} has the format {known}, and this nnexp reads {FORMAT}")
    if made.run != run:
        raise NnexpError(f"{path.name} is of another run")
    return made


def newest(directory: Path, run: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that can be used, None where there is none; and why others cannot."""
    problems: list[str] = []
    for name in (CHECKPOINT, PREVIOUS):
        if (directory / name).exists():
            try:
                return load(directory / name, run), problems
            except NnexpError as error:
                problems.append(str(error))
    return None, problems
