"""The picture of a sweep is drawn beside the rest of its end, and costs nothing but itself where that fails."""

from __future__ import annotations

import time
from pathlib import Path

from nnexp.pictures import Panel, compared
from tests.command import nnexp, sweeps

PANELS = [Panel({"a": [1.0, 0.5], "b": [0.8, 0.7]}, "cost/train", "title")]


def test_it_is_drawn_while_the_block_goes_on(tmp_path: Path) -> None:
    """The picture appears without the block's end, and is whole then; nothing is told."""
    told: list[BaseException] = []
    picture = tmp_path / "comparison.png"
    with compared(PANELS, picture, told.append):
        until = time.monotonic() + 60
        while not picture.exists() and time.monotonic() < until:
            time.sleep(0.01)
        drawn = picture.read_bytes()
    assert drawn.startswith(b"\x89PNG")
    assert drawn.endswith(b"IEND\xaeB`\x82")
    assert told == []


def test_why_it_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    """What drawing raises in the other process is handed over when the block has ended well."""
    told: list[BaseException] = []
    with compared(PANELS, tmp_path / "nowhere" / "comparison.png", told.append):
        assert told == []
    assert [type(each) for each in told] == [FileNotFoundError]


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
    assert "(manifest.json," in again.out
