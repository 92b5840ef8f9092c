"""``new KIND NAME``: a distribution to start from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nnexp.commands.parser import Parser


def new(words: Sequence[str]) -> None:
    """Write a complete distribution, ./nnexp-NAME, with a plugin that works and its tests, to put your own formula in."""
    parser = Parser("python -m nnexp new", description=new.__doc__)
    parser.add_argument("kind", help="activation, loss, ...: python -m nnexp plugins lists the kinds")
    parser.add_argument("name", help="what will be typed to choose it, such as huber")
    given = parser.parse_args(words)
    from nnexp.commands import scaffold

    scaffold.new(given.kind, given.name, Path.cwd())
