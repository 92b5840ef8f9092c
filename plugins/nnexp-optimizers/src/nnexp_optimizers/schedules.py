"""Learning-rate schedules. Each is a function of its arguments alone, so a run that is resumed goes on exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nnexp.errors import NnexpError
from nnexp.plugin import Schedule, param


@dataclass(frozen=True)
class Step(Schedule):
    """factor = gamma^floor((epoch - 1) / every): the rate drops after every so many epochs (Ge et al., 2019)."""

    every: int = param(20, at_least=1, doc="epochs at one rate")
    gamma: float = param(0.5, above=0, at_most=1, doc="what the rate is multiplied by at each drop")

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return self.gamma ** ((epoch - 1) // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """factor = gamma^(epoch - 1): the rate shrinks by the same share after every epoch (Goffin, 1977)."""

    gamma: float = param(0.97, above=0, at_most=1, doc="what the rate is multiplied by after each epoch")

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return self.gamma ** (epoch - 1)


@dataclass(frozen=True)
class Cosine(Schedule):
    """factor = end_factor + (1 - end_factor) (1 + cos(pi t / T)) / 2 (Loshchilov and Hutter, 2017), after a linear warm-up.

    t = epoch - 1 - warmup counts the epochs since the warm-up and T = epochs - warmup is their number, as in the paper, without
    restarts: the first of them has the factor 1, and ``end_factor`` would be that of the epoch after the last.
    In the warm-up factor = epoch / (warmup + 1) (Goyal et al., 2017): even steps that lead up to 1.
    """

    warmup: int = param(0, at_least=0, doc="epochs in which the rate rises to its full height")
    end_factor: float = param(0.0, at_least=0, at_most=1, doc="what the factor falls towards")

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        if self.warmup >= epochs:
            raise NnexpError(
                f"schedule.warmup must be less than epochs ({epochs}), or the rate never reaches its full height. "
                f"Got {self.warmup}. Type schedule.warmup={epochs // 10}, or more epochs."
            )
        if epoch <= self.warmup:
            return epoch / (self.warmup + 1)
        progress = (epoch - 1 - self.warmup) / (epochs - self.warmup)
        return self.end_factor + (1 - self.end_factor) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class Plateau(Schedule):
    """factor = max(gamma^n, min_factor), n the plateaus so far: the rate drops when the cost stalls (Krizhevsky et al., 2012).

    A plateau is ``patience`` epochs in a row whose costs are not lower than the best so far by the share ``threshold`` of it.
    Then counting starts again, after ``cooldown`` epochs that do not count; what is best stays. The cost is that of the
    validation part, or without one of the training part. n comes from going through the costs of all epochs so far.
    """

    patience: int = param(10, at_least=1, doc="epochs without a lower cost that make a plateau")
    gamma: float = param(0.5, above=0, below=1, doc="what the rate is multiplied by after a plateau")
    threshold: float = param(1e-4, at_least=0, below=1, doc="the share by which a cost has to be lower than the best")
    cooldown: int = param(0, at_least=0, doc="epochs after a drop that do not count")
    min_factor: float = param(0.0, at_least=0, at_most=1, doc="the least factor")

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return max(self.gamma ** self.plateaus(history), self.min_factor)

    def plateaus(self, costs: Sequence[float]) -> int:
        """The number of plateaus in the costs, which come in the order of the epochs."""
        found = waited = 0
        to_beat = math.inf
        for cost in costs:
            waited += 1
            if cost < to_beat:
                to_beat = cost - self.threshold * abs(cost)
                waited = min(waited, 0)
            elif waited == self.patience:
                found += 1
                waited = -self.cooldown
        return found
