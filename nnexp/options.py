"""Every installed plugin as an option of Hydra's: its group, name and typed fields, without a file in conf/."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from nnexp.plugin import Plugin, field_types, hyperparameters
from nnexp.registry import GROUPS, available, entries, load

AUTO = ("loss", "output")
"""Groups with the option ``auto``: resolved once the data are loaded."""


def register() -> None:
    """Store a node for every usable plugin, under the provider's name, and ``auto`` where it applies."""
    store = ConfigStore.instance()
    for group, kind in GROUPS.items():
        for name in available(kind):
            provider = entries()[kind][name][0].distribution
            store.store(group=group, name=name, node=schema(name, load(kind, name)), provider=provider)
        if group in AUTO:
            store.store(group=group, name="auto", node={"name": "auto"}, provider="nnexp")


def schema(name: str, cls: type[Plugin]) -> type:
    """A plain dataclass with the option's ``name`` and the plugin's fields, in the types OmegaConf knows."""
    annotations = field_types(cls)
    fields: list[Any] = [("name", str, dataclasses.field(default=name))]
    for item in hyperparameters(cls):
        default = MISSING if item.default is dataclasses.MISSING else item.default
        fields.append((item.name, hydra_type(annotations[item.name]), _field(default)))
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
