"""``plugins``: what is installed."""

from __future__ import annotations

from collections.abc import Sequence

from nnexp.commands.answer import answering
from nnexp.commands.parser import Parser


def plugins(words: Sequence[str]) -> None:
    """List what can be chosen: every plugin with its parameters, formula and distribution, the presets, what is broken."""
    parser = Parser("python -m nnexp plugins", description=plugins.__doc__)
    parser.add_argument("what", nargs="?", default="", help="KIND, such as loss; KIND.NAME or NAME, such as loss.mae")
    parser.add_argument("--json", action="store_true", help="for programs: the same facts as one JSON object")
    given = parser.parse_args(words)
    from nnexp.commands import catalogue

    with answering("nnexp.plugins/1", wanted=given.json) as answer:
        if given.json:
            answer.update(catalogue.chosen(given.what))
        else:
            catalogue.show(given.what)
