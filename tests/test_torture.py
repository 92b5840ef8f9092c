"""The short form of ``make torture``: a small sweep is killed before some of its operations on files, and resumed."""

from __future__ import annotations

import math
from pathlib import Path

from tests.torture import at_every_file, table


def test_a_sweep_that_is_killed_at_any_step_loses_nothing(tmp_path: Path) -> None:
    """Killed with all its processes before an operation on a file, it leaves after ``resume`` what an untouched one leaves."""
    tally = at_every_file(tmp_path, math.inf, every=6)
    assert not tally.problems, table(tally, 0)
    assert tally.kills.total() >= 5
