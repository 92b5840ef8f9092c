"""The files that a sweep's jobs read, a table or weights: as they were before the first job they have to be for all.

A table that changes in between would have jobs ranked together that were trained on different data, and a resumed sweep
finished on others than it began with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from nnexp.basics.fields import files, hyperparameters, is_file
from nnexp.errors import NnexpError
from nnexp.experiment.plan import Plan
from nnexp.plugin import Plugin


def named(plan: Plan) -> Iterator[str]:
    """The paths that a plan's plugins name."""
    for plugin in plan.chosen().values():
        if isinstance(plugin, Plugin):
            yield from files(plugin)


def keys(plan: Plan) -> set[str]:
    """The keys whose values are such paths."""
    chosen = {key: plugin for key, plugin in plan.chosen().items() if isinstance(plugin, Plugin)}
    return {f"{key}.{item.name}" for key, plugin in chosen.items() for item in hyperparameters(plugin) if is_file(item)}


def states(paths: Iterable[str]) -> dict[str, str]:
    """The state of each path that is there: when it was changed, its size, and what is in it."""
    return {path: state(Path(path).expanduser()) for path in dict.fromkeys(paths) if Path(path).expanduser().exists()}


def state(path: Path) -> str:
    """``time of change:size:SHA-256`` of a file; of a folder, those of the files in it."""
    if path.is_dir():
        inside = [f"{each.name}:{state(each)}" for each in sorted(path.iterdir()) if each.is_file()]
        return f"0:0:{hashlib.sha256(''.join(inside).encode()).hexdigest()}"
    return f"{_glance(path)}:{_digest(path)}"


def _glance(path: Path) -> str:
    found = path.stat()
    return f"{found.st_mtime_ns}:{found.st_size}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changed(before: Mapping[str, str]) -> list[str]:
    """The paths of a sweep's beginning that hold something else now; what only was copied or touched does not count."""
    return [path for path, then in before.items() if not _same(Path(path).expanduser(), then)]


def _same(path: Path, then: str) -> bool:
    if not path.exists() or path.is_dir():
        return path.exists() and state(path).rpartition(":")[2] == then.rpartition(":")[2]
    return _glance(path) == then.rpartition(":")[0] or _digest(path) == then.rpartition(":")[2]


def refuse_changed(plan: Plan, before: Mapping[str, str]) -> None:
    """Refuse a job that would read another file than those before it. Raises NnexpError."""
    if different := changed({path: before[path] for path in named(plan) if path in before}):
        raise NnexpError(
            f"{different[0]} has changed since the sweep began, and its jobs would not be trained on the same data. Put it "
            "back as it was and resume the sweep with --failed, or start a new one."
        )
