"""What is told of a run when it begins, and where that goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nnexp.errors import NnexpError
from nnexp.journal.records import DataRecord, Recipe
from nnexp.tracking.store import Store

Status = Literal["FINISHED", "FAILED", "KILLED"]


class Pending(NnexpError):  # noqa: N818 (a state, not a mistake)
    """The run has ended and MLflow does not have all of it yet. Nothing is lost."""


@dataclass(frozen=True)
class Target:
    """Where a run's record goes: a store's address, MLflow's experiment, and the ``outputs/`` that the run belongs to.

    ``store`` is None where the store did not answer when the run began, and where the run is not ``delivered_here`` but by
    another process, as those of a sweep are: then this one never imports MLflow.
    """

    uri: str
    experiment: str
    outputs: Path
    store: Store | None
    delivered_here: bool = True


@dataclass(frozen=True)
class Opening:
    """What is known of a run before it trains."""

    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    data: DataRecord | None = None
    epochs: int = 0
    again: Recipe | None = None
    """What it takes to prepare the same run again."""
