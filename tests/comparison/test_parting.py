"""Where the metrics of two runs part, to the last bit."""

from __future__ import annotations

import math

from nnexp.comparison.differences import parting
from nnexp.journal.facts import Facts


def test_the_last_bit_counts() -> None:
    """Two costs that differ by one unit in the last place part in that epoch, by as much; the sign of a zero counts, too."""
    a = Facts("finished", history={"cost/train": [1.0, 0.1, 0.0]})
    found = parting(a, Facts("finished", history={"cost/train": [1.0, math.nextafter(0.1, 1), 0.0]}))
    assert found is not None
    assert (found.epoch, found.metrics) == (2, {"cost/train": (0.1, math.nextafter(0.1, 1))})
    signs = parting(a, Facts("finished", history={"cost/train": [1.0, 0.1, -0.0]}))
    assert signs is not None
    assert signs.epoch == 3
    assert parting(a, a) is None


def test_metrics_of_the_whole_run_come_last_and_times_are_no_results() -> None:
    """A test score that differs is told as one of the whole run; how long something took is not compared."""
    a, b = (Facts("finished", scores={"cost/test": cost, "time/epoch": cost}) for cost in (1.0, 2.0))
    found = parting(a, b)
    assert found is not None
    assert (found.epoch, list(found.metrics)) == (0, ["cost/test"])
