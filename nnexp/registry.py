"""Installed plugins: entry points to classes. ``available``, ``load``, ``build``, and errors that name the culprit.

An option's name is looked up in the metadata of installed distributions (group ``nnexp.<kind>``), never in a configuration, so
a configuration can choose among what is installed and nothing else. One broken plugin never stops another: it is a ``Broken``
entry with its distribution and the reason, and an error only for who chooses it.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, entry_points, version
from typing import Any, cast

from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.plugin import KINDS, Plugin, field_types, hyperparameters

RESERVED = ("name", "defaults")
"""Field names that belong to Hydra."""

GROUPS: Mapping[str, str] = {
    "dataset": "dataset",
    "loss": "loss",
    "output": "activation",
    "activation": "activation",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "initializer": "initializer",
}
"""The keys of a configuration that hold a plugin, and its kind: the output layer has an activation of its own."""

ALIASES: Mapping[str, Mapping[str, str]] = {
    "activation": {"linear": "identity", "logistic": "sigmoid", "none": "identity", "swish": "silu", "siren": "sine"},
    "loss": {
        "l1": "mae",
        "l2": "mse",
        "squared_error": "mse",
        "absolute_error": "mae",
        "cross_entropy": "cce",
        "crossentropy": "cce",
        "binary_cross_entropy": "bce",
        "log_loss": "bce",
        "smooth_l1": "huber",
        "pinball": "quantile",
        "label_smoothing": "smooth_cce",
    },
    "optimizer": {
        "gd": "batch",
        "gradient_descent": "batch",
        "mini_batch": "minibatch",
        "stochastic": "sgd",
        "heavy_ball": "momentum",
        "nag": "nesterov",
    },
    "schedule": {
        "none": "constant",
        "fixed": "constant",
        "cosine_annealing": "cosine",
        "reduce_on_plateau": "plateau",
    },
    "initializer": {"xavier": "glorot", "kaiming": "he", "gaussian": "normal", "random": "normal"},
    "dataset": {"table": "csv", "parquet": "csv"},
}
"""What other libraries call it: only used to suggest, never to choose."""


@dataclass(frozen=True)
class Entry:
    """One claim to an option's name."""

    kind: str
    name: str
    value: str
    """``module:Class``."""
    distribution: str
    version: str
    point: EntryPoint = dataclasses.field(repr=False, compare=False)


@dataclass(frozen=True)
class Broken:
    """A plugin that cannot be used, and why."""

    entry: Entry
    reason: str

    def __str__(self) -> str:
        return f"{self.entry.kind}={self.entry.name} of {self.entry.distribution} {self.entry.version}: {self.reason}"


@functools.cache
def entries() -> Mapping[str, Mapping[str, tuple[Entry, ...]]]:
    """Every claim by kind and name, in alphabetical order; read once from the installed distributions' metadata."""
    found: dict[str, dict[str, list[Entry]]] = {kind: {} for kind in KINDS}
    installed = entry_points()
    for kind, names in found.items():
        for point in installed.select(group=f"nnexp.{kind}"):
            dist = point.dist
            entry = Entry(kind, point.name, point.value, _name(dist), dist.version if dist else "?", point)
            names.setdefault(point.name, []).append(entry)
    return {
        kind: {name: tuple(sorted(claims, key=lambda e: e.distribution)) for name, claims in sorted(names.items())}
        for kind, names in found.items()
    }


def _name(dist: Distribution | None) -> str:
    return str(dist.metadata["Name"]) if dist else "an unknown distribution"


def available(kind: str) -> list[str]:
    """The names that can be chosen (a broken or doubly claimed one is left out)."""
    return [name for name in entries()[kind] if not isinstance(lookup(kind, name), Broken)]


def broken(kind: str) -> list[Broken]:
    """What is installed but cannot be used."""
    found = (lookup(kind, name) for name in entries()[kind])
    return [each for each in found if isinstance(each, Broken)]


@functools.cache
def lookup(kind: str, name: str) -> type[Plugin] | Broken:
    """The class behind an installed name, or why there is none. The name has to be one of ``entries()[kind]``."""
    claims = entries()[kind][name]
    first = claims[0]
    if len(claims) > 1:
        both = " and ".join(f"{each.distribution} {each.version}" for each in claims)
        return Broken(
            first, f"the name is claimed by {both}. Uninstall one of them: pip uninstall {claims[-1].distribution}"
        )
    reason = incompatibility(first.point.dist)
    if reason:
        return Broken(first, reason)
    try:
        cls = first.point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a stranger's import raises)
        return Broken(first, f"importing {first.value} failed: {type(error).__name__}: {_first_line(error)}")
    reason = defect(kind, cls)
    return Broken(first, reason) if reason else cast("type[Plugin]", cls)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def incompatibility(dist: Distribution | None) -> str:
    """Why a distribution was not built for this nnexp, by its ``Requires-Dist: nnexp``; empty where it was."""
    needs = [text for text in (dist.requires or ()) if text.replace(" ", "").startswith("nnexp")] if dist else []
    if not needs:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement  # only where there is a third-party plugin

    present = version("nnexp")
    try:
        requirements = [Requirement(text) for text in needs]
    except InvalidRequirement as error:
        return f"its metadata cannot be read: {_first_line(error)}"
    for requirement in requirements:
        applies = requirement.name == "nnexp" and (
            requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        )
        if applies and not requirement.specifier.contains(present, prereleases=True):
            return f"it was built for nnexp{requirement.specifier}, this is {present}. Upgrade it: pip install -U {_name(dist)}"
    return ""


def defect(kind: str, cls: object) -> str:
    """What keeps ``cls`` from being a plugin of ``kind``, in words; empty where nothing does."""
    base = KINDS[kind]
    if not (isinstance(cls, type) and issubclass(cls, base)):
        return f"{getattr(cls, '__name__', cls)!r} is not a subclass of nnexp.plugin.{base.__name__}"
    if "__dataclass_params__" not in vars(cls) or not vars(cls)["__dataclass_params__"].frozen:
        return f"{cls.__name__} needs the line @dataclass(frozen=True)"
    if inspect.isabstract(cls):
        return f"{cls.__name__} lacks {listed(sorted(cls.__abstractmethods__))}"
    try:
        annotations = field_types(cls)
    except (NameError, TypeError) as error:
        return f"the annotations of {cls.__name__} cannot be read: {error}"
    for item in hyperparameters(cls):
        if item.name in RESERVED:
            return f"the field name '{item.name}' belongs to Hydra; choose another"
        if not supported(annotations[item.name]):
            return f"the field '{item.name}' has the unsupported type {annotations[item.name]}"
    try:
        if all(item.default is not dataclasses.MISSING for item in hyperparameters(cls)):
            cls()
    except NnexpError as error:
        return f"a default is outside its own bounds: {error}"
    except Exception as error:  # noqa: BLE001
        return f"{cls.__name__}() failed: {type(error).__name__}: {_first_line(error)}"
    return ""


def supported(annotation: Any) -> bool:
    """Whether a field may have this type: int, float, bool, str, one of these or None, or ``tuple[X, ...]`` of them."""
    arguments = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        rest = [each for each in arguments if each is not type(None)]
        return len(rest) == 1 and len(arguments) == 2 and supported(rest[0])
    if typing.get_origin(annotation) is tuple:
        return len(arguments) == 2 and arguments[1] is Ellipsis and arguments[0] in (int, float, bool, str)
    return annotation in (int, float, bool, str)


def load(kind: str, name: str) -> type[Plugin]:
    """The class of an option; an unknown, broken or doubly claimed name raises NnexpError."""
    if name not in entries()[kind]:
        raise NnexpError(unknown(kind, name))
    found = lookup(kind, name)
    if isinstance(found, Broken):
        raise NnexpError(f"{found}. Other options work: {listed(available(kind))}.")
    return found


def unknown(kind: str, name: str, extra: tuple[str, ...] = ()) -> str:
    """The message for an option that is not installed; ``extra`` are options beyond the plugins, such as ``auto``."""
    names = [*available(kind), *extra]
    alias = ALIASES.get(kind, {}).get(str(name).lower())
    hint = f" nnexp calls it '{alias}'." if alias in names else did_you_mean(str(name), names)
    return f"No {kind} '{name}'.{hint} Available: {listed(sorted(names), most=40)}."


def build(kind: str, spec: Mapping[str, Any], group: str = "") -> Plugin:
    """The plugin that ``{"name": ..., field: value, ...}`` describes; every mistake in it raises NnexpError.

    ``group`` is what messages call it where that is not the kind: ``output`` is an activation.
    """
    group = group or kind
    options = dict(spec)
    name = options.pop("name")
    cls = load(kind, name)
    known = {item.name: item for item in hyperparameters(cls)}
    for key in options:
        if key not in known:
            raise NnexpError(no_option(group, name, key, known))
    for key, item in known.items():
        if item.default is dataclasses.MISSING and options.get(key) in (None, "???"):
            doc = item.metadata.get("doc", "")
            raise NnexpError(f"{group}={name} needs {group}.{key}{f' ({doc})' if doc else ''}. Type {group}.{key}=...")
    try:
        return cls(**options)
    except NnexpError as error:
        raise NnexpError(str(error).replace(f"{kind}.", f"{group}.", 1)) from None


def no_option(group: str, name: str, key: str, known: typing.Iterable[str]) -> str:
    """The message for a key that the chosen plugin does not have."""
    known = list(known)
    has = f"It has {listed(known)}." if known else "It has no options."
    return f"{group}={name} has no option '{key}'.{did_you_mean(key, known)} {has}"


def named(plugin: Plugin) -> str:
    """The option's name under which a plugin's class is installed; NnexpError where it is not."""
    cls = type(plugin)
    value = f"{cls.__module__}:{cls.__qualname__}"
    for name, claims in entries()[plugin.kind].items():
        if any(entry.value == value for entry in claims):
            return name
    raise NnexpError(
        f"{cls.__qualname__} is not installed as a plugin, so it cannot be named in a configuration or a saved model. "
        f'Add the entry point [project.entry-points."nnexp.{plugin.kind}"] to its distribution.'
    )


def known_as(plugin: Plugin) -> str:
    """What a message calls a plugin: its option's name, or its class's where it is not installed."""
    try:
        return named(plugin)
    except NnexpError:
        return type(plugin).__name__


def describe(plugin: Plugin) -> dict[str, Any]:
    """The inverse of ``build``: ``{"name": ..., field: value, ...}`` in plain values."""
    values = {item.name: getattr(plugin, item.name) for item in hyperparameters(plugin)}
    return {"name": named(plugin)} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def distributions(plugins: typing.Iterable[Plugin]) -> dict[str, str]:
    """The distributions that the plugins come from, with their versions."""
    claims = [entries()[plugin.kind][named(plugin)][0] for plugin in plugins]
    return {entry.distribution: entry.version for entry in claims}
