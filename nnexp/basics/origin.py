"""Which stores may be opened: the one that was typed, the environment's, and the embedded database of this ``outputs/``.

Any other address stands in a file: a preset, a journal, a note. It only proposes. Nothing is connected to, no credential is
sent and no file is made there before the user has typed it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Literal

from nnexp.basics.secrets import masked, unmasked
from nnexp.basics.store_address import HIDDEN, same_store
from nnexp.errors import NnexpError

DATABASE = "mlflow.db"
"""The embedded database, in ``outputs/``."""
Origin = Literal["typed", "environment", "embedded", "named"]
"""Who says where a record goes; ``named``: only a file does."""


def embedded(outputs: Path) -> str:
    """The address of the embedded database."""
    return f"sqlite:///{outputs.absolute() / DATABASE}"


def origin(address: str, typed: str | None, outputs: Path) -> Origin:
    """Who says that the store at this address is to be used, where ``typed`` (or nothing) was typed in this command."""
    if typed and same_store(address, typed):
        return "typed"
    if same_store(address, os.environ.get("MLFLOW_TRACKING_URI", "")):
        return "environment"
    # A link in the embedded one's place leads to a database that nobody has typed.
    own = same_store(address, embedded(outputs)) and not (outputs / DATABASE).is_symlink()
    return "embedded" if own else "named"


def allowed(address: str, typed: str | None, outputs: Path, command: str) -> str:
    """The whole address of a store that a file names, as it was typed or as the environment has it; else the embedded one's.

    Raises NnexpError where only the file says so; ``command`` are the words after which ``--uri`` is to be typed.
    """
    match origin(address, typed, outputs):
        case "typed":
            return unmasked(typed or "")
        case "environment":
            return os.environ["MLFLOW_TRACKING_URI"]
        case "embedded":
            return embedded(outputs)
    raise NnexpError(
        f"The store {masked(address)} is named in a file only, and nothing is sent there before it is typed. If it is the "
        f"right one, type {command} {uri_option(address)}"
    )


def uri_option(address: str) -> str:
    """``--uri`` with an address, as it is typed; where a password is hidden in it, that is left to say."""
    shown = masked(address)
    return f"--uri {shlex.quote(shown)}{f' with its password in place of {HIDDEN}' if HIDDEN in shown else ''}"


def refuse_proposed(address: str, outputs: Path) -> None:
    """Refuse a store that a preset or another file of the configuration names and nobody has typed. Raises NnexpError."""
    found = origin(address, None, outputs)
    own_password = HIDDEN in masked(address) and unmasked(address) != os.environ.get("MLFLOW_TRACKING_URI")
    if found == "named" or (found == "environment" and own_password):
        raise NnexpError(
            f"tracking.uri={masked(address)} is set in a file, which only proposes a store: nothing is sent to it before it is "
            f"typed. If it is the right one, type tracking.uri={masked(address)}"
        )
