"""Student's t distribution for whole degrees of freedom, in closed form: scipy, which has it, takes half a second to import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
"""A difference that luck alone would make less often than this is called one."""
TOLERANCE = 1e-12


def within(t: NDArray[np.float64] | float, degrees: int) -> NDArray[np.float64]:
    """The probability A(t | v) of a value between -t and t, with v ``degrees`` of freedom (at least 1).

    With theta = atan(t / sqrt(v)): A = sin(theta) (1 + 1/2 cos^2 + 1/2 3/4 cos^4 + ...) up to cos^(v - 2) where v is even,
    and A = 2 / pi (theta + sin(theta) (cos + 2/3 cos^3 + 2/3 4/5 cos^5 + ...)) up to cos^(v - 2) where v is odd
    (Abramowitz and Stegun, 1964, 26.7.3 and 26.7.4). Exact to some 1e-14.
    """
    theta = np.arctan(np.abs(t) / math.sqrt(degrees))
    sine, cosine = np.sin(theta), np.cos(theta)
    if degrees % 2:
        term, total = np.array(cosine), np.array(cosine if degrees > 1 else 0 * cosine)
        for number in range(3, degrees - 1, 2):
            term = term * (number - 1) / number * cosine**2
            total = total + term
        return np.asarray(2 / np.pi * (theta + sine * total))
    term, total = np.ones_like(cosine), np.ones_like(cosine)
    for number in range(2, degrees - 1, 2):
        term = term * (number - 1) / number * cosine**2
        total = total + term
    return np.asarray(sine * total)


def two_sided(t: NDArray[np.float64] | float, degrees: int) -> NDArray[np.float64]:
    """The probability of a value at least as far from 0 as t, on either side."""
    return np.clip(1 - within(t, degrees), 0, 1)


def quantile(probability: float, degrees: int) -> float:
    """The t with this ``probability`` of a value between -t and t, by bisection."""
    low, high = 0.0, 1.0
    while float(within(high, degrees)) < probability and high < 1e12:
        low, high = high, 2 * high
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        low, high = (middle, high) if float(within(middle, degrees)) < probability else (low, middle)
    return (low + high) / 2


def holm(p: NDArray[Any]) -> NDArray[np.float64]:
    """Each p, corrected for there being so many: the i-th smallest of m is max over j <= i of (m - j + 1) p_j (Holm, 1979).

    The chance of a single false alarm among all of them stays below the level that is chosen.
    """
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(steps, 1)
    return corrected


@dataclass(frozen=True)
class Interval:
    """What holds the true mean in 95 of 100 cases: mean +- t s / sqrt(n), with n - 1 degrees of freedom (Student, 1908)."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval | None:
        """The interval of the mean of ``values``; None for fewer than two, or where one is not finite."""
        n = len(values)
        if n < 2 or not all(map(math.isfinite, values)):
            return None
        with np.errstate(over="ignore"):  # of costs beyond 1e154 the spread is infinite
            mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
        half = quantile(1 - LEVEL, n - 1) * deviation / math.sqrt(n)
        return cls(mean - half, mean + half)

    @property
    def half(self) -> float:
        """How far it reaches on either side of the mean."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        """As it is shown: ``0.0531 to 0.192``."""
        return f"{self.low:.3g} to {self.high:.3g}"
