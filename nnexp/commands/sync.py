"""``sync``: what MLflow still lacks is delivered."""

from __future__ import annotations

from collections.abc import Sequence

from nnexp.basics.files import outputs_here, relative
from nnexp.commands.answer import Answer, answering
from nnexp.commands.parser import Parser, add_place
from nnexp.errors import NnexpError, counted, printable


def sync(words: Sequence[str]) -> None:
    """Deliver to MLflow what runs could not: those that were killed, and those whose store failed them."""
    parser = Parser("python -m nnexp sync", description=sync.__doc__)
    add_place(parser, "the address of a store that runs wait for, if it was typed for them, too")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")
    given = parser.parse_args(words)
    with answering("nnexp.sync/1", wanted=given.json) as answer:
        deliver(given.uri, given.artifacts, answer)


def deliver(uri: str | None, artifacts: str | None, answer: Answer) -> None:
    """Deliver what waits, and say and answer what became of each run. Raises NnexpError where something waits still."""
    from nnexp.basics.secrets import without_secrets
    from nnexp.journal.outbox import notes
    from nnexp.run.drawing import draw_missing
    from nnexp.tracking.pending import flush_all

    outputs = outputs_here()
    waiting, problems = notes(outputs)
    found = list(flush_all(waiting, uri, outputs, draw_missing, artifacts=artifacts))
    answer["problems"] = [without_secrets(each) for each in problems]
    answer["runs"] = [
        {"directory": relative(str(entry.directory)), "delivered": done, "said": without_secrets(what)}
        for entry, what, done in found
    ]
    for what in (*(what for _, what, _ in found), *problems):
        print(printable(without_secrets(what)))  # noqa: T201
    left = sum(not done for _, _, done in found)
    if left:
        raise NnexpError(f"{left} of {len(found)} runs wait; the reasons are above.")
    if problems:
        raise NnexpError(f"{counted(len(problems), 'note')} in outputs/.open cannot be followed; see above.")
    if not found:
        print("Nothing waits: MLflow has all of every run that has ended.")  # noqa: T201
