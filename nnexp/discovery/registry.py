"""Installed plugins: entry points to classes. ``available``, ``load``, ``build``, and errors that name the culprit.

An option's name is looked up in the metadata of installed distributions (group ``nnexp.<kind>``), never in a configuration, so
a configuration can choose among what is installed and nothing else. One broken plugin never stops another: it is a ``Broken``
entry with its distribution and the reason, and an error only for who chooses it.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import Any, cast

from nnexp.basics.fields import checked, field_types, hyperparameters, is_file, may_name_files, supported, type_name
from nnexp.discovery import companions
from nnexp.discovery.faults import Fault, SourceLine
from nnexp.discovery.installed import BASES, EXAMINED, Broken, entries, imported, incompatibility, wrong_claim
from nnexp.errors import NnexpError, closest, did_you_mean, first_line, listed
from nnexp.plugin import TASKS, Loss, Plugin

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
    "engine": "engine",
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
    "engine": {"python": "numpy", "cpp": "native", "c++": "native", "compiled": "native"},
    "picture": {"confusion_matrix": "confusion", "decision_boundary": "boundary", "scatter": "predicted"},
    "export": {"c++": "cpp", "cxx": "cpp"},
}
"""What other libraries call it: only used to suggest, never to choose."""


def available(kind: str) -> list[str]:
    """The names that can be chosen (a broken or doubly claimed one is left out). Imports every plugin of the kind."""
    return [name for name in entries()[kind] if not isinstance(lookup(kind, name), Broken)]


def broken(kind: str) -> list[Broken]:
    """What is installed but cannot be used. Imports every plugin of the kind."""
    found = (lookup(kind, name) for name in entries()[kind])
    return [each for each in found if isinstance(each, Broken)]


@functools.cache
def lookup(kind: str, name: str) -> type[Plugin] | Broken:
    """The class behind an installed name, or why there is none. The name has to be one of ``entries()[kind]``."""
    first = entries()[kind][name][0]
    reason, remedy = wrong_claim(name, entries()[kind][name])
    if not reason:
        reason, remedy = incompatibility(first.provider.needs), first.provider.remedy
    if reason:
        return Broken(f"{kind}={name}", first.provider, reason, remedy, first)
    cls, found = imported(first)
    try:
        found = found or fault_of(kind, cls)
    except Exception as error:  # noqa: BLE001 (a stranger's class may answer anything)
        found = Fault(f"{first.value} cannot be examined: {type(error).__name__}: {first_line(error)}")
    if found:
        remedy = first.provider.remedy_at(found.place, f"{kind}.{name}" if kind in EXAMINED else "")
        return Broken(f"{kind}={name}", first.provider, found.what, remedy, first)
    return cast("type[Plugin]", cls)


def fault_of(kind: str, cls: object) -> Fault | None:
    """What keeps ``cls`` from being a plugin of ``kind``, and where it is defined; None where nothing does."""
    reason = defect(kind, cls)
    if not reason:
        return None
    try:
        place = SourceLine(str(inspect.getsourcefile(cls)), inspect.getsourcelines(cls)[1])  # type: ignore[arg-type]
    except (OSError, TypeError):  # not a class, or without its source
        place = None
    return Fault(reason, place)


def defect(kind: str, cls: object) -> str:
    """What keeps ``cls`` from being a plugin of ``kind``, in words; empty where nothing does."""
    base = BASES[kind]
    if not (isinstance(cls, type) and issubclass(cls, base)):
        return f"{getattr(cls, '__name__', cls)!r} is not a subclass of nnexp.plugin.{base.__name__}"
    if "__dataclass_params__" not in vars(cls) or not vars(cls)["__dataclass_params__"].frozen:
        return f"{cls.__name__} needs the line @dataclass(frozen=True)"
    if inspect.isabstract(cls):
        return f"{cls.__name__} lacks {listed(sorted(cls.__abstractmethods__))}"
    return wrong_signature(base, cls) or wrong_field(kind, cls) or (wrong_outputs(cls) if issubclass(cls, Loss) else "")


def wrong_signature(base: type[Plugin], cls: type[Plugin]) -> str:
    """Which method of ``cls`` cannot be called as its kind's contract says; empty where all can."""
    for name, contract in vars(base).items():
        own = getattr(cls, name)
        if name.startswith("_") or not inspect.isfunction(contract) or own is contract:
            continue
        parameters = inspect.signature(contract).parameters
        arguments = list(parameters)
        named = {each for each in arguments if parameters[each].kind is inspect.Parameter.KEYWORD_ONLY}
        try:
            inspect.signature(own).bind(*(each for each in arguments if each not in named), **dict.fromkeys(named))
        except (TypeError, ValueError):
            return f"{cls.__name__}.{name} must be a method that takes ({', '.join(arguments)})"
    return ""


def wrong_field(kind: str, cls: type[Plugin]) -> str:
    """What is wrong with a field's name, type or default; empty where nothing is."""
    try:
        annotations = field_types(cls)
    except Exception as error:  # noqa: BLE001 (annotations are expressions)
        return f"the annotations of {cls.__name__} cannot be read: {first_line(error)}"
    fields = hyperparameters(cls)
    for item in fields:
        if item.name in RESERVED or item.name.startswith("_"):
            return f"the field name '{item.name}' belongs to Hydra; choose another"
        if not supported(annotations[item.name]):
            return (
                f"the field '{item.name}' has the unsupported type {annotations[item.name]}; "
                "it may be int, float, bool, str, X | None or tuple[X, ...]"
            )
        if is_file(item) and not may_name_files(annotations[item.name]):
            return (
                f"the field '{item.name}' is declared to name a file and has the type {type_name(annotations[item.name])}; "
                "it may be str, str | None or tuple[str, ...]"
            )
        if item.default_factory is not dataclasses.MISSING:
            return f"the field '{item.name}' has a default_factory; write its default as a value"
    try:
        for item in fields:
            if item.default is not dataclasses.MISSING:
                checked(f"{kind}.{item.name}", item, annotations[item.name], item.default)
        if all(item.default is not dataclasses.MISSING for item in fields):
            cls()
    except NnexpError as error:
        return f"a default is outside its own bounds: {first_line(error)}"
    except Exception as error:  # noqa: BLE001
        return f"{cls.__name__}() failed: {type(error).__name__}: {first_line(error)}"
    return ""


def wrong_outputs(cls: type[Loss]) -> str:
    """Which of a loss's tasks, or of their output activations, there is not; empty where all are there."""
    outputs: object = cls.outputs
    if not isinstance(outputs, Mapping):
        return f'{cls.__name__}.outputs must be a mapping of tasks to output activations, such as {{"regression": "identity"}}'
    for task, activation in outputs.items():
        if task not in TASKS:
            return f"{cls.__name__}.outputs has the task '{task}'{meant(task, TASKS)}; the tasks are {listed(TASKS)}"
        if activation not in entries()["activation"]:
            near = meant(activation, entries()["activation"])
            return f"{cls.__name__}.outputs has the activation '{activation}' for {task}{near}, which is not installed"
    return ""


def meant(name: object, names: typing.Iterable[str]) -> str:
    """``" (did you mean 'mae'?)"``, within a sentence; empty where nothing is close."""
    match = closest(str(name), names)
    return f" (did you mean '{match}'?)" if match else ""


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
    hint = f" nnexp calls it '{alias}'." if alias in names else companions.hint(kind, alias or str(name), names)
    hint = hint or did_you_mean(str(name), names)
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
    except Exception as error:
        raise NnexpError(
            f"{group}={name} of {entries()[kind][name][0].provider} cannot be made: {type(error).__name__}: {error}"
        ) from error


def no_option(group: str, name: str, key: str, known: typing.Iterable[str]) -> str:
    """The message for a key that the chosen plugin does not have."""
    known = list(known)
    has = f"It has {listed(known)}." if known else "It has no options."
    return f"{group}={name} has no option '{key}'.{did_you_mean(key, known)} {has}"


def named(plugin: Plugin) -> str:
    """The option's name under which a plugin's class is installed; NnexpError where it is not."""
    return name_of(type(plugin))


@functools.cache
def name_of(cls: type[Plugin]) -> str:
    """The same by the class; what is not installed is looked for each time, since an import may show that it is."""
    value = f"{cls.__module__}:{cls.__qualname__}"
    for name, claims in entries()[cls.kind].items():
        # An entry point may name the class where a package passes it on; what is not imported yet cannot be it.
        passed_on = any(entry.value.partition(":")[0] in sys.modules for entry in claims)
        if any(entry.value == value for entry in claims) or (passed_on and lookup(cls.kind, name) is cls):
            return name
    raise NnexpError(
        f"{cls.__qualname__} is not installed as a plugin, so it cannot be named in a configuration or a saved model. "
        f'Add the entry point [project.entry-points."nnexp.{cls.kind}"] to its distribution.'
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
