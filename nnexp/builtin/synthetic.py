"""Five datasets made from a formula and seeded noise, small enough to see what a network learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import NnexpError
from nnexp.plugin import Data, Dataset, Task, param

Points = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Sine(Dataset):
    """y = sin(x) + noise * e, x uniform in [-pi, pi], e standard normal.

    One feature ``x`` in radians, one real target. sin(x) has the variance 1/2, so with the default noise the best
    possible R2 is about 0.5 / 0.51 = 0.98. (the curve fitting example of Bishop, 2006)
    """

    n_samples: int = param(500, at_least=2, doc="points to draw")
    noise: float = param(0.1, at_least=0, doc="standard deviation of what is added to the sine")

    def load(self, rng: np.random.Generator) -> Data:
        x = rng.uniform(-np.pi, np.pi, size=(self.n_samples, 1))
        y = np.sin(x[:, 0]) + self.noise * rng.standard_normal(self.n_samples)
        return Data(x, y, names=("x",), task="regression", target="y")


@dataclass(frozen=True)
class Moons(Dataset):
    """(x1, x2) = (cos t, sin t) for class 0, (1 - cos t, 1/2 - sin t) for class 1, plus noise * e, t in [0, pi].

    Two interleaved half circles of radius 1, two features, as many points in each class (one more in class 0 if the
    number is odd); t is uniform, e standard normal. (the ``make_moons`` of scikit-learn: Pedregosa and others, 2011)
    """

    n_samples: int = param(500, at_least=2, doc="points to draw, both classes together")
    noise: float = param(0.1, at_least=0, doc="standard deviation of what is added to each coordinate")

    def load(self, rng: np.random.Generator) -> Data:
        y = _in_turn(self.n_samples, 2)
        t = rng.uniform(0, np.pi, size=self.n_samples)
        upper = np.stack([np.cos(t), np.sin(t)], axis=1)
        lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
        return _plane(np.where(y[:, None] == 0, upper, lower), y, 2, self.noise, rng)


@dataclass(frozen=True)
class Spiral(Dataset):
    """(x1, x2) = r (cos t, sin t) + noise * e, t = 4 r + 2 pi k / n_classes for class k, r uniform in [0, 1].

    Interleaved arms that each turn by 4 radians, two features; e is standard normal. Eight hidden units are few for it,
    ``network.hidden=[32,32]`` is plenty. (two arms: Lang and Witbrock, 1988)
    """

    n_samples: int = param(600, at_least=2, doc="points to draw, all arms together")
    n_classes: int = param(3, at_least=2, at_most=20, doc="arms")
    noise: float = param(0.03, at_least=0, doc="standard deviation of what is added to each coordinate")

    def validate(self) -> None:
        _check_every_class_occurs(self.n_samples, self.n_classes)

    def load(self, rng: np.random.Generator) -> Data:
        y = _in_turn(self.n_samples, self.n_classes)
        r = rng.uniform(0, 1, size=self.n_samples)
        t = 4 * r + 2 * np.pi * y / self.n_classes
        return _plane(np.stack([r * np.cos(t), r * np.sin(t)], axis=1), y, self.n_classes, self.noise, rng)


@dataclass(frozen=True)
class Xor(Dataset):
    """(x1, x2) = (s1, s2) + noise * e, s1 and s2 each -1 or 1; class 1 where s1 and s2 differ, else class 0.

    Points around four corners, which no straight line separates; two features, as many points at each corner (to
    within one); e is standard normal. (Minsky and Papert, 1969)
    """

    n_samples: int = param(400, at_least=2, doc="points to draw, all corners together")
    noise: float = param(0.3, at_least=0, doc="standard deviation of what is added to each coordinate")

    def load(self, rng: np.random.Generator) -> Data:
        # The corners take turns in this order, so that two points are enough for two classes.
        corners = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)])
        s = corners[_in_turn(self.n_samples, 4)]
        y = (s[:, 0] != s[:, 1]).astype(np.int64)
        return _plane(s, y, 2, self.noise, rng)


@dataclass(frozen=True)
class Blobs(Dataset):
    """(x1, x2) = (cos t, sin t) + noise * e, t = 2 pi k / n_classes for class k.

    Round clusters whose centres lie evenly on the unit circle, two features; e is standard normal: a mixture of equal
    normal distributions. (Pearson, 1894)
    """

    n_samples: int = param(300, at_least=2, doc="points to draw, all clusters together")
    n_classes: int = param(3, at_least=2, at_most=20, doc="clusters")
    noise: float = param(0.25, at_least=0, doc="standard deviation of a cluster")

    def validate(self) -> None:
        _check_every_class_occurs(self.n_samples, self.n_classes)

    def load(self, rng: np.random.Generator) -> Data:
        y = _in_turn(self.n_samples, self.n_classes)
        t = 2 * np.pi * y / self.n_classes
        return _plane(np.stack([np.cos(t), np.sin(t)], axis=1), y, self.n_classes, self.noise, rng)


def _in_turn(n_samples: int, n_classes: int) -> Classes:
    """Class indices 0, 1, ..., 0, 1, ...: balanced whatever the number of samples."""
    return np.arange(n_samples, dtype=np.int64) % n_classes


def _plane(points: Points, y: Classes, n_classes: int, noise: float, rng: np.random.Generator) -> Data:
    """Labelled points of the plane, moved by normal noise."""
    x = points + noise * rng.standard_normal(points.shape)
    task: Task = "binary" if n_classes == 2 else "multiclass"
    return Data(x, y, names=("x1", "x2"), task=task, classes=tuple(range(n_classes)), target="class")


def _check_every_class_occurs(n_samples: int, n_classes: int) -> None:
    if n_samples < n_classes:
        raise NnexpError(
            f"dataset.n_samples must be at least dataset.n_classes, or a class has no sample. Got {n_samples} samples "
            f"of {n_classes} classes. Type dataset.n_samples={100 * n_classes}"
        )
