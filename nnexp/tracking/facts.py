"""What MLflow knows of runs, as what is known of a run anywhere: read in pages, and each metric's history when it is needed."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nnexp.journal.facts import Facts
from nnexp.journal.records import DataRecord
from nnexp.journal.result import is_score
from nnexp.tracking.client import worded
from nnexp.tracking.store import JOURNAL_ID, Store

if TYPE_CHECKING:
    from mlflow.entities import Run

STATES = {"FINISHED": "finished", "KILLED": "killed", "RUNNING": "running", "SCHEDULED": "waiting"}
DIVERGED = "diverged"
"""How the reason begins of a run that failed because it diverged."""
PAGE = 1000


def every(store: Store) -> list[Facts]:
    """All runs of the store's experiment, the oldest first. Raises NnexpError."""
    with worded("read the runs", store.uri):
        return [facts(store, run) for run in pages(store)]


def pages(store: Store) -> Iterator[Run]:
    """The runs of the experiment."""
    token = None
    while True:
        order = ["attributes.start_time ASC"]
        page = store.client.search_runs([store.experiment_id], max_results=PAGE, order_by=order, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def facts(store: Store, run: Run) -> Facts:
    """One run. Raises whatever the client raises."""
    tags, info = run.data.tags, run.info
    reason = tags.get("nnexp.reason", "")
    failed = DIVERGED if reason.startswith(DIVERGED) else "failed"
    history = {name: values_of(store, info.run_id, name) for name in sorted(run.data.metrics) if not is_score(name)}
    return Facts(
        STATES.get(info.status, failed),
        reason,
        dict(run.data.params),
        tags,
        data_of(run),
        {name: history[name] for name in sorted(history, key=place)},
        {name: number(value) for name, value in run.data.metrics.items() if is_score(name)},
        ((info.end_time or info.start_time or 0) - (info.start_time or 0)) / 1000,
        tags.get("nnexp.directory", "") if JOURNAL_ID in tags else "",
        info.run_id,
    )


def place(metric: str) -> tuple[bool, bool, str]:
    """Those of training come before those of validation, the cost first."""
    name, _, part = metric.partition("/")
    return part != "train", name != "cost", name


def values_of(store: Store, run_id: str, metric: str) -> list[float]:
    """A metric's values by epoch; the last one where a step has several."""
    steps = {point.step: number(point.value) for point in store.client.get_metric_history(run_id, metric)}
    return [steps.get(step, float("nan")) for step in range(1, max(steps, default=0) + 1)]


def number(value: float) -> float:
    """A metric's value: MLflow keeps an infinity as the largest number there is."""
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value


def data_of(run: Run) -> DataRecord | None:
    """The data that MLflow has of a run."""
    for each in run.inputs.dataset_inputs if run.inputs else ():
        found = each.dataset
        profile = as_object(found.profile)
        counts = [int(profile.get(key, 0)) for key in ("num_rows", "num_features")]
        return DataRecord(found.name, found.digest, "", (), str(profile.get("target", "")), *counts)
    return None


def as_object(text: str | None) -> dict[str, Any]:
    """A JSON object that a store has kept as a text; an empty one for anything else."""
    try:
        read = json.loads(text or "{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
