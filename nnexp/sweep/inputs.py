"""The files that a sweep's jobs read, a table or weights: as they were before the first job they have to be for all.

A table that changes in between would have jobs ranked together that were trained on different data, and a resumed sweep
finished on others than it began with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nnexp.basics.fields import files, hyperparameters, is_file
from nnexp.discovery import installed, registry
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError
from nnexp.experiment.plan import Plan
from nnexp.plugin import Plugin


def named(plan: Plan) -> Iterator[str]:
    """The paths that a plan's plugins name."""
    for plugin in plan.chosen().values():
        if isinstance(plugin, Plugin):
            yield from files(plugin)


def reads_files(config: Mapping[str, Any]) -> bool:
    """Whether a plugin of a job's configuration has a field for a path; which most have not, and is quick to tell."""
    chosen = [
        (GROUPS[key], str(each.get("name")))
        for key, each in config.items()
        if key in GROUPS and isinstance(each, Mapping)
    ]
    classes = [registry.load(kind, name) for kind, name in chosen if name in installed.entries()[kind]]
    return any(is_file(item) for cls in classes for item in hyperparameters(cls))


def keys(plan: Plan) -> set[str]:
    """The keys whose values are such paths."""
    chosen = {key: plugin for key, plugin in plan.chosen().items() if isinstance(plugin, Plugin)}
    return {f"{key}.{item.name}" for key, plugin in chosen.items() for item in hyperparameters(plugin) if is_file(item)}


def states(paths: Iterable[str]) -> dict[str, str]:
    """The state of each path; empty where there is neither a file nor a folder."""
    return {path: state(Path(path).expanduser()) for path in dict.fromkeys(paths)}


def state(path: Path) -> str:
    """``time of change:size:SHA-256`` of a file. A folder is told by names, sizes and times; a pipe or a device by nothing."""
    if path.is_dir():
        inside = [f"{each.name}:{_glance(each)}" for each in sorted(path.iterdir()) if each.is_file()]
        return f"0:0:{hashlib.sha256(repr(inside).encode()).hexdigest()}"
    return f"{_glance(path)}:{_digest(path)}" if path.is_file() else ""


def _glance(path: Path) -> str:
    found = path.stat()
    return f"{found.st_mtime_ns}:{found.st_size}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The paths that hold something else now, or nothing; another time of change alone does not count."""
    both = [path for path in before if path in now and before[path]]
    return [path for path in both if before[path].rpartition(":")[2] != now[path].rpartition(":")[2]]


def refuse_changed(plan: Plan, before: Mapping[str, str]) -> None:
    """Refuse a job that would read another file than those before it. Raises NnexpError."""
    paths = [path for path in named(plan) if not _untouched(Path(path).expanduser(), before.get(path, ""))]
    if different := changed(before, states(paths)):
        raise NnexpError(
            f"{different[0]} has changed since the sweep began, and its jobs would not be trained on the same data. Put it "
            "back as it was and resume the sweep with --failed, or start a new one."
        )


def _untouched(path: Path, then: str) -> bool:
    """Whether size and time of a file are as they were: what is in it need not be read."""
    return path.is_file() and _glance(path) == then.rpartition(":")[0]
