"""Runs as rows of a table: what varies first, then how they ended, their metrics, seeds, seconds, and where they are.

Columns are called as keys are typed and metrics are recorded: ``optimizer.learning_rate``, ``cost/validation``;
``best.cost/validation`` is that metric at the epoch of the lowest cost. Neither pandas nor MLflow is needed for it.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nnexp.journal.facts import Facts

SEEDS = ("seed", "split.seed")
BEST = "best."
SCHEMA = "nnexp.results/1"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a formula begins, as spreadsheets read it."""


@dataclass(frozen=True)
class Table:
    """Rows by column, in order, and the keys whose value is the same in all of them."""

    columns: Sequence[str]
    rows: Sequence[dict[str, Any]]
    same: dict[str, Any]
    varied: Sequence[str] = ()
    """The first columns: what differs between the runs' configurations."""


def table(runs: Sequence[Facts], swept: Sequence[str] = (), *, history: bool = False) -> Table:
    """The runs, one row each, or with ``history`` one row an epoch; what was ``swept`` comes first of what varies.

    Of a job that has not begun only that is known, so it does not count among what the other keys are compared over.
    """
    keys = dict.fromkeys([*swept, *(key for run in runs for key in run.params)])
    begun = [run for run in runs if not run.params.keys() <= {*swept}] or runs
    varied = [key for key in keys if len({run.params.get(key) for run in (runs if key in swept else begun)}) > 1]
    known = [key for key in keys if any(key in run.params for run in runs)]
    params = {key: as_values([run.params.get(key) for run in runs]) for key in known}
    first = next((number for number, run in enumerate(runs) if run in begun), 0)
    same = {key: params[key][first] for key in known if key not in varied and key not in SEEDS}
    rows: list[dict[str, Any]] = []
    for number, run in enumerate(runs):
        own = {key: params[key][number] for key in varied}
        seeds = {key: params[key][number] if key in params else None for key in SEEDS if key not in varied}
        rows += epochs_of(run, own, seeds) if history else [run_row(run, own, seeds)]
    return Table(ordered(rows, history=history), rows, same, varied)


def run_row(run: Facts, own: dict[str, Any], seeds: dict[str, Any]) -> dict[str, Any]:
    """One run."""
    return {
        **own,
        "status": run.status,
        "reason": run.reason,
        "objective": run.objective,
        "best_epoch": run.best or None,
        **run.final,
        **{f"{BEST}{name}": value for name, value in run.metrics(run.best).items()},
        **seeds,
        "seconds": run.seconds,
        "directory": run.directory,
        "run_id": run.run_id,
    }


def epochs_of(run: Facts, own: dict[str, Any], seeds: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """One run's epochs."""
    for epoch in range(1, run.epochs + 1):
        place = {"directory": run.directory, "run_id": run.run_id}
        yield {**own, "epoch": epoch, **run.metrics(epoch), **seeds, **place}


def ordered(rows: Sequence[dict[str, Any]], *, history: bool) -> list[str]:
    """All columns of the rows, in the order of one row: metrics that only some have stand with the other metrics."""
    last = (*SEEDS, "seconds", "directory", "run_id")
    every = dict.fromkeys(key for row in rows for key in row)
    first = list(rows[0]) if rows else []
    head = first[: first.index("epoch" if history else "best_epoch") + 1] if first else []
    tail = [key for key in every if key in last and key not in head]
    middle = [key for key in every if key not in head and key not in tail]
    middle.sort(key=lambda key: key.startswith(BEST))
    return [*head, *middle, *tail]


def as_values(texts: Sequence[str | None]) -> list[Any]:
    """A column of spelled values: numbers and truth values where each of them is one and is spelled so, else the texts.

    ``null`` and what is not there are None. A text such as 001 is no number: it would be read back as another.
    """
    for read in (truth, whole, real):
        found = [None if text in (None, "null") else read(text) for text in texts]
        if all(value is not None or text in (None, "null") for value, text in zip(found, texts, strict=True)):
            return found
    return [None if text == "null" else text for text in texts]


def truth(text: str) -> bool | None:
    """A truth value as it is typed."""
    return {"true": True, "false": False}.get(text)


def whole(text: str) -> int | None:
    """A whole number that is spelled as Python spells it."""
    return int(text) if text.removeprefix("-").isdecimal() and str(int(text)) == text else None


def real(text: str) -> float | None:
    """A number that is spelled as Python spells it."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if text in (repr(value), str(whole(text))) else None


def as_object(made: Table) -> dict[str, Any]:
    """The table as ``--json`` prints it: ``columns`` in order, ``rows`` by column, ``same`` for all rows."""
    rows = [{key: plain(row.get(key)) for key in made.columns} for row in made.rows]
    return {"columns": list(made.columns), "rows": rows, "same": made.same}


def plain(value: Any) -> Any:
    """A cell as JSON has it: null for what is not there or not a number, a text for an infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def as_csv(made: Table) -> str:
    """The table as comma-separated values; nothing stands for what is not there, true and false as they are typed."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(made.columns)
    for row in made.rows:
        writer.writerow([cell(row.get(key)) for key in made.columns])
    return file.getvalue()


def cell(value: Any) -> str:
    """A value in a text file: numbers with all their digits.

    A text that a spreadsheet would take for a formula has an apostrophe before it: a name may come from anybody.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str) and value.startswith(FORMULA) and real(value) is None and whole(value) is None:
        return f"'{value}"
    return json.dumps(value) if isinstance(value, bool) else str(value)
