"""The sources of plugins that somebody is writing: an editable install (PEP 660) is what its files are, under one version."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from nnexp.discovery.installed import entries
from nnexp.discovery.registry import named
from nnexp.plugin import Plugin

DIGITS = 12


def sources(plugins: Iterable[Plugin]) -> dict[str, str]:
    """What the files of the plugins' distributions are, by distribution, of those that are editable; nnexp is none of them."""
    found = {}
    for plugin in plugins:
        entry = entries()[plugin.kind][named(plugin)][0]
        if entry.distribution != "nnexp" and entry.provider.editable:
            found[entry.distribution] = digest(type(plugin).__module__.partition(".")[0])
    return found


@functools.cache  # of what this process has imported
def digest(module: str) -> str:
    """The first digits of the SHA-256 of a module's file, or of all Python files of a package."""
    file = Path(getattr(sys.modules[module], "__file__", None) or "")
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    found = hashlib.sha256()
    for each in files:
        if each.is_file():
            found.update(f"{each.relative_to(file.parent)}\0".encode() + each.read_bytes() + b"\0")
    return found.hexdigest()[:DIGITS]
