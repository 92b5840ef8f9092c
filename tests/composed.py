"""nnexp's loader in this process, and all that can be seen of what it composes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import version
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig

from nnexp.basics.files import own_directory
from nnexp.composition import options
from nnexp.composition.loader import GuardedLoader

SWEPT = ["optimizer.learning_rate=0.1,0.2", "seed=range(4)", "hydra.sweeper.max_batch_size=3"]


class Watched(GuardedLoader):
    """Counts the jobs that were composed in full, and the templates."""

    full = 0
    templates = 0

    def load_configuration(self, *arguments: Any, **named: Any) -> DictConfig:
        self.full += 1
        return super().load_configuration(*arguments, **named)

    def _template(self, *arguments: Any) -> DictConfig:
        self.templates += 1
        return super()._template(*arguments)


@pytest.fixture(scope="module", autouse=True)
def store() -> Iterator[None]:
    """Hydra as ``python -m nnexp`` sets it up."""
    Plugins.instance()
    before = copy.deepcopy(ConfigStore.instance().repo)
    version.setbase("1.3")
    setup_globals()
    options.register()
    yield
    ConfigStore.instance().repo = before


def loader(directory: Path | None = None) -> Watched:
    """A loader for conf/, or for a copy of it."""
    return Watched(create_config_search_path(str(directory or own_directory())))


def sweep(by: GuardedLoader, *lines: str) -> DictConfig:
    """The master configuration of a sweep."""
    master = by.load_configuration("config", [*SWEPT, *lines], RunMode.MULTIRUN)
    by.full = 0  # type: ignore[attr-defined]
    return master


def in_full(by: GuardedLoader, master: DictConfig, lines: list[str]) -> DictConfig:
    """A job by Hydra's own method, with nnexp's checks."""
    by._of_a_sweep = True
    return super(GuardedLoader, by).load_sweep_config(master, lines)


def state(node: Any, parent: Any = None) -> Any:
    """A node's type, value, types and flags, and those of all below; each knows its parent."""
    assert node._get_parent() is parent
    own = {key: value for key, value in vars(node).items() if key not in ("_parent", "_flags_cache", "_content")}
    own["_metadata"] = type(node._metadata), vars(copy.deepcopy(node._metadata))
    content = vars(node).get("_content")
    if isinstance(content, dict):
        return type(node), own, [(key, state(each, node)) for key, each in content.items()]
    if isinstance(content, list):
        return type(node), own, [state(each, node) for each in content]
    return type(node), own, content
