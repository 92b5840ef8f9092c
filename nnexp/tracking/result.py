"""``result.json``: how a run ended, in plain values, in its directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnexp.files import replace_json
from nnexp.tracking.address import without_credentials, without_secrets

RESULT = "result.json"


QUOTED = ("reason", "message")
"""What may quote anything, such as what an address's driver said."""


def write_result(directory: Path, result: Mapping[str, Any]) -> None:
    """Replace ``result.json`` in one step. No text in it has a secret, but for where it lies, which is as it is."""
    cleaned = {
        key: without_secrets(str(value)) if key in QUOTED else value if key == "directory" else _without(value)
        for key, value in result.items()
    }
    replace_json(directory / RESULT, cleaned)


def _without(value: Any) -> Any:
    """A plain value whose texts have no credentials of addresses in them."""
    match value:
        case str():
            return without_credentials(value)
        case Mapping():
            return {key: _without(inner) for key, inner in value.items()}
        case list() | tuple():
            return (
                value
                if not any(isinstance(each, str | Mapping | list | tuple) for each in value)
                else [*map(_without, value)]
            )
    return value


def read_result(directory: Path) -> dict[str, Any]:
    """A run's ``result.json``; empty where there is none."""
    path = directory / RESULT
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return result
