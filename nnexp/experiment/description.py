"""A saved model's description as it is read back: every value is checked, since a model may come from anybody."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from nnexp.discovery import registry
from nnexp.engine.network import MLP
from nnexp.errors import NnexpError
from nnexp.experiment.preprocessing import Feature, Preprocessing, Scaling
from nnexp.plugin import Activation, Task
from nnexp.tables.format import Format

FORMAT = 1
"""The version of what ``Model.describe`` writes."""


@dataclass(frozen=True)
class Description:
    """Everything but the weights. ``of`` makes it; what it raises says what is wrong."""

    sizes: Sequence[int]
    activation: Mapping[str, Any]
    output: Mapping[str, Any]
    dtype: str
    threshold: float
    preprocessing: Preprocessing

    @classmethod
    def of(cls, found: Any) -> Description:
        """What a description says. Raises ValueError, and NnexpError for one of a later version."""
        refuse_later(found)
        match found:
            case {
                "task": task,
                "target": str(target),
                "classes": [*classes],
                "features": [_, *_] as features,
                "sizes": [_, _, *_] as sizes,
                "activation": {"name": str()} as activation,
                "output": {"name": str()} as output,
                "dtype": "float64" | "float32" as dtype,
                "threshold": threshold,
                "inputs": inputs,
                "outputs": outputs,
            } if task in get_args(Task):
                pass
            case _:
                raise ValueError("its description is not complete")
        columns = tuple(map(feature, features))
        if len({each.name for each in columns}) < len(columns):
            raise ValueError("two of its features have one name")
        scalings = scaling(inputs, sum(each.width for each in columns)), scaling(outputs, None)
        reading = Format.of(found.get("reading", {})).changes()
        preprocessing = Preprocessing(columns, task, target, labels(classes, task), *scalings, reading)
        if not all(type(each) is int and each > 0 for each in sizes):
            raise ValueError("its sizes are no layers'")
        if (sizes[0], sizes[-1]) != (preprocessing.n_inputs, preprocessing.n_outputs):
            raise ValueError("its sizes do not fit its features and classes")
        return cls(sizes, activation, output, dtype, number(threshold, "threshold"), preprocessing)

    def network(self, arrays: Mapping[str, NDArray[Any]]) -> MLP:
        """The network with these weights. Raises ValueError, and NnexpError where a plugin or a weight is not there."""
        for layer, (n_in, n_out) in enumerate(pairwise(self.sizes), 1):  # before anything of these sizes is made
            for name, shape in ((f"W{layer}", (n_out, n_in)), (f"b{layer}", (n_out,))):
                if name not in arrays or arrays[name].shape != shape or arrays[name].dtype.kind not in "fiu":
                    raise NnexpError(f"The weights need an array '{name}' of shape {shape}.")
        hidden = cast("Activation", registry.build("activation", self.activation))
        output = cast("Activation", registry.build("activation", self.output, "output"))
        made = MLP(self.sizes, hidden, output, self.dtype)
        with np.errstate(over="ignore"):
            made.set_arrays(arrays)
        if not np.isfinite(made.theta).all():
            raise NnexpError("The weights hold a number that is not finite.")
        return made


def refuse_later(found: Any) -> None:
    """Refuse what a later version has written."""
    match found:
        case {"format": int(format_)} if format_ > FORMAT:
            by = str(found.get("nnexp", ""))[:40]
            raise NnexpError(f"The model was saved by nnexp {by}, which is newer. Upgrade: pip install -U nnexp")
        case {"format": int(format_)} if type(format_) is int and format_ == FORMAT:
            return
    raise ValueError("it has no description")


def feature(found: Any) -> Feature:
    """A column of the training table."""
    match found:
        case {"name": str(name), "categories": [*categories]} if all(isinstance(each, str) for each in categories):
            return Feature(name, tuple(categories))
    raise ValueError("a feature is not described")


def labels(found: Sequence[Any], task: Task) -> tuple[str | int | float | bool, ...]:
    """The classes of a task, each once."""
    plain = all(isinstance(each, str | int | float | bool) for each in found)
    finite = plain and all(math.isfinite(each) for each in found if isinstance(each, float))
    enough = {"regression": not found, "binary": len(found) == 2, "multiclass": len(found) > 1}[task]
    if not (finite and enough and len(set(found)) == len(found)):
        raise ValueError("its classes are not those of its task")
    return tuple(found)


def scaling(found: Any, width: int | None) -> Scaling:
    """A scaling of so many columns."""
    match found:
        case {"shift": [*shift], "scale": [*scale]} if len(shift) == len(scale) == (width or len(scale)) > 0:
            given = [np.array([number(each, "scaling") for each in column]) for column in (shift, scale)]
            made = Scaling(given[0], given[1])
            if (made.scale != 0).all():
                return made
    raise ValueError("its scaling is not one of its columns")


def number(found: Any, name: str) -> float:
    """A finite number."""
    if type(found) in (int, float) and abs(found) < math.inf and abs(found) <= 2**1023:
        return float(found)
    raise ValueError(f"its {name} is no finite number")
