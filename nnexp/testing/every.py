"""What holds for a plugin of any kind: its class, its fields and its documentation. Nothing here computes."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import os
import re
import typing
from typing import Any

from nnexp.basics.fields import (
    bounds,
    field_types,
    hyperparameters,
    is_file,
    may_name_files,
    rule,
    scalar,
    supported,
    type_name,
)
from nnexp.discovery import registry
from nnexp.discovery.installed import EXAMINED
from nnexp.errors import NnexpError, listed
from nnexp.plugin import Plugin
from nnexp.testing.subject import Subject, is_required
from nnexp.testing.verdict import Failed, Skipped

FORMULA = re.compile(r"=|~|<-")
"""What a formula in plain text has: an equality, a distribution (W ~ N(0, 1)) or an assignment (theta <- ...)."""
NO_FORMULA = {
    "dataset": "a dataset that was measured has no formula",
    "engine": "an engine has the formulas of other plugins",
    "picture": "a picture shows what others have computed",
    "search": "a way to search is an algorithm, and few are one formula",
}
NO_SOURCE = {
    "engine": "an engine computes what others have found",
    "picture": "a picture shows what others have found",
}
SOURCE = re.compile(r"[^\W\d_].*\b(1[4-9]|20)\d\d\b", re.DOTALL)
"""A name, and after it a year."""


def frozen_dataclass(subject: Subject) -> None:
    """The class has the line @dataclass(frozen=True)."""
    decorated = vars(subject.cls).get("__dataclass_params__")
    if decorated is None or not decorated.frozen:
        raise Failed(
            f"{subject.cls.__name__} itself is no frozen dataclass, so its fields are no hyperparameters. Write "
            "@dataclass(frozen=True) in the line above it."
        )


def methods(subject: Subject) -> None:
    """Every method and property of the kind is there."""
    if inspect.isabstract(subject.cls):
        missing = listed(sorted(subject.cls.__abstractmethods__))
        base = EXAMINED[subject.cls.kind].__name__
        raise Failed(f"{subject.cls.__name__} lacks {missing}. nnexp.plugin.{base} says what each has to do.")


def field_names(subject: Subject) -> None:
    """No field takes the name of something else."""
    base = EXAMINED[subject.cls.kind]
    for item in hyperparameters(subject.cls):
        name = item.name
        if name in registry.RESERVED:
            raise Failed(f"the field name '{name}' belongs to Hydra. Choose another.")
        given = getattr(base, name, None)
        if callable(given):
            raise Failed(f"the field '{name}' hides the method {base.__name__}.{name}. Choose another name.")
        if hasattr(base, name) and "bounds" not in item.metadata and not getattr(given, "__isabstractmethod__", False):
            raise Failed(
                f"'{name}: ... = {item.default!r}' makes {name} a hyperparameter that users can set. It says something "
                f"about every {base.kind} of this class: write {name} = {item.default!r}, without a type."
            )


def supported_types(subject: Subject) -> None:
    """Every field's type fits a configuration."""
    try:
        types = field_types(subject.cls)
    except (NameError, TypeError) as error:
        raise Failed(f"the annotations cannot be read: {error}. Import the names they use.") from None
    for item in hyperparameters(subject.cls):
        if not supported(types[item.name]):
            raise Failed(
                f"the field '{item.name}' has the type {types[item.name]}. Take int, float, bool or str, one of them "
                "or None, or tuple[..., ...] of them."
            )
        if is_file(item) and not may_name_files(types[item.name]):
            raise Failed(
                f"the field '{item.name}' is declared to name a file and has the type {types[item.name]}. Take str, "
                "str | None or tuple[str, ...]."
            )


def declared_files(subject: Subject) -> None:
    """A field that names a file says so."""
    if subject.plugin is None:
        raise Skipped(subject.why_not)
    for item in hyperparameters(subject.cls):
        value = getattr(subject.plugin, item.name)
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, str) and path and not is_file(item) and os.path.isfile(path):  # noqa: PTH113 (any text)
                raise Failed(
                    f"the field '{item.name}' names the file '{path}' and does not say that it names files. Write "
                    f"{item.name}: ... = param(..., file=True), so that the file belongs to the run's record and a sweep sees "
                    "when it changes."
                )


def defaults_in_bounds(subject: Subject) -> None:
    """The defaults lie within their own bounds."""
    if inspect.isabstract(subject.cls):
        raise Skipped(subject.why_not)
    given = subject.values()
    required = {item.name: given[item.name] for item in hyperparameters(subject.cls) if is_required(item)}
    try:
        subject.cls(**required)
    except NnexpError as error:
        raise Failed(f"a default is outside its own bounds: {error} Correct the default or the bounds.") from None


def bounds_enforced(subject: Subject) -> None:
    """What is outside a field's bounds is refused."""
    if inspect.isabstract(subject.cls):
        raise Skipped(subject.why_not)
    if not hyperparameters(subject.cls):
        raise Skipped("it has no fields")
    types = field_types(subject.cls)
    for item in hyperparameters(subject.cls):
        annotation = types[item.name]
        for wrong in outside(item, annotation):
            given = (wrong,) if typing.get_origin(annotation) is tuple else wrong
            key = f"{subject.cls.kind}.{item.name}"
            try:
                subject.cls(**subject.values() | {item.name: given})
            except NnexpError as error:
                if item.name not in str(error):
                    raise Failed(f"{key} = {given!r} is refused without naming the field: {error}") from None
                continue
            except Exception as error:
                raise Failed(
                    f"{key} = {given!r} raises {type(error).__name__}: {error}. It has to be refused by an NnexpError: "
                    "put rules of your own into validate(), which is called once the fields have been checked."
                ) from error
            raise Failed(
                f"{key} = {given!r} is taken, though it must be {rule(annotation, bounds(item))}. The bounds are "
                "checked in Plugin.__post_init__: put rules of your own into validate() instead of another "
                "__post_init__."
            )


def outside(item: dataclasses.Field[Any], annotation: Any) -> list[Any]:
    """Values that a field has to refuse: one just outside each bound, and some of another type."""
    limits, plain = bounds(item), scalar(annotation)
    wrong: list[Any] = []
    if plain in (int, float):
        least, most = limits.at_least, limits.at_most
        below = (
            [math.ceil(least) - 1 if plain is int else math.nextafter(least, -math.inf)] if least is not None else []
        )
        over = [math.floor(most) + 1 if plain is int else math.nextafter(most, math.inf)] if most is not None else []
        ends = [plain(end) for end in (limits.above, limits.below) if end is not None]
        wrong += [*below, *over, *ends, math.nan, math.inf, "text"]
    return [*wrong, *(["no such choice"] if limits.choices else []), {"a": "mapping"}]


def config_round_trip(subject: Subject) -> None:
    """Built again from its configuration it is equal."""
    if subject.plugin is None:
        raise Skipped(subject.why_not)
    values = json.loads(json.dumps(subject.values()))
    try:
        spec = registry.describe(subject.plugin)
        again = registry.build(subject.plugin.kind, json.loads(json.dumps(spec)))
    except NnexpError:  # not installed: from its own fields
        again = subject.cls(**values)
    if again != subject.plugin:
        raise Failed(
            f"made again from its own fields {subject.plugin} became {again}. A field has to keep the value it was "
            "given: derive others in a property instead of changing it."
        )


def comparable(subject: Subject) -> None:
    """Equal fields make equal plugins, others do not."""
    if subject.plugin is None:
        raise Skipped(subject.why_not)
    values = subject.values()
    twin = subject.cls(**values)
    if twin != subject.plugin or hash(twin) != hash(subject.plugin):
        raise Failed(
            f"two {subject.cls.__name__} with the same fields are not equal. Leave eq=False, __eq__ and __hash__ out: "
            "the dataclass makes them."
        )
    for name, value in values.items():
        if isinstance(value, float) and subject.cls(**values) == (other := moved(subject, name, value)):
            raise Failed(f"{subject.plugin} and {other} compare equal. Leave eq=False, compare=False and __eq__ out.")


def moved(subject: Subject, name: str, value: float) -> Plugin | None:
    """The same plugin with another value of one field; None where no value near is allowed."""
    for other in (value / 2, value * 2, value + 0.5, value - 0.5):
        try:
            if other != value:
                return subject.cls(**subject.values() | {name: other})
        except NnexpError:
            continue
    return None


def docstring(subject: Subject) -> str:
    """The class's own docstring; the one that dataclass writes where there is none does not count."""
    text = vars(subject.cls).get("__doc__") or ""
    if not text.strip() or text.startswith(f"{subject.cls.__name__}("):
        raise Failed(
            f"{subject.cls.__name__} has no docstring. Open it with the formula, then say shapes and units in words, "
            "then the source (author, year)."
        )
    return inspect.cleandoc(text)


def formula(subject: Subject) -> None:
    """The docstring's first line is the formula."""
    first = docstring(subject).splitlines()[0]
    if not FORMULA.search(first):
        if subject.cls.kind in NO_FORMULA:
            raise Skipped(NO_FORMULA[subject.cls.kind])
        raise Failed(
            f"the docstring opens with '{first}'. Open it with the formula, such as a = max(z, 0): that line is what "
            "the list of plugins shows."
        )


def source(subject: Subject) -> None:
    """The docstring names a source: author and year."""
    if not SOURCE.search(docstring(subject)):
        if subject.cls.kind in NO_SOURCE:
            raise Skipped(NO_SOURCE[subject.cls.kind])
        raise Failed("the docstring names no source. Add who and when, such as (Huber, 1964).")


def field_docs(subject: Subject) -> None:
    """Every field has one line of help."""
    for item in hyperparameters(subject.cls):
        text = item.metadata.get("doc", "")
        if not text.strip() or "\n" in text:
            annotation = type_name(field_types(subject.cls)[item.name])
            raise Failed(f"the field '{item.name}' ({annotation}) has no line of help. Write param(..., doc='...').")


CHECKS = (
    frozen_dataclass,
    methods,
    field_names,
    supported_types,
    declared_files,
    defaults_in_bounds,
    bounds_enforced,
    config_round_trip,
    comparable,
    formula,
    source,
    field_docs,
)
