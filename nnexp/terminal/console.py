"""What a run says on the terminal: what is trained, how it goes, what came out, and what to type next."""

from __future__ import annotations

import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from nnexp.basics.files import relative
from nnexp.errors import command, counted, printable

if TYPE_CHECKING:
    from rich.progress import Progress

LINES = 10
"""Lines that a run without a terminal prints where ``log_every`` does not say how many."""
PARTS = ("train", "validation", "test")


class Epoch(Protocol):
    """One pass over the training samples: its number, its scores, and when it ended, in seconds since 1970."""

    @property
    def number(self) -> int:
        """From 1."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Each score, such as ``cost/train``."""

    @property
    def time(self) -> float:
        """When it ended."""

    @property
    def cost(self) -> float:
        """The cost to compare epochs by."""


class Console:
    """The terminal of one run. In a sweep (``brief``) a run has one line, when it ends."""

    def __init__(self, *, brief: bool = False) -> None:
        self._brief = brief
        self._bar: Progress | None = None
        self._epochs = 0
        self._every = 0
        self._shown = 0.0

    def opening(self, facts: Mapping[str, str]) -> None:
        """What is about to be trained, a line per fact."""
        if not self._brief:
            for name, text in facts.items():
                for line in fact(name, text):
                    say(line)

    @contextmanager
    def training(self, epochs: int, log_every: int | None) -> Iterator[None]:
        """Progress for the block: a bar on a terminal, lines otherwise or with ``log_every``."""
        self._epochs = epochs
        if self._brief and not log_every:
            self._every = 0
            yield
        elif log_every or not live():
            self._every = log_every or max(1, epochs // LINES)
            yield
        else:
            with progress_bar() as self._bar:
                self._bar.add_task("", total=epochs, cost="")
                yield
            self._bar = None

    def epoch(self, epoch: Epoch) -> None:
        """Show one epoch."""
        if self._bar is not None:
            if epoch.time - self._shown < 0.1 and epoch.number < self._epochs:
                return
            self._shown = epoch.time
            self._bar.update(self._bar.task_ids[0], completed=epoch.number, cost=f"cost {epoch.cost:.4g}")
        elif self._every and (epoch.number % self._every == 0 or epoch.number in (1, self._epochs)):
            width = len(str(self._epochs))
            values = "  ".join(
                f"{name} {shown(value)}" for name, value in epoch.metrics.items() if name.startswith("cost")
            )
            extra = "  ".join(
                f"{name.partition('/')[0]} {shown(value)}"
                for name, value in epoch.metrics.items()
                if name.endswith("/validation") and not name.startswith(("cost", "mae", "rmse"))
            )
            say(f"epoch {epoch.number:>{width}}/{self._epochs}  {values}  {extra}".rstrip())

    def note(self, line: str) -> None:
        """Say what the user should know while the run goes on."""
        if self._bar is not None:
            self._bar.console.print(printable(f"nnexp: {line}"), markup=False, highlight=False)
        else:
            note(line)

    def result(self, result: Mapping[str, Any]) -> None:
        """What came out."""
        if self._brief:
            part = "validation" if "cost/validation" in result["metrics"] else "train"
            scores = "  ".join(
                f"{name.partition('/')[0]} {shown(value)}"
                for name, value in result["metrics"].items()
                if name.endswith(part)
            )
            say(f"#{result['job']} {result['name']}  {scores}  ({result['training_seconds']:.1f} s)")
        else:
            for line in result_lines(result):
                say(line)

    def kept(self, result: Mapping[str, Any]) -> None:
        """Where everything is, and what to type next."""
        if not self._brief:
            for line in kept_lines(result):
                say(line)
        if remark := result.get("remark"):
            note(remark)

    def reused(self, result: Mapping[str, Any], name: str, *, undrawn: bool) -> None:
        """Which run answered, and its numbers; pictures that were asked for stay ``undrawn``."""
        if undrawn:
            note("No pictures are drawn here, as nothing was trained. Type reuse=false to train it and draw them.")
        if self._brief:
            self.result(result)
            say(f"   reused from run {result['run_id'][:8]}")
            return
        say(f"reused   run {result['run_id']} ({name}): the same key, and finished; nothing was trained")
        say("")
        for line in metric_table(result["metrics"], scaled=result["scaled"]):
            say(line)
        say("")
        for line in next_lines(result["store"], result["run_id"], "compare runs in the browser", by_id=True):
            say(line)


def say(line: str) -> None:
    """Print a line at once, so that a pipe shows it as it happens."""
    try:
        print(printable(line), flush=True)  # noqa: T201 (this is the terminal)
    except BrokenPipeError:  # the reader has seen enough, as with `| head`: the run goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(line: str) -> None:
    """Say what the user should know beside the results, on stderr."""
    print(printable(f"nnexp: {line}"), file=sys.stderr, flush=True)  # noqa: T201 (this is the terminal)


def fact(name: str, text: str) -> Iterator[str]:
    """``name``, and beside it each line of ``text`` in as many as it needs; a word, such as a path, is never cut."""
    for each in text.split("\n"):
        for line in wrapped(each, width() - 9) or [""]:
            yield f"{name:<9}{line}"
            name = ""


def wrapped(text: str, columns: int) -> list[str]:
    """The lines of ``text``, broken only at spaces."""
    return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)


def width() -> int:
    """The columns of the terminal, 80 where there is none; more than 120 are not easier to read, and 20 are needed."""
    return max(min(shutil.get_terminal_size((80, 24)).columns, 120), 20)


def live() -> bool:
    """Whether what is shown on stderr can move: on a terminal that can go back in a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def progress_bar() -> Progress:
    """A bar with the cost, the time passed and the time left; gone when it is done."""
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("training "),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[cost]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=RichConsole(stderr=True),
        transient=True,
        refresh_per_second=8,
    )


def result_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """A single run's result: epochs, and a table of metrics."""
    ended = f" ({result['stopped']})" if result["stopped"] else ""
    yield from fact(
        "done",
        f"{counted(result['epochs'], 'epoch')} in {result['training_seconds']:.1f} s{ended}; lowest cost in epoch "
        f"{result['best_epoch']}, kept the weights of epoch {result['kept_epoch']}",
    )
    yield ""
    yield from metric_table(result["metrics"], scaled=result["scaled"])
    if times := {name: value for name, value in result["metrics"].items() if name.startswith("time/")}:
        yield ""
        yield from fact("time", ", ".join(f"{spoken(name)} {measured(name, value)}" for name, value in times.items()))


def kept_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Where a run's files are, and what to type next."""
    yield ""
    directory = relative(result["directory"])
    yield from fact("files", f"{directory}/  (config.yaml, cost.png, weights.npz)")
    if pictures := result.get("pictures"):
        yield from fact("pictures", f"{directory}/pictures/  ({', '.join(pictures)})")
    if result.get("run_id"):
        yield f"mlflow   run {result['run_id']}"
    yield from next_lines(result.get("store"), directory, "compare runs in the browser")


def next_lines(
    store: str | None, directory: str, purpose: str, *, by_id: bool = False, sweep: str = ""
) -> Iterator[str]:
    """The commands to type next: MLflow's pages where there is a ``store`` (the words that open it), and predict.

    The pages are those of all runs, or of the ``sweep`` in a directory; their ``purpose`` is said where there is room. A run
    that is named ``by_id``, in place of its directory, is looked for in the store.
    """
    lead = "next     "
    if store is not None:
        pages = f"{command('ui', sweep) if sweep else command('ui')}{store}"
        shown = f"{lead}{pages:<37}"
        said = f"{shown}  {purpose}"
        yield said if not sweep or len(said) <= width() else shown.rstrip()
        lead = " " * len(lead)
    yield f"{lead}{command('predict', directory, 'TABLE')}{(store or '') if by_id else ''}"


def next_commands(store: str | None, directory: str, purpose: str, sweep: str) -> None:
    """Print ``next_lines``."""
    for line in next_lines(store, directory, purpose, sweep=sweep):
        say(line)


def metric_table(metrics: Mapping[str, float], *, scaled: bool) -> Iterator[str]:
    """One row per metric, one column per part; a note where the target is scaled, since the cost is then in other units."""
    parts = [part for part in PARTS if f"cost/{part}" in metrics]
    rows = list(dict.fromkeys(name.partition("/")[0] for name in metrics if name.partition("/")[2] in parts))
    yield " " * 9 + " " * 10 + "".join(f"{part:>12}" for part in parts)
    for row in rows:
        values = [metrics[f"{row}/{part}"] for part in parts if f"{row}/{part}" in metrics]
        note = "  (scaled units)" if row == "cost" and scaled else ""
        if any(map(math.isnan, values)):
            note = "  (the target does not vary there)"
        yield f"{'':9}{row:<10}{''.join(f'{shown(value):>12}' for value in values)}{note}"


def spoken(name: str) -> str:
    """A metric's name in words: ``time/predict_1000`` is ``predict 1000``, ``cost/train`` is ``cost train``."""
    return name.removeprefix("time/").replace("/", " ").replace("_", " ")


def measured(name: str, value: float) -> str:
    """A metric's value in its unit: times are seconds, and shares of them per cent."""
    if not name.startswith("time/"):
        return shown(value)
    if name.endswith("_share"):
        return f"{100 * value:.0f} %"
    factor, unit = next((each for each in ((1, "s"), (1e3, "ms")) if value * each[0] >= 1), (1e6, "us"))
    return f"{value * factor:.3g} {unit}"


def shown(value: float, digits: int = 4) -> str:
    """A metric as it is shown; one that is not a number has no value for these samples."""
    return "undefined" if math.isnan(value) else f"{value:.{digits}g}"
