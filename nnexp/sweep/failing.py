"""A job of a sweep that failed before it could say so itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnexp.basics.files import Unreadable
from nnexp.journal.result import read_result, write_result
from nnexp.run.ending import failure


def write_failure(directory: Path, error: Exception, overrides: Sequence[str]) -> None:
    """Note why a job failed, in the words that a single run ends with, and what it was to be."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        reason = read_result(directory).reason
    except Unreadable:  # kept by write_result
        reason = ""
    said = {"reason": reason or str(error), **failure(error)}
    write_result(directory, {"status": "FAILED", **said, "overrides": [*overrides]})
