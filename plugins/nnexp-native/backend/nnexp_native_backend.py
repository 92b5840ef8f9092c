# ruff: noqa: INP001 (pip imports the file itself)
"""scikit-build-core, and one plain last line where the C++ compiler is missing or too old."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scikit_build_core import build
from scikit_build_core.build import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

INSTALL = (
    "Install one and try again: 'apt install g++' (Debian, Ubuntu), 'dnf install gcc-c++' (Fedora), 'apk add g++' (Alpine), "
    "'xcode-select --install' (macOS). nnexp itself needs none: it trains with engine=numpy."
)


def build_wheel(*arguments: Any, **named: Any) -> str:
    """Build a wheel (PEP 517)."""
    with explained():
        return build.build_wheel(*arguments, **named)


def build_editable(*arguments: Any, **named: Any) -> str:
    """Build for an editable installation (PEP 660)."""
    with explained():
        return build.build_editable(*arguments, **named)


@contextmanager
def explained() -> Iterator[None]:
    """End with a line that says what to install, where it is the compiler that is missing or fails."""
    compiler = found()
    if not compiler:
        sys.exit(f"nnexp-native is C++, and there is no C++ compiler here. {INSTALL}")
    try:
        yield
    except SystemExit:  # scikit-build-core has shown what the compiler said
        sys.exit(
            f"nnexp-native could not be built with {compiler}: what it said is above. It takes GCC 9 or newer, or Clang 10 or "
            f"newer. {INSTALL}"
        )


def found() -> str:
    """The C++ compiler that CMake will take; empty where there is none."""
    if chosen := os.environ.get("CXX"):
        return chosen if shutil.which(shlex.split(chosen)[0]) else ""
    return next(filter(shutil.which, ("c++", "g++", "clang++")), "")
