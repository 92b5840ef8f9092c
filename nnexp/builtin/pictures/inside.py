"""What is inside a network: the first layer's weights as images, activations by layer, gradients by layer over epochs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import numpy as np

from nnexp.builtin.pictures.canvas import figure, named, save
from nnexp.errors import counted
from nnexp.plugin import Picture, Seen, param

PIXEL = re.compile(r"(\D*?)_?(\d+)(?:[_x,](\d+))?")
"""A pixel's name: ``pixel_3_7``, ``pixel12``, ``3x7``."""
GAP = 2
"""Pixels between two units' images."""
FEWEST = 16
"""Fewer inputs than this are no image."""


def image_shape(seen: Seen) -> tuple[int, int] | None:
    """Rows and columns of the image that the inputs are, by their names; None where they are none."""
    found = [PIXEL.fullmatch(name) for name in seen.features]
    n = len(seen.features)
    if n < FEWEST or seen.categories or not all(found) or len({each[1] for each in found if each}) != 1:
        return None
    ends = [(int(each[2]), each[3]) for each in found if each]
    if all(column is not None for _, column in ends):
        columns = len({column for _, column in ends})
        return (n // columns, columns) if n % columns == 0 else None
    side = math.isqrt(n)
    return (side, side) if side * side == n else None


@dataclass(frozen=True)
class Weights(Picture):
    """Each unit of the first hidden layer as the image it looks for: its weights W1, where the inputs are pixels.

    Red pixels make the unit larger, blue ones smaller, white ones do not matter. All images have one scale.
    """

    most: int = param(64, at_least=1, at_most=400, doc="units that are shown, those with the largest weights")

    def refusal(self, seen: Seen) -> str:
        if image_shape(seen):
            return ""
        return (
            f"the {counted(len(seen.features), 'input')} of this network are no pixels: those of an image are called "
            "pixel_ROW_COLUMN, or pixel0, pixel1, ... of a square"
        )

    def usual(self, seen: Seen) -> bool:
        return True

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        shape = image_shape(seen)
        assert shape is not None
        w = seen.weights[0][0].astype(np.float64)
        chosen = np.sort(np.argsort(-np.linalg.norm(w, axis=1), kind="stable")[: self.most])
        columns = math.ceil(math.sqrt(len(chosen) * 1.6))
        rows = math.ceil(len(chosen) / columns)
        (height, width), limit = shape, float(np.abs(w[chosen]).max()) or 1.0
        mosaic = np.full((rows * (height + GAP), columns * (width + GAP)), np.nan)
        drawn = figure(max(3.2, 0.85 * columns + 1.0), max(2.2, 0.95 * rows + 0.5))
        axes = drawn.subplots()
        for place, unit in enumerate(chosen):
            top, left = (place // columns) * (height + GAP) + GAP, (place % columns) * (width + GAP)
            mosaic[top : top + height, left : left + width] = w[unit].reshape(shape)
            axes.text(
                left + width / 2 - 0.5, top - 0.7, str(unit), fontsize=6, ha="center", va="bottom", in_layout=False
            )
        image = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        axes.axis("off")
        drawn.colorbar(image, shrink=0.8)
        axes.set_title(f"first layer's weights, {len(chosen)} of {counted(len(w), 'unit')}", fontsize=10)
        save(drawn, file)


@dataclass(frozen=True)
class Activations(Picture):
    """How the activations of each layer are distributed over units and samples, as shares of all values.

    Units that hardly ever answer pile up at 0 (relu), saturated ones at the ends (tanh, sigmoid).
    """

    most: int = param(1000, at_least=10, doc="samples that are looked at")

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        part, rows = seen.measured
        layers = seen.activations(seen.x[rows[: self.most]])
        drawn = figure(6.4, 1.2 + 1.3 * min(len(layers), 8))
        cells = drawn.subplots(min(len(layers), 8), 1, squeeze=False).ravel()
        for number, (cell, values) in enumerate(zip(cells, layers, strict=False), 1):
            flat = values[np.isfinite(values)].astype(np.float64)
            shares = np.full(len(flat), 1 / max(1, len(flat)))
            cell.hist(flat, bins=60, weights=shares, histtype="stepfilled", color="tab:blue")  # one shape, not sixty
            silent = float((values == 0).mean())
            words = f"layer {number}, {counted(values.shape[1], 'unit')}"
            name = "outputs" if number == len(layers) else words
            named(cell, f"{name}{f', {silent:.0%} exactly 0' if silent > 0.005 else ''}", "", "share")
            cell.grid(alpha=0.3)
        cells[-1].set_xlabel(f"activation ({part} samples)")
        save(drawn, file)


@dataclass(frozen=True)
class Gradients(Picture):
    """The norm of the cost's gradient by each layer's parameters over epochs, on at most 1,000 training samples.

    A first layer whose gradient is orders of magnitude below the last one's hardly learns (vanishing gradients: Hochreiter,
    1991).
    """

    looks_back: ClassVar[bool] = True

    def refusal(self, seen: Seen) -> str:
        return "" if seen.moments else "no epochs of its training were kept"

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        from matplotlib.ticker import MaxNLocator

        epochs = [moment.epoch for moment in seen.moments]
        norms = np.array([moment.gradient_norms() for moment in seen.moments])
        drawn = figure()
        axes = drawn.subplots()
        for layer, values in enumerate(norms.T, 1):
            axes.plot(epochs, values, label=f"layer {layer}", linewidth=1.4, marker="." if len(epochs) < 20 else "")
        if norms.min() > 0 and np.isfinite(norms).all():
            axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        since = f", from epoch {epochs[0]} on" if epochs[0] > 1 else ""  # it was resumed where the others are not kept
        named(axes, f"gradient by layer{since}", "epoch", "norm of the gradient")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        save(drawn, file)
