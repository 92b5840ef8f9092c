"""Which pictures a run is to draw: ``pictures=[auto]``, ``pictures=[confusion,"boundary features=[hue,ash]"]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from nnexp.basics.fields import field_types, read
from nnexp.discovery import registry
from nnexp.discovery.installed import entries
from nnexp.errors import NnexpError
from nnexp.plugin import Picture

KIND = Picture.kind
AUTO = "auto"
FIELD = re.compile(r"\s+(\w+)=(\[[^\]]*\]|\S*)")
"""An option behind a picture's name."""


def asked(words: Sequence[str]) -> list[tuple[str, Picture | None]]:
    """The pictures that are asked for, by their names; None stands for those that suit the task. Raises NnexpError."""
    return [(AUTO, None) if word.strip() == AUTO else picture(word) for word in words]


def picture(word: str) -> tuple[str, Picture]:
    """One picture: its name, and behind it FIELD=VALUE as often as is wanted."""
    name, _, rest = word.strip().partition(" ")
    if name not in entries()[KIND]:
        raise NnexpError(registry.unknown(KIND, name, (AUTO,)))
    types = field_types(registry.load(KIND, name))
    left = FIELD.sub("", f" {rest}").strip()
    if left:
        raise NnexpError(f"pictures: '{word}' has '{left}' where FIELD=VALUE belongs. Type \"{name} FIELD=VALUE\"")
    values: dict[str, Any] = {
        key: read(text, types[key]) if key in types else text for key, text in FIELD.findall(f" {rest}")
    }
    return name, cast("Picture", registry.build(KIND, {"name": name, **values}))


def wanted(words: Sequence[str] | None, *, alone: bool) -> tuple[str, ...]:
    """The words of ``pictures=``; where nobody has typed it, those that suit the task for a run ``alone``, no sweep's."""
    if words is None:
        return (AUTO,) if alone else ()
    return tuple(words)


def looks_back(words: Sequence[str]) -> bool:
    """Whether one that is named needs the epochs before the last."""
    return any(each is not None and each.looks_back for _, each in asked(words))


def usual() -> list[tuple[str, Picture]]:
    """Every installed picture that can be made without options: those that may suit a task."""
    return [picture(name) for name in registry.available(KIND)]
