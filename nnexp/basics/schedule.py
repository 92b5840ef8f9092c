"""A schedule: the learning rate over the epochs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from nnexp.basics.fields import Plugin


@dataclass(frozen=True)
class Schedule(Plugin):
    """The learning rate over the epochs, as a multiple of the optimizer's own; it goes with every optimizer.

    A schedule has no memory: what it needs to know is in the arguments, so that a run that is resumed goes on exactly.
    """

    kind: ClassVar[str] = "schedule"
    varies: ClassVar[bool] = True
    """False: the factor is always 1, so it is neither asked for in each epoch nor shown and recorded."""

    @abstractmethod
    def factor(self, epoch: int, epochs: int, history: Sequence[float]) -> float:
        """What the learning rate is multiplied by in this epoch: a finite number of at least 0.

        ``epoch`` counts from 1 to ``epochs``. ``history`` (not to be changed) has the cost of each epoch before it, on the
        validation part, or without one on the training part; so it has ``epoch - 1`` entries. Raise ``NnexpError`` where
        ``epochs`` does not fit the fields: ``factor(1, epochs, ())`` is asked before anything else is done.
        """
