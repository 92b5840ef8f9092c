"""What a user sees when something is wrong: one exception type, and the words that suggest what to type instead."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable
from pathlib import Path


class NnexpError(Exception):
    """A user's mistake or a refused request: one clear message, shown without a traceback (exit code 1).

    The message names the thing, says the rule and ends with what to type next.
    """


class Terminated(SystemExit):
    """SIGTERM has come. Any other ``SystemExit`` is a plugin's."""

    def __init__(self) -> None:
        super().__init__(TERMINATED)


TERMINATED = 143
"""The exit code of what SIGTERM ends."""
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""What moves a terminal's cursor, recolours it or turns the direction of the text; not tabs and line breaks."""


def printable(text: str) -> str:
    """A text of any origin as a terminal or a log may show it: what would command the terminal is spelled out."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """The same for a name, which stays within its line: a line break in it is spelled out, too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def command(*words: object) -> str:
    """A command of nnexp's as it is typed, with quotes where a word needs them."""
    shown = (f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word) for word in words)
    return f"python -m nnexp {shlex.join(shown)}"


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """Join ``names`` for a message: ``a, b, c``; after ``most`` of them only the number left out is said."""
    names = [one_line(name) for name in names]
    if len(names) <= most:
        return ", ".join(names) or "none"
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 run``, ``2 runs``, ``1,210 parameters``; ``many`` where the plural is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def first_line(said: object) -> str:
    """The first line of a text, or of what an error says, without its full stop; the error's type where it says nothing."""
    lines = str(said).splitlines() or [type(said).__name__ if isinstance(said, BaseException) else ""]
    line = lines[0].rstrip(".")
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..."


LONGEST_LINE = 400
"""Characters that are shown of a line of somebody else's making."""


def closest(name: str, options: Iterable[str]) -> str | None:
    """The option most like ``name`` (Ratcliff and Metzener, 1988), or None where nothing is like it.

    Of two that are equally like it, the one with the same letters: ``mea`` is ``mae`` rather than ``mse``.
    """
    options = {option.lower(): option for option in options}
    matches = difflib.get_close_matches(name.lower(), options, n=5, cutoff=0.65)
    if not matches:
        return None
    alike = {match: difflib.SequenceMatcher(None, match, name.lower()) for match in matches}
    return options[max(matches, key=lambda match: (alike[match].ratio(), alike[match].quick_ratio()))]


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """``" Did you mean 'mae'?"`` (with a space before it), or an empty string where nothing is close."""
    match = closest(name, options)
    return f" Did you mean '{match}'?" if match else ""
