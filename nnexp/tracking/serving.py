"""The model as MLflow loads and serves it: a ``loader_module``, so nothing is pickled.

MLflow checks a table against the model's signature before the model sees it, more strictly than nnexp does: a column
declared "double" refuses whole numbers (int64, what pandas makes of ``age`` in most files) and true/false; one declared
"string" refuses categories written as numbers and pandas' own categorical columns. So every feature is declared "any":
required by its name, its values checked by nnexp. ``model.json`` beside the weights says what each column is.
The price: ``mlflow models serve`` takes JSON, not CSV, for such a model (``mlflow models predict -t csv`` works).
"""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.tracking.client import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature
    from mlflow.types import DataType

    from nnexp.model import Model


class Served:
    """What MLflow wraps: ``predict`` takes the user's own table and answers in original units."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Answer with the column ``prediction``, and ``probability_<class>`` where the model has probabilities.

        Predictions are labels, or values in original units. ``params`` is MLflow's, and ignored. Raises ``NnexpError``
        where the table lacks a column or holds a category the model has not seen.
        """
        del params
        return self.model.predict_table(model_input)


def _load_pyfunc(path: str) -> Served:
    """Load the model whose files lie in ``path``. MLflow looks for this function by its name."""
    import nnexp.model

    return Served(nnexp.model.load(path))


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

    Nothing is inferred: MLflow would load the model in a new process to see what it imports.
    """
    from mlflow.models import Model as MlflowModel

    import nnexp.model

    described = MlflowModel(
        artifact_path=logged.artifact_location, model_uuid=logged.model_id, model_id=logged.model_id, run_id=run_id
    )
    # A uv project in the user's folder is not what the model needs: without this its files would be copied along.
    ready = quiet({"MLFLOW_UV_AUTO_DETECT": "false"}, firmly=True)
    with tempfile.TemporaryDirectory() as folder, ready, warnings.catch_warnings():
        # The first is of type hints in MLflow itself, when it is imported; the signature makes an example unnecessary.
        for message in ("Any type hint is inferred as AnyType", "An input example was not provided"):
            warnings.filterwarnings("ignore", f".*{message}", UserWarning)
        import mlflow.pyfunc

        data = Path(folder, "model")
        data.mkdir()
        for name in (nnexp.model.WEIGHTS, nnexp.model.DESCRIPTION):
            shutil.copy(directory / name, data)
        mlflow.pyfunc.save_model(
            str(path),
            loader_module=__name__,
            data_path=str(data),
            mlflow_model=described,
            signature=signature(nnexp.model.load(directory)),
            pip_requirements=[own_requirement(), *requirements],
        )


def own_requirement() -> str:
    """Return ``nnexp==<version>``."""
    return f"nnexp=={importlib.metadata.version('nnexp')}"
