"""Runs and sweeps that nnexp made before its modules had folders are read, resumed and used as if they were of today.

``recorded/outputs`` was written at version 0.1.0 (2026-11-26): a finished run, and a sweep of three jobs that was killed in its
second one. ``job1.npz`` and ``job2.npz`` are the weights of the same jobs when nobody killed them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.command import nnexp, result

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a copy of what was recorded."""
    shutil.copytree(RECORDED / "outputs", tmp_path / "outputs")
    return tmp_path


def test_a_finished_run_answers_and_is_extended(place: Path) -> None:
    """``predict`` answers for new rows, and ``resume`` with more epochs goes on from the weights."""
    (place / "rows.csv").write_text("x1,x2\n1,0\n0,0\n")
    answered = nnexp("predict", "outputs/runs/finished", "rows.csv", cwd=place)
    assert (answered.code, answered.err, len(answered.out.splitlines())) == (0, "", 3)
    extended = nnexp("resume", "outputs/runs/finished", "epochs=6", cwd=place)
    assert (extended.code, extended.err) == (0, "")
    assert len(result(place / "outputs/runs/finished")["history"]["cost/train"]) == 6


def test_a_sweep_is_finished(place: Path) -> None:
    """``resume`` trains what is missing of it, to the same weights; what was done stays."""
    sweep = place / "outputs" / "sweeps" / "cut"
    done = (sweep / "0" / "weights.npz").read_bytes()
    ended = nnexp("resume", "outputs/sweeps/cut", cwd=place)
    assert ended.code == 0, ended.err
    assert (sweep / "0" / "weights.npz").read_bytes() == done
    for number in (1, 2):
        found, expected = np.load(sweep / str(number) / "weights.npz"), np.load(RECORDED / f"job{number}.npz")
        assert sorted(found) == sorted(expected)
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9)
    assert {job["state"] for job in json.loads((sweep / "manifest.json").read_text())["jobs"]} == {"finished"}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("nnexp.plugin", "Activation"),
        ("nnexp.plugin", "ONE"),
        ("nnexp.plugin", "ZERO"),
        ("nnexp.errors", "NnexpError"),
        ("nnexp.testing", "conformance"),
        ("nnexp.datasets.frame", "from_frame"),
        ("nnexp.tables.frame", "from_frame"),
        ("nnexp.tracking.serving", "_load_pyfunc"),
        ("nnexp.serving", "_load_pyfunc"),
        ("nnexp.sweep.recorder", "Recorder"),
    ],
)
def test_names_that_are_data_stay(module: str, name: str) -> None:
    """What distributions, models in MLflow's stores and conf/ name is there (the list in CONTRIBUTING)."""
    assert hasattr(__import__(module, fromlist=[name]), name)
