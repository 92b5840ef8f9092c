"""What the process of a sweep does while its jobs train in others."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from nnexp.experiment.settings import TrackingSettings
from nnexp.journal.journal import Ending
from nnexp.sweep import recorder as sweep
from nnexp.sweep.session import Session
from tests.command import python

KILLED = """
import os, signal, sys
from pathlib import Path
from nnexp.tracking.opening import Opening, Target
from nnexp.tracking.tracked_run import TrackedRun

outputs, directory = map(Path, sys.argv[1:])
target = Target(f"sqlite:///{outputs}/mlflow.db", "nnexp", outputs, None, delivered_here=False)
run = TrackedRun.start(Opening("r", {}, {}, epochs=9), directory, target)
run.record(1, {"cost/train": 1.0}, 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_a_worker_is_about_to_go_on_with_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed runs that wait are delivered and marked, but those that the sweep goes on with stay as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    going_on, other = (tmp_path / "outputs" / "sweep" / name for name in "01")
    for directory in (going_on, other):
        directory.mkdir(parents=True)
        assert python("-c", KILLED, str(tmp_path / "outputs"), str(directory), cwd=tmp_path).code == -signal.SIGKILL
    made = sweep.start_delivery(TrackingSettings(), Session(), [going_on])
    assert made.close() == []
    made.stop(5)
    assert [Ending.read(each).status for each in (going_on, other)] == ["open", "KILLED"]
    assert len(list((tmp_path / "outputs" / ".open").iterdir())) == 1
