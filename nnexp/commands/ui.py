"""``ui``: MLflow's pages."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.basics.files import outputs_here
from nnexp.commands.parser import Parser, add_store, open_store
from nnexp.errors import NnexpError, command

if TYPE_CHECKING:
    from nnexp.tracking.store import Store

LAST_PORT = 65_535
"""Ports have 16 bits (RFC 9293)."""


def ui(words: Sequence[str]) -> None:
    """Serve MLflow's pages on this machine and print the link that lands on the runs."""
    given = parser().parse_args(words)
    from nnexp.tracking.links import CHARTS, link_suffix
    from nnexp.tracking.ui import serve

    if not 1 <= given.port <= LAST_PORT:
        raise NnexpError(f"--port {given.port}: ports go from 1 to {LAST_PORT}. Type --port 5000, or leave it out.")
    if given.what:
        store, suffix = landing(given)
    else:
        store = open_store(given)
        suffix = link_suffix(store.experiment_id) + CHARTS
    serve(store.uri, outputs_here(), given.port, suffix)


def parser() -> Parser:
    """What may be typed."""
    made = Parser("python -m nnexp ui", description=ui.__doc__)
    made.add_argument(
        "what",
        nargs="?",
        metavar="SWEEP|RUN",
        help="its directory or its name in MLflow, or a run's MLflow id; without: all runs of the experiment",
    )
    made.add_argument("--port", type=int, default=5000, help="5000, or the next free one")
    add_store(made)
    made.set_defaults(usual=made.get_default("experiment"))
    return made


def landing(given: argparse.Namespace) -> tuple[Store, str]:
    """The store that has the sweep or the run, and what follows the address where it is shown. Raises NnexpError."""
    from nnexp.comparison.sources import is_directory
    from nnexp.tracking.landing import of_run
    from nnexp.tracking.links import sweep_filter
    from nnexp.tracking.lookup import find

    if is_directory(given.what):
        return landing_of(Path(given.what), given)
    store = open_store(given)
    if store.runs(sweep_filter(given.what), most=1):
        return store, swept(store, given.what)
    return store, of_run(find(store, given.what))


def landing_of(directory: Path, given: argparse.Namespace) -> tuple[Store, str]:
    """The same of a directory, whose journals say which store and experiment have it."""
    from nnexp.basics.origin import allowed
    from nnexp.comparison.reading import is_run, jobs_in, refuse_no_directory
    from nnexp.sweep.manifest import MANIFEST
    from nnexp.tracking.delivery import run_id_of
    from nnexp.tracking.landing import of_run
    from nnexp.tracking.lookup import find

    refuse_no_directory(directory)
    one = is_run(directory)
    if not one and not (directory / MANIFEST).exists():
        raise NnexpError(
            f"'{directory}' is neither a run's directory nor a sweep's. Runs are in outputs/runs/, sweeps in outputs/sweeps/."
        )
    jobs = [directory] if one else [Path(run.directory) for run in jobs_in(directory).runs if run.tags]
    told = next(map(recorded_in, jobs), {})
    if told.get("name") == "none":
        raise NnexpError(
            f"'{directory}' was not recorded in MLflow (tracking=none). Its page without MLflow: "
            f"{command('report', directory)}"
        )
    if given.experiment == given.usual and told.get("experiment"):
        given.experiment = str(told["experiment"])
    if not given.uri and told.get("uri"):
        given.uri = allowed(str(told["uri"]), None, outputs_here(), command("ui", directory))
    store = open_store(given)
    if not one:
        return store, swept(store, directory.resolve().name)
    if not (run_id := run_id_of(directory)):
        raise NnexpError(
            f"MLflow does not have the run in '{directory}'. If it waits, python -m nnexp sync delivers it."
        )
    return store, of_run(find(store, run_id))


def recorded_in(job: Path) -> Mapping[str, Any]:
    """What a run's journal says of where it is recorded. Raises NnexpError."""
    from nnexp.journal.recorded_run import RecordedRun

    return RecordedRun.read(job).recipe.tracking


def swept(store: Store, sweep: str) -> str:
    """What follows the address where it shows a sweep's runs; it is said where MLflow's page does not read all at once."""
    from nnexp.tracking.landing import SHOWN, of_sweep
    from nnexp.tracking.ui import say

    suffix, runs = of_sweep(store, sweep)
    if len(runs) > SHOWN:
        say(
            f"MLflow's page reads {SHOWN} runs at once, the best ones first; its button Load more reads further ones. All "
            f"of them are in the table of: {command('report', sweep)}"
        )
    return suffix
