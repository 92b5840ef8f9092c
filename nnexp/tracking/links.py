"""Where MLflow's user interface shows runs, and the conditions by which MLflow finds them."""

from __future__ import annotations

from urllib.parse import quote, urlencode

CHARTS = "&compareRunsMode=CHART"
"""The end of a link that shows the runs' curves instead of their table."""

SWEEP = "nnexp.sweep"
"""The tag that the runs of one sweep share."""


def link_suffix(experiment_id: str, *, sweep: str = "") -> str:
    """What follows the interface's address where it shows an experiment's runs, or only those of one ``sweep``.

    With ``CHARTS`` after it, it shows their curves.
    """
    # The interface opens in its mode for language models otherwise, where these runs are not shown.
    query = {"workflowType": "machine_learning"}
    if sweep:
        query["searchFilter"] = sweep_filter(sweep)
    return f"/#/experiments/{experiment_id}/runs?{urlencode(query, quote_via=quote)}"


def shared_suffix(experiment_id: str, key: str) -> str:
    """What follows the interface's address where it shows runs as a tag of their experiment says (``landing``)."""
    return f"{link_suffix(experiment_id)}&viewStateShareKey={key}{CHARTS}"


def run_suffix(experiment_id: str, run_id: str) -> str:
    """What follows the interface's address where it shows one run's curves."""
    return f"/#/experiments/{experiment_id}/runs/{run_id}/model-metrics"


def sweep_filter(sweep: str) -> str:
    """Return MLflow's search condition for the runs of one sweep."""
    return equal(f"tags.`{SWEEP}`", sweep)


def name_filter(name: str) -> str:
    """Return MLflow's search condition for a run name."""
    return equal("attributes.run_name", name)


def equal(what: str, text: str) -> str:
    """Return MLflow's search condition for a text. Its strings know no escapes: _ stands in for a quote."""
    if "'" not in text:
        return f"{what} = '{text}'"
    if '"' not in text:
        return f'{what} = "{text}"'
    pattern = text.replace("'", "_")
    return f"{what} LIKE '{pattern}'"
