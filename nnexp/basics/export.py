"""A format in which a trained model is written for other programs, and what of the model it is told, in plain values.

A format is a plugin: one frozen dataclass and one entry-point line, in the group ``nnexp.export``. It is none of ``KINDS``,
which are what a run is made of: no configuration has a key for it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from nnexp.basics.data import Array, Task
from nnexp.basics.fields import Plugin


class Described(NamedTuple):
    """A plugin as plain values. Anybody may give a plugin any name: what it computes is known by its class alone."""

    name: str
    """The option's: ``leaky_relu``."""
    defined: str
    """Its class's module and qualified name: ``nnexp.builtin.activations.LeakyRelu``."""
    values: Mapping[str, Any]
    """Its fields: ``{"alpha": 0.01}``."""

    def __str__(self) -> str:
        return f"{self.name} ({self.defined})"


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, what happens to samples before it, and what its outputs say.

    A sample has a number for each of ``features``, which is an input of the network; a category is an index, which becomes as
    many inputs as there are categories, a 1 among zeros (one-hot). Each input is x = (value - shift) / scale, in float64, and
    from there on everything is in ``dtype``. Layers: z = W a + b, a = f(z), the last one with ``output``.
    """

    features: tuple[tuple[str, tuple[str, ...]], ...]
    """Each column of the table of training: its name, and its categories, or none where it is a number."""
    inputs: tuple[Array, Array]
    """Shift and scale, (n_inputs,)."""
    sizes: tuple[int, ...]
    """Units of each layer, the inputs first."""
    hidden: Described
    output: Described
    weights: tuple[tuple[Array, Array], ...]
    """W (n_out, n_in) and b (n_out,) of each layer."""
    dtype: str
    """``float64`` or ``float32``."""
    task: Task
    target: str
    classes: tuple[str | int | float | bool, ...]
    """The label of each output, or for a binary task of 0 and 1; empty for regression."""
    threshold: float
    """A binary output above it is the second class; of several classes the first one with the largest output is predicted."""
    probabilities: bool
    """Whether the outputs are probabilities: of each class, or for a binary task of the second."""
    outputs: tuple[Array, Array]
    """Shift and scale of a regression: a value in original units is output scale + shift, in float64, (n_outputs,)."""
    reading: Mapping[str, Any]
    """How the table of training was written, where not as usual: by the fields of ``dataset=csv``, its units (``beside``), and
    its columns of true and false (``booleans``)."""
    version: str
    """nnexp's."""


@dataclass(frozen=True)
class Export(Plugin):
    """A format for ``python -m nnexp export RUN --to FORMAT``."""

    kind: ClassVar[str] = "export"
    suffix: ClassVar[str] = ""
    """What a file's name ends in: ``.cpp``."""

    @abstractmethod
    def text(self, model: Trained) -> str:
        """The file. Names in ``model`` are a stranger's: none may become code.

        Raise ``NnexpError`` for what cannot be written in this format, with its name and what to do.
        """

    def remarks(self, model: Trained) -> Sequence[str]:
        """What somebody who has the file should know of it: what ``predict`` reads and it does not."""
        return ()

    def usage(self, path: str) -> str:
        """What to type next with the file at ``path``; empty where there is nothing to type."""
        return ""
