"""The picture of a run's cost: what is on it, and that it depends on nothing but its run."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from nnexp.pictures.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, Span, Ticks, cost_curve

HISTORY = {"cost/train": [1.0, 0.5, 0.25, 0.2], "cost/validation": [0.9, 0.6, 0.5, 0.55], "accuracy/train": [0.1] * 4}


def pixels(path: Path) -> NDArray[np.uint8]:
    """The picture, its lowest row first."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))[::-1]


def near(image: NDArray[np.uint8], color: str) -> NDArray[np.bool_]:
    """Where the picture has a color, or nearly."""
    wanted = np.array(to_rgb(color)) * 255
    found: NDArray[np.bool_] = (np.abs(image.astype(float) - wanted) <= 12).all(axis=-1)
    return found


def test_the_curves_are_where_the_axes_say(tmp_path: Path) -> None:
    """Each cost is drawn at its epoch and its value, the axes leaving a twentieth free on each side."""
    cost_curve(HISTORY, 3, "title", tmp_path / "cost.png")
    image = pixels(tmp_path / "cost.png")
    low, high = 0.2 - 0.05 * 0.8, 1.0 + 0.05 * 0.8
    for name, color in (("cost/train", "tab:blue"), ("cost/validation", "tab:orange")):
        for epoch, value in enumerate(HISTORY[name], 1):
            if (name, epoch) != ("cost/validation", 3):  # the mark lies on it
                column = LEFT + (RIGHT - LEFT) * (epoch - 1 + 0.15) / 3.3
                row = BOTTOM + (TOP - BOTTOM) * (value - low) / (high - low)
                around = image[round(row) - 2 : round(row) + 3, round(column) - 2 : round(column) + 3]
                assert near(around, color).any(), (name, epoch)
    column, row = LEFT + (RIGHT - LEFT) * 2.15 / 3.3, BOTTOM + (TOP - BOTTOM) * (0.5 - low) / (high - low)
    assert near(image[round(row), round(column)], "black")
    assert (image[:4] == 255).all()


def test_the_legend_hides_no_curve_where_a_corner_is_free(tmp_path: Path) -> None:
    """Falling costs have the legend on the right above, rising ones on the left, as nowhere else is room."""
    for values, side in (([3.0, 2.0, 1.0], slice(450, RIGHT - 4)), ([1.0, 2.0, 3.0], slice(LEFT + 4, 250))):
        cost_curve({"cost/train": values}, 2, "", tmp_path / "cost.png")
        corner = pixels(tmp_path / "cost.png")[TOP - 60 : TOP - 4, side]
        assert near(corner, "tab:blue").any(axis=0).sum() < 30
        assert near(corner, "black").any()


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [0.0, 0.0],
        [1e-5, 1.5e-5],
        [0.123451, 0.123459],
        [5e-324, 1.0, 1e308],
        [-1.7e308, 1.7e308],
        [1e6] * 700,
        list(np.geomspace(1e4, 1e-3, 5000)),
    ],
    ids=["one epoch", "zero", "tiny", "close", "all sizes", "huge", "constant", "long"],
)
def test_costs_of_any_size_are_drawn(values: list[float], tmp_path: Path) -> None:
    """Whatever is finite gives a picture, with marks on both axes."""
    cost_curve({"cost/train": values}, len(values), "a $ b\n\x24{} é", tmp_path / "cost.png")
    image = pixels(tmp_path / "cost.png")
    assert near(image[BOTTOM - 4, LEFT:RIGHT], "black").any()
    assert near(image[BOTTOM:TOP, LEFT - 4], "black").any()


def test_labels_are_round_numbers_within_the_axis() -> None:
    """Epochs are whole; a narrow logarithmic axis has 1, 2 and 5 of each power of ten; a factor is said apart."""
    assert Ticks.even(Span(0.95, 1.05, 0, 1), 9, whole=True).labels == ["1"]
    assert Ticks.even(Span(0, 21, 0, 1), 9, whole=True).labels == ["0", "5", "10", "15", "20"]
    assert Ticks.decades(Span(-1.1, 0.05, 0, 1)).labels == ["0.1", "0.2", "0.5", "1"]
    assert Ticks.decades(Span(-3.1, 2.2, 0, 1)).labels == ["0.001", "0.01", "0.1", "1", "10", "100"]
    tiny = Ticks.even(Span(0, 2e-5, 0, 1), 8)
    assert (tiny.labels[:3], tiny.factor) == (["0.0", "0.5", "1.0"], "1e−5")  # noqa: RUF001 (matplotlib's minus)


def test_a_picture_is_the_same_whatever_was_drawn_before(tmp_path: Path) -> None:
    """The bytes are those of the first picture of a fresh process."""
    code = "import sys, json, pathlib; from nnexp.pictures.curve import cost_curve; "
    code += f"cost_curve({HISTORY!r}, 3, 'seed=1', pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "fresh.png")], check=True)
    for number in range(2):
        cost_curve(HISTORY, 3, "seed=1", tmp_path / f"{number}.png")
        cost_curve({"cost/train": [1e5, 1e-5, 2.0]}, 2, "another", tmp_path / "other.png")
    assert (tmp_path / "fresh.png").read_bytes() == (tmp_path / "0.png").read_bytes()
    assert (tmp_path / "fresh.png").read_bytes() == (tmp_path / "1.png").read_bytes()


def test_a_title_is_cut_where_the_picture_ends(tmp_path: Path) -> None:
    """The curves do not move for a long title, and its last letters are dots."""
    for name, title in (("short", "x"), ("long", "optimizer.learning_rate=0.1 " * 5)):
        cost_curve(HISTORY, 3, title, tmp_path / f"{name}.png")
    short, long = pixels(tmp_path / "short.png"), pixels(tmp_path / "long.png")
    assert (short[: TOP + 1] == long[: TOP + 1]).all()
    assert near(long[TOP + 4 : HEIGHT], "black").sum() > 10 * near(short[TOP + 4 : HEIGHT], "black").sum()


def test_a_picture_costs_a_fraction_of_a_figure(tmp_path: Path) -> None:
    """From the second on it takes at most 0.4 of an ordinary figure's time (measured: 0.12 to 0.15)."""

    def figure() -> None:
        axes = (drawn := Figure(figsize=(6.4, 4))).subplots()
        for name, values in HISTORY.items():
            axes.plot(values, label=name)
        axes.grid()
        axes.legend()
        drawn.savefig(tmp_path / "figure.png", dpi=100)

    def seconds(draw: object) -> float:
        began = time.process_time()
        draw()  # type: ignore[operator]
        return time.process_time() - began

    def curve() -> None:
        cost_curve(HISTORY, 3, "title", tmp_path / "cost.png")

    for draw in (figure, curve):
        draw()
    ratios = [seconds(curve) / seconds(figure) for _ in range(7)]
    assert sorted(ratios)[3] < 0.4
