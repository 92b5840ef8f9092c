"""The words of a command line without the passwords of stores' addresses.

It comes first (``__main__``): Hydra writes words into five files, nnexp into four, and drivers quote addresses in errors.
Where the words have nothing to hide nobody has to remember to hide it. What still can quote a secret, errors and log lines,
passes ``without_secrets``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nnexp.basics.secrets import masked, remember

ADDRESS_OVERRIDE = re.compile(r"(\+{0,2}tracking\.uri|\+{0,2}hydra\.job\.env_set\.MLFLOW_\w*URI)=(.*)", re.DOTALL)
"""An override that gives a store's address."""
ADDRESS_WORD = re.compile(r"((?:--\w+=)?)(\w[\w+.-]*://.*)", re.DOTALL)
"""A word that is an address, or an option with one."""
PLAIN_ADDRESS = re.compile(r"[\w:/.@*+%|?-]+")
"""What Hydra's grammar takes without quotes."""


def without_passwords(words: Iterable[str]) -> list[str]:
    """The words of a command line with ``***`` for the passwords of stores' addresses, which are kept for this process.

    Hydra writes overrides, command and configuration into many files; after this there is nothing to hide in them.
    """
    return [_without_password(word) for word in words]


def _without_password(word: str) -> str:
    if override := ADDRESS_OVERRIDE.fullmatch(word):
        key, typed = override.groups()
        found = addresses(word, typed) if masked(typed) != typed else []
        if any(masked(each) != each for each in found):
            return f"{key}={','.join(quoted(remember(each)) for each in found)}"
    elif address := ADDRESS_WORD.fullmatch(word):
        return f"{address[1]}{remember(address[2])}"
    return word


def addresses(word: str, typed: str) -> list[str]:
    """What an override says in Hydra's grammar; one that is not in it is the address as it was typed."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString
    from hydra.errors import HydraException

    parse = OverridesParser.create().parse_override
    try:
        override = parse(word)
        given = [override.value()]
        if override.is_sweep_override():
            if typed.count("://") == 1:  # a comma in a password
                return [typed]
            given = [parse(f"x={line}").value() for line in override.sweep_string_iterator()]
    except (HydraException, ValueError):
        return [typed]
    return [value.text if isinstance(value, QuotedString) else str(value) for value in given]


def quoted(address: str) -> str:
    """An address as an override has it."""
    return address if PLAIN_ADDRESS.fullmatch(address) else "'{}'".format(address.replace("'", "\\'"))
