"""Where files lie, and how they are replaced in one step: a reader, also after a crash, finds the old content or the new."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnexp.errors import NnexpError
from nnexp.plain import to_json

PARTIAL = ".tmp"
"""The suffix of a file that is being written."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path to write to instead of ``path``, which is replaced when the block ends well, and left alone if not."""
    partial = path.with_suffix(PARTIAL)
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def replace_json(path: Path, content: Mapping[str, Any], *, forced: bool = False) -> None:
    """Replace ``path`` with ``content`` as JSON, a line for each key. Raises OSError, and then the old file is left alone.

    One that is ``forced`` onto the disk before is there whole, or not at all, also after a power failure.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(to_json(content))
        if forced:
            file.flush()
            os.fsync(file.fileno())


def outputs_here() -> Path:
    """Where everything of the present directory lies. Raises NnexpError where something else has its name."""
    place = Path.cwd() / "outputs"
    if os.path.lexists(place) and not place.is_dir():
        raise NnexpError(
            f"{place} is a file, and runs are to lie in a folder of that name. Move it away, or start elsewhere."
        )
    return place
