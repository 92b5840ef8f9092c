"""Every installed plugin as an option of Hydra's: its group, name and typed fields, without a file in conf/.

A plugin is imported when its option is read: a run imports the plugins it uses, and nobody else's code.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from nnexp.basics.fields import field_types, hyperparameters
from nnexp.composition.keys import SEARCH
from nnexp.discovery.installed import can_be_typed, entries
from nnexp.discovery.registry import GROUPS, load
from nnexp.experiment.plan import AUTO
from nnexp.experiment.settings import SearchSettings
from nnexp.plugin import Plugin, Search


def claimed(kind: str) -> list[str]:
    """The names that plugins claim; whether a plugin is sound is seen when it is chosen."""
    return [name for name in entries()[kind] if can_be_typed(name)]


def register(names: Callable[[str], Iterable[str]] = claimed) -> None:
    """Store a node for every plugin that ``names`` gives for a kind, and ``auto`` where it applies."""
    store = ConfigStore.instance()
    for group, kind in {**GROUPS, SEARCH: Search.kind}.items():
        options = store.repo.setdefault(group, {})
        options.update({f"{name}.yaml": Option(group, kind, name) for name in names(kind)})
        if group in AUTO:
            store.store(group=group, name="auto", node={"name": "auto"}, provider="nnexp")


class Option(ConfigNode):
    """A node of Hydra's store that loads its plugin when it is read."""

    def __init__(self, group: str, kind: str, name: str) -> None:
        self.name, self.group, self.package = f"{name}.yaml", group, None
        self._plugin = (kind, name)

    @property
    def node(self) -> DictConfig:
        """The option's typed fields; NnexpError where the plugin is broken. Hydra sets a copy on its copy of this."""
        return self.__dict__.get("_copy") or structured(*self._plugin)

    @node.setter
    def node(self, node: DictConfig) -> None:
        self._copy = node

    @property
    def provider(self) -> str:  # type: ignore[override]  # nobody sets it
        """The plugin's distribution."""
        kind, name = self._plugin
        return entries()[kind][name][0].distribution


@functools.cache
def structured(kind: str, name: str) -> DictConfig:
    """The plugin's schema as Hydra stores it."""
    made: DictConfig = OmegaConf.structured(schema(name, load(kind, name)))
    return made


def schema(name: str, cls: type[Plugin]) -> type:
    """A plain dataclass with the option's ``name`` and the plugin's fields, in the types OmegaConf knows."""
    annotations = field_types(cls)
    fields: list[Any] = [("name", str, dataclasses.field(default=name))]
    for item in hyperparameters(cls):
        default = MISSING if item.default is dataclasses.MISSING else item.default
        fields.append((item.name, hydra_type(annotations[item.name]), _field(default)))
    for item in hyperparameters(SearchSettings) if issubclass(cls, Search) else ():
        annotation = field_types(SearchSettings)[item.name]
        several = typing.get_origin(annotation) is tuple  # one of them may be typed without brackets
        fields.append((item.name, Any if several else hydra_type(annotation), _field(item.default)))
    return dataclasses.make_dataclass(cls.__name__, fields)


def _field(default: Any) -> Any:
    if isinstance(default, tuple):
        return dataclasses.field(default_factory=lambda: list(default))
    return dataclasses.field(default=default)


def hydra_type(annotation: Any) -> Any:
    """OmegaConf's counterpart of a field's type: ``tuple[X, ...]`` becomes ``list[X]``, ``X | None`` stays."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        inner = [each for each in typing.get_args(annotation) if each is not type(None)]
        return typing.Optional[hydra_type(inner[0])]  # noqa: UP045 (built at run time)
    if typing.get_origin(annotation) is tuple:
        return types.GenericAlias(list, (typing.get_args(annotation)[0],))
    return annotation
