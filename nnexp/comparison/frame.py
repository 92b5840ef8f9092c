"""Runs as a pandas DataFrame: ``nnexp.results``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nnexp.basics.files import outputs_here
from nnexp.comparison.rows import Table, table
from nnexp.comparison.sources import named

if TYPE_CHECKING:
    import pandas as pd


def results(
    *runs: str | os.PathLike[str],
    experiment: str | None = None,
    uri: str | None = None,
    history: bool = False,
) -> pd.DataFrame:
    """Recorded runs as a DataFrame: one row a run, or with ``history`` one row an epoch.

    ``runs`` are directories (of a run, of a sweep, or of several of them) and MLflow's ids or names of runs; without any, and
    without ``experiment``, all runs of outputs/. ``experiment`` is one of MLflow's, all of whose runs are taken; ``uri`` is the
    store's address (MLFLOW_TRACKING_URI, or outputs/mlflow.db). Directories are read without MLflow.

    Columns: what varies between the runs, as keys are typed; ``status``, ``reason``, ``objective`` (the kept epoch's cost),
    ``best_epoch``; each metric of the kept epoch (``cost/validation``, ``cost/test``, ...) and of the epoch of the lowest cost
    (``best.cost/validation``); ``seed``, ``split.seed``; ``seconds`` from beginning to end; ``directory`` and ``run_id``.
    Costs are in the units that were trained. What is the same for all runs is in ``attrs["same"]``.
    Raises NnexpError where there is no such run.
    """
    found = named([os.fspath(each) for each in runs], experiment, uri, outputs_here())
    return framed(table(found.runs, found.swept, history=history))


def framed(made: Table) -> pd.DataFrame:
    """A table as a DataFrame."""
    import pandas as pd

    columns = {key: column([row.get(key) for row in made.rows]) for key in made.columns}
    frame = pd.DataFrame(columns, columns=pd.Index(made.columns))
    frame.attrs["same"] = made.same
    return frame


def column(values: list[Any]) -> pd.Series[Any]:
    """A column: whole numbers and truth values of which some are missing stay what they are."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if None in values and kinds and kinds <= {int, bool}:
        return pd.Series(values, dtype="Int64" if kinds == {int} else "boolean" if kinds == {bool} else object)
    if kinds and kinds <= {int, float} and float in kinds:
        return pd.Series([float("nan") if value is None else value for value in values], dtype=float)
    return pd.Series(values, dtype=object) if not kinds else pd.Series(values)
