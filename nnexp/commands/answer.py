"""``--json``: a command's answer to programs, one JSON object on standard output; all that is said goes to standard error.

The object's ``schema`` names what is in it, and its version: ``nnexp.results/1``. A command that is refused answers, too: with
the message as ``error``, and its exit code as ever. Numbers that are not finite are null (not a number) or a text (Infinity).
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from nnexp.basics.secrets import without_secrets

OPTION = "--json"
Answer = dict[str, Any]


def taken(words: Sequence[str]) -> tuple[list[str], bool]:
    """The words without ``--json``, and whether it was among them."""
    return [word for word in words if word != OPTION], OPTION in words


@contextlib.contextmanager
def answering(schema: str, *, wanted: bool) -> Iterator[Answer]:
    """Where it is ``wanted``, print the object that the block has filled, at its end, and have all else go to stderr."""
    answer: Answer = {"schema": schema}
    if not wanted:
        yield answer
        return
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield answer
    except Exception as error:
        answer.setdefault("error", without_secrets(str(error) or type(error).__name__))
        raise
    except KeyboardInterrupt:
        answer["error"] = "interrupted"
        raise
    finally:
        print(json.dumps(answer, indent=1, ensure_ascii=True, allow_nan=False), flush=True)  # noqa: T201
