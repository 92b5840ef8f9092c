"""The subcommands: words such as ``plugins``, ``ui``, ``predict RUN TABLE``, ``sync``; ``COMMANDS`` has all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nnexp.commands.check import check
from nnexp.commands.diff import diff
from nnexp.commands.export import export
from nnexp.commands.log_model import log_model
from nnexp.commands.new import new
from nnexp.commands.plugins import plugins
from nnexp.commands.predict import predict
from nnexp.commands.report import report
from nnexp.commands.results import results
from nnexp.commands.resume import resume
from nnexp.commands.search_export import search_export
from nnexp.commands.sync import sync
from nnexp.commands.ui import ui
from nnexp.commands.verify import verify
from nnexp.errors import NnexpError, did_you_mean, listed


def main(words: Sequence[str]) -> None:
    """Run one subcommand; ``words[0]`` is its name."""
    name, *rest = words
    if name not in COMMANDS:
        raise NnexpError(
            f"No command '{name}'.{did_you_mean(name, COMMANDS)} Commands: {listed(COMMANDS, most=40)}. "
            "A run is started with key=value: python -m nnexp loss=mae optimizer=sgd"
        )
    COMMANDS[name](rest)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "plugins": plugins,
    "new": new,
    "check": check,
    "ui": ui,
    "predict": predict,
    "log-model": log_model,
    "export": export,
    "resume": resume,
    "sync": sync,
    "results": results,
    "report": report,
    "search-export": search_export,
    "diff": diff,
    "verify": verify,
}
