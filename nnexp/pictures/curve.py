"""The picture of a run: its cost by epoch, drawn in a few milliseconds.

matplotlib's figures take 50 to 80 ms, of which the lines are one: the rest is the layout of text that is the same in every
picture of a sweep. So the picture is laid out here, in pixels, and matplotlib's renderer draws it; a word is rendered once in
a process and then copied. Nothing else is kept from one picture to the next.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.files import replacing
from nnexp.pictures.words import any_letters

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

WIDTH, HEIGHT, DPI = 640, 400, 100
LEFT, RIGHT, BOTTOM, TOP = 70, 621, 48, 368
"""The axes' frame, in pixels from the lower left corner."""
COLORS = ("tab:blue", "tab:orange")
"""Training and validation."""
INDENT, BASELINE, DESCENT = 4, DPI // 2, 8
"""Where a line of letters begins on a sheet of its own, in pixels from the left and from the top, and its room below."""
MARGIN = 0.05
"""What the axes leave free on each side of the curves, as a share."""

Points = NDArray[np.float64]


class Span(NamedTuple):
    """The values an axis shows, and their first and last pixel."""

    low: float
    high: float
    first: int
    last: int

    @classmethod
    def of(cls, values: Points, first: int, last: int) -> Span:
        """The axis that shows ``values`` with a margin."""
        low, high = float(values.min()), float(values.max())
        room = MARGIN * (high - low) or MARGIN * abs(high) or MARGIN
        return cls(low - room, high + room, first, last)

    def pixels(self, values: Any) -> Points:
        """Where ``values`` are."""
        share = (np.asarray(values, float) - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)


def cost_curve(history: Mapping[str, Sequence[float]], kept_epoch: int, title: str, path: Path) -> None:
    """Cost by epoch, training and validation, with a mark at the epoch whose weights were kept.

    On a logarithmic scale where the costs span more than a factor of 10.
    """
    # As far as a float64 can be laid out; a cost is finite, but may be of any size.
    costs = {
        name.partition("/")[2]: np.clip(values, -1e300, 1e300)
        for name, values in history.items()
        if name.startswith("cost/")
    }
    every = np.concatenate(list(costs.values()))
    logarithmic = bool(every.min() > 0 and every.max() > 10 * every.min())
    if logarithmic:
        costs, every = {name: np.log10(values) for name, values in costs.items()}, np.log10(every)
    across = Span.of(np.array([1, max(map(len, costs.values()))], float), LEFT, RIGHT)
    up = Span.of(every, BOTTOM, TOP)
    curves = {
        name: np.column_stack([across.pixels(range(1, len(values) + 1)), up.pixels(values)])
        for name, values in costs.items()
    }
    sheet = Sheet()
    sheet.frame(across, up, logarithmic=logarithmic)
    for color, points in zip(COLORS, curves.values(), strict=False):
        sheet.line(points, color, 1.5 if len(points) < 500 else 0.6)
    sheet.dot(*list(curves.values())[-1][kept_epoch - 1])
    sheet.legend(curves, f"kept: epoch {kept_epoch}")
    title = " ".join(title.split())
    with any_letters():
        sheet.title(title if len(title) <= 70 else f"{title[:67]}...")
    sheet.save(path)


@dataclass(frozen=True)
class Ticks:
    """Where an axis has marks with a label, and without one; ``factor`` is what the labels are to be multiplied by."""

    places: Points
    labels: Sequence[str]
    minor: Points
    factor: str = ""

    @classmethod
    def even(cls, span: Span, most: int, *, whole: bool = False) -> Ticks:
        """At round numbers, at most so many."""
        from matplotlib.ticker import MaxNLocator, ScalarFormatter

        locator = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=whole)
        found: Points = np.asarray(locator.tick_values(span.low, span.high))
        places = found[(found >= span.low) & (found <= span.high)]
        places = places[places == np.round(places)] if whole else places
        if whole:
            return cls(places, [f"{place:.0f}" for place in places], np.array([]))
        formatter: Any = ScalarFormatter()
        formatter.create_dummy_axis()
        formatter.axis.set_view_interval(span.low, span.high)
        return cls(places, formatter.format_ticks(places), np.array([]), formatter.get_offset())

    @classmethod
    def decades(cls, span: Span) -> Ticks:
        """At powers of ten, where these are few at twice and five times them, too; ``span`` is of the logarithms."""
        step = max(1, math.ceil((span.high - span.low) / 8))
        powers = range(max(math.floor(span.low), -307), min(math.ceil(span.high), 307) + 1)
        factors = (1, 2, 5) if span.high - span.low < 2 else (1,)
        found = {
            power + math.log10(factor): f"{float(f'{factor}e{power}'):g}"
            for power in powers
            for factor in factors
            if power % step == 0
        }
        places = [place for place in found if span.low <= place <= span.high]
        minor = np.concatenate([power + np.log10(np.arange(1, 10)) for power in powers]) if step == 1 else np.array([])
        shown = minor[(minor >= span.low) & (minor <= span.high)]
        return cls(np.array(places), [found[place] for place in places], shown)


class Sheet:
    """An empty picture to draw on, in pixels from the lower left corner."""

    def __init__(self) -> None:
        self._renderer = renderer(WIDTH, HEIGHT)
        self._path([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], "white", 0, fill="white")

    def frame(self, across: Span, up: Span, *, logarithmic: bool) -> None:
        """The axes: grid, marks, labels and frame."""
        below, beside = Ticks.even(across, 9, whole=True), Ticks.decades(up) if logarithmic else Ticks.even(up, 8)
        columns, rows = crisp(across.pixels(below.places)), crisp(up.pixels(beside.places))
        for x in columns:
            self._path([(x, BOTTOM), (x, TOP)], "#b0b0b0", 0.8, alpha=0.3)
        for y in rows:
            self._path([(LEFT, y), (RIGHT, y)], "#b0b0b0", 0.8, alpha=0.3)
        for x, label in zip(columns, below.labels, strict=True):
            self._path([(x, BOTTOM), (x, BOTTOM - 5)], "black", 0.8)
            self._stamp(stamp(label), (x, BOTTOM - 9), (0.5, 1))
        for y, label in zip(rows, beside.labels, strict=True):
            self._path([(LEFT, y), (LEFT - 5, y)], "black", 0.8)
            self._stamp(stamp(label), (LEFT - 9, y), (1, 0.5))
        for y in crisp(up.pixels(beside.minor)):
            self._path([(LEFT, y), (LEFT - 3, y)], "black", 0.6)
        left, right, bottom, top = crisp([LEFT, RIGHT, BOTTOM, TOP])
        self._path([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)], "black", 0.8)
        self._stamp(stamp("epoch"), ((LEFT + RIGHT) / 2, 4), (0.5, 0))
        label = f"cost ({beside.factor})" if beside.factor else "cost"
        self._stamp(stamp(label, upright=True), (4, (BOTTOM + TOP) / 2), (0, 0.5))

    def line(self, points: Any, color: str, width: float) -> None:
        """A curve through ``points``."""
        self._path(points, color, width)

    def dot(self, x: float, y: float) -> None:
        """The mark of one point."""
        from matplotlib.path import Path as Outline

        self._path(Outline.circle((x, y), 2.8), "black", 1, fill="black")

    def legend(self, curves: Mapping[str, Points], kept: str) -> None:
        """What the curves and the mark are, in the corner where it hides least of them."""
        words = [*curves, kept]
        width, height = 42 + max(stamp(word, 8).shape[1] for word in words), 18 * len(words)
        corners = [(x, y) for y in (TOP - height - 8, BOTTOM + 8) for x in (RIGHT - width - 8, LEFT + 8)]
        x, y = min(corners, key=lambda corner: hidden(curves, corner, width, height))
        for row, word in enumerate(words):
            middle = y + height - 9 - 18 * row
            if row < len(curves):
                self.line([(x, middle), (x + 22, middle)], COLORS[row], 1.5)
            else:
                self.dot(x + 11, middle)
            self._stamp(stamp(word, 8), (x + 33, middle), (0, 0.5))

    def title(self, text: str) -> None:
        """One line above the axes."""
        words = [written(each) for each in re.findall("[^= ]*[= ]?", text) if each]
        if words:
            line = np.concatenate(words, axis=1)
            x = min((LEFT + RIGHT - line.shape[1]) / 2, WIDTH - 4 - line.shape[1])
            self._stamp(line, (max(x, 4), TOP), (0, 0))

    def save(self, path: Path) -> None:
        """Write a PNG of 256 colors, which is a third of one of all colors, in size as in time."""
        from PIL import Image

        nearest, exact = palette()
        whole = Image.frombuffer("RGBA", (WIDTH, HEIGHT), self._renderer.buffer_rgba(), "raw", "RGBA", 0, 1)
        reduced = whole.convert("RGB").quantize(palette=nearest, dither=Image.Dither.NONE)
        reduced.putpalette(exact)
        with replacing(path, forced=True) as file:
            reduced.save(file, "PNG", dpi=(DPI, DPI), compress_level=3)

    def _path(self, points: Any, color: str, width: float, *, alpha: float = 1.0, fill: str = "") -> None:
        from matplotlib.colors import to_rgba
        from matplotlib.path import Path as Outline
        from matplotlib.transforms import IdentityTransform

        pen = self._renderer.new_gc()
        pen.set_foreground(to_rgba(color, alpha), isRGBA=True)
        pen.set_linewidth(width)
        pen.set_joinstyle("round")
        pen.set_capstyle("butt")
        outline = points if isinstance(points, Outline) else Outline(points)
        self._renderer.draw_path(pen, outline, IdentityTransform(), to_rgba(fill) if fill else None)

    def _stamp(self, word: NDArray[np.uint8], at: tuple[float, float], edges: tuple[float, float]) -> None:
        """A word at a point: ``edges`` (0, 0) puts its left and lower edge there, (0.5, 0.5) its middle."""
        (x, y), (right, up), (height, width, _) = at, edges, word.shape
        self._renderer.draw_image(self._renderer.new_gc(), round(x - right * width), round(y - up * height), word)


def renderer(width: int, height: int) -> Any:
    """An empty image of matplotlib's to draw on; matplotlib has no types for it."""
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(width, height, DPI)  # type: ignore[no-untyped-call]


def crisp(pixels: Any) -> Points:
    """The middles of pixels, so that a thin line is one pixel wide."""
    middles: Points = np.floor(np.asarray(pixels, float)) + 0.5
    return middles


def hidden(curves: Mapping[str, Points], corner: tuple[int, int], width: int, height: int) -> int:
    """How many columns of pixels there are whose curve lies within the box that has this lower left corner."""
    x, y = corner
    columns = np.arange(x, x + width)
    found = (np.interp(columns, points[:, 0], points[:, 1], -1, -1) for points in curves.values())
    return sum(int(((rows > y) & (rows < y + height)).sum()) for rows in found)


@functools.lru_cache(maxsize=1024)
def stamp(text: str, size: int = 10, *, upright: bool = False) -> NDArray[np.uint8]:
    """A word in black as an image (height, width, 4) without a margin, the lowest row first."""
    from matplotlib.font_manager import FontProperties

    drawn = typeset(renderer(2 * WIDTH, DPI), text, FontProperties(size=size))
    rows, columns = (np.flatnonzero(drawn[..., 3].any(axis=axis)) for axis in (1, 0))
    word = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.ascontiguousarray((np.rot90(word) if upright else word)[::-1])


@functools.lru_cache(maxsize=1024)
def written(text: str) -> NDArray[np.uint8]:
    """A part of the title as an image (height, width, 4) that ends where the next part begins, the lowest row first."""
    from matplotlib.font_manager import FontProperties

    sheet = renderer(2 * WIDTH, DPI)
    # What stands behind it tells where it ends, be it in a blank.
    font = FontProperties(size=10)
    behind, alone = (sheet.get_text_width_height_descent(each, font, ismath=False)[0] for each in (f"{text}|", "|"))
    rows = slice(BASELINE - (HEIGHT - TOP - DESCENT), BASELINE + DESCENT)
    return np.ascontiguousarray(typeset(sheet, text, font)[rows, INDENT : INDENT + round(behind - alone)][::-1])


def typeset(sheet: Any, text: str, font: FontProperties) -> NDArray[np.uint8]:
    """What is on a sheet, (height, width, 4), after a line was written in black that begins at ``INDENT`` on ``BASELINE``."""
    sheet.draw_text(sheet.new_gc(), INDENT, BASELINE, text, font, 0)
    drawn: NDArray[np.uint8] = np.asarray(sheet.buffer_rgba())
    return drawn


@functools.cache
def palette() -> tuple[Any, bytes]:
    """The colors of every picture: from white to black and to each curve's color, and from these to each other.

    As an image that tells the nearest of them, and as they are. Pillow looks the nearest one up with the last two bits of a
    color left out, so they are left out there, too: otherwise white would not be white.
    """
    from matplotlib.colors import to_rgb
    from PIL import Image

    pairs = [("white", "black"), *(("white", color) for color in COLORS), COLORS, *(("black", each) for each in COLORS)]
    shades = []
    for pair, count in zip(pairs, (80, 64, 64, 16, 16, 16), strict=True):
        first, second = (np.array(to_rgb(color)) for color in pair)
        shares = np.linspace(0, 1, count)[:, None]
        shades.append(np.round(255 * ((1 - shares) * first + shares * second)).astype(np.uint8))
    exact = np.concatenate(shades)
    nearest = Image.new("P", (1, 1))
    nearest.putpalette((exact & 0xFC).tobytes())
    return nearest, exact.tobytes()
