"""The short form of ``make torture``: one sweep that is killed again and again."""

from __future__ import annotations

from pathlib import Path

from tests.torture import JOBS, table, torture


def test_a_sweep_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    """Its process, its workers and all of them are killed; resumed, it leaves what a sweep leaves that nobody touched."""
    tally = torture(tmp_path, kills=6, seconds=0, seed=4)
    assert not tally.problems, table(tally, 0)
    assert tally.kills
    assert (tally.sweeps, tally.runs) == (1, JOBS)
