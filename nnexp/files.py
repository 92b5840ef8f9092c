"""Files that are replaced in one step: whoever reads one meanwhile, or after a crash, finds the old content or the new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PARTIAL = ".tmp"
"""The suffix of a file that is being written."""


def replace_json(path: Path, content: Any, *, indent: int | None = None) -> None:
    """Replace ``path`` with ``content`` as JSON. Raises OSError, and then leaves the old file and nothing else."""
    partial = path.with_suffix(PARTIAL)
    try:
        partial.write_text(json.dumps(content, indent=indent), encoding="utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
