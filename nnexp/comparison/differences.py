"""What differs between two runs: configuration, data, versions, engine, commit, how they ended, metrics by epoch, weights.

Numbers are equal where every bit is; two that are not a number are equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.journal.facts import Facts
from nnexp.journal.result import TIME

Arrays = Mapping[str, NDArray[Any]]
COMMIT = "mlflow.source.git.commit"


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same; None where a run does not have it."""

    part: str
    """configuration, data, versions, engine, commit or end."""
    key: str
    a: str | int | None
    b: str | int | None


@dataclass(frozen=True)
class Parting:
    """The first epoch at which metrics differ (0: metrics of the whole run), and those that do, with both values."""

    epoch: int
    metrics: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Weights:
    """Whether weights are equal: None where a run has none. ``array`` is the first that differs, ``by`` at most so much."""

    equal: bool | None
    array: str = ""
    by: float | None = None
    """None where the shapes differ, or a weight is not a number."""
    why: str = ""


@dataclass(frozen=True)
class Comparison:
    """What differs between run a and run b."""

    differences: tuple[Difference, ...]
    parting: Parting | None
    weights: Weights

    @property
    def equal(self) -> bool:
        """Whether nothing differs that is there to be compared."""
        return not self.differences and self.parting is None and self.weights.equal is not False


def compared(a: Facts, b: Facts, weights_a: Arrays | None, weights_b: Arrays | None) -> Comparison:
    """What differs between two runs."""
    return Comparison(tuple(differences(a, b)), parting(a, b), weights(weights_a, weights_b))


def differences(a: Facts, b: Facts) -> Iterator[Difference]:
    """What is known of one run and is otherwise of the other."""
    for part, both in {
        "configuration": (a.params, b.params),
        "data": (data_of(a), data_of(b)),
        "versions": (versions_of(a), versions_of(b)),
        "engine": (engine_of(a), engine_of(b)),
        "commit": (commit_of(a), commit_of(b)),
        "end": (end_of(a), end_of(b)),
    }.items():
        for key in dict.fromkeys(key for each in both for key in each):
            first, second = (each.get(key) for each in both)
            if first != second:
                yield Difference(part, key, first, second)


def data_of(run: Facts) -> dict[str, str | int]:
    """What is known of a run's data; the source is a matter of the configuration."""
    data = run.data
    if data is None:
        return {}
    return {"digest": data.digest, "samples": data.n_samples, "features": data.n_features, "target": data.target}


def versions_of(run: Facts) -> dict[str, str | int]:
    """The distributions of a run's plugins, of Python and of NumPy, with their versions."""
    told = ", ".join(filter(None, (run.tags.get("nnexp.plugins"), run.tags.get("nnexp.versions"))))
    pairs = [each.rpartition(" ") for each in told.split(", ") if " " in each]
    return {name: version for name, _, version in pairs}


def engine_of(run: Facts) -> dict[str, str | int]:
    """What computed; a run without a word on it was computed as by default."""
    return {"engine": run.tags.get("nnexp.engine", "the default")}


def commit_of(run: Facts) -> dict[str, str | int]:
    """The commit of the repository that the run was started in."""
    return {"git commit": run.tags[COMMIT]} if run.tags.get(COMMIT) else {}


def end_of(run: Facts) -> dict[str, str | int]:
    """How the run ended, and after how many epochs."""
    return {"status": run.status, "epochs trained": run.epochs}


def parting(a: Facts, b: Facts) -> Parting | None:
    """Where the metrics part that both runs have; None where they are equal as far as both go. Times are no results."""
    for epoch in range(1, min(a.epochs, b.epochs) + 1):
        if found := unequal(a.metrics(epoch), b.metrics(epoch)):
            return Parting(epoch, found)
    found = unequal(a.scores, b.scores)
    return Parting(0, found) if found else None


def unequal(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The metrics of both that differ."""
    shared = [name for name in a if name in b and not name.startswith(TIME)]
    return {name: (a[name], b[name]) for name in shared if repr(a[name]) != repr(b[name])}


def weights(a: Arrays | None, b: Arrays | None) -> Weights:
    """Whether all arrays of two runs are equal, and else which is the first that is not."""
    if a is None or b is None:
        return Weights(None, why="of a run that has none")
    for name in dict.fromkeys([*a, *b]):
        if name not in a or name not in b:
            return Weights(False, name, why="only one of them has it")
        if a[name].shape != b[name].shape or a[name].dtype != b[name].dtype:
            shapes = " and ".join(f"{'x'.join(map(str, each[name].shape))} {each[name].dtype}" for each in (a, b))
            return Weights(False, name, why=shapes)
        if a[name].tobytes() != b[name].tobytes():
            by = largest(a, b)
            return Weights(False, name, why="some are not a number") if math.isnan(by) else Weights(False, name, by)
    return Weights(True)


def largest(a: Arrays, b: Arrays) -> float:
    """The largest difference in the arrays that both have in one shape."""
    shared = [name for name in a if name in b and a[name].shape == b[name].shape and a[name].dtype.kind == "f"]
    with np.errstate(all="ignore"):
        return max((float(np.abs(a[name] - b[name]).max(initial=0)) for name in shared), default=0.0)


def as_object(found: Comparison) -> dict[str, Any]:
    """The comparison as ``--json`` prints it."""
    from nnexp.comparison.rows import plain

    part = found.parting
    return {
        "equal": found.equal,
        "differences": [vars(each) for each in found.differences],
        "metrics": {
            "epoch": part.epoch,
            "values": {
                name: {"a": plain(a), "b": plain(b), "by": plain(b - a)} for name, (a, b) in part.metrics.items()
            },
        }
        if part
        else None,
        "weights": {**vars(found.weights), "by": plain(found.weights.by)},
    }
