"""Figures of matplotlib without its global state: made, drawn on, written as PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 100
LONGEST = 24
"""Characters of a name that are shown."""


def figure(width: float = 6.4, height: float = 4.4) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def named(axes: Axes, title: str, across: str = "", up: str = "") -> None:
    """Title and labels, whatever is in the names."""
    axes.set_title(title, fontsize=10, parse_math=False)
    axes.set_xlabel(across, parse_math=False)
    axes.set_ylabel(up, parse_math=False)


def short(name: object) -> str:
    """A name as it fits at an axis, in one line."""
    text = " ".join(str(name).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def save(drawn: Figure, file: BinaryIO) -> None:
    """Write a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(drawn)
    drawn.savefig(file, format="png", dpi=DPI)
