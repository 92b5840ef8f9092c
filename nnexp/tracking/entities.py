"""What is told of a run, in the form and within the limits of MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.basics.plain import spelled
from nnexp.journal.records import DataRecord

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Param

LONGEST_PARAM = 6000
LONGEST_TAG = 8000
"""MLflow's limits, in characters."""

MOST_PARAMS = 100
MOST_ENTITIES = 1000
"""MLflow's limits per call: of parameters; of parameters, metric points and tags together."""

LARGEST_SCHEMA = 65_000
"""Bytes of a dataset's description that every database MLflow knows can hold."""


def truncated(text: str, most: int) -> str:
    """Return ``text``; of more than ``most`` characters only the beginning, with a mark that something is missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def param(key: str, value: object) -> Param:
    """Put a parameter into MLflow's form, spelled as on the command line."""
    from mlflow.entities import Param

    return Param(key, truncated(spelled(value), LONGEST_PARAM))


def dataset_input(data: DataRecord) -> DatasetInput:
    """Put ``data`` into the form that MLflow's user interface reads."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source: dict[str, object]
    if "://" in data.source:
        kind, source = "http", {"url": data.source}
    elif Path(data.source).is_absolute():
        kind, source = "local", {"uri": data.source}
    else:
        kind, source = "code", {"tags": {"mlflow.source.name": data.source}}
    columns = [{"type": type_, "name": name, "required": True} for name, type_ in data.features]
    schema = json.dumps({"mlflow_colspec": columns})
    profile = {
        "num_rows": data.n_samples,
        "num_elements": data.n_samples * data.n_features,
        "num_features": data.n_features,
        "target": data.target,
    }
    dataset = Dataset(
        name=truncated(data.name, 500),
        digest=data.digest[:36],
        source_type=kind,
        source=json.dumps(source),
        schema=schema if len(schema) <= LARGEST_SCHEMA else None,
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", "training")])
