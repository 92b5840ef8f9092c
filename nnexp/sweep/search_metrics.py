"""Whether the trials of a search will have what it optimises, told from the data before the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnexp.composition.keys import SEARCH
from nnexp.composition.search import HIGHER, LOWER, PARAMETERS, metrics_of
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.settings import check
from nnexp.sweep.manifest import Composition

OF_CLASSES = ("cost", "accuracy")
OF_REGRESSION = tuple(name for name in (*LOWER, *HIGHER) if name != "accuracy")
SHARES = ("validation", "test")
"""The parts that are there where their share says so."""


def refuse_missing(search: Mapping[str, Any], compositions: Sequence[Composition]) -> None:
    """Refuse a metric that the first trial will not have. Raises NnexpError.

    The data are loaded for it, where a metric was named. A trial that cannot be prepared says so itself.
    """
    wanted = [name for name in metrics_of(search) if name != PARAMETERS]
    if not wanted or not compositions:
        return
    try:
        there = metrics_there(prepare(check(compositions[0].config)[0]))
    except NnexpError:
        return
    for name in wanted:
        if name not in there:
            share = name.partition("/")[2]
            without = share in SHARES and not any(each.endswith(f"/{share}") for each in there)
            hint = f" Type split.{share}=0.2 for such samples." if without else did_you_mean(name, there)
            raise NnexpError(f"{SEARCH}.metric: this search's runs have no {name}, but {listed(there)}.{hint}")


def metrics_there(experiment: Experiment) -> list[str]:
    """The metrics that a run has at its end."""
    names = OF_REGRESSION if experiment.preprocessing.task == "regression" else OF_CLASSES
    parts = ["train", *(each for each in SHARES if len(getattr(experiment.split, each)))]
    return [f"{name}/{part}" for part in parts for name in names]
