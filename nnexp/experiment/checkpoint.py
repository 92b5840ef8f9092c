"""Checkpoints: all that the next epoch of a run depends on, in one file without pickle, written in one step.

They have what the journal does not: theta, the states of the optimizer and of the generator, the best parameters where those
are kept. Costs, metrics and times of the epochs before come from the journal. Epochs that the journal has but the checkpoint
does not are trained again and compared: a difference in the last bit ends the resumed run with the reason, instead of mixing
two series. They are neither written nor delivered a second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nnexp.basics.arrays import read_arrays
from nnexp.basics.files import Unreadable, force_folder, replacing
from nnexp.errors import NnexpError, first_line
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
    with placing(directory) as file:
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)


@contextmanager
def placing(directory: Path) -> Iterator[BinaryIO]:
    """Give the file to write a checkpoint into, which is on the disk and in its place afterwards; the one before stays, too."""
    path = directory / CHECKPOINT
    with replacing(path, forced=True) as file:
        yield file
        if path.exists():
            path.replace(directory / PREVIOUS)
    force_folder(directory)


def load(path: Path, run: str, most: int | None = None) -> Checkpoint:
    """Read a checkpoint of the run with this journal. Raises NnexpError with the reason where it cannot be used.

    One of a file longer than ``most`` bytes is not read.
    """
    try:
        arrays = read_arrays(path, most)
        facts = json.loads(str(arrays.pop("facts", "{}")))
    except (Unreadable, OSError, ValueError, RecursionError) as error:
        raise NnexpError(f"{path.name} cannot be read ({first_line(error)})") from None
    match facts:
        case {"format": known} if known != FORMAT:
            raise NnexpError(f"{path.name} has the format {str(known)[:20]}, and this nnexp reads {FORMAT}")
        case {"run": other} if other != run:
            raise NnexpError(f"{path.name} is of another run")
        case {"epoch": int(epoch), "rng": {} as rng, "format": _, "run": _} if is_epoch(epoch) and is_state(rng):
            theta, best = arrays.pop("theta", None), arrays.pop("best_theta", None)
            state = {name.removeprefix("state."): each for name, each in arrays.items()}
            # (An optimizer's memory may overflow in a run that goes on well.)
            for name, each in {"theta": theta, "best_theta": best}.items():
                if each is not None and not (each.dtype.kind == "f" and np.isfinite(each).all()):
                    raise NnexpError(f"{path.name} has numbers in {name} that no training goes on from")
            if theta is not None and (best is None or (best.shape, best.dtype) == (theta.shape, theta.dtype)):
                return Checkpoint(epoch, theta, state, rng, best, run)
    raise NnexpError(f"{path.name} cannot be read (it is not what nnexp writes)")


def is_epoch(number: int) -> bool:
    """Whether this is the number of an epoch; true is none."""
    return type(number) is int and number > 0


def is_state(rng: Mapping[str, Any]) -> bool:
    """Whether a generator can be in this state, which it then has to the last digit."""
    generator = np.random.default_rng(0).bit_generator
    try:
        generator.state = rng
    except (ValueError, TypeError, KeyError, OverflowError):
        return False
    return bool(generator.state == rng)


def newest(
    directory: Path, run: str, refusal: Callable[[Checkpoint], str], most: int | None = None
) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that can be used, None where there is none; and why others cannot.

    ``refusal`` says why one that can be read does not fit the run, or nothing; ``most`` is the longest file that is read.
    """
    problems: list[str] = []
    for name in (CHECKPOINT, PREVIOUS):
        if (directory / name).exists():
            try:
                found = load(directory / name, run, most)
            except NnexpError as error:
                problems.append(str(error))
                continue
            if why := refusal(found):
                problems.append(f"{name} {why}")
                continue
            return found, problems
    return None, problems
