"""References of a configuration's keys to each other, ``${seed}``: they lead somewhere, and to a bounded number of values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import MISSING
from omegaconf.errors import OmegaConfBaseException

from nnexp.composition.logs import leaves
from nnexp.errors import NnexpError, did_you_mean, listed

REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.\w+)*)\}", re.ASCII)
"""A reference to another key."""
PLACE = re.compile(r"(\.[0-9]+)+$", re.ASCII)
"""A place in a list, at the end of a path."""
MOST_VALUES = 20_000
"""Values of a configuration, references followed."""


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path, a place in a list by its number; None where nothing does."""
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        else:
            there = isinstance(value, list) and part.isdecimal() and int(part) < len(value)
            value = value[int(part)] if there else None
    return value


def references(value: Any) -> list[str]:
    """The keys that a value, or what is below it, refers to."""
    return [key for _, each in leaves(value) if isinstance(each, str) for key in REFERENCE.findall(each)]


def refuse_endless(own: Mapping[str, Any]) -> None:
    """Refuse references that lead in a circle, or stand for too many values. Raises NnexpError.

    ``own`` is nnexp's own part of a configuration, as it is written.
    """
    number = extent(own, "", {})
    if number == math.inf:
        first, *others = circle(own, references(own), (), set())
        by, following = f", by {listed(others)}" if others else "", (*others, first)[0]
        holders = ((path, value) for path, value in leaves(at(own, first), first) if following in references(value))
        path, value = next(holders)  # below it, where it is a group of keys
        raise NnexpError(f"{path}={value} refers to itself{by}, and has no value. {remedy(path)}")
    if number > MOST_VALUES:
        raise NnexpError(
            f"The configuration's references to its own keys (${{...}}) stand for over {MOST_VALUES:,} values. Write fewer."
        )


def extent(own: Mapping[str, Any], path: str, known: dict[str, float]) -> float:
    """How many values a key stands for, its references followed; infinitely many where it refers to itself."""
    if path not in known:
        known[path] = math.inf
        value = at(own, path) if path else own
        known[path] = sum(1 for _ in leaves(value)) + sum(extent(own, key, known) for key in references(value))
    return known[path]


def circle(own: Mapping[str, Any], keys: Iterable[str], way: tuple[str, ...], clear: set[str]) -> tuple[str, ...]:
    """Keys that each refer to the next one, and the last to the first; none where no reference of ``keys`` leads there.

    ``way`` is how ``keys`` were come to; what leads into no circle is added to ``clear``.
    """
    for key in keys:
        if key in way:
            return way[way.index(key) :]
        if key not in clear:
            if found := circle(own, references(at(own, key)), (*way, key), clear):
                return found
            clear.add(key)
    return ()


def remedy(path: str) -> str:
    """What to type instead of the reference at a path."""
    return f"Type {PLACE.sub('', path)}=VALUE"


def no_such_key(path: str, value: object, key: str, known: Iterable[str]) -> str:
    """The message for a value that refers to a key which is not there; ``known`` are those that may be meant."""
    return f"{path}={value} refers to '{key}', and there is no such key.{did_you_mean(key, known)} {remedy(path)}"


def unresolved(own: Mapping[str, Any], error: OmegaConfBaseException) -> str:
    """What is wrong with references that OmegaConf could not follow: the first that leads nowhere, or what it says."""
    known = [path for path, _ in leaves(own)]
    for path, value in leaves(own):
        for key in references(value):
            if at(own, key) == MISSING:
                return f"{path}={value} refers to {key}, which has no value yet. Type {key}=VALUE"
            if not has(own, key):
                return no_such_key(path, value, key, known)
    path = re.sub(r"\[([0-9]+)\]", r".\1", str(getattr(error, "full_key", None) or ""))
    said = str(error).splitlines()[0].partition("While dereferencing interpolation ")[2].partition(": ")[2]
    if path and said:
        return f"{path}={at(own, path)}: {said}. {remedy(path)}"
    return f"{path or 'The configuration'}: {str(error).splitlines()[0]}"


def has(own: Mapping[str, Any], path: str) -> bool:
    """Whether there is a key, or a place in a list, at a dotted path."""
    head, _, last = path.rpartition(".")
    holder = at(own, head) if head else own
    return last in holder if isinstance(holder, Mapping) else at(holder, last) is not None
