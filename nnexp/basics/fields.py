"""A plugin's fields, and those of the settings: their types, bounds and words. ``param`` declares one, ``check_fields`` checks.

A field may be int, float, bool, str, any of these or None, or a tuple of them (``tuple[str, ...]``).
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from abc import ABC
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from nnexp.basics.plain import override
from nnexp.errors import NnexpError, did_you_mean, listed


@dataclass(frozen=True)
class Bounds:
    """The values a field may take."""

    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        rules = [
            f"{word} {limit:g}"
            for word, limit in (
                ("above", self.above),
                ("at least", self.at_least),
                ("below", self.below),
                ("at most", self.at_most),
            )
            if limit is not None
        ]
        if self.choices:
            rules.append(f"one of {listed(self.choices)}")
        return " and ".join(rules)

    def allow(self, value: object) -> bool:
        """Whether ``value`` lies within; a number must also be finite."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return (
                math.isfinite(value)
                and (self.at_least is None or value >= self.at_least)
                and (self.at_most is None or value <= self.at_most)
                and (self.above is None or value > self.above)
                and (self.below is None or value < self.below)
            )
        return not self.choices or value in self.choices


def param(
    default: Any = dataclasses.MISSING,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    file: bool = False,
    doc: str = "",
) -> Any:
    """A plugin's field: its default, its bounds and one line of help. Without a default the user has to give the value.

    The annotation may be int, float, bool, str, any of these or None, or a tuple of them (``tuple[str, ...]``).
    ``file`` says that the value is the path of a file or directory of the user's; the annotation is then ``str``,
    ``str | None`` or ``tuple[str, ...]``.
    """
    metadata = {"bounds": Bounds(at_least, at_most, above, below, choices), "file": file, "doc": doc}
    return field(default=default, metadata=metadata)


def bounds(item: dataclasses.Field[Any]) -> Bounds:
    """A field's bounds; a plain dataclass field has none."""
    found: Bounds = item.metadata.get("bounds", Bounds())
    return found


def is_file(item: dataclasses.Field[Any]) -> bool:
    """Whether a field is declared to name a file or directory."""
    return bool(item.metadata.get("file"))


def files(owner: Any) -> tuple[str, ...]:
    """The paths that the fields of a plugin name, in their order, as they were typed."""
    values = [getattr(owner, item.name) for item in hyperparameters(owner) if is_file(item)]
    paths = [path for value in values for path in (value if isinstance(value, tuple) else (value,))]
    return tuple(path for path in paths if path)


def hyperparameters(owner: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The fields a user may set, of a plugin or its class."""
    return _hyperparameters(owner if isinstance(owner, type) else type(owner))


@functools.cache
def _hyperparameters(cls: type) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(item for item in dataclasses.fields(cls) if item.init)


@functools.cache
def field_types(cls: type) -> dict[str, Any]:
    """The annotation of each field, resolved."""
    hints = typing.get_type_hints(cls)
    return {item.name: hints[item.name] for item in hyperparameters(cls)}


def check_fields(owner: Any, prefix: str) -> None:
    """Refuse a value of the wrong type or outside its bounds; whole numbers given for a float become floats.

    ``owner`` is a frozen dataclass with ``param`` fields, ``prefix`` what its keys start with, such as ``"loss."``.
    """
    cls: type = type(owner)
    annotations = field_types(cls)
    for item in hyperparameters(owner):
        value = checked(f"{prefix}{item.name}", item, annotations[item.name], getattr(owner, item.name))
        object.__setattr__(owner, item.name, value)


@dataclass(frozen=True)
class Plugin(ABC):
    """The base of every kind. Bounds are checked when an object is made, whoever makes it."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        check_fields(self, f"{self.kind}.")
        self.validate()

    def validate(self) -> None:
        """Override to check fields against each other: raise ``NnexpError`` with the rule and a remedy."""


def checked(key: str, item: dataclasses.Field[Any], annotation: Any, value: Any) -> Any:
    """The value as the field declares it; raises NnexpError where it is of another type or outside the field's bounds."""
    value = _as_declared(value, annotation)
    limits = bounds(item)
    values = value if isinstance(value, tuple) else (value,)
    if not has_type(value, annotation) or not all(each is None or limits.allow(each) for each in values):
        raise NnexpError(_refusal(key, annotation, limits, value))
    return value


def _refusal(key: str, annotation: Any, limits: Bounds, value: Any) -> str:
    """Say the rule and what was given; a single value where a list is due comes with what to type."""
    shown = list(value) if isinstance(value, tuple) else value
    hint = did_you_mean(str(value), limits.choices)
    if takes_list(annotation) and isinstance(value, int | float | str):
        hint = f" Type {override(key, [value] if value != '' else [])}." if has_type((value,), annotation) else ""
        if str(value).startswith("["):  # a list in quotes is a text
            hint = f" Type {key}={value}"
    return f"{key} must be {rule(annotation, limits)}. Got {shown!r}.{hint}"


def rule(annotation: Any, limits: Bounds) -> str:
    """What a field takes, in words: ``a float above 0``, ``one of last, best``, ``a list of int, each at least 1``."""
    if limits.choices:
        return str(limits)
    each = ", each" if str(limits) and takes_list(annotation) else ""
    return " ".join(filter(None, [type_name(annotation) + each, str(limits)]))


def _as_declared(value: Any, annotation: Any) -> Any:
    """A list becomes a tuple, a whole number a float, a NumPy scalar a plain value, where the annotation asks for it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list) and takes_list(annotation):
        value = tuple(value)
    wants_float = annotation is float or float in typing.get_args(annotation)
    if wants_float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def takes_list(annotation: Any) -> bool:
    """Whether a field is a tuple of values, be it or None."""
    return any(typing.get_origin(each) is tuple for each in (annotation, *typing.get_args(annotation)))


def has_type(value: object, annotation: Any) -> bool:
    """Whether ``value`` is what ``annotation`` says (int, float, bool, str, X | None, tuple[X, ...])."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return any(has_type(value, each) for each in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        inner = typing.get_args(annotation)[0]
        return isinstance(value, tuple) and all(has_type(each, inner) for each in value)
    if annotation in (None, type(None)):
        return value is None
    if isinstance(value, bool):
        return annotation is bool
    return isinstance(value, annotation)


def may_name_files(annotation: Any) -> bool:
    """Whether a field of this type can be declared to name files: ``str``, ``str | None`` or ``tuple[str, ...]``."""
    return annotation in (str, str | None, typing.Optional[str], tuple[str, ...])  # noqa: UP045 (either spelling)


def type_name(annotation: Any) -> str:
    """The annotation in words: ``a float``, ``an int or None``, ``a list of str``."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return " or ".join(type_name(each) for each in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        return f"a list of {typing.get_args(annotation)[0].__name__}"
    if annotation in (None, type(None)):
        return "null"
    if annotation is bool:
        return "true or false"
    return f"{'an' if annotation is int else 'a'} {annotation.__name__}"


def supported(annotation: Any) -> bool:
    """Whether a field may have this type: int, float, bool, str, one of these or None, or ``tuple[X, ...]`` of them."""
    arguments = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        rest = [each for each in arguments if each is not type(None)]
        return len(rest) == 1 and len(arguments) == 2 and supported(rest[0])
    if typing.get_origin(annotation) is tuple:
        return len(arguments) == 2 and arguments[1] is Ellipsis and arguments[0] in (int, float, bool, str)
    return annotation in (int, float, bool, str)


def scalar(annotation: Any) -> Any:
    """int, float, bool or str: what an annotation is made of, without None and tuple."""
    inner = [each for each in typing.get_args(annotation) if each not in (type(None), Ellipsis)]
    return inner[0] if inner else annotation


def read(text: str, annotation: Any) -> Any:
    """The value that ``text`` stands for in a field of this type; what cannot be read stays text, which bounds refuse."""
    if text == "null" and type(None) in typing.get_args(annotation):
        return None
    if typing.get_origin(annotation) is tuple:
        inner = scalar(annotation)
        return tuple(read(each.strip(), inner) for each in text.strip("[]()").split(",") if each.strip())
    plain = scalar(annotation)
    if plain is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return plain(text)
    except ValueError:
        return text
