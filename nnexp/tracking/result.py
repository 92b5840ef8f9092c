"""``result.json``: how a run ended, in plain values, in its directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnexp.files import replace_json
from nnexp.tracking.address import without_secrets

RESULT = "result.json"


def write_result(directory: Path, result: Mapping[str, Any]) -> None:
    """Replace ``result.json`` in one step; a reason may quote what an address's driver said, and is written without secrets."""
    if "reason" in result:
        result = {**result, "reason": without_secrets(str(result["reason"]))}
    replace_json(directory / RESULT, result)


def read_result(directory: Path) -> dict[str, Any]:
    """A run's ``result.json``; empty where there is none."""
    path = directory / RESULT
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return result
