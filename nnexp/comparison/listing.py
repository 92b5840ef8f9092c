"""Runs as a table on the terminal: the columns that tell most, as many as there is room for."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nnexp.basics.plain import spelled
from nnexp.comparison.rows import BEST, Table
from nnexp.errors import command, counted, one_line
from nnexp.journal.result import PAUSED
from nnexp.run.identity import short
from nnexp.terminal.console import measured, say, width, wrapped
from nnexp.terminal.table import fitted, table

MOST = 20
"""Rows that are shown."""
REASONS = 5
"""Reasons of runs that did not finish that are shown one by one."""


def show(made: Table) -> None:
    """Print the table, what it leaves out, and why runs did not finish."""
    rows = made.rows[:MOST]
    if not rows:
        say("There are no runs.")
        return
    base = common([row["directory"] for row in made.rows])
    heads = [each.rstrip("=") for each in short([f"{key}=" for key in made.varied])]
    columns = {"run": [place(row, base) for row in rows]}
    columns |= {head: [text(row.get(key)) for row in rows] for head, key in zip(heads, made.varied, strict=True)}
    if "epoch" in made.columns:
        columns["epoch"] = [text(row["epoch"]) for row in rows]
    elif any(stands(row) != "finished" for row in made.rows):
        columns["status"] = [stands(row) for row in rows]
    metrics = measures(made)
    columns |= {name: [number(name, row.get(name)) for row in rows] for name in metrics}
    if "best_epoch" in made.columns:
        columns["best epoch"] = [text(row["best_epoch"]) for row in rows]
    columns = that_fit(columns, [*heads, *metrics[1:], "best epoch"])
    cells = [[each[number] for each in columns.values()] for number in range(len(rows))]
    what = counted(len(made.rows), "epoch" if "epoch" in made.columns else "run")
    table(list(columns), cells, title=f"{what} in {base}" if base else what)
    if len(made.rows) > MOST:
        say(f"and {len(made.rows) - MOST:,} more")
    reasons(made, base)
    say(f"all columns: {command('results')} ... -o FILE.csv, .parquet or .json")


def stands(row: Mapping[str, Any]) -> str:
    """How a run stands: of one that a search has paused at which epoch, as costs of different epochs do not compare."""
    paused = re.match(rf"{PAUSED} \d+", row["reason"] or "")
    return paused[0] if paused else str(row["status"])


def common(directories: Sequence[str]) -> str:
    """The folder that all runs are in; empty where there is none, or not all have a directory."""
    if not all(directories) or len(set(map(os.path.isabs, directories))) != 1:
        return ""
    return os.path.commonpath([os.path.dirname(each) for each in directories])  # noqa: PTH120


def place(row: dict[str, Any], base: str) -> str:
    """Where a run is, below the common folder."""
    below = os.path.relpath(row["directory"], base) if base else row["directory"]
    return one_line(f"#{below}" if below.isdigit() else below or row["run_id"][:8])


def measures(made: Table) -> list[str]:
    """The metrics of the table, the most telling ones first: of validation, or without it of training; of the test."""
    names = [name for name in made.columns if "/" in name and not name.startswith(BEST)]
    parts = ("/validation" if "cost/validation" in names else "/train", "/test")
    return [name for part in parts for name in names if name.endswith(part)]


def that_fit(columns: dict[str, list[str]], dispensable: Sequence[str]) -> dict[str, list[str]]:
    """As many of the columns as the terminal is wide for; the last ``dispensable`` ones are left out first."""
    left, spare = dict(columns), [name for name in dispensable if name in columns]
    while spare:
        rows = list(zip(*left.values(), strict=True))
        if sum(fitted(list(left), rows, [True] * len(left))) + 2 * (len(left) - 1) <= width():
            break
        del left[spare.pop()]
    return left


def text(value: Any) -> str:
    """A cell of a configuration."""
    return "" if value is None else one_line(spelled(value))


def number(name: str, value: float | None) -> str:
    """A metric; nothing where a run has none."""
    return "" if value is None else measured(name, value) if not math.isinf(value) else str(value)


def reasons(made: Table, base: str) -> None:
    """Say why runs did not finish, the first few, and how many a search has paused."""
    told = [row for row in made.rows if row.get("reason")]
    ended = [row for row in told if not row["reason"].startswith(PAUSED)]
    if paused := len(told) - len(ended):
        words = (
            f"{counted(paused, 'run')} paused before the end, as the search chose; with resume and epochs=N they go on"
        )
        for line in wrapped(words, width()):
            say(line)
    for row in ended[:REASONS]:
        for line in wrapped(f"{place(row, base)} {row['status']}: {one_line(row['reason'])}", width()):
            say(line)
    if len(ended) > REASONS:
        say(f"and {counted(len(ended) - REASONS, 'run')} more that did not finish, with their reasons in the files")
