"""``ui``: MLflow's pages."""

from __future__ import annotations

from collections.abc import Sequence

from nnexp.basics.files import outputs_here
from nnexp.commands.parser import Parser, add_store, open_store
from nnexp.errors import NnexpError

LAST_PORT = 65_535
"""Ports have 16 bits (RFC 9293)."""


def ui(words: Sequence[str]) -> None:
    """Serve MLflow's pages on this machine and print the link that lands on the runs."""
    parser = Parser("python -m nnexp ui", description=ui.__doc__)
    parser.add_argument("--port", type=int, default=5000, help="5000, or the next free one")
    add_store(parser)
    given = parser.parse_args(words)
    from nnexp.tracking.links import CHARTS, link_suffix
    from nnexp.tracking.ui import serve

    if not 1 <= given.port <= LAST_PORT:
        raise NnexpError(f"--port {given.port}: ports go from 1 to {LAST_PORT}. Type --port 5000, or leave it out.")
    store = open_store(given)
    serve(store.uri, outputs_here(), given.port, link_suffix(store.experiment_id) + CHARTS)
