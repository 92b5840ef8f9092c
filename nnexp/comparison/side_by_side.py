"""Two runs side by side on the terminal: only what differs, then where their metrics part and whether weights are equal."""

from __future__ import annotations

from collections.abc import Iterator

from nnexp.comparison.differences import Comparison, Parting, Weights
from nnexp.errors import counted, one_line
from nnexp.journal.facts import Facts
from nnexp.terminal.console import fact, say
from nnexp.terminal.table import table

COMPARED = ("configuration", "data", "versions", "engine", "commit")


def show(a: Facts, b: Facts, found: Comparison) -> None:
    """Print what differs."""
    for name, run in (("A", a), ("B", b)):
        for line in fact(name, one_line(run.directory or run.run_id)):
            say(line)
    for part in (*COMPARED, "end"):
        rows = [
            [one_line(each.key), *("-" if value is None else one_line(str(value)) for value in (each.a, each.b))]
            for each in found.differences
            if each.part == part
        ]
        if rows:
            say("")
            table([part, "A", "B"], rows, title="")
    say("")
    same = [part for part in COMPARED if part not in {each.part for each in found.differences}]
    lines = [*fact("same", ", ".join(same)), *metrics(a, b, found.parting), *weights(found.weights)]
    for line in lines:
        say(line)


def metrics(a: Facts, b: Facts, part: Parting | None) -> Iterator[str]:
    """Where the metrics part, and by how much."""
    shared = min(a.epochs, b.epochs)
    if part is None:
        yield from fact("metrics", f"equal in {counted(shared, 'epoch')}" if shared else "there are none in both")
        return
    where = (
        f"part in epoch {part.epoch}" if part.epoch else f"equal in {counted(shared, 'epoch')}; of the whole run differ"
    )
    yield from fact("metrics", where)
    for name, (first, second) in part.metrics.items():
        yield from fact("", f"{name} {first!r} and {second!r}, by {second - first:.3g}")


def weights(found: Weights) -> Iterator[str]:
    """Whether the weights are equal."""
    if found.equal is None:
        yield from fact("weights", f"not compared: {found.why}")
    elif found.equal:
        yield from fact("weights", "equal")
    else:
        by = f"by at most {found.by:.3g}" if found.by is not None else f"({found.why})"
        yield from fact("weights", f"differ, {found.array} first, {by}")
