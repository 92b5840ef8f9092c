"""YAML files of bounded size: a short file can stand for a gigabyte, where an alias names a list of aliases, and so on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import yaml

from nnexp.errors import NnexpError

MOST_BYTES = 1 << 20
MOST_VALUES = 20_000
"""Values in a file, its aliases written out; the longest of nnexp's own has some hundred."""
MOST_LEVELS = 50


def refuse_unbounded(path: Path) -> None:
    """Refuse a YAML file that is no plain file, or too large, or too deep, before anybody makes values of it."""
    if not path.is_file():
        raise NnexpError(f"'{path}' is no plain file. Leave it out, or put a YAML file in its place.")
    if path.stat().st_size > MOST_BYTES:
        raise NnexpError(f"'{path}' has more than {MOST_BYTES:,} bytes, which no configuration has. Shorten it.")
    text, loader = path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise NnexpError(f"'{path}' is no text in UTF-8 (byte {error.start + 1}). Save it as UTF-8.") from error
    try:
        # libyaml's own recursion is not bounded; events come one by one.
        flat = levels(yaml.parse(text, loader)) <= MOST_LEVELS
        values = extent(yaml.compose(text, loader), {}) if flat else math.inf
    except yaml.YAMLError:  # whoever reads it says so
        return
    if values > MOST_VALUES:
        raise NnexpError(
            f"'{path}' stands for more than {MOST_VALUES:,} values, or is nested deeper than {MOST_LEVELS} levels. Shorten it."
        )


def refuse_deep(text: str) -> None:
    """Refuse YAML that is nested too deeply for libyaml, which would end the process. Raises ValueError, yaml.YAMLError."""
    if levels(yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))) > MOST_LEVELS:
        raise ValueError(f"it is nested deeper than {MOST_LEVELS} levels")


def levels(events: Iterable[yaml.Event]) -> int:
    """How deep a file is nested, as far as it has to be read to know that it is too deep."""
    level = deepest = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
            deepest = max(deepest, level)
            if deepest > MOST_LEVELS:
                break
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
    return deepest


def extent(node: yaml.Node | None, known: dict[int, float]) -> float:
    """The values that a node stands for, its aliases written out; infinitely many where it is in itself."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf  # until it is counted: an alias of itself within it
        pairs = isinstance(node, yaml.MappingNode)
        inner = [each for pair in node.value for each in pair] if pairs else node.value
        known[id(node)] = 1 + sum(extent(each, known) for each in inner)
    return known[id(node)]
