"""Files that are replaced in one step: whoever reads one meanwhile, or after a crash, finds the old content or the new."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnexp.plain import to_json

PARTIAL = ".tmp"
"""The suffix of a file that is being written."""


def replace_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace ``path`` with ``content`` as JSON, a line for each key. Raises OSError, and then the old file is left alone."""
    partial = path.with_suffix(PARTIAL)
    try:
        partial.write_text(to_json(content), encoding="utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
