"""What is examined: a plugin's class, an object of it, and plausible values for its fields."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from dataclasses import dataclass
from typing import Any

from nnexp.basics.fields import bounds, field_types, hyperparameters, scalar
from nnexp.discovery.installed import EXAMINED
from nnexp.errors import NnexpError, listed
from nnexp.plugin import Plugin

NO_PLUGIN = """{what} is no plugin. A plugin is a class of its own, such as

    @dataclass(frozen=True)
    class Huber(Loss):

which derives from one of {bases} in nnexp.plugin.
Its fields are its hyperparameters, its methods its mathematics. Type: python -m nnexp check module:Class"""


@dataclass(frozen=True)
class Subject:
    """What is examined: a plugin's class, and an object of it where one can be made."""

    cls: type[Plugin]
    plugin: Plugin | None
    why_not: str = ""
    """Why there is no object."""

    @classmethod
    def of(cls, target: object) -> Subject:
        """The subject that a plugin or its class is; NnexpError says what a plugin is where it is neither."""
        if isinstance(target, Plugin) and target.kind in EXAMINED:
            return cls(type(target), target)
        if not (isinstance(target, type) and issubclass(target, Plugin) and target.kind in EXAMINED):
            what = getattr(target, "__name__", None) or repr(target)
            raise NnexpError(NO_PLUGIN.format(what=what, bases=listed(base.__name__ for base in EXAMINED.values())))
        if inspect.isabstract(target):
            return cls(target, None, f"no object can be made: {target.__name__} lacks methods")
        needed = [item.name for item in hyperparameters(target) if is_required(item)]
        if needed:
            values = " ".join(f"{name}=..." for name in needed)
            return cls(target, None, f"it needs {values}")
        try:
            return cls(target, target())
        except Exception as error:  # noqa: BLE001 (whatever a stranger's code raises; a check shows it)
            return cls(target, None, f"no object can be made: {target.__name__}() raised {type(error).__name__}")

    def values(self) -> dict[str, Any]:
        """Values for all fields: the object's, or defaults with something plausible where there is none."""
        if self.plugin is not None:
            return {item.name: getattr(self.plugin, item.name) for item in hyperparameters(self.plugin)}
        types = field_types(self.cls)
        return {
            item.name: plausible(item, types[item.name]) if is_required(item) else default(item)
            for item in hyperparameters(self.cls)
        }


def is_required(item: dataclasses.Field[Any]) -> bool:
    """Whether a field has no default."""
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def default(item: dataclasses.Field[Any]) -> Any:
    """The default of a field that has one."""
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()


def plausible(item: dataclasses.Field[Any], annotation: Any) -> Any:
    """A value of the field's type within its bounds."""
    limits = bounds(item)
    plain = scalar(annotation)
    candidates: list[Any] = [*limits.choices, "x", False]
    if plain in (int, float):
        ends = [end for end in (limits.at_least, limits.at_most, limits.above, limits.below) if end is not None]
        candidates = [1, *ends, *(end + 1 for end in ends), *(end - 1 for end in ends), sum(ends) / (len(ends) or 1)]
    value = next(plain(each) for each in candidates if isinstance(each, plain | int) and limits.allow(plain(each)))
    return (value,) if typing.get_origin(annotation) is tuple else value
