"""The picture of a run that has ended."""

from __future__ import annotations

from pathlib import Path

from nnexp.journal.result import read_result
from nnexp.pictures.curve import cost_curve

COST_PICTURE = "cost.png"


def draw_cost(directory: Path) -> None:
    """Draw the picture of the run that ended well in ``directory``, from its ``result.json``."""
    result = read_result(directory)
    cost_curve(result.history, result.kept_epoch, result.title, directory / COST_PICTURE)


def draw_missing(directory: Path) -> None:
    """Draw the picture of the run in ``directory`` if it ended well and nobody has drawn it."""
    if not (directory / COST_PICTURE).exists() and read_result(directory).status == "FINISHED":
        draw_cost(directory)
