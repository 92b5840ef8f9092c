"""One recorded run called from Python: what it leaves to its caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnexp.experiment.data import Cache
from nnexp.experiment.settings import RunContext
from nnexp.journal.result import read_result
from nnexp.run.drawing import draw_missing
from nnexp.run.resume import resume
from nnexp.run.start import run
from nnexp.terminal.console import Console

CONFIG = {"dataset": "wine", "epochs": 3, "tracking": {"name": "none"}}


def place(tmp_path: Path, job: int, **more: Any) -> RunContext:
    """Where a sweep's job runs."""
    outputs = tmp_path / "outputs"
    return RunContext(outputs / "sweeps" / "s" / str(job), outputs, ("seed=1",), sweep="s", job=job, **more)


@pytest.mark.parametrize("name", ["", "seed=1"], ids=["typed", "named"])
def test_a_picture_may_be_drawn_later(name: str, tmp_path: Path) -> None:
    """Drawn from the files of a run that was killed before its picture, it is the picture that the run draws."""
    run(CONFIG, place(tmp_path, 0, name=name), Console(brief=True))
    directory = place(tmp_path, 0).directory
    drawn = (directory / "cost.png").read_bytes()
    (directory / "cost.png").unlink()
    draw_missing(directory)
    assert (directory / "cost.png").read_bytes() == drawn


def test_a_picture_that_cannot_be_drawn_costs_the_picture_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run finishes with all its other files, and says what failed."""

    def fail(directory: Path) -> None:
        raise RuntimeError(f"no font for {directory.name}")

    monkeypatch.setattr("nnexp.run.start.draw_cost", fail)
    run(CONFIG, place(tmp_path, 0), Console(brief=True))
    directory = place(tmp_path, 0).directory
    assert read_result(directory).status == "FINISHED"
    assert (directory / "weights.npz").exists()
    assert "cost.png could not be drawn (RuntimeError: no font for 0)." in capsys.readouterr().err


def test_runs_share_a_cache(tmp_path: Path) -> None:
    """With a cache a run leaves the weights and the history that it leaves without one."""
    cache = Cache()
    for job, given in enumerate((None, cache, cache)):
        run(CONFIG, place(tmp_path, job), Console(brief=True), cache=given)
    assert cache.bytes > 0
    directories = [place(tmp_path, job).directory for job in range(3)]
    assert len({(each / "weights.npz").read_bytes() for each in directories}) == 1
    assert len({repr(read_result(each).history) for each in directories}) == 1


def test_a_run_is_resumed_with_a_cache(tmp_path: Path) -> None:
    """It ends where the run that was never interrupted ends."""
    short, whole = place(tmp_path, 0), place(tmp_path, 1)
    run({**CONFIG, "checkpoint": {"epochs": 1}}, short, Console(brief=True), delivered_here=False)
    resume(short.directory, short.outputs, 5, None, Console(brief=True), cache=Cache(), delivered_here=False)
    run({**CONFIG, "epochs": 5}, whole, Console(brief=True))
    assert (short.directory / "weights.npz").read_bytes() == (whole.directory / "weights.npz").read_bytes()


def test_a_picture_tells_no_password(tmp_path: Path) -> None:
    """Where the store is is not above the picture; a password in any other word that was typed is hidden there."""
    address = "http://me:geheim@localhost:1"
    config = {**CONFIG, "tracking": {"name": "none", "uri": address}}
    typed = ("seed=1", f"tracking.uri={address}", f"note={address}")
    here = RunContext(tmp_path / "outputs/runs/r", tmp_path / "outputs", typed)
    run(config, here, Console(brief=False))
    assert read_result(here.directory).title == "seed=1 note=http://me:***@localhost:1"
