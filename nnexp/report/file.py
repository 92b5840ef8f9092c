"""The report of a directory, and its file in that directory."""

from __future__ import annotations

from pathlib import Path

from nnexp.basics.files import replacing
from nnexp.comparison.reading import is_run
from nnexp.report import content, single
from nnexp.report.page import page
from nnexp.sweep.manifest import MANIFEST

REPORT = "report.html"


def text_of(directory: Path) -> str | None:
    """The report of the sweep or the run in a directory; None where there is neither. Raises NnexpError."""
    if (directory / MANIFEST).exists():
        return page(*content.of(directory))
    return page(*single.of(directory)) if directory.is_dir() and is_run(directory) else None


def write(directory: Path) -> Path:
    """Write the report into the directory of a sweep or a run, over one that is there. Raises NnexpError, OSError."""
    text = text_of(directory)
    assert text is not None
    with replacing(directory / REPORT, forced=True) as file:
        file.write(text.encode())
    return directory / REPORT
