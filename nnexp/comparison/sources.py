"""Which runs are meant: directories, MLflow's ids and names of runs, a whole experiment of a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.comparison.reading import Found, below
from nnexp.errors import NnexpError
from nnexp.journal.facts import Facts

if TYPE_CHECKING:
    from nnexp.tracking.store import Store

DEFAULT_EXPERIMENT = "nnexp"


def named(runs: Sequence[str], experiment: str | None, uri: str | None, outputs: Path) -> Found:
    """All runs that are named, each once; without a name those of ``outputs``. Raises NnexpError.

    With an ``experiment``, or a store's ``uri`` and no run, all runs of that experiment are meant.
    """
    store = None
    found: list[Facts] = []
    swept: list[str] = []
    if not runs and (experiment or uri):
        return Found(of_experiment(opened(experiment, uri, outputs)), [])
    for word in runs or [str(outputs)]:
        if is_directory(word) or not runs:
            there = below(Path(word))
            found += there.runs
            swept += there.swept
        else:
            store = store or opened(experiment, uri, outputs)
            found.append(in_store(store, word))
    once = {run.directory or run.run_id: run for run in found}
    return Found(list(once.values()), list(dict.fromkeys(swept)))


def one(word: str, experiment: str | None, uri: str | None, outputs: Path) -> Facts:
    """The one run that a word names. Raises NnexpError where it names none, or several."""
    found = named([word], experiment, uri, outputs).runs
    if len(found) > 1:
        raise NnexpError(f"'{word}' holds {len(found)} runs. Name one of them, such as {found[0].directory}.")
    return found[0]


def is_directory(word: str) -> bool:
    """Whether a word can only be a directory, or is one."""
    return Path(word).exists() or "/" in word or word.startswith(".")


def opened(experiment: str | None, uri: str | None, outputs: Path) -> Store:
    """The store, which has to be there."""
    from nnexp.tracking.store import Store

    return Store.connect(uri, experiment or DEFAULT_EXPERIMENT, outputs, existing=True)


def in_store(store: Store, word: str) -> Facts:
    """A run of MLflow's by its id, the beginning of it or its name."""
    from nnexp.tracking.client import worded
    from nnexp.tracking.facts import facts
    from nnexp.tracking.lookup import find

    run = find(store, word)
    with worded("read the run", store.uri):
        return facts(store, run)


def of_experiment(store: Store) -> list[Facts]:
    """All runs of a store's experiment. Raises NnexpError where it has none."""
    from nnexp.basics.secrets import masked
    from nnexp.tracking.facts import every

    found = every(store)
    if not found:
        raise NnexpError(f"The experiment '{store.experiment}' at {masked(store.uri)} has no runs yet.")
    return found
