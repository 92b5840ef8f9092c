"""The space of a search, in Hydra's own syntax with Hydra's meaning.

``interval(a,b)``, whole numbers as ``int(interval(a,b))``, ``range`` without its end, ``choice`` and lists with commas,
``tag(log,...)``. A field of an option that varies is asked for only where the option that was chosen has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, RangeSweep, Sweep

from nnexp.composition.conditional import PRESETS, applies
from nnexp.composition.explain import how_many
from nnexp.composition.keys import SEARCH
from nnexp.composition.words import sweep_inside
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError, did_you_mean
from nnexp.plugin import Dimension, Options, Space, Span, Steps, Value

MOST_VALUES = 10_000
"""Values that one key may be chosen from."""


@dataclass(frozen=True)
class Axis:
    """What varies at one key."""

    key: str
    head: str
    """The key as it was typed, with + before it."""
    dimension: Dimension
    conditional: bool
    """Whether it is a field of an option that varies, too."""

    def line(self, value: Value) -> str:
        """The override that gives the key this value; a number to its last digit."""
        return f"{self.head}={value if isinstance(value, str) else repr(value)}"

    def ends(self) -> Sequence[Value]:
        """The values that stand for all of them: of words each, of numbers the smallest and the largest."""
        match self.dimension:
            case Options(values):
                return values
            case Steps(values):
                return (values[0], values[-1])
            case Span(low, high):
                return (low, high)


@dataclass(frozen=True)
class Region:
    """All that a search's trials have in common, and what varies."""

    words: tuple[str, ...]
    """The overrides in their order, without those of the search."""
    axes: Mapping[str, Axis]
    """By the override that says what varies."""
    loader: Any

    def first(self) -> Space:
        """What every trial is asked for."""
        return {axis.key: axis.dimension for axis in self.axes.values() if not axis.conditional}

    def further(self, values: Mapping[str, Value]) -> Space:
        """What a trial with these values is asked for, too: fields that the options it chose have."""
        lines = self.lines(values)
        return {
            axis.key: axis.dimension
            for axis in self.axes.values()
            if axis.conditional and axis.key not in values and self._applies(axis, lines)
        }

    def lines(self, values: Mapping[str, Value]) -> list[str]:
        """The overrides of a trial."""
        made = []
        for word in self.words:
            axis = self.axes.get(word)
            if axis is None:
                made.append(word)
            elif axis.key in values:
                made.append(axis.line(values[axis.key]))
        return made

    def repeats(self, trials: int) -> str:
        """That so many trials are more than there are settings to try; empty where they are not."""
        there = math.prod(size(axis.dimension) for axis in self.axes.values())
        if trials <= there:
            return ""
        return (
            f"{there:g} settings differ, and {SEARCH}.trials={trials}: some are trained again, with the same numbers. "
            f"{SEARCH}.trials={there:g} has as many, and a sweep without {SEARCH}= each of them once."
        )

    def corners(self) -> Iterator[dict[str, Value]]:
        """Trials in which every key has each of its words, and each end of its numbers, once: enough to see what is refused."""
        base = self._whole({axis.key: axis.ends()[0] for axis in self.axes.values() if not axis.conditional})
        yield base
        for axis in self.axes.values():
            for value in [] if axis.conditional else axis.ends():
                made = self._whole({key: base[key] for key in self.first()} | {axis.key: value})
                yield made
                yield from (
                    {**made, key: end} for key in self.further(self._plain(made)) for end in self._axis(key).ends()[1:]
                )

    def _plain(self, values: Mapping[str, Value]) -> dict[str, Value]:
        return {key: values[key] for key in self.first()}

    def _whole(self, values: dict[str, Value]) -> dict[str, Value]:
        return {**values, **{key: self._axis(key).ends()[0] for key in self.further(values)}}

    def _axis(self, key: str) -> Axis:
        return next(axis for axis in self.axes.values() if axis.key == key)

    def _applies(self, axis: Axis, lines: Sequence[str]) -> bool:
        return applies(axis.line(axis.ends()[0]), lines, self.loader.repository)


def size(dimension: Dimension) -> float:
    """How many values there are."""
    if isinstance(dimension, Span):
        return dimension.high - dimension.low + 1 if isinstance(dimension.low, int) else math.inf
    return len(dimension.values)


def region(lines: Sequence[str], loader: ConfigLoader | None) -> Region:
    """The space that overrides describe. Raises NnexpError for what no search can take."""
    read = [each for each in OverridesParser.create(loader).parse_overrides(list(lines)) if not of_search(each)]
    last = {each.key_or_group: each for each in read}
    overruled = {each.key_or_group for each in read if each.is_sweep_override() and each is not last[each.key_or_group]}
    parsed = [each for each in read if each.key_or_group not in overruled or each is last[each.key_or_group]]
    varied = {each.key_or_group for each in parsed if each.is_sweep_override()}
    groups = set(GROUPS) if varied.intersection(PRESETS) else varied.intersection(GROUPS)
    words, axes = [], {}
    for each in parsed:
        word, key = str(each.input_line), each.key_or_group
        if hidden := sweep_inside(each.value()):
            raise NnexpError(f"{word}: {hidden}")
        if each.is_sweep_override():
            found = dimension(each)
            if isinstance(found, Options) and len(found.values) == 1:
                word = f"{each.get_key_element()}={found.values[0]}"
            else:
                group, dot, field = key.partition(".")
                conditional = bool(dot) and "." not in field and group in groups
                axes[word] = Axis(key, str(each.get_key_element()), found, conditional)
        words.append(word)
    if not axes:
        raise NnexpError(
            "There is nothing to search: no key has more than one value. Type what is to vary, such as "
            "'optimizer.learning_rate=tag(log,interval(1e-3,1))'"
        )
    return Region(tuple(words), axes, loader)


def of_search(override: Override) -> bool:
    """Whether an override says how the search goes, and nothing of its trials."""
    first = override.key_or_group.partition(".")[0]
    return override.is_hydra_override() or (first in (SEARCH, "sweep") and override.key_or_group != "sweep")


def dimension(override: Override) -> Dimension:
    """What a swept override may take. Raises NnexpError."""
    value, key, line = override.value(), override.key_or_group, str(override.input_line)
    tags = value.tags if isinstance(value, Sweep) else set()  # glob(...) has none
    log = "log" in tags
    if others := sorted(tags - {"log"}):
        raise NnexpError(
            f"{line}: no tag '{others[0]}'.{did_you_mean(others[0], ['log'])} A search knows tag(log,...)."
        )
    match value:
        case IntervalSweep(start=low, end=high):
            return span(key, line, low, high, log=log)
        case RangeSweep():
            count = how_many(override, MOST_VALUES)
            if not 0 < count <= MOST_VALUES:
                what = "has no values" if not count else f"has more than {MOST_VALUES:,} values"
                raise NnexpError(f"{line} {what}. Type '{key}=range(START,STOP)', or '{key}=interval(LOW,HIGH)'")
            values = tuple(sorted(value.range()))
            refuse_log(line, key, values[0], log=log)
            return Steps(values, log)
    if log:
        raise NnexpError(f"{line}: tag(log,...) is for interval and range. Leave it out.")
    if isinstance(value, ChoiceSweep) and value.shuffle:
        raise NnexpError(f"{line}: a search chooses the order by itself. Leave shuffle out.")
    words = tuple(dict.fromkeys(override.sweep_string_iterator()))
    if not words:
        why = "no option fits" if isinstance(value, Glob) else "it has no values"
        raise NnexpError(f"{line}: {why}. Type {key}=VALUE,VALUE")
    return Options(words)


def span(key: str, line: str, low: Any, high: Any, *, log: bool) -> Span:
    """An interval, checked. Raises NnexpError."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise NnexpError(f"{line}: the ends of an interval are finite numbers. Type '{key}=interval(LOW,HIGH)'")
    if low > high:
        turned = interval(high, low)
        typed = f"tag(log,{turned})" if log else turned
        raise NnexpError(f"{line}: the ends of {interval(low, high)} are swapped. Type '{key}={typed}'")
    if low == high:
        raise NnexpError(f"{line}: {interval(low, high)} has one value. Type {key}={low:g}")
    refuse_log(line, key, low, log=log)
    return Span(low, high, log)


def interval(low: Any, high: Any) -> str:
    """An interval as it is typed."""
    return f"int(interval({low},{high}))" if isinstance(low, int) else f"interval({low:g},{high:g})"


def refuse_log(line: str, key: str, low: float, *, log: bool) -> None:
    """Refuse a logarithm of 0 or less. Raises NnexpError."""
    if log and low <= 0:
        raise NnexpError(
            f"{line}: on a logarithmic scale all values are above 0. Type '{key}=tag(log,interval(1e-4,1))'"
        )
