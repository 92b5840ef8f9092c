"""Data as a network takes them: loaded, split and scaled; and a cache of them for the runs of a sweep.

samples = Loaded(data).samples(cut)
samples.part("training")

The cache tells data apart by all they follow from: the dataset's class and fields, the state (device, inode, size, time of
change) of each file or directory that a field declared with ``file=True`` names, the split, the scaling, the dtype. The seed
belongs to it only where the plugin asked its generator for anything. What is kept is read-only, 2 GB at most in all workers
together. Single runs and ``fit`` have no cache.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.fields import files, hyperparameters, is_file
from nnexp.engine.training import Part
from nnexp.experiment.contracts import blaming, check_data, who
from nnexp.experiment.preprocessing import Preprocessing, Rows, Split, split
from nnexp.plugin import Data, Dataset, Plugin

MOST_BYTES = 2 << 30
"""What the caches of a sweep's workers keep at most, all together."""

P = TypeVar("P", bound=Plugin)
PartName = Literal["training", "validation", "test"]


@dataclass(frozen=True)
class Cut:
    """How data become samples: the split's shares and seed, the scaling of features and target, the dtype."""

    validation: float
    test: float
    seed: int
    features: str
    target: str
    dtype: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """A dataset's data, checked."""

    data: Data
    key: Hashable = None
    """What a cache knows them by."""

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the data as loaded: values, names, task and classes."""
        data = self.data
        described = repr((data.names, data.task, data.classes, data.target, dict(data.categories)))
        digest = hashlib.sha256(described.encode())
        for array in (data.x, data.y):
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def samples(self, cut: Cut) -> Samples:
        """Split the data, and fit the scaling to the training part."""
        rng = np.random.default_rng(np.random.SeedSequence(cut.seed).spawn(4)[1])  # the second child is the split's
        rows = split(self.data, cut.validation, cut.test, rng)
        preprocessing = Preprocessing.fit(self.data, rows.training, cut.features, cut.target)
        return Samples(self, rows, preprocessing, cut.dtype)


@dataclass(frozen=True, eq=False)
class Samples:
    """The data's parts, each made when it is asked for, unless a cache has made it."""

    loaded: Loaded
    split: Split
    preprocessing: Preprocessing
    dtype: str
    made: dict[PartName, Part] = field(default_factory=dict)

    def part(self, name: PartName) -> Part:
        """The samples of one part as the network takes them."""
        return self.made.get(name) or self.of(getattr(self.split, name))

    def of(self, rows: Rows) -> Part:
        """The samples ``rows`` as the network takes them, read-only whether they are kept or not."""
        data, preprocessing = self.loaded.data, self.preprocessing
        part = Part(preprocessing.design(data.x, rows, self.dtype), preprocessing.targets(data.y, rows, self.dtype))
        part.design.flags.writeable = part.y.flags.writeable = False
        return part


def load(dataset: Dataset, seeds: np.random.SeedSequence, cache: Cache | None = None) -> Loaded:
    """The dataset's data, from the ``cache`` where it has them. Raises NnexpError for what cannot be trained on."""
    return cache.load(dataset, seeds) if cache else loaded(dataset, np.random.default_rng(seeds))


def loaded(dataset: Dataset, rng: np.random.Generator) -> Loaded:
    """Load, and refuse what cannot be trained on."""
    with blaming({"dataset": dataset}):
        data = dataset.load(rng)
    check_data(data, who("dataset", dataset))
    if isinstance(data.x, np.ma.MaskedArray) or isinstance(data.y, np.ma.MaskedArray):  # none of it is masked
        data = replace(data, x=np.asarray(data.x), y=np.asarray(data.y))
    return Loaded(data)


class Cache:
    """Data as loaded, split and scaled, of the runs before; for one thread of a process that makes many runs.

    What was used last is kept, up to ``most_bytes``. Everything in it is read-only, so that no run changes another's data.
    Where the files that a configuration names lie elsewhere on this machine, ``files`` says where.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, files: Mapping[str, str] = MappingProxyType({})) -> None:
        self.most_bytes = most_bytes
        self.files = files
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Loaded | Samples] = OrderedDict()

    @property
    def bytes(self) -> int:
        """The bytes of all that is kept."""
        return self._bytes

    def load(self, dataset: Dataset, seeds: np.random.SeedSequence) -> Loaded:
        """The dataset's data. One that takes nothing from its generator is the same for all seeds."""
        dataset = located(dataset, self.files)
        found, seed = identity(dataset), repr(seeds)
        for key in ((found, "any seed"), (found, seed)):
            if isinstance(kept := self._kept.get(key), Loaded):
                self._kept.move_to_end(key)
                return kept
        rng = Watched(np.random.default_rng(seeds))
        data = loaded(dataset, rng)
        if size(data) > self.most_bytes or identity(dataset) != found:
            return data  # too large, or a file changed meanwhile
        data = Loaded(own(data.data), (found, seed if rng.used else "any seed"))
        self._keep(data.key, data)
        return data

    def samples(self, data: Loaded, cut: Cut) -> Samples:
        """The samples of ``data``, which ``load`` gave."""
        key = (data.key, cut)
        kept = self._kept.get(key)
        if isinstance(kept, Samples):
            self._kept.move_to_end(key)
        else:
            kept = data.samples(cut)
            if data.key in self._kept:
                names: tuple[PartName, ...] = ("training", "validation", "test")
                kept = replace(kept, made={name: kept.part(name) for name in names if len(getattr(kept.split, name))})
                self._keep(key, kept)
        if data.key in self._kept:  # without the samples' data in it, it would not know what it holds
            self._kept.move_to_end(data.key)
        return kept

    def _keep(self, key: Hashable, entry: Loaded | Samples) -> None:
        for array in arrays(entry):
            array.flags.writeable = False
        self._kept[key] = entry
        self._bytes += size(entry)
        while self._bytes > self.most_bytes:
            self._bytes -= size(self._kept.popitem(last=False)[1])


def located(plugin: P, where: Mapping[str, str]) -> P:
    """The plugin with the paths of its files as they are on this machine."""
    if not any(path in where for path in files(plugin)):
        return plugin
    chosen: dict[str, Any] = {}
    for item in filter(is_file, hyperparameters(plugin)):
        named = getattr(plugin, item.name)
        chosen[item.name] = (
            tuple(where.get(path, path) for path in named) if isinstance(named, tuple) else where.get(named, named)
        )
    return replace(plugin, **chosen)


def arrays(entry: Loaded | Samples) -> Iterator[NDArray[Any]]:
    """The arrays of what a cache keeps, of samples those that are not the data's."""
    if isinstance(entry, Loaded):
        yield from (entry.data.x, entry.data.y)
        return
    yield from entry.split
    for scaling in (entry.preprocessing.inputs, entry.preprocessing.outputs):
        yield from (scaling.shift, scaling.scale)
    for part in entry.made.values():
        yield from (part.design, part.y)


def size(entry: Loaded | Samples) -> int:
    """The bytes of ``arrays``."""
    return sum(array.nbytes for array in arrays(entry))


def own(data: Data) -> Data:
    """The data in arrays of their own: a plugin may go on to use those that it gave."""
    return replace(data, x=np.array(data.x), y=np.array(data.y), categories=MappingProxyType(dict(data.categories)))


def identity(dataset: Dataset) -> Hashable:
    """What a dataset's data follow from, beside the seed: its class, its fields, and the state of each file these name."""
    values = [getattr(dataset, item.name) for item in hyperparameters(dataset)]
    named = [Path(os.path.expanduser(path)) for path in files(dataset)]  # noqa: PTH111 (a ~ of nobody's stays one)
    return type(dataset), repr(values), tuple(state for path in named for state in states(path))


def states(path: Path) -> Iterator[tuple[int, ...]]:
    """A file's identity, size and time of change, or those of a directory's files; nothing where there is none."""
    try:
        for each in [path, *(sorted(path.iterdir()) if path.is_dir() else ())]:
            found = each.stat()
            yield found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    except (OSError, ValueError):  # a text that is no path
        return


class Watched(np.random.Generator):
    """A generator that knows whether anything was asked of it, be it a number or its state."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng.bit_generator)
        self._before = rng.bit_generator.state
        self._asked = False

    @property
    def used(self) -> bool:
        """Whether what was made with it may depend on its seed."""
        return self._asked or super().bit_generator.state != self._before

    @property
    def bit_generator(self) -> Any:
        """What the numbers come from; whoever asks for it may read the seed."""
        self._asked = True
        return super().bit_generator

    def spawn(self, n_children: int) -> Any:
        """Children, whose numbers follow from the seed."""
        return [np.random.Generator(each) for each in self.bit_generator.spawn(n_children)]

    def __reduce__(self) -> Any:
        """A copy, which may be asked anything."""
        self._asked = True
        return super().__reduce__()
