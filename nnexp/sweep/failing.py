"""A job of a sweep that failed before it could say so itself."""

from __future__ import annotations

from pathlib import Path

from nnexp.basics.files import Unreadable
from nnexp.journal.result import read_result, write_result
from nnexp.run.ending import failure


def write_failure(directory: Path, error: Exception) -> None:
    """Note why a job failed, in the words that a single run ends with."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        reason = read_result(directory).reason
    except Unreadable:  # kept by write_result
        reason = ""
    write_result(directory, {"status": "FAILED", "reason": reason or str(error), **failure(error)})
