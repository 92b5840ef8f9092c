"""A run is looked up by its id, the beginning of it, or its name."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from nnexp.basics.secrets import masked
from nnexp.errors import NnexpError, closest, one_line
from nnexp.tracking.client import worded
from nnexp.tracking.links import name_filter
from nnexp.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

ID = re.compile(r"[0-9a-f]{6,32}")
FULL_ID = 32


def find(store: Store, run: str) -> Run:
    """Look up the run with this id, this beginning of an id (at least 6 characters) or exactly this name.

    An id finds a run anywhere in the store, the others one of this experiment. Raises ``NnexpError`` where nothing
    fits, or more than one run.
    """
    with worded(f"look up the run '{run}'", store.uri):
        if ID.fullmatch(run) and len(run) == FULL_ID:
            return _with_id(store, run)
        named = [found for found in store.runs(name_filter(run)) if found.info.run_name == run]
        begins = f"attributes.run_id LIKE '{run}%'"
        matches = named or (store.runs(begins) if ID.fullmatch(run) else [])
        if len(matches) == 1:
            return matches[0]
        if matches:
            several = "\n  ".join(_shown(match) for match in matches[:8])
            raise NnexpError(f"{len(matches)} runs are called '{run}'. Say which by its id:\n  {several}")
        raise _unknown(store, run)


def _with_id(store: Store, run_id: str) -> Run:
    from mlflow.exceptions import MlflowException

    try:
        found = store.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise _unknown(store, run_id) from error
        raise
    if found.info.lifecycle_stage != "active":
        raise NnexpError(f"Run {_shown(found)} was deleted. Restore it: mlflow runs restore --run-id {run_id}")
    return found


def _unknown(store: Store, run: str) -> NnexpError:
    recent = store.runs()
    if not recent:
        where = f"the experiment '{store.experiment}' at {masked(store.uri)}"
        return NnexpError(f"No run '{run}': {where} has no runs yet.")
    match = closest(run, [found.info.run_name or "" for found in recent])
    suggestion = f" Did you mean '{one_line(match)}'?" if match else ""
    newest = "\n  ".join(_shown(found) for found in recent[:5])
    return NnexpError(f"No run '{run}' in experiment '{store.experiment}'.{suggestion} The newest:\n  {newest}")


def _shown(run: Run) -> str:
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime((run.info.start_time or 0) / 1000))
    return f"{run.info.run_id[:8]}  {began}  {run.info.status:<8}  {one_line(str(run.info.run_name))}"
