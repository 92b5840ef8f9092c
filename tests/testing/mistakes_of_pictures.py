"""Mistakes in pictures, each in one that is right without it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from nnexp.builtin.pictures.canvas import figure, save
from nnexp.plugin import Picture, Seen

from .mistakes import Mistake

COUNT = itertools.count()


@dataclass(frozen=True)
class Plain(Picture):
    """The first feature by sample."""

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        drawn = figure()
        axes = drawn.subplots()
        axes.plot(seen.x[:, 0])
        axes.set_title(seen.features[0], parse_math=False)
        save(drawn, file)


@dataclass(frozen=True)
class RefusesByFalse(Plain):
    """Plain."""

    def refusal(self, seen: Seen) -> str:
        return False  # type: ignore[return-value]


@dataclass(frozen=True)
class WritesText(Plain):
    """Plain."""

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        file.write(b"a picture")


@dataclass(frozen=True)
class Vectors(Plain):
    """Plain."""

    suffix: ClassVar[str] = ".svg"


@dataclass(frozen=True)
class Formulas(Plain):
    """Plain."""

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        drawn = figure()
        drawn.subplots().set_title(seen.features[0])
        save(drawn, file)


@dataclass(frozen=True)
class Scales(Plain):
    """Plain."""

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        seen.x[:] /= 2
        super().draw(seen, file)


@dataclass(frozen=True)
class Counts(Plain):
    """Plain."""

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        drawn = figure()
        drawn.subplots().plot([0, next(COUNT)])
        save(drawn, file)


@dataclass(frozen=True)
class LeavesFigures(Plain):
    """Plain."""

    def draw(self, seen: Seen, file: BinaryIO) -> None:
        import matplotlib.pyplot as plt

        plt.figure()
        super().draw(seen, file)


MISTAKES = [
    Mistake("False for a reason", "refuses_in_words", RefusesByFalse, "refusal returns False"),
    Mistake("text for an image", "draws_an_image", WritesText, "writes 9 bytes that begin with b'a pictur'"),
    Mistake("another suffix", "draws_an_image", Vectors, "suffix is '.svg'. It has to be .png or .gif"),
    Mistake("a name as a formula", "takes_any_letters", Formulas, "a name with a $ in it was taken for a formula"),
    Mistake("samples are scaled", "changes_nothing", Scales, "draw changed x"),
    Mistake("another image each time", "same_image_again", Counts, "two images differ"),
    Mistake("figures of pyplot", "leaves_no_figure", LeavesFigures, "a figure of pyplot stays open"),
]
