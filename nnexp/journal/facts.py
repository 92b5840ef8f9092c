"""What is known of one run, wherever it was read: from its journal, from its result alone, or from MLflow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nnexp.journal.records import DataRecord

COST = "cost/validation"
COST_IN_TRAINING = "cost/train"


@dataclass(frozen=True)
class Facts:
    """A run in plain values; what is not known of it is empty."""

    status: str
    """finished, reused, diverged, failed, killed, running or waiting."""
    reason: str = ""
    """Why it did not finish."""
    params: Mapping[str, str] = field(default_factory=dict)
    """The resolved configuration, spelled as it is typed, by its keys: ``optimizer.learning_rate``."""
    tags: Mapping[str, str] = field(default_factory=dict)
    data: DataRecord | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Each metric by epoch, from the first one on."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the whole run: ``cost/test``, ``time/epoch``."""
    seconds: float = 0.0
    """From its beginning to its end, or as far as it has come; interruptions are left out where a journal tells."""
    directory: str = ""
    run_id: str = ""
    """MLflow's."""

    @property
    def epochs(self) -> int:
        """How many were trained."""
        return max(map(len, self.history.values()), default=0)

    @property
    def costs(self) -> Sequence[float]:
        """What compares epochs: the validation cost, or without a validation part that of training."""
        return self.history.get(COST) or self.history.get(COST_IN_TRAINING, ())

    @property
    def best(self) -> int:
        """The epoch of the lowest cost; 0 where there is none."""
        finite = [(cost, number) for number, cost in enumerate(self.costs, 1) if math.isfinite(cost)]
        return min(finite)[1] if finite else 0

    @property
    def kept(self) -> int:
        """The epoch whose weights the run has, or has so far; 0 where there is none."""
        return self.best if self.params.get("keep") == "best" else self.epochs

    @property
    def objective(self) -> float | None:
        """The cost of the kept epoch, which a sweep minimises; None unless the run finished."""
        return self.costs[self.kept - 1] if self.status in ("finished", "reused") and self.kept and self.costs else None

    def metrics(self, epoch: int) -> dict[str, float]:
        """Each metric of an epoch; nothing for epoch 0."""
        return {name: values[epoch - 1] for name, values in self.history.items() if 0 < epoch <= len(values)}

    @property
    def final(self) -> dict[str, float]:
        """Each metric of the kept epoch, and those of the whole run."""
        return {**self.metrics(self.kept), **self.scores}
