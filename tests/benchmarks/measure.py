"""Paired measurements, the rows they become, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Seconds = Callable[[], float]
"""A measurement: does its work and returns how long that took."""

Kind = Literal["ratio", "difference", "value"]


class Pair(NamedTuple):
    """One measurement of nnexp and the peer's measurement right beside it."""

    ours: float
    peer: float


class Pairs(list[Pair]):
    """Measurements of nnexp and a peer, taken in turns."""

    @property
    def ours(self) -> float:
        """The median of nnexp's figures."""
        return statistics.median(pair.ours for pair in self)

    @property
    def peer(self) -> float:
        """The median of the peer's figures."""
        return statistics.median(pair.peer for pair in self)


def paired(ours: Seconds, peer: Seconds, n_pairs: int) -> Pairs:
    """Measure both ``n_pairs`` times, one right after the other, which of them comes first changing from pair to pair.

    A change of the machine's speed between pairs meets both sides alike, so ratios are formed within pairs only. A first
    pair, which fills caches and imports what is imported late, is measured and thrown away.
    """
    ours(), peer()
    pairs = Pairs()
    for number in range(n_pairs):
        if number % 2:
            pairs.append(Pair(ours(), peer()))
        else:
            second = peer()
            pairs.append(Pair(ours(), second))
    return pairs


@dataclass(frozen=True)
class Row:
    """One comparison. ``figure`` is the median over the pairs of what the goal is about, ``low`` and ``high`` its range."""

    name: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str
    kind: Kind
    figure: float
    low: float
    high: float
    n: int
    goal: float | None = None
    at_least: bool = False
    """The figure has to reach ``goal``; otherwise it must not exceed it."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the goal; None where there is none."""
        if self.goal is None:
            return None
        return self.figure >= self.goal if self.at_least else self.figure <= self.goal


def row(  # one argument per column
    name: str,
    unit: str,
    pairs: Pairs,
    figures: Iterable[float],
    *,
    peer_name: str,
    kind: Kind = "ratio",
    goal: float | None = None,
    at_least: bool = False,
    note: str = "",
) -> Row:
    """A row of ``pairs`` and the ``figures`` formed within them, one each."""
    values = list(figures)
    return Row(
        name,
        unit,
        pairs.ours,
        None if kind == "value" else pairs.peer,
        peer_name,
        kind,
        statistics.median(values),
        min(values),
        max(values),
        len(values),
        goal,
        at_least,
        note,
    )


def faster(name: str, unit: str, pairs: Pairs, *, peer_name: str, goal: float | None = None, note: str = "") -> Row:
    """A row that says how many times faster than the peer nnexp is."""
    ratios = [pair.peer / pair.ours for pair in pairs]
    return row(name, unit, pairs, ratios, peer_name=peer_name, goal=goal, at_least=True, note=note)


def slower(name: str, unit: str, pairs: Pairs, *, peer_name: str, goal: float | None = None, note: str = "") -> Row:
    """A row that says how many times the peer's time nnexp takes."""
    ratios = [pair.ours / pair.peer for pair in pairs]
    return row(name, unit, pairs, ratios, peer_name=peer_name, goal=goal, note=note)


SUFFIX = {"ratio": "x", "difference": "", "value": ""}
WIDTHS = (46, 11, 11, 24, 24, 10, 10)
HEADER = ("", "nnexp", "peer", "peer is", "ratio, or difference", "goal", "")


def line(cells: Sequence[str]) -> str:
    """One line of the table."""
    left = (0, 3, 6)
    cells = [
        cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, WIDTHS, strict=True))
    ]
    return "  ".join(cells).rstrip()


def header() -> str:
    """The table's first two lines."""
    return f"{line(HEADER)}\n{'-' * (sum(WIDTHS) + 2 * len(WIDTHS) - 2)}"


def shown(item: Row) -> str:
    """The row as a line of the table."""
    suffix = SUFFIX[item.kind]
    goal = "" if item.goal is None else f"{'>=' if item.at_least else '<='} {number(item.goal)}{suffix}"
    cells = (
        item.name,
        f"{number(item.ours)} {item.unit}",
        "" if item.peer is None else f"{number(item.peer)} {item.unit}",
        item.peer_name,
        f"{number(item.figure)}{suffix} ({number(item.low)}-{number(item.high)})",
        goal,
        {None: "", True: "met", False: "NOT MET"}[item.met],
    )
    return line(cells) + (f"\n    {item.note}" if item.note else "")


def number(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    for limit, digits in ((10, 1), (1, 2), (0.1, 3), (0.01, 4)):
        if abs(value) >= limit:
            return f"{value:.{digits}f}"
    return f"{value:.5f}"
