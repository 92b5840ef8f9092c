"""Libraries in C that are preloaded into a command, built when a test needs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

REQUIRED = "NNEXP_REQUIRE_CC"
"""Set where the tests that need a C compiler must not be skipped."""


def compiled(library: Path, sources: Iterable[Path], what: str) -> Path:
    """Build a library; where it cannot be the test is skipped, or fails where it must not be. ``what`` needs the compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        why = f"{what} on Linux, with a C compiler named cc (Debian: apt-get install gcc libc6-dev)"
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(why)
    options = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra"]
    subprocess.run([compiler, *options, "-o", library, *sources], check=True)
    return library
