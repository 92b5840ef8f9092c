"""A tree of files before and after a command: what was added, removed, changed."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path

Tree = Mapping[str, tuple[str, ...]]
"""What is known of each path below a folder: its kind, mode, content and time of change; of a folder its mode alone."""


def tree(root: Path, *left_out: Path) -> Tree:
    """All that is below ``root``, but for what is below the folders that are left out."""
    found = {}
    for path in sorted(root.rglob("*")):
        if not any(path == each or path.is_relative_to(each) for each in left_out):
            found[str(path.relative_to(root))] = state(path)
    return found


def state(path: Path) -> tuple[str, ...]:
    """What one path is; nothing is followed, and no pipe is opened."""
    facts = path.lstat()
    mode, moment = oct(facts.st_mode), str(facts.st_mtime_ns)
    if stat.S_ISLNK(facts.st_mode):
        return "link", str(path.readlink()), moment
    if stat.S_ISREG(facts.st_mode):
        return "file", mode, moment, hashlib.sha256(path.read_bytes()).hexdigest()
    return "other", mode


def harmed(before: Tree, after: Tree) -> list[str]:
    """What was there before and is not, or is another thing now."""
    lost = [f"removed: {path}" for path in before if path not in after]
    return lost + [f"changed: {path}" for path in before if path in after and before[path] != after[path]]


def added(before: Tree, after: Tree) -> list[str]:
    """What was not there before."""
    return [path for path in after if path not in before]


def assert_same(before: Tree, after: Tree) -> None:
    """Assert that nothing was added, removed or changed."""
    assert [*harmed(before, after), *(f"added: {path}" for path in added(before, after))] == []
