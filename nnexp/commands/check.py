"""``check NAME``: a plugin is examined."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nnexp.commands.parser import Parser


def check(words: Sequence[str]) -> None:
    """Examine a plugin: gradients, dtypes, bounds, documentation and all else that nnexp expects. Exit code 1 if it fails."""
    parser = Parser("python -m nnexp check", description=check.__doc__)
    parser.add_argument(
        "plugin", help="NAME or KIND.NAME of an installed one, module:Class or FILE.py:Class of any other"
    )
    parser.add_argument(
        "values", nargs="*", default=[], metavar="FIELD=VALUE", help="values for its fields, such as delta=2"
    )
    given = parser.parse_args(words)
    from nnexp.testing.command import check as examine

    if not examine(given.plugin, given.values):
        sys.exit(1)
