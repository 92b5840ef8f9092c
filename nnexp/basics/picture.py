"""What a picture of a trained network is: a plugin that gets plain arrays and functions, and writes one image file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.data import Array, Task
from nnexp.basics.fields import Plugin

Rows = NDArray[np.intp]

Predict = Callable[[Array], Array]
"""Raw samples (n, n_features) to outputs (n, n_outputs): regression values in original units, of classes what the output
layer says: of one output (binary) the second class's, of several one for each class."""


@dataclass(frozen=True, eq=False)
class Moment:
    """The network as it was at the end of an epoch."""

    epoch: int
    predict: Predict
    gradient_norms: Callable[[], tuple[float, ...]]
    """For each layer the Euclidean norm of the cost's gradient by its parameters, over at most 1,000 training samples."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A trained network and its data, in plain values. Arrays are sample-major and in original units; change none of them."""

    task: Task
    target: str
    classes: tuple[str, ...]
    """The labels in words, by class index; empty for regression."""
    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    """Of each feature that is one: ``x`` has the index into them."""
    x: Array
    """(n_samples, n_features)."""
    y: Array
    """(n_samples, n_outputs) values of a regression, else (n_samples,) class indices."""
    parts: Mapping[str, Rows]
    """The rows of ``training``, ``validation`` and ``test``, those parts that there are."""
    predict: Predict
    label: Callable[[Array], Rows]
    """Outputs (n, n_outputs) to class indices (n,)."""
    activations: Callable[[Array], Sequence[Array]]
    """Raw samples to each layer's activations (n, n_units), the last of which are the network's own outputs."""
    weights: tuple[tuple[Array, Array], ...]
    """W (n_out, n_in) and b (n_out,) of each layer, those of the first for scaled inputs."""
    moments: Sequence[Moment] = ()
    """Some epochs, evenly spread, the last one included, where a picture that ``looks_back`` is named."""

    @property
    def measured(self) -> tuple[str, Rows]:
        """The part that pictures are of: validation, or without it training, and its rows."""
        name = "validation" if "validation" in self.parts else "training"
        return name, self.parts[name]


@dataclass(frozen=True)
class Picture(Plugin):
    """A picture of what a network learnt, drawn when its run has ended: ``pictures=[NAME]``."""

    kind: ClassVar[str] = "picture"
    suffix: ClassVar[str] = ".png"
    """Or ``.gif``."""
    looks_back: ClassVar[bool] = False
    """Whether it needs ``seen.moments``, which are kept while a run trains where such a picture is named."""

    def refusal(self, seen: Seen) -> str:
        """Why it cannot be drawn of this network, in words that name what there is; empty where it can."""
        return ""

    def usual(self, seen: Seen) -> bool:
        """Whether ``pictures=[auto]`` draws it of this network, where it can be drawn."""
        return False

    @abstractmethod
    def draw(self, seen: Seen, file: BinaryIO) -> None:
        """Write the image. Names in ``seen`` are a stranger's: a $ in them is no formula (``parse_math=False``)."""
