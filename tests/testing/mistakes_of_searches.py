"""Mistakes in searches, each in one that is right without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from nnexp.plugin import Dimension, Direction, Options, Sampling, Search, Space, Span, Steps, Trial, Value, param

from .mistakes import Mistake


def drawn(dimension: Dimension, rng: np.random.Generator) -> Value:
    """A value of a dimension, evenly."""
    match dimension:
        case Span(low=int(low), high=int(high)):
            return int(rng.integers(low, high, endpoint=True))
        case Span(low=low, high=high):
            return float(rng.uniform(low, high))
        case Steps(values=values) | Options(values=values):
            return values[int(rng.integers(len(values)))]


@dataclass
class Sampled(Sampling):
    """Every third trial is the best one so far once more; the others are drawn evenly."""

    seed: int
    sign: int
    values: dict[int, dict[str, Value]] = field(default_factory=dict)
    told: dict[int, float] = field(default_factory=dict)

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        known = self.values.setdefault(number, {})
        rng = np.random.default_rng([self.seed, number, len(known)])
        best = self.values[min(self.told, key=lambda each: self.told[each])] if number % 3 == 0 and self.told else {}
        found = {key: best.get(key, drawn(dimension, rng)) for key, dimension in space.items()}
        known |= found
        return found

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        if values is not None:
            self.told[number] = self.sign * values[0]


@dataclass(frozen=True)
class Repeating(Search):
    """x = the best so far, every third time (nobody, 2026)."""

    def begin(self, seed: int, directions: Sequence[Direction]) -> Sampling:
        return Sampled(seed, -1 if directions[0] == "maximize" else 1)

    def importance(self, space: Space, trials: Sequence[Trial], directions: Sequence[Direction]) -> Mapping[str, float]:
        return dict.fromkeys(space, 1 / len(space))

    def exported(self, space: Space, trials: Sequence[Trial], objectives: Mapping[str, Direction], name: str) -> bytes:
        return b"a file"


@dataclass(frozen=True)
class RefusesByTrue(Repeating):
    """x = x (nobody, 2026)."""

    def refusal(self, space: Space, directions: Sequence[Direction]) -> str:
        return len(directions) > 1  # type: ignore[return-value]


@dataclass(frozen=True)
class OwnTrials(Repeating):
    """x = x (nobody, 2026)."""

    trials: int = param(64, at_least=1, doc="how many there are")


@dataclass(frozen=True)
class NeedsAModule(Repeating):
    """x = x (nobody, 2026)."""

    needs: ClassVar[tuple[str, ...]] = ("sklearn.utils",)


class Everything(Sampled):
    """Gives all keys of a trial each time."""

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        super().ask(number, space)
        return self.values[number]


class Rounded(Sampled):
    """Whole numbers as floats."""

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        return {
            key: float(value) if isinstance(value, int) else value for key, value in super().ask(number, space).items()
        }


class Clocked(Sampled):
    """Draws from NumPy's global generator."""

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        self.seed = int(np.random.randint(1000))  # noqa: NPY002
        return super().ask(number, space)


class Shared(Sampled):
    """Knows what all searches of this class were told."""

    everything: ClassVar[dict[int, int]] = {}

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        if number == 0:
            self.everything.clear()
        self.everything[len(self.everything)] = number
        self.seed = len(self.everything)
        return super().ask(number, space)


class Believing(Sampled):
    """Takes every trial for one that has ended well."""

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        self.told[number] = self.sign * values[0]  # type: ignore[index]


class Lowest(Sampled):
    """Makes everything low."""

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        self.sign = 1
        super().tell(number, values)


def sampled_by(sampling: Any) -> type[Repeating]:
    """A search that is right but for its sampling."""

    @dataclass(frozen=True)
    class Wrong(Repeating):
        """x = x (nobody, 2026)."""

        def begin(self, seed: int, directions: Sequence[Direction]) -> Sampling:
            made: Sampling = sampling(seed, -1 if directions[0] == "maximize" else 1)
            return made

    return Wrong


@dataclass(frozen=True)
class Percent(Repeating):
    """x = x (nobody, 2026)."""

    def importance(self, space: Space, trials: Sequence[Trial], directions: Sequence[Direction]) -> Mapping[str, float]:
        return dict.fromkeys(space, 100 / len(space))


@dataclass(frozen=True)
class ExportsText(Repeating):
    """x = x (nobody, 2026)."""

    def exported(self, space: Space, trials: Sequence[Trial], objectives: Mapping[str, Direction], name: str) -> bytes:
        return "a file"  # type: ignore[return-value]


MISTAKES = [
    Mistake("True for a reason", "refuses_in_words", RefusesByTrue, "with 1 objectives refusal returns False"),
    Mistake("a key of every search", "keys_of_its_own", OwnTrials, "search.trials is a key of every search"),
    Mistake("a module for a distribution", "needs_what_is_there", NeedsAModule, "needs names 'sklearn.utils', and no"),
    Mistake(
        "keys of before", "answers_what_is_asked", sampled_by(Everything), "was asked for momentum and gave rate, share"
    ),
    Mistake(
        "floats for whole numbers", "stays_in_the_space", sampled_by(Rounded), "it takes whole numbers from 8 to 128"
    ),
    Mistake(
        "the global generator", "same_trials_again", sampled_by(Clocked), "with the same seed and results trial 0 is"
    ),
    Mistake("a class that learns", "keeps_searches_apart", sampled_by(Shared), "alone and beside another search trial"),
    Mistake("failures have costs", "goes_on_after_failures", sampled_by(Believing), "tell was given None for a trial"),
    Mistake(
        "everything low", "knows_the_direction", sampled_by(Lowest), "Turn the sign where directions says maximize"
    ),
    Mistake(
        "importance in percent", "importance_in_shares", Percent, "Give keys of space shares that sum to 1 at most"
    ),
    Mistake("a text is exported", "exports_a_file", ExportsText, "exported returns str. Return the bytes of a file"),
]
