"""The first composition of a command, which is the only one.

Hydra composes what was typed twice: once to read ``hydra.mode``, where a file may say that this is a sweep, and once more for
the run or the sweep. Here the first is made as the second will be, and kept for it. Where a file does say so, and where words
are swept without ``-m``, it is made as Hydra makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nnexp.errors import NnexpError

KEY = "hydra.mode"
UNCHOSEN = "You must specify"
"""How Hydra begins to say that an option has not been chosen, which a sweep may do job by job."""


class Compose(Protocol):
    """A composition, checked; ``sweeps_checked`` is whether swept words have to be allowed in this mode."""

    def __call__(
        self, config_name: str | None, overrides: list[str], run_mode: RunMode, *, sweeps_checked: bool
    ) -> DictConfig:
        """Raise NnexpError for any mistake of the user's."""


class First:
    """``compose`` is the loader's; ``multirun`` is whether ``-m`` was typed."""

    def __init__(self, compose: Compose, *, multirun: bool) -> None:
        self._compose = compose
        self._mode = RunMode.MULTIRUN if multirun else RunMode.RUN
        self._kept: dict[tuple[str | None, tuple[str, ...], RunMode], DictConfig | NnexpError] = {}
        self._in_files: tuple[RunMode | None, ...] = ()
        """What the files say of hydra.mode; nothing before they have been put together."""

    def note(self, mode: RunMode | None) -> None:
        """Take down what the files of a composition say of hydra.mode, before its words do."""
        self._in_files = (mode,)

    def mode(self, config_name: str | None, overrides: list[str]) -> DictConfig:
        """A configuration with the ``hydra.mode`` that files and words say. Raises what Hydra takes for None."""
        if not self._certain(overrides):
            return self._compose(config_name, overrides, RunMode.MULTIRUN, sweeps_checked=False)
        typed = [*overrides, f"{KEY}={self._mode.name}"]  # as Hydra will say it
        self._in_files = ()
        ended: DictConfig | NnexpError
        try:
            ended = self._compose(config_name, list(typed), self._mode, sweeps_checked=True)
        except NnexpError as error:
            ended = error
        if not self._says_it_all(ended):
            return self._compose(config_name, overrides, RunMode.MULTIRUN, sweeps_checked=False)
        self._kept = {(config_name, tuple(typed), self._mode): ended}
        return OmegaConf.create({"hydra": {"mode": None}})

    def _says_it_all(self, ended: DictConfig | NnexpError) -> bool:
        """Whether no file says which way the command goes, or the other way would be refused in the same words."""
        if self._in_files:
            return self._in_files == (None,)
        return isinstance(ended, NnexpError) and UNCHOSEN not in str(ended.__cause__)

    def _certain(self, overrides: list[str]) -> bool:
        """Whether the words alone may say which way the command goes."""
        if any(KEY in each for each in overrides):
            return False
        if self._mode == RunMode.MULTIRUN:
            return True
        try:
            return not any(each.is_sweep_override() for each in OverridesParser.create().parse_overrides(overrides))
        except Exception:  # noqa: BLE001 (the composition says what is wrong)
            return False

    def again(self, config_name: str | None, overrides: Sequence[str], run_mode: RunMode) -> DictConfig | None:
        """The first composition if it was this one, and None else; it is handed out once. Raises NnexpError if it did."""
        ended = self._kept.pop((config_name, tuple(overrides), run_mode), None)
        if isinstance(ended, NnexpError):
            raise ended
        return ended
