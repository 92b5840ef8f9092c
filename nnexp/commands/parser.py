"""What the subcommands have in common: how words are read, which store is meant."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from nnexp.basics.files import outputs_here
from nnexp.errors import NnexpError, printable

if TYPE_CHECKING:
    from nnexp.tracking.store import Store


class Parser(argparse.ArgumentParser):
    """argparse with nnexp's way of refusing: one message, exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise NnexpError(f"{message}. {self.format_usage().strip()}")


def add_store(parser: argparse.ArgumentParser) -> None:
    """The options that say which store."""
    add_place(parser, "MLflow's tracking URI (default: MLFLOW_TRACKING_URI, or outputs/mlflow.db)")
    named = os.environ.get("MLFLOW_EXPERIMENT_NAME", "").strip() or "nnexp"
    parser.add_argument(
        "--experiment", default=named, help="MLflow's experiment (default: MLFLOW_EXPERIMENT_NAME, or nnexp)"
    )


def add_place(parser: argparse.ArgumentParser, uri: str) -> None:
    """The options that say where the store is, and where files may go."""
    parser.add_argument("--uri", default=None, help=uri)
    parser.add_argument(
        "--artifacts", default=None, help="a folder or address of artifacts, beside outputs/artifacts and the server's"
    )


def open_store(given: argparse.Namespace) -> Store:
    """The store and the experiment that the options name, if they are there, with what waited for it."""
    from nnexp.journal.outbox import entries
    from nnexp.run.drawing import draw_missing
    from nnexp.tracking.pending import flush
    from nnexp.tracking.store import Store

    store = Store.connect(given.uri, given.experiment, outputs_here(), artifacts=given.artifacts, existing=True)
    for _, what, done in flush(entries(outputs_here()), store, outputs_here(), draw_missing):
        if done:
            print(printable(f"nnexp: {what}"), file=sys.stderr)  # noqa: T201
    return store
