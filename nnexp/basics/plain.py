"""Plain values as text that people read, too: JSON with a line per key, and YAML."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any


def to_json(values: Mapping[str, Any]) -> str:
    """A JSON object, each of its keys on a line of its own.

    (Python's indented form takes many times as long.)
    """
    lines = (f" {json.dumps(str(key))}: {json.dumps(value)}" for key, value in values.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def to_yaml(values: Mapping[str, Any]) -> str:
    """YAML in the values' order; written by libyaml where PyYAML has it, which takes a tenth of the time."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(dict(values), Dumper=dumper, sort_keys=False, allow_unicode=True))


def spelled(value: object) -> str:
    """Return ``value`` as a user types it on the command line: ``true``, ``null``, ``[30, 100]``, ``0.1``, ``relu``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {spelled(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return "[" + ", ".join(spelled(item) for item in value) + "]"
    return str(value)


PLAIN = re.compile(r"[A-Za-z0-9_./:@%+*$?|][A-Za-z0-9_./:@%+*$?|-]*")
"""A text that Hydra reads as it stands."""


HARMLESS = re.compile(r"[A-Za-z0-9_./:@%+,=\[\]-]+")
"""A word that shells take as it stands."""


def override(key: str, value: object) -> str:
    """``key=value`` as it is typed in a shell, with Hydra's quotes and the shell's where they are needed."""
    typed = f"{key}={_typed(value)}"
    return typed if HARMLESS.fullmatch(typed) else shlex.quote(typed)


def _typed(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_typed, value))}]"
    if not isinstance(value, str) or PLAIN.fullmatch(value):
        return spelled(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
