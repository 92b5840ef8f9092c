"""A run's model as MLflow keeps it, with ``nnexp.serving`` as its ``loader_module``, so nothing is pickled.

MLflow checks a table against the model's signature before the model sees it, more strictly than nnexp does: a column
declared "double" refuses whole numbers (int64, what pandas makes of ``age`` in most files) and true/false; one declared
"string" refuses categories written as numbers and pandas' own categorical columns. So every feature is declared "any":
required by its name, its values checked by nnexp. ``model.json`` beside the weights says what each column is.
The price: ``mlflow models serve`` takes JSON, not CSV, for such a model (``mlflow models predict -t csv`` works).
"""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.tracking.artifacts import Folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature
    from mlflow.types import DataType

    from nnexp.experiment.model import Model


def signature(model: Model) -> ModelSignature:
    """Write the model's columns down as MLflow does: raw features in, predictions and probabilities out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import AnyType

    anything = AnyType()  # type: ignore[no-untyped-call]
    inputs: list[ColSpec | TensorSpec] = [ColSpec(anything, name=feature.name) for feature in model.features]
    outputs: list[ColSpec | TensorSpec] = [ColSpec(_prediction_type(model), name=name) for name in _predictions(model)]
    if model.has_probabilities:
        outputs += [ColSpec(DataType.double, name=f"probability_{label}") for label in model.classes]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _predictions(model: Model) -> list[str]:
    """Name the columns of predictions: ``prediction``, or one for each of several targets of a regression."""
    n_targets = model.preprocessing.n_outputs if model.task == "regression" else 1
    return ["prediction"] if n_targets == 1 else [f"prediction_{index}" for index in range(n_targets)]


def _prediction_type(model: Model) -> DataType:
    """Name the type of a prediction: "double" for values, for labels the one they share, and otherwise text."""
    from mlflow.types import DataType

    if model.task == "regression":
        return DataType.double
    kinds = {type(label) for label in model.classes}
    types = {bool: DataType.boolean, int: DataType.long, float: DataType.double}
    return types.get(kinds.pop(), DataType.string) if len(kinds) == 1 else DataType.string


def write_mlflow_model(
    path: Path, directory: Path, requirements: Sequence[str], logged: LoggedModel, run_id: str
) -> None:
    """Write MLflow's model directory to ``path`` (which must not exist) around the two files in ``directory``.

    Nothing is inferred, and the directory is written here rather than by ``mlflow.pyfunc.save_model``, which looks at every
    file of every installed distribution (0.7 s of a first run).
    """
    from mlflow.models import Model as MlflowModel

    import nnexp.experiment.model

    data = path / "data" / "model"
    data.mkdir(parents=True)
    for name in (nnexp.experiment.model.WEIGHTS, nnexp.experiment.model.DESCRIPTION):
        Folder(data, ()).put(directory, name)  # a stranger's directory may have a link in the file's place
    described = MlflowModel(
        artifact_path=logged.artifact_location, model_uuid=logged.model_id, model_id=logged.model_id, run_id=run_id
    )
    described.add_flavor(
        "python_function",
        loader_module="nnexp.serving",
        python_version=platform.python_version(),
        data=data.relative_to(path).as_posix(),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        streamable=False,
    )
    described.signature = signature(nnexp.experiment.model.load(data))
    described.model_size_bytes = sum(file.stat().st_size for file in data.iterdir())
    described.save(str(path / "MLmodel"))
    write_environment(path, [f"mlflow=={importlib.metadata.version('mlflow')}", own_requirement(), *requirements])


def write_environment(path: Path, requirements: Sequence[str]) -> None:
    """Write the three files from which MLflow rebuilds an environment: for pip, for conda and for virtualenv."""
    import yaml

    python = platform.python_version()
    (path / "requirements.txt").write_text("\n".join(requirements), encoding="utf-8")
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": list(requirements)}],
    }
    (path / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False), encoding="utf-8")
    virtualenv = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    (path / "python_env.yaml").write_text(yaml.safe_dump(virtualenv, sort_keys=False), encoding="utf-8")


def own_requirement() -> str:
    """Return ``nnexp==<version>``."""
    return f"nnexp=={importlib.metadata.version('nnexp')}"
