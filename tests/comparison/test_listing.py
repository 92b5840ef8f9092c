"""Runs as a table on the terminal: what is said below it of those that have a reason."""

from __future__ import annotations

import pytest

from nnexp.comparison.listing import reasons
from nnexp.comparison.rows import Table


def test_what_a_search_has_paused_is_counted_and_all_else_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A trial that was paused, one whose journal is gone and one that diverged: each counts as what it is."""
    rows = [
        {"directory": "s/0", "status": "finished", "reason": "paused at epoch 1 of 9, as search.halving says"},
        {"directory": "s/1", "status": "finished", "reason": "its journal.jsonl is not there"},
        {"directory": "s/2", "status": "diverged", "reason": "diverged in epoch 2"},
        {"directory": "s/3", "status": "finished", "reason": ""},
    ]
    reasons(Table(["directory", "status", "reason"], rows, {}), "s")
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert " ".join(lines[:2]).endswith(
        "1 run paused before the end, as the search chose; with resume and epochs=N they go on"
    )
    others = lines[2:]
    assert [line.partition(" ")[2] for line in others] == [
        "finished: its journal.jsonl is not there",
        "diverged: diverged in epoch 2",
    ]
