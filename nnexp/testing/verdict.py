"""How a check ends: it passes by returning, and otherwise raises ``Failed`` or ``Skipped``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nnexp.plugin import Plugin


class Failed(AssertionError):  # noqa: N818 (what happened to the check)
    """The plugin does not keep what the check asks for: what is wrong, with numbers, and what to write instead."""


class Skipped(Exception):  # noqa: N818
    """The check does not apply to this plugin, and why."""


@dataclass(frozen=True)
class Check:
    """One check of one plugin, as it ended."""

    name: str
    what: str
    """What it asks for, in one line."""
    outcome: Literal["passed", "failed", "skipped"]
    message: str = ""
    """What is wrong, where it failed."""
    reason: str = ""
    """Why it does not apply, where it was skipped."""


def may_be_infinite(plugin: Plugin) -> bool:
    """Whether the docstring says that a result overflows or is infinite somewhere."""
    return bool(re.search(r"overflow|infinit", type(plugin).__doc__ or "", re.IGNORECASE))
