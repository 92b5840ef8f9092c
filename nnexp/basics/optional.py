"""What is installed only by who wants it: a package is asked for before anything is done that would need it."""

from __future__ import annotations

import importlib.util

from nnexp.errors import NnexpError

CHARTS = ("vl_convert", "vl-convert-python", "A report")
"""The module with the JavaScript of a report's charts, its package, and what needs it."""


def refuse_without(module: str, package: str, what: str) -> None:
    """Refuse where a module is not installed. Raises NnexpError with what to type."""
    if importlib.util.find_spec(module) is None:
        raise NnexpError(
            f"{what} needs the Python package {package}, which is not installed. Type: pip install {package}"
        )
