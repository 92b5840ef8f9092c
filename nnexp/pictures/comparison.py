"""The picture of a sweep: its best runs' curves in comparison. matplotlib is imported only when drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing import Pipe, get_context
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from typing import TYPE_CHECKING, Literal

from nnexp.basics.files import replacing
from nnexp.pictures.words import any_letters, own_style

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

CURVES = 4.5
"""The height of a panel of curves, in inches."""
MOST_DRAWN = 1e30
"""Beyond this a cost is that of a training that blew up."""
MOST_CURVES = 10
"""More curves than this cannot be told apart."""


@dataclass(frozen=True)
class Panel:
    """One metric of several runs by epoch; ``curves`` come best first, each with its lowest and highest if it is a mean."""

    curves: Mapping[str, Sequence[float]]
    metric: str
    title: str
    bands: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    legend: str = ""
    bars: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """In place of curves: one number of each run, and how it is written."""
    points: Sequence[tuple[float, float]] = ()
    """In place of curves: a number of each run over another one, which ``across`` names."""
    steps: Sequence[tuple[float, float]] = ()
    """The corners of a line of steps through them: the best so far, or those that no other one beats."""
    names: Sequence[str] = ()
    """What the corners are called, where each is a run."""
    before: bool = False
    """Whether a step comes before its corner, as where higher is better across; else after it."""
    across: str = ""


@contextmanager
def compared(panels: Sequence[Panel], path: Path, failed: Callable[[Exception], object]) -> Iterator[None]:
    """Draw the comparison while the block goes on, and write it at its end; ``failed`` is told why that did not work.

    In a process that is forked from the server of a sweep's workers, if there was one: it has matplotlib imported. If that
    process does not give a picture, this one draws it.
    """
    begun = _begin(panels)
    try:
        yield
    except BaseException:
        if begun:
            begun[0].kill()
        raise
    try:
        picture = _picture(*begun) if begun else b""
        with replacing(path) as file:
            file.write(picture or comparison(panels))
    except Exception as error:  # noqa: BLE001 - matplotlib's, or the disk's: a sweep without a picture is a sweep
        failed(error)


def _begin(panels: Sequence[Panel]) -> tuple[ForkServerProcess, Connection] | None:
    """Start the process; None where it cannot be started."""
    try:
        receiver, sender = Pipe(duplex=False)
        with sender:
            process = get_context("forkserver").Process(target=_draw, args=(panels, sender), daemon=True)
            process.start()
    except OSError:
        return None
    return process, receiver


def _draw(panels: Sequence[Panel], sender: Connection) -> None:
    """What the process does. Whatever goes wrong in it is told by the process that then draws in its place."""
    signal(SIGINT, SIG_IGN)
    with suppress(Exception), sender:
        sender.send_bytes(comparison(panels))


def _picture(process: ForkServerProcess, receiver: Connection) -> bytes:
    """What the process has drawn; nothing where it has not."""
    try:
        with receiver:
            return receiver.recv_bytes()
    except (EOFError, OSError):
        return b""
    finally:
        process.join()


@own_style()
def comparison(panels: Sequence[Panel]) -> bytes:
    """Each panel's curves, labelled, the first ``MOST_CURVES`` of them; the panels one below the other. A PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [1.3 + 0.25 * min(len(each.bars), MOST_CURVES) if each.bars else CURVES for each in panels]  # inches
    whole = sum(heights)
    figure = Figure(figsize=(8, whole))
    FigureCanvasAgg(figure)
    for place, (panel, height) in enumerate(zip(panels, heights, strict=True), 1):
        left, foot, head = (0.35, 0.55, 0.45) if panel.bars else (0.11, 0.54, 0.36)
        bottom = whole - sum(heights[:place]) + foot
        axes = figure.add_axes((left, bottom / whole, 0.97 - left, (height - foot - head) / whole))
        if panel.bars:
            draw_bars(axes, panel)
            continue
        if panel.points:
            draw_points(axes, panel)
            continue
        shown = {label: drawable(values) for label, values in list(panel.curves.items())[:MOST_CURVES]}
        for label, values in shown.items():
            dot = "o" if len(values) == 1 else ""  # a line of one point is none
            words = f"{label}: undefined" if all(map(math.isnan, values)) else label
            (line,) = axes.plot(range(1, len(values) + 1), values, label=words, marker=dot)
            if label in panel.bands:
                low, high = map(drawable, panel.bands[label])
                axes.fill_between(range(1, len(values) + 1), low, high, color=line.get_color(), alpha=0.2, lw=0)
        title = panel.title
        if len(panel.curves) > len(shown):
            title = f"{title}: the best {len(shown)} of {len(panel.curves)}"
        edges = [drawable(edge) for label in shown for edge in panel.bands.get(label, ())]
        finish(axes, title, [*shown.values(), *edges], " ".join(reversed(panel.metric.split("/"))), panel.legend)
    drawn = BytesIO()
    with any_letters():
        figure.savefig(drawn, dpi=100, format="png")
    return drawn.getvalue()


def drawable(values: Sequence[float]) -> list[float]:
    """The values without those of a training that blew up, which no scale of an axis can show."""
    return [value if abs(value) <= MOST_DRAWN else math.nan for value in values]


def draw_bars(axes: Axes, panel: Panel) -> None:
    """One bar for each run, the first on top, with its number; a logarithmic scale where they span more than a factor of 10."""
    shown = dict(list(panel.bars.items())[:MOST_CURVES])
    values = [value for value, _ in shown.values()]
    drawn = axes.barh(range(len(shown)), values, color=[f"C{each % 10}" for each in range(len(shown))])
    axes.bar_label(drawn, [f" {words}" for _, words in shown.values()], fontsize=8)
    axes.set_yticks(range(len(shown)), [each if len(each) <= 34 else f"{each[:31]}..." for each in shown], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    if spans_decades(values):
        axes.set_xscale("log")
    axes.set_xticks([])  # each bar has its number
    axes.minorticks_off()
    axes.set_xlabel(panel.metric)
    axes.set_title(panel.title if len(panel.title) <= 70 else f"{panel.title[:67]}...", fontsize=10)


def draw_points(axes: Axes, panel: Panel) -> None:
    """A dot for each run, and the line of steps with its corners' names; logarithmic scales as ``finish`` has them."""
    from matplotlib.ticker import AutoLocator

    (places, points), (corners, steps) = zip(*panel.points, strict=True), zip(*panel.steps, strict=True)
    axes.plot(places, drawable(points), "o", markersize=3, color="C7", alpha=0.6, label="a trial")
    marker = "o" if panel.names else ""
    style: Literal["steps-pre", "steps-post"] = "steps-pre" if panel.before else "steps-post"
    axes.plot(corners, drawable(steps), drawstyle=style, color="C0", label=panel.legend, marker=marker, markersize=5)
    for name, place, height in zip(panel.names, corners, steps, strict=False):
        axes.annotate(name, (place, height), (4, 4), textcoords="offset points", fontsize=8)
    finish(axes, panel.title, [drawable(points)], " ".join(reversed(panel.metric.split("/"))))
    if any(each % 1 for each in places):
        axes.xaxis.set_major_locator(AutoLocator())
    elif panel.names and spans_decades(places):
        axes.set_xscale("log")
        plain_ticks(axes.xaxis, places)
    axes.set_xlabel(" ".join(reversed(panel.across.split("/"))))


def spans_decades(values: Sequence[float]) -> bool:
    """Whether numbers are best seen on a logarithmic scale: they span more than a factor of 10."""
    return bool(values) and min(values) > 0 and max(values) > 10 * min(values)


def plain_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Ticks of a logarithmic axis at 1, 2, 5, 10, ... in plain numbers, unless that were too many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if max(values) < 1000 * min(values):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def finish(axes: Axes, title: str, curves: Sequence[Sequence[float]], metric: str, legend: str = "") -> None:
    """Labels, grid, legend; a logarithmic scale where costs span more than a factor of 10."""
    from matplotlib.ticker import MaxNLocator

    values = [value for curve in curves for value in curve if not math.isnan(value)]
    if "cost" in metric and spans_decades(values):
        axes.set_yscale("log")
        plain_ticks(axes.yaxis, values)
    axes.set_xlabel("epoch")
    axes.set_ylabel(metric)
    axes.set_title(title if len(title) <= 70 else f"{title[:67]}...", fontsize=10, parse_math=False, y=1)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    box = axes.legend(fontsize=8, framealpha=0.7, edgecolor="none", title=legend or None, title_fontsize=8)
    for text in (box.get_title(), *box.get_texts()):
        text.set_parse_math(False)  # a $ is one
