"""The model as MLflow loads and serves it: a ``loader_module``, so nothing is pickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from nnexp.experiment.model import Model


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
    import nnexp.experiment.model

    return Served(nnexp.experiment.model.load(path))
