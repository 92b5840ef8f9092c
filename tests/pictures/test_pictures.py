"""The picture of a sweep is drawn beside the rest of its end, and costs nothing but itself where that fails."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from io import BytesIO
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from nnexp.pictures import comparison as pictures
from nnexp.pictures.comparison import Panel, compared, comparison, draw_points
from nnexp.pictures.curve import cost_curve
from tests.command import nnexp, sweeps

PANELS = [Panel({"a": [1.0, 0.5], "b": [0.8, 0.7]}, "cost/train", "title")]
KILLED = """
import os, signal
from multiprocessing import active_children
from pathlib import Path
from nnexp.pictures.comparison import Panel, compared, comparison

with compared([Panel({"a": [1.0, 0.5]}, "cost/train", "title")] * 40, Path("comparison.png"), print):
    print(active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def whole(picture: Path) -> bool:
    """Whether a PNG has its beginning and its end."""
    data = picture.read_bytes()
    return data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82")


def in_this_process(panels: object) -> bytes:
    """What is not to happen."""
    raise AssertionError(panels)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the picture goes. The process that draws is the only child of this one."""
    assert not active_children()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "comparison.png"


@pytest.mark.parametrize("word", ["年", "العربية", "देवनागरी", "a$x_$", "$", "$\\frac{$"])
def test_any_word_is_drawn(word: str, tmp_path: Path) -> None:
    """Letters that the font does not have, and what TeX would not take, are drawn without a warning (here an error)."""
    drawn = comparison([Panel({word: [1.0, 0.5]}, "cost/train", word, legend=word)])
    assert near_blue(imread(BytesIO(drawn))) > 100
    cost_curve({"cost/train": [1.0, 0.5]}, 1, word, tmp_path / "cost.png")
    assert whole(tmp_path / "cost.png")


@pytest.mark.parametrize(("across", "before", "style"), [(300.0, False, "steps-post"), (0.9, True, "steps-pre")])
def test_a_front_is_named_and_steps_the_right_way(across: float, before: bool, style: str) -> None:
    """A step is what one can have at least of both: after its corner where fewer is better across, before it where more is.

    Numbers of parameters that span more than a factor of 10 are on a logarithmic scale, shares are not.
    """
    axes = Figure().add_subplot()
    corners = [(across, 0.5), (across * 20, 0.2)]
    draw_points(
        axes,
        Panel({}, "cost/train", "", points=corners, steps=corners, names=["#3", "#4"], before=before, across="r2/a"),
    )
    assert axes.lines[1].get_drawstyle() == style
    assert [each.get_text() for each in axes.texts] == ["#3", "#4"]
    assert axes.get_xscale() == ("linear" if before else "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a r2", "train cost")


def near_blue(image: Any) -> int:
    """How many pixels have the color of the first curve."""
    return int((np.abs(image[..., :3] - to_rgb("tab:blue")) < 0.05).all(axis=-1).sum())


def test_it_is_drawn_in_another_process(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block goes on beside it; the picture is whole at the end, nothing is told, and no process is left."""
    told: list[Exception] = []
    with compared(PANELS, place, told.append):
        assert len(active_children()) == 1
        monkeypatch.setattr(pictures, "comparison", in_this_process)
    assert whole(place)
    assert (told, active_children()) == ([], [])


def test_a_process_that_is_killed_costs_nothing(place: Path) -> None:
    """Then the picture is drawn here."""
    told: list[Exception] = []
    with compared(PANELS, place, told.append):
        (child,) = active_children()
        child.kill()
        child.join()
    assert whole(place)
    assert told == []


def test_a_process_that_cannot_be_started_costs_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the block goes on all the same, and the picture is drawn here."""

    def no_process(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.ForkServerProcess.start", no_process)
    told: list[Exception] = []
    with compared(PANELS, place, told.append):
        told.append(Warning("the block"))
    assert whole(place)
    assert [str(each) for each in told] == ["the block"]


def test_an_interrupted_block_waits_for_nothing(place: Path) -> None:
    """Ctrl-C leaves no picture and no process."""

    def interrupted() -> None:
        with compared(PANELS * 40, place, print):
            children.extend(active_children())
            raise KeyboardInterrupt

    children: list[BaseProcess] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (child,) = children
    child.join(5)
    assert child.exitcode == -signal.SIGKILL
    assert not place.exists()


def test_a_killed_command_leaves_no_process(place: Path) -> None:
    """What draws for a process that is gone ends within seconds."""
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL
    until = time.monotonic() + 20
    while Path(f"/proc/{killed.stdout.strip()}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{killed.stdout.strip()}").exists()
    assert not list(place.parent.iterdir())


def test_why_it_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And when the block has ended."""
    told: list[Exception] = []
    with compared(PANELS, tmp_path / "nowhere" / "comparison.png", told.append):
        assert told == []
    assert [type(each) for each in told] == [FileNotFoundError]


def test_a_matplotlibrc_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture looks the same whatever style the user has chosen for others, and needs no LaTeX where they do."""
    panel = Panel({"a": [1.0, 0.5]}, "cost/train", "title")
    before = comparison([panel])
    style: dict[Any, Any] = {"text.usetex": True, "axes.facecolor": "black", "figure.dpi": 33, "font.size": 30}
    for key, value in style.items():
        monkeypatch.setitem(rcParams, key, value)
    assert comparison([panel]) == before
    assert rcParams["font.size"] == 30


def test_runs_of_one_epoch_are_seen() -> None:
    """A curve of a single point is a dot, in the run's colour, left of the legend."""
    drawn = imread(BytesIO(pictures.comparison([Panel({"a": [1.0], "b": [0.5]}, "cost/train", "title")])))
    blue = np.isclose(drawn[:, :600, :3], to_rgb("tab:blue"), atol=0.02).all(axis=2)
    assert blue.sum() > 10


def test_a_sweep_whose_picture_cannot_be_drawn_ends_well(tmp_path: Path) -> None:
    """One note names the picture and the cause; the ranking, the ledger and the exit code are as ever."""
    ended = nnexp("-m", "loss=mse,mae", "epochs=1", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    (directory,) = sweeps(tmp_path)
    (directory / "comparison.png").unlink()
    (directory / "comparison.png").mkdir()
    again = nnexp("resume", str(directory), cwd=tmp_path)
    assert again.code == 0, again.err
    assert "2 jobs: 2 finished" in again.out
    assert again.err == f"nnexp: The picture {directory.name}/comparison.png could not be drawn: Is a directory.\n"
    assert "(experiment/best.yaml, manifest.json," in " ".join(again.out.split())
