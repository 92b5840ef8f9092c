"""The MLflow store of a run: opened before anything is trained, or left to another process."""

from __future__ import annotations

from pathlib import Path

from nnexp.basics.origin import embedded
from nnexp.errors import NnexpError
from nnexp.experiment.settings import RunContext, TrackingSettings
from nnexp.journal.outbox import entries
from nnexp.run.drawing import draw_missing
from nnexp.terminal.console import note
from nnexp.tracking.choice import chosen_uri
from nnexp.tracking.delivery import PROGRESS
from nnexp.tracking.opening import Target
from nnexp.tracking.pending import flush
from nnexp.tracking.store import Store


def connect(tracking: TrackingSettings, place: RunContext) -> Target | None:
    """The MLflow store, reachable, with what waited for it delivered; None for ``tracking=none``.

    Raises NnexpError before anything is trained; only in the middle of a sweep a store that does not answer is waited for.
    """
    if tracking.name == "none":
        return None
    try:
        store = Store.connect(tracking.uri, tracking.experiment, place.outputs, artifacts=tracking.artifacts)
    except NnexpError as error:
        if not place.sweep or not any(place.directory.parent.glob(f"*/{PROGRESS}")):
            raise
        note(f"{str(error).splitlines()[0]} The job's record waits for it.")
        return Target(store_uri(tracking, place.outputs), tracking.experiment, place.outputs, None)
    for _, words, done in flush(entries(place.outputs), store, place.outputs, draw_missing):
        if done:
            note(words)
    return Target(store.uri, store.experiment, place.outputs, store)


def later(tracking: TrackingSettings, place: RunContext) -> Target | None:
    """The MLflow store, to which another process delivers; None for ``tracking=none``."""
    if tracking.name == "none":
        return None
    uri = store_uri(tracking, place.outputs)
    return Target(uri, tracking.experiment, place.outputs, None, delivered_here=False)


def store_uri(tracking: TrackingSettings, outputs: Path) -> str:
    """The address of the store that was chosen."""
    return chosen_uri(tracking.uri) or embedded(outputs)
