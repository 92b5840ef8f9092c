"""Where values lie on a chart's axes, and how they are spelled there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]
"""A part of a specification of Vega-Lite."""
FEW = 10
"""Epochs, or powers of ten, that are marked one by one."""
BESIDE = 0.05
"""How far words are from what they say, on an axis from 0 to 1."""
MOST_POINTS = 20_000
"""Points of curves in a page; of more, fewer epochs of each run are shown."""


def positions(values: Sequence[Any]) -> list[float | None]:
    """Where values are on an axis from 0 to 1: numbers by size (their logarithms over wide spans), others evenly spread."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == sum(value is not None for value in values) and numbers and all(map(math.isfinite, numbers)):
        wide = min(numbers) > 0 and max(numbers) > 10 * min(numbers)
        measured = [None if value is None else math.log(value) if wide else float(value) for value in values]
        known = [each for each in measured if each is not None]
        low, high = min(known), max(known)
        return [None if each is None else (each - low) / (high - low) if high > low else 0.5 for each in measured]
    order = {each: place for place, each in enumerate(dict.fromkeys(map(label, values)))}
    return [order[label(value)] / max(1, len(order) - 1) for value in values]


def marks(columns: Mapping[str, Sequence[Any]], places: Mapping[str, Sequence[float | None]]) -> list[Spec]:
    """The words at an axis, above or below where the lines meet: of few values each, of many the least and the greatest."""
    found = []
    for key, values in columns.items():
        known = {place: label(value) for place, value in zip(places[key], values, strict=True) if place is not None}
        chosen = known if len(known) <= 8 else {end: known[end] for end in (min(known), max(known))}
        found += [
            {"key": key, "at": place + (BESIDE if place >= 0.5 else -BESIDE), "label": text}
            for place, text in chosen.items()
        ]
    return found


def thinning(points: int) -> int:
    """Of every how many epochs one is shown, so that a page has no more points than it can."""
    return max(1, math.ceil(points / MOST_POINTS))


def of_epochs(last: int) -> Spec:
    """The axis of epochs from 1 on, with whole numbers alone."""
    few = {"values": list(range(1, last + 1))} if last <= FEW else {}
    axis = {"title": "epoch", "format": "d", "tickMinStep": 1, **few}
    return {"field": "epoch", "type": "quantitative", "axis": axis, "scale": {"nice": False}}


def scale(values: Sequence[float | None]) -> Spec:
    """Logarithmic where positive values span more than a factor of 10, as in nnexp's pictures."""
    known = [value for value in values if value is not None]
    if known and min(known) > 0 and max(known) > 10 * min(known):
        return {"type": "log", "nice": False}
    return {"zero": False, "nice": False}


def ticks(values: Sequence[float | None]) -> Spec:
    """Where the axis of a logarithmic scale is marked: at 1, 2 and 5 times powers of ten; any other as Vega has it.

    Of its own Vega marks all nine between two powers, and leaves out those words that come too close: often the power's.
    """
    if scale(values).get("type") != "log":
        return {}
    known = [value for value in values if value is not None]
    first, last = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    steps = (1, 2, 5) if last - first <= FEW // 3 else (1,)
    powers = range(first, last + 1, math.ceil((last - first) / FEW))
    found = [float(f"{step}e{power}") for power in powers for step in steps]
    return {"values": [each for each in found if min(known) <= each <= max(known)], "format": ".4~g"}


def label(value: Any) -> str:
    """A value in words."""
    return (
        "-"
        if value is None
        else f"{value:.4g}"
        if isinstance(value, float)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def shown(value: float | None) -> float | None:
    """A number that can be drawn; None for any other."""
    return value if value is not None and math.isfinite(value) else None
