"""A trained network with all it needs to answer for new samples: preprocessing, classes, units. Saved without pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.arrays import read_arrays
from nnexp.basics.exact import as_quantities
from nnexp.basics.files import Unreadable, read_json, replace_json, replacing
from nnexp.discovery import registry
from nnexp.discovery.installed import own_version
from nnexp.engine.metrics import class_indices
from nnexp.engine.network import MLP
from nnexp.errors import NnexpError, did_you_mean, first_line
from nnexp.experiment.description import FORMAT, Description
from nnexp.experiment.preprocessing import Feature, Preprocessing
from nnexp.plugin import Array, Task

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS, DESCRIPTION = "weights.npz", "model.json"
MOST_BYTES = 2**27
"""The most that is read of a description: a million columns."""


@dataclass(frozen=True, eq=False)
class Model:
    """Predictions in original units, by raw samples (n_samples, n_features) or by a table with the training table's columns."""

    network: MLP
    preprocessing: Preprocessing
    threshold: float = 0.5
    """A binary output above it is the second class."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The raw columns, in the order of ``x``."""
        return self.preprocessing.features

    @property
    def task(self) -> Task:
        """``regression``, ``binary`` or ``multiclass``."""
        return self.preprocessing.task

    @property
    def target(self) -> str:
        """What is predicted."""
        return self.preprocessing.target

    @property
    def classes(self) -> tuple[str | int | float | bool, ...]:
        """The labels, in the order of ``predict_proba``'s columns; empty for regression."""
        return self.preprocessing.classes

    @property
    def has_probabilities(self) -> bool:
        """Whether the outputs are probabilities: between 0 and 1, and over several classes sum to one."""
        low, high = self.network.output.range
        return (
            self.task != "regression"
            and low >= 0
            and high <= 1
            and (self.task == "binary" or self.network.output.distribution)
        )

    def outputs(self, x: Any) -> Array:
        """The network's outputs (n_outputs, n_samples) for raw samples."""
        if hasattr(x, "columns"):
            x = self._in_order(x)
        try:
            x = as_quantities(x, "x")
        except (TypeError, ValueError, OverflowError) as error:
            raise NnexpError(
                f"x must hold numbers, in the shape (n_samples, {len(self.features)}). Got a {type(x).__name__}: "
                f"{first_line(error)}."
            ) from None
        if x.ndim != 2 or x.shape[1] != len(self.features):
            raise NnexpError(f"x must have the shape (n_samples, {len(self.features)}). Got {x.shape}.")
        if not np.isfinite(x).all():
            row, column = np.argwhere(~np.isfinite(x))[0]
            raise NnexpError(f"x must hold finite numbers. Got {x[row, column]} in sample {row}, feature {column}.")
        with np.errstate(all="ignore"):
            outputs = self.network.predict(self.preprocessing.design(x, dtype=self.network.dtype))
        if not np.isfinite(outputs).all():
            row = int(np.argwhere(~np.isfinite(outputs))[0][1])
            raise NnexpError(
                f"The prediction for sample {row} is not finite: its values are too far from those of training."
            )
        return outputs

    def _in_order(self, table: Any) -> Any:
        """Return a table's columns as they were in training; by position where training had no names."""
        names = [feature.name for feature in self.features]
        columns = [str(each) for each in table.columns]
        there = set(columns)
        missing = [name for name in names if name not in there]
        if not missing:
            return table.set_axis(columns, axis=1)[names]
        if names == [f"x{i}" for i in range(len(names))]:
            return table
        raise NnexpError(f"The table has no column '{missing[0]}'.{did_you_mean(missing[0], columns)}")

    def predict(self, x: Any) -> NDArray[Any]:
        """Labels (n_samples,), or for regression values in original units, (n_samples,) or (n_samples, n_outputs)."""
        return self._answers(self.outputs(x))

    def _answers(self, y_pred: Array) -> NDArray[Any]:
        if self.task != "regression":
            return self._labels()[class_indices(y_pred, self.threshold)]
        with np.errstate(all="ignore"):
            values = self.preprocessing.original(y_pred)
        if len(odd := np.argwhere(~np.isfinite(values))):
            raise NnexpError(
                f"The prediction for sample {int(odd[0][0])} is not finite: its values are too far from those of training."
            )
        return values[:, 0] if values.shape[1] == 1 else values

    def _labels(self) -> NDArray[Any]:
        """The classes as an array, in which NumPy may not have a type for all whole numbers."""
        found = np.array(self.classes)
        return found if found.tolist() == list(self.classes) else np.array(self.classes, dtype=object)

    def predict_proba(self, x: Any) -> Array:
        """Class probabilities (n_samples, n_classes), in the order of ``classes``."""
        if self.task == "regression":
            raise NnexpError("A regression has no class probabilities. Use predict(x).")
        if not self.has_probabilities:
            raise NnexpError(
                "This model's outputs are scores and no probabilities. Use predict(x), or train with output=auto and "
                f"loss={'bce' if self.task == 'binary' else 'cce'}."
            )
        return self._probabilities(self.outputs(x))

    def _probabilities(self, y_pred: Array) -> Array:
        return np.stack([1 - y_pred[0], y_pred[0]], axis=1) if self.task == "binary" else y_pred.T.copy()

    def predict_table(self, table: pd.DataFrame, source: str = "The table") -> pd.DataFrame:
        """A table with the column ``prediction`` and, where there are probabilities, ``probability_<class>`` for each class.

        ``table`` needs the training table's feature columns, in any order; others are ignored.
        ``source`` is what messages call it.
        """
        import pandas as pd

        from nnexp.tables.columns import encode
        from nnexp.tables.format import Format

        names = [feature.name for feature in self.features]
        categories = {f.name: f.categories for f in self.features if f.categories}
        form = Format.of(self.preprocessing.reading)
        x = encode(table, names, categories, source=source, form=form)
        y_pred = self.outputs(x)
        answers = self._answers(y_pred)
        if answers.ndim == 2:
            columns = {f"prediction_{index}": answers[:, index] for index in range(answers.shape[1])}
        else:
            columns = {"prediction": answers}
        if self.has_probabilities:
            probabilities = self._probabilities(y_pred)
            columns |= {f"probability_{label}": probabilities[:, i] for i, label in enumerate(self.classes)}
        return pd.DataFrame(columns, index=table.index)

    def describe(self) -> dict[str, Any]:
        """Everything but the weights, in plain values that JSON keeps exactly."""
        given = self.preprocessing
        return {
            "format": FORMAT,
            "nnexp": own_version(),
            "task": given.task,
            "target": given.target,
            "classes": list(given.classes),
            "features": [{"name": f.name, "categories": list(f.categories)} for f in given.features],
            "sizes": list(self.network.sizes),
            "activation": registry.describe(self.network.hidden),
            "output": registry.describe(self.network.output),
            "dtype": str(self.network.dtype),
            "threshold": self.threshold,
            "inputs": {"shift": given.inputs.shift.tolist(), "scale": given.inputs.scale.tolist()},
            "outputs": {"shift": given.outputs.shift.tolist(), "scale": given.outputs.scale.tolist()},
            **({"reading": dict(given.reading)} if given.reading else {}),
        }

    def save(self, path: str | Path) -> Path:
        """Write one ``.npz`` file: W1, b1, ... and the description as JSON text. ``load`` reads it. Returns its path."""
        path = Path(path)
        path = path if path.suffix == ".npz" else path.with_name(f"{path.name}.npz")
        arrays: dict[str, Any] = self.network.arrays()
        if not path.parent.is_dir():
            raise NnexpError(f"Cannot save to '{path}': there is no directory '{path.parent}'.")
        with replacing(path, in_own_folder=False) as file:
            np.savez(file, model=np.array(json.dumps(self.describe())), **arrays)
        return path

    def save_parts(self, directory: Path) -> None:
        """Write ``weights.npz`` (W1, b1, ... alone) and ``model.json`` into a directory; ``load`` reads that, too."""
        arrays: dict[str, Any] = self.network.arrays()
        with replacing(directory / WEIGHTS, forced=True) as file:
            np.savez(file, **arrays)
        replace_json(directory / DESCRIPTION, self.describe(), forced=True)


def load(path: str | Path) -> Model:
    """Read what ``Model.save`` wrote, or a run's directory. Nothing in it can run code. Raises NnexpError."""
    path = Path(path)
    if not path.exists() and path.with_name(f"{path.name}.npz").exists():
        path = path.with_name(f"{path.name}.npz")  # what save() made of this name
    try:
        if path.is_dir():
            described: Any = read_json(path / DESCRIPTION, MOST_BYTES)
            arrays = read_arrays(path / WEIGHTS)
        else:
            arrays = read_arrays(path)
            if "model" not in arrays:
                raise NnexpError(_weights_alone(path))
            described = json.loads(str(arrays.pop("model")))
        refuse_half_characters(described)
        description = Description.of(described)
        return Model(described_network(description, arrays, path), description.preprocessing, description.threshold)
    except FileNotFoundError as error:
        raise NnexpError(f"No saved model at '{path}': there is no '{error.filename}'.") from None
    except (Unreadable, ValueError, RecursionError) as error:
        why = "its brackets are nested too deeply" if isinstance(error, RecursionError) else first_line(error)
        raise NnexpError(
            f"'{path}' is not a model that nnexp saved ({why}). Give a file that save() wrote, or a run's directory."
        ) from None


def refuse_half_characters(described: Any) -> None:
    """Refuse plain values with a text that has half a character somewhere, which nobody could write down."""
    try:
        json.dumps(described, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text in its description has half a character") from None


def described_network(description: Description, arrays: Mapping[str, NDArray[Any]], path: Path) -> MLP:
    """The network of a description; what is wrong with the weights is said of the file."""
    try:
        return description.network(arrays)
    except NnexpError as error:
        raise NnexpError(f"'{path}': {error}") from None


def _weights_alone(path: Path) -> str:
    """The message for an .npz file without a description, such as a run's ``weights.npz``."""
    beside = (path.parent / DESCRIPTION).exists()
    where = f"the run's directory, '{path.parent}'" if beside else "a file that save() wrote, or a run's directory"
    return f"'{path}' is not a model that nnexp saved: it holds arrays without a description. Give {where}."
