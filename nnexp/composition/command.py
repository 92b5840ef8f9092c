"""What a command is about, as far as the composition of its words is concerned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """Made when the words are read; a sweep's workers get it with the loader."""

    to_run: bool = True
    """False for ``--help`` and ``--cfg``, which show a configuration that may still lack values."""
    options: tuple[str, ...] = ()
    """What was typed of the options that say which files take part."""
    recorded: tuple[str, ...] = ()
    """The overrides that a manifest says, and nobody has typed, of a sweep that is resumed."""
    sweep_directory: str | None = None
    """Where a resumed sweep is; else it is as the configuration says."""
    multirun: bool = False
    """Whether ``-m`` was typed."""


PLAIN = Command()
"""A run of what the words say."""
