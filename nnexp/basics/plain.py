"""Plain values as text that people read, too: JSON with a line per key, and YAML."""

from __future__ import annotations

import json
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
