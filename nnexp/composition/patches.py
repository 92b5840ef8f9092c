"""What nnexp replaces in Hydra and OmegaConf: all of it, in one place, for as long as a command composes.

The loader is replaced under any version of Hydra; whether that one is asked is what ``guard`` finds out. What is only about
speed, and how a value is written for a job, is replaced in the versions that it was held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import hydra._internal.defaults_list
import hydra._internal.hydra
import hydra.core.utils
import omegaconf.base
from hydra.core.override_parser.types import Override
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, ListConfig

from nnexp.composition import configs, quoting
from nnexp.composition.command import Command
from nnexp.composition.loader import GuardedLoader


def replacements(command: Command) -> Iterator[tuple[Any, str, Any]]:
    """What is replaced: where, under which name, by what."""
    yield hydra._internal.hydra, "ConfigLoaderImpl", partial(GuardedLoader, command=command)
    if configs.tested():
        yield DictConfig, "__deepcopy__", configs.duplicate
        yield ListConfig, "__deepcopy__", configs.duplicate
        yield hydra.core.utils, "_save_config", configs.save
        yield omegaconf.base, "parse", configs.parsed
        yield hydra._internal.defaults_list, "_create_interpolation_map", choices_to_refer_to
        yield Sweeper, "validate_batch_is_legal", validate
        yield Override, "_get_value_element_as_str", staticmethod(quoting.as_typed)


_create_interpolation_map = hydra._internal.defaults_list._create_interpolation_map


def choices_to_refer_to(overrides: Any, defaults_list: list[Any], self_added: bool) -> DictConfig:
    """What references in a defaults list refer to: nothing where there are none, as in almost all of them."""
    if "${" in repr([vars(each) for each in defaults_list]):
        return _create_interpolation_map(overrides, defaults_list, self_added)
    return DictConfig({})


def validate(sweeper: Any, batch: Sequence[Sequence[str]]) -> None:
    """Refuse a sweeper's jobs that cannot be composed, without composing each of them, as Hydra's own method does."""
    context = getattr(sweeper, "hydra_context", None)
    loader = sweeper.config_loader if context is None else context.config_loader
    loader.validate(sweeper.config, batch)


def patch(command: Command) -> list[tuple[Any, str, Any]]:
    """Replace it for as long as this process lives; what was there before, in the same form."""
    before = []
    for where, name, new in replacements(command):
        before.append((where, name, vars(where)[name]))
        setattr(where, name, new)
    return before


@contextmanager
def patched(command: Command) -> Iterator[None]:
    """Within the block Hydra loads, copies and writes configurations as nnexp does."""
    before = patch(command)
    try:
        yield
    finally:
        for where, name, old in reversed(before):
            setattr(where, name, old)
