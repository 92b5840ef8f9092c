"""The built-in schedule: a learning rate that stays what it is. Others change it from epoch to epoch.

A schedule is a factor and not a rate: it multiplies the optimizer's own, so it goes with any optimizer. The default costs
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnexp.plugin import Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """factor = 1: every epoch has the optimizer's own learning rate (Widrow and Hoff, 1960)."""

    varies = False

    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        return 1.0
