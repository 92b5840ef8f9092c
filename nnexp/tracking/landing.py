"""Where ``ui`` lands: on MLflow's page of one sweep's runs, with what is worth seeing of them first, or on a run's own page.

MLflow's page takes its filter from the address, but neither which runs are visible (the newest 10), nor columns, groups or
charts. Those are in what its own Share button keeps: a tag of the experiment, which the address names. One is kept for each
sweep, and made anew each time; a store that lets no tags be set gets an address with the filter alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnexp.errors import NnexpError
from nnexp.journal.result import is_score
from nnexp.tracking.client import worded
from nnexp.tracking.links import CHARTS, SWEEP, link_suffix, run_suffix, shared_suffix, sweep_filter

if TYPE_CHECKING:
    from mlflow.entities import Run

    from nnexp.tracking.store import Store

SHARED = "mlflow.sharedViewState."
"""How MLflow's page calls the tags with what was shared."""
LONGEST = 5000
"""Characters of an experiment's tag."""
SHOWN = 100
"""Runs that MLflow's page reads at once; below them is a button that reads more."""
SEED = "seed"
MOST_CHARTS = 12
MOST_COLUMNS = 12


def of_sweep(store: Store, sweep: str) -> tuple[str, list[Run]]:
    """What follows the interface's address where it shows a sweep's runs alone, and the first 1,000 of those runs.

    Raises NnexpError where MLflow has none of them.
    """
    with worded(f"look for the runs of the sweep '{sweep}'", store.uri):
        runs = store.runs(sweep_filter(sweep), most=1000)
    if not runs:
        raise NnexpError(f"MLflow's experiment '{store.experiment}' has no runs of the sweep '{sweep}'.")
    key = hashlib.sha256(f"{SWEEP}={sweep}".encode()).hexdigest()[:32]
    if share(store, key, view(runs, sweep_filter(sweep))):
        return shared_suffix(store.experiment_id, key), runs
    return link_suffix(store.experiment_id, sweep=sweep) + CHARTS, runs


def of_run(run: Run) -> str:
    """What follows the interface's address where it shows a run's curves."""
    return run_suffix(run.info.experiment_id, run.info.run_id)


def share(store: Store, key: str, state: Mapping[str, Any]) -> bool:
    """Keep a state of MLflow's page where its address can name it, in the form of MLflow's own; whether that was possible."""
    from mlflow.exceptions import MlflowException

    text = json.dumps(state, separators=(",", ":"))
    value = f"deflate;{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"
    if len(value) > LONGEST:
        return False
    try:
        store.client.set_experiment_tag(store.experiment_id, SHARED + key, value)
    except MlflowException:  # a server that lets nobody write
        return False
    return True


def view(runs: Sequence[Run], condition: str) -> dict[str, Any]:
    """What MLflow's page is to show of runs: all of them, best first, what varies in its columns, seeds as one curve.

    The names are those of MLflow's own page; it ignores what it does not know.
    """
    varied = varying([run.data.params for run in runs])
    settings = [key for key in varied if key != SEED]
    metrics = list(dict.fromkeys(key for run in runs for key in run.data.metrics))
    curves = sorted((key for key in metrics if not is_score(key)), key=place)[:MOST_CHARTS]
    measure = next((key for key in (f"best.{curves[0]}", curves[0]) if key in metrics), "") if curves else ""
    columns = [f"metrics.`{key}`" for key in dict.fromkeys([*filter(None, [measure]), *curves[:4]])]
    columns += [f"params.`{key}`" for key in varied[:MOST_COLUMNS]]
    grouped = {
        "aggregateFunction": "average",
        "groupByKeys": [{"mode": "param", "groupByData": key} for key in settings],
    }
    return {
        "searchFilter": condition,
        "orderByKey": f"metrics.`{measure}`" if measure else "attributes.start_time",
        "orderByAsc": measure.rpartition("best.")[2].startswith("cost/"),
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "runsHiddenMode": "SHOW_ALL",
        "selectedColumns": ["attributes.`Duration`", *columns],
        "groupBy": grouped if settings and SEED in varied else None,
        "useGroupedValuesInCharts": True,
        "isAccordionReordered": True,
        **charts(curves, settings or varied, measure),
    }


def varying(params: Sequence[Mapping[str, str]]) -> list[str]:
    """The parameters that are not the same in all runs, in the order in which runs have them."""
    keys = dict.fromkeys(key for each in params for key in each)
    return [key for key in keys if len({each.get(key) for each in params}) > 1]


def place(metric: str) -> tuple[bool, bool, str]:
    """The cost of the validation part first: the others' names, and training after validation."""
    name, _, part = metric.partition("/")
    return name != "cost", part == "train", name


def charts(curves: Sequence[str], settings: Sequence[str], measure: str) -> dict[str, Any]:
    """Two sections of charts: the learning curves, and what varies against the metric that compares the runs."""
    section = {"display": True, "isReordered": True, "isGenerated": False, "deleted": False}
    card = {"deleted": False, "isGenerated": False, "runsCountToCompare": SHOWN}
    line = {
        **card,
        "type": "LINE",
        "metricSectionId": "curves",
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "xAxisKey": "step",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
    cards: list[dict[str, Any]] = [
        {**line, "uuid": f"curve{number}", "metricKey": key, "displayName": key} for number, key in enumerate(curves)
    ]
    sections = [{**section, "uuid": "curves", "name": "curves"}]
    if settings and measure:
        parallel = {**card, "type": "PARALLEL", "uuid": "varied", "metricSectionId": "varied", "showAllRuns": True}
        cards.append({**parallel, "selectedParams": list(settings[:MOST_COLUMNS]), "selectedMetrics": [measure]})
        sections.append({**section, "uuid": "varied", "name": "what varies"})
    return {"compareRunCharts": cards, "compareRunSections": sections}
