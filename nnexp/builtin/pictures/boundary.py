"""What a network answers over two features: its decision boundary, and how that came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.picture import Predict
from nnexp.builtin.pictures.canvas import figure, named, save, short
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.plugin import Picture, Seen, param

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 1000
"""Samples that are shown."""
FAST = 2
"""Pillow's way to choose colors by an octree."""
MOST_CLASSES = 10
"""Classes of more colors are not told apart."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A grid over two features, all others at their median over the training part."""

    features: tuple[int, int]
    across: NDArray[np.float64]
    up: NDArray[np.float64]
    x: NDArray[np.float64]
    """The grid's samples, row by row."""

    @classmethod
    def of(cls, seen: Seen, chosen: Sequence[str], resolution: int) -> Plane:
        """The grid over the chosen features, or the first two that are numbers."""
        first, second = (seen.features.index(each) for each in chosen or numbers(seen)[:2])
        training = seen.x[seen.parts["training"]].astype(np.float64)
        middle = np.array([median(seen, column, training[:, column]) for column in range(training.shape[1])])
        axes: list[NDArray[np.float64]] = []
        for column in (first, second):
            low, high = training[:, column].min(), training[:, column].max()
            room = 0.08 * (high - low) or 1.0
            axes.append(np.linspace(low - room, high + room, resolution))
        x = np.tile(middle, (resolution * resolution, 1))
        x[:, first], x[:, second] = (each.ravel() for each in np.meshgrid(*axes))
        return cls((first, second), axes[0], axes[1], x)


def numbers(seen: Seen) -> list[str]:
    """The features that are numbers."""
    return [name for name in seen.features if not seen.categories.get(name)]


def median(seen: Seen, column: int, values: NDArray[np.float64]) -> float:
    """The median of a feature, of categories the most frequent one."""
    if seen.categories.get(seen.features[column]):
        found, counts = np.unique(values, return_counts=True)
        return float(found[counts.argmax()])
    return float(np.median(values))


@dataclass(frozen=True)
class Boundary(Picture):
    """The answer over two features, all others at their median: the most likely class, or the value of a regression.

    Points are samples of the validation part where they really are, so with more than two features a point may lie in the
    color of another class and be right all the same.
    """

    features: tuple[str, ...] = param((), doc="two features that are numbers; none: the first two")
    resolution: int = param(160, at_least=10, at_most=1000, doc="points of the grid along each feature")

    def validate(self) -> None:
        if len(self.features) not in (0, 2) or len(set(self.features)) != len(self.features):
            raise NnexpError(
                f"picture.features must be two different features. Got {len(self.features)}. Type features=[a,b]"
            )

    def refusal(self, seen: Seen) -> str:
        return refusal(seen, self.features)

    def usual(self, seen: Seen) -> bool:
        return len(seen.features) == 2

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        drawn = figure(6.0, 4.6)
        axes = drawn.subplots()
        plane = Plane.of(seen, self.features, self.resolution)
        paint(drawn, axes, seen, plane, seen.predict)
        scatter(axes, seen, plane)
        named(axes, title(seen, plane), *labels(seen, plane))
        save(drawn, file)


@dataclass(frozen=True)
class BoundaryMovie(Picture):
    """The boundary epoch by epoch, as an animated GIF: how it turns, bends and settles."""

    suffix: ClassVar[str] = ".gif"
    looks_back: ClassVar[bool] = True
    features: tuple[str, ...] = param((), doc="two features that are numbers; none: the first two")
    resolution: int = param(80, at_least=10, at_most=400, doc="points of the grid along each feature")
    frames: int = param(30, at_least=2, at_most=200, doc="epochs that are shown, at the most")
    seconds: float = param(6.0, above=0, doc="how long it takes")

    def validate(self) -> None:
        Boundary(self.features)

    def refusal(self, seen: Seen) -> str:
        return refusal(seen, self.features) or ("" if seen.moments else "no epochs of its training were kept")

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        plane = Plane.of(seen, self.features, self.resolution)
        places = np.unique(np.linspace(0, len(seen.moments) - 1, self.frames).astype(int))
        drawn = figure(5.0, 4.0)
        canvas: Any = FigureCanvasAgg(drawn)
        axes = drawn.subplots()
        frames: list[Image.Image] = []
        span = extremes(seen, plane)
        for place in places:
            moment = seen.moments[place]
            axes.clear()
            paint(drawn, axes, seen, plane, moment.predict, span=span, bar=not frames)
            scatter(axes, seen, plane, legend=False)
            named(axes, f"epoch {moment.epoch}", *labels(seen, plane))
            canvas.draw()
            drawn.set_layout_engine("none")  # all frames are laid out as the first
            frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(128, FAST))
        each = max(20, round(1000 * self.seconds / len(frames)))
        times = [each] * (len(frames) - 1) + [max(each, 1500)]
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)


def refusal(seen: Seen, chosen: Sequence[str]) -> str:
    """Why there is no plane over the chosen features."""
    there = numbers(seen)
    for name in chosen:
        if name not in there:
            kind = "is no number" if name in seen.features else "is no feature"
            return f"'{name}' {kind}.{did_you_mean(name, there)} There are {listed(there)}"
    return "" if len(there) > 1 else f"it takes two features that are numbers, and there is {listed(there)}"


def paint(  # noqa: PLR0913, PLR0917 (where, what, and how)
    drawn: Figure,
    axes: Axes,
    seen: Seen,
    plane: Plane,
    predict: Predict,
    span: tuple[float, float] | None = None,
    *,
    bar: bool = True,
) -> None:
    """Color the plane: by the most likely class, or by the value."""
    outputs = np.nan_to_num(predict(plane.x), nan=0.0, posinf=1e300, neginf=-1e300)
    shape = (len(plane.up), len(plane.across))
    edges: Any = (plane.across[0], plane.across[-1], plane.up[0], plane.up[-1])
    how: dict[str, Any] = {"origin": "lower", "aspect": "auto", "extent": edges, "interpolation": "nearest"}
    if seen.task == "regression":
        low, high = span or (float(outputs[:, 0].min()), float(outputs[:, 0].max()))
        image = axes.imshow(outputs[:, 0].reshape(shape), cmap="viridis", vmin=low, vmax=high, **how)
        if bar:
            drawn.colorbar(image, ax=axes).set_label(f"predicted {short(seen.target)}", parse_math=False)
        return
    indices = seen.label(outputs).reshape(shape)
    axes.imshow(indices % MOST_CLASSES, cmap="tab10", vmin=-0.5, vmax=9.5, alpha=0.35, **how)
    for number in np.unique(indices)[1:]:
        axes.contour(plane.across, plane.up, indices >= number, levels=[0.5], colors="0.3", linewidths=0.8)


def extremes(seen: Seen, plane: Plane) -> tuple[float, float]:
    """The lowest and highest value of a regression's plane in the last epoch, so that colors mean the same in all."""
    values = seen.moments[-1].predict(plane.x)[:, 0]
    return float(values.min()), float(values.max())


def scatter(axes: Axes, seen: Seen, plane: Plane, *, legend: bool = True) -> None:
    """The samples, where they are in the two features."""
    _, rows = seen.measured
    rows = rows[:: -(-len(rows) // POINTS)]
    first, second = (seen.x[rows, column] for column in plane.features)
    if seen.task == "regression":
        axes.scatter(first, second, s=10, color="white", edgecolors="black", linewidths=0.5)
        return
    classes = seen.y[rows].astype(int)
    points = []
    for number in range(len(seen.classes)):
        own = classes == number
        color = f"C{number % MOST_CLASSES}"
        points.append(axes.scatter(first[own], second[own], s=14, color=color, edgecolors="white", linewidths=0.4))
    if legend and len(seen.classes) <= MOST_CLASSES:
        numbers = [*map(str, range(len(points)))]  # matplotlib leaves out names that begin with "_"
        made = axes.legend(points, numbers, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        for text, name in zip(made.get_texts(), seen.classes, strict=True):
            text.set_parse_math(False)
            text.set_text(short(name))


def title(seen: Seen, plane: Plane) -> str:
    """What is shown, and where the other features are."""
    others = len(seen.features) - len(plane.features)
    rest = f"; {others} other features at their median" if others > 1 else "; the other feature at its median"
    return f"{short(seen.target)}, {seen.measured[0]} samples{rest if others else ''}"


def labels(seen: Seen, plane: Plane) -> tuple[str, str]:
    """The two features' names."""
    first, second = plane.features
    return short(seen.features[first]), short(seen.features[second])
