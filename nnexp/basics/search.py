"""What a search is: a plugin that proposes the values of the next trial, knowing how those before it went.

A way to search is a plugin: one frozen dataclass and one entry-point line, in the group ``nnexp.search``. It is none of
``KINDS``, which are what a run is made of: a trial's run knows nothing of the search, and its numbers do not depend on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple

from nnexp.basics.fields import Plugin

Value = int | float | str
Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Span:
    """Every number from ``low`` to ``high``, whole ones (both ends included) where these are."""

    low: int | float
    high: int | float
    log: bool = False
    """Whether equal ratios count as equally far apart."""


@dataclass(frozen=True)
class Steps:
    """Numbers in ascending order, equally far apart."""

    values: tuple[int | float, ...]
    log: bool = False


@dataclass(frozen=True)
class Options:
    """Words, in no order."""

    values: tuple[str, ...]


Dimension = Span | Steps | Options
Space = Mapping[str, Dimension]
"""By key: what a trial may take for it."""


def outside(value: object, dimension: Dimension) -> str:
    """Why a value is none of a dimension's; empty where it is one."""
    match dimension:
        case Span(low=int(low), high=int(high)):
            return "" if type(value) is int and low <= value <= high else f"it takes whole numbers from {low} to {high}"
        case Span(low=low, high=high):
            return "" if type(value) is float and low <= value <= high else f"it takes floats from {low:g} to {high:g}"
        case Steps(values=steps):
            return (
                ""
                if type(value) in (int, float) and value in steps
                else "it takes one of these numbers, to the last digit"
            )
        case Options(values=words):
            return "" if type(value) is str and value in words else "it takes one of these texts"


class Course(NamedTuple):
    """How a trial went, where its search is exported."""

    began: datetime
    ended: datetime
    rungs: Mapping[int, float] = MappingProxyType({})
    """Of a search that halves: the objective at each epoch that the trial was compared at."""
    paused: bool = False
    """Whether others went on in its place."""


class Trial(NamedTuple):
    """A trial of a search that has ended."""

    number: int
    values: Mapping[str, Value]
    objectives: tuple[float, ...] | None
    """None where it failed or diverged."""
    course: Course | None = None
    """None where that is not known, or nobody wants to know."""


class Sampling(ABC):
    """One search under way.

    It is asked for the trials 0, 1, 2, ... in order, and told of each how it ended, in the same order and always the same
    number of trials behind (``search.lag``), whatever finished first. What it proposes may follow from that, its fields and its
    seed alone, so that the same search has the same trials anywhere.
    """

    @abstractmethod
    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        """The trial's value for each key. Asked once more for the same trial it gives those of further keys.

        (Which keys these are follows from the first: fields of an option that was chosen.)
        """

    @abstractmethod
    def tell(self, number: int, values: Sequence[float] | None) -> None:
        """How the trial ended: its objectives; None where it failed or diverged."""


@dataclass(frozen=True)
class Search(Plugin):
    """A way to choose the next trial of a search: ``-m search=NAME``."""

    kind: ClassVar[str] = "search"
    needs: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions its proposals depend on: they are recorded, and a search is resumed with the same."""

    def refusal(self, space: Space, directions: Sequence[Direction]) -> str:
        """Why it cannot search this, in words that say what to type; empty where it can."""
        return ""

    def importance(self, space: Space, trials: Sequence[Trial], directions: Sequence[Direction]) -> Mapping[str, float]:
        """The share of each key in what makes a trial good by its first objective; empty where that is not known."""
        return {}

    def exported(self, space: Space, trials: Sequence[Trial], objectives: Mapping[str, Direction], name: str) -> bytes:
        """The search as a file that Optuna's tools read, by metric which way is better; empty where there is no such file."""
        return b""

    @abstractmethod
    def begin(self, seed: int, directions: Sequence[Direction]) -> Sampling:
        """A new search, with no trials yet; one direction for each objective."""
