"""What is known of a run: its best epoch, the one that it kept, and what a sweep minimises."""

from __future__ import annotations

import math

from nnexp.journal.facts import Facts

HISTORY = {"cost/train": [3.0, 2.0, 1.0, 0.5], "cost/validation": [2.0, 1.0, 1.0, math.inf]}


def test_the_best_epoch_has_the_lowest_cost_and_is_the_first_of_equals() -> None:
    """Of the validation part, or without one of training; what is not finite is no lowest cost."""
    assert Facts("finished", history=HISTORY).best == 2
    assert Facts("finished", history={"cost/train": HISTORY["cost/train"]}).best == 4
    assert Facts("running").best == 0
    assert Facts("failed", history={"cost/train": [math.nan]}).best == 0


def test_the_kept_epoch_is_the_last_one_unless_the_best_was_asked_for() -> None:
    """Final metrics and the objective are those of the weights that the run has."""
    last, best = (Facts("finished", params={"keep": keep}, history=HISTORY) for keep in ("last", "best"))
    assert (last.kept, best.kept) == (4, 2)
    assert (last.objective, best.objective) == (math.inf, 1.0)
    assert best.final == {"cost/train": 2.0, "cost/validation": 1.0}


def test_only_a_run_that_finished_has_an_objective() -> None:
    """What was reached before a run was killed, or diverged, compares with nothing."""
    for status in ("killed", "running", "diverged", "waiting"):
        assert Facts(status, history=HISTORY).objective is None
