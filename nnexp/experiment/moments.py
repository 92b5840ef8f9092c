"""The parameters at the ends of some epochs, for pictures of how a network came about; kept beside a checkpoint.

A run that is resumed has the moments of its epochs before, so its pictures are those of a run that was never interrupted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnexp.basics.arrays import read_arrays
from nnexp.basics.files import Unreadable, force_folder, replacing
from nnexp.plugin import Array

if TYPE_CHECKING:
    from nnexp.experiment.experiment import Experiment

MOMENTS = "moments.npz"
"""In a run's directory, where a checkpoint is."""
MOST_MOMENTS = 60
MOST_BYTES = 2**26
"""What the kept parameters take at the most; of a large network fewer moments are kept."""


class Moments:
    """The parameters at the ends of some epochs, evenly spread over those that were to be trained."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self.kept: dict[int, Array] = {}

    def look(self, experiment: Experiment) -> None:
        """To be called after each epoch."""
        number, theta = experiment.history[-1].number, experiment.network.theta
        most = max(2, min(MOST_MOMENTS, MOST_BYTES // max(1, theta.nbytes)))
        every = -(-self._epochs // most)
        if number == 1 or number % every == 0 or number == self._epochs:
            self.kept[number] = theta.copy()

    def save(self, directory: Path, run: str) -> None:
        """Write those that there are for the run with this journal, on the disk when it returns. Raises OSError."""
        arrays: dict[str, Any] = {str(number): theta for number, theta in self.kept.items()}
        with replacing(directory / MOMENTS, forced=True) as file:
            np.savez(file, facts=np.array(json.dumps({"run": run})), **arrays)
        force_folder(directory)

    def load(self, directory: Path, run: str, experiment: Experiment) -> None:
        """Take up those of the epochs that a resumed experiment has behind it. What is not of this run is not taken."""
        theta, last = experiment.network.theta, len(experiment.history)
        try:
            arrays = read_arrays(directory / MOMENTS, 2 * MOST_BYTES + 3 * theta.nbytes + 2**20)
            facts = json.loads(str(arrays.pop("facts", "{}")))
        except (Unreadable, OSError, ValueError, RecursionError):  # there is none, or it was torn: pictures begin here
            return
        if not isinstance(facts, dict) or facts.get("run") != run:
            return
        for name, each in arrays.items():
            fits = (each.shape, each.dtype) == (theta.shape, theta.dtype) and np.isfinite(each).all()
            if fits and name.isascii() and name.isdigit() and 0 < int(name[:9]) <= last:
                self.kept[int(name[:9])] = each
