"""``check NAME``: a plugin is examined."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict

from nnexp.commands.answer import answering
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
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object, the table on stderr")
    given = parser.parse_intermixed_args(words)
    from nnexp.testing.command import all_passed, examined

    with answering("nnexp.check/1", wanted=given.json) as answer:
        results = examined(given.plugin, given.values)
        passed = all_passed(results)
        answer.update(plugin=given.plugin, passed=passed, checks=[asdict(each) for each in results])
    if not passed:
        sys.exit(1)
