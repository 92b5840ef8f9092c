"""The values of what was typed: as text, one by one, and whether they can become a field's type."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString, Sweep
from hydra.errors import HydraException

from nnexp.basics.fields import bounds, field_types, hyperparameters, rule, takes_list
from nnexp.basics.plain import override, spelled
from nnexp.errors import did_you_mean

FUNCTIONS = ("choice", "range", "glob", "shuffle", "sort")
"""Of Hydra's functions on the command line, those that give several values."""
FORMS = {
    "interval": "interval(LOW,HIGH)",
    "int": "int(interval(LOW,HIGH))",
    "tag": "tag(log,interval(LOW,HIGH))",
    "range": "range(START,STOP)",
    "choice": "choice(VALUE,VALUE)",
}
"""How those are typed that a search takes."""


def wrong_type(cls: type, field: str, key: str, given: Iterable[Any]) -> str:
    """A value that cannot become the field's type."""
    annotation = field_types(cls)[field]
    item = next(each for each in hyperparameters(cls) if each.name == field)
    for value in given:
        if not convertible(value, annotation):
            several = isinstance(value, list | dict)
            hint = did_you_mean(text(value), bounds(item).choices)
            if takes_list(annotation) and not several:
                hint = f" Type {override(key, [text(value)])}." if convertible([value], annotation) else ""
                if text(value).startswith("["):  # a list in quotes is a text
                    hint = f" Type {key}={text(value)}"
            if annotation is str and isinstance(value, list):
                hint = f" If the brackets belong to the text, type {override(key, spelled(value))}"
            shown = value if several else f"'{text(value)}'"
            return f"{key} must be {rule(annotation, bounds(item))}. Got {shown}.{hint}"
    return ""


def convertible(value: Any, annotation: Any) -> bool:
    """Whether an override's value can be read as ``annotation``. What is still missing, or refers to another key, can."""
    if text(value) == "???" or text(value).startswith("${"):
        return True
    union = isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union
    return any(reads(value, each) for each in (typing.get_args(annotation) if union else (annotation,)))


def reads(value: Any, kind: Any) -> bool:
    """Whether a value can be read as int, float, bool, str, None or a tuple of them."""
    if typing.get_origin(kind) is tuple:
        return isinstance(value, list) and all(reads(each, typing.get_args(kind)[0]) for each in value)
    if isinstance(value, list | dict) or kind is type(None) or value is None:
        return value is None and kind is type(None)
    if kind is bool:
        return text(value).lower() in ("true", "false", "yes", "no", "on", "off", "1", "0")
    try:
        kind(text(value))
    except ValueError:
        return False
    return True


def sweep_inside(value: Any) -> str:
    """What is wrong with a value that has several values within it; empty where it has none."""
    if isinstance(value, ChoiceSweep) and any(isinstance(each, Sweep) for each in value.list):
        return "an interval or a range stands alone, not among other values. Type one of them"
    parts = value.list if isinstance(value, ChoiceSweep) else value
    parts = [*parts.values()] if isinstance(parts, dict) else parts if isinstance(parts, list) else []
    if any(isinstance(each, Sweep) for each in parts):
        return "what varies is a whole value, not a part of one. Type lists, such as network.hidden=[8],[16],[32,16]"
    return next(filter(None, map(sweep_inside, parts)), "")


def values(override: Override) -> Iterator[Any]:
    """An override's value, or each of a sweep's; none where a key is taken away."""
    value = override.value()
    if override.is_delete() and value is None:
        return
    if not isinstance(value, Sweep):
        yield value
        return
    try:
        lines = list(override.sweep_string_iterator())
    except (HydraException, ValueError):
        return
    yield from (OverridesParser.create().parse_override(f"x={line}").value() for line in lines)


def texts(override: Override) -> list[str]:
    """The same as text."""
    return [text(value) for value in values(override)]


def text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, QuotedString):
        return str(value.text)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
