"""Where predictions are wrong: the confusion matrix of classes, predicted against actual values of a regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from nnexp.builtin.pictures.canvas import figure, named, save, short
from nnexp.plugin import Picture, Seen, param

MOST_NUMBERS = 20
"""A matrix of more classes shows its colors alone."""


@dataclass(frozen=True)
class Confusion(Picture):
    """C[i, j] = the number of samples of class i that were predicted as class j, of the validation part.

    Colors are shares of the class (rows sum to one), so that a rare class counts as much as a frequent one. The diagonal is
    what was right.
    """

    def refusal(self, seen: Seen) -> str:
        return "" if seen.classes else "a regression has no classes; pictures=[predicted] is its picture"

    def usual(self, seen: Seen) -> bool:
        return True

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        part, rows = seen.measured
        n = len(seen.classes)
        counts = np.zeros((n, n), int)
        np.add.at(counts, (seen.y[rows].astype(int), seen.label(seen.predict(seen.x[rows]))), 1)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        side = 3.2 + 0.32 * min(n, 24)
        drawn = figure(side + 0.8, side)
        axes = drawn.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        drawn.colorbar(image, label="share of the class", shrink=0.85)
        if n <= MOST_NUMBERS:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    shade = "white" if shares[row, column] > 0.5 else "black"
                    where: dict[str, Any] = {"ha": "center", "va": "center", "in_layout": False}  # which takes long
                    axes.text(column, row, str(count), fontsize=8, color=shade, **where)
            labels = [short(each) for each in seen.classes]
            turned = 90 if max(map(len, labels)) > 3 else 0
            axes.set_xticks(range(n), labels, fontsize=8, rotation=turned, parse_math=False)
            axes.set_yticks(range(n), labels, fontsize=8, parse_math=False)
        right = f"{int(np.trace(counts))} of {len(rows)} right"
        named(axes, f"{short(seen.target)}: {part}, {right}", "predicted", "actual")
        save(drawn, file)


@dataclass(frozen=True)
class Predicted(Picture):
    """Predicted against actual values of the validation part, and the residuals r = predicted - actual by predicted value.

    On the diagonal, or the line at 0, a prediction is right. What is left of a pattern in the residuals was not learnt.
    """

    most: int = param(2000, at_least=10, doc="samples that are shown; of more an even choice")

    def refusal(self, seen: Seen) -> str:
        return (
            "" if seen.task == "regression" else "of classes there are no values; pictures=[confusion] is their picture"
        )

    def usual(self, seen: Seen) -> bool:
        return True

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        part, rows = seen.measured
        rows = rows[:: -(-len(rows) // self.most)]
        actual, predicted = seen.y[rows], seen.predict(seen.x[rows])
        drawn = figure(8.4, 4.0)
        left, right = drawn.subplots(1, 2)
        for output in range(actual.shape[1]):
            color = f"C{output % 10}"
            left.scatter(actual[:, output], predicted[:, output], s=12, alpha=0.6, color=color, edgecolors="none")
            residuals = predicted[:, output] - actual[:, output]
            right.scatter(predicted[:, output], residuals, s=12, alpha=0.6, color=color, edgecolors="none")
        finite = np.concatenate([actual.ravel(), predicted.ravel()])
        ends = [float(finite.min()), float(finite.max())]
        left.plot(ends, ends, color="0.4", linewidth=1)
        right.axhline(0, color="0.4", linewidth=1)
        named(left, f"{short(seen.target)}: {part}, {len(rows)} samples", "actual", "predicted")
        named(right, "residuals", "predicted", "predicted - actual")
        for axes in (left, right):
            axes.grid(alpha=0.3)
        save(drawn, file)
