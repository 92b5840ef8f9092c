"""What Hydra could not compose, said in nnexp's words: the thing, the rule, and what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hydra._internal.config_repository import IConfigRepository
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, Sweep
from hydra.errors import HydraException

from nnexp import installed, presets, registry
from nnexp.errors import NnexpError, did_you_mean, first_line, listed
from nnexp.experiment import SECTIONS, Settings
from nnexp.fields import bounds, field_types, hyperparameters, rule
from nnexp.registry import GROUPS
from nnexp.run import TrackingSettings

FILE_GROUPS = ("tracking", "experiment", "sweep")
"""Groups whose options are files in conf/."""
EXTRA: Mapping[str, tuple[str, ...]] = {"loss": ("auto",), "output": ("auto",)}


def explain(error: Exception, overrides: list[str], repository: IConfigRepository, *, sweeping: bool) -> str:
    """The message for a composition that failed with ``error``; ``sweeping``: several values of a key are allowed."""
    parsed = []
    for line in overrides:
        try:
            parsed.append(OverridesParser.create().parse_override(line))
        except HydraException as mistake:
            return unreadable(line, mistake)
    choices = {each.key_or_group: each for each in parsed}
    for each in parsed:
        message = explain_override(each, choices, repository, sweeping=sweeping)
        if message:
            return message
    return in_hydras_words(error)


def unreadable(line: str, mistake: Exception) -> str:
    """An override that is not in Hydra's grammar."""
    if "=" not in line:
        hint = f" Type {line}=..." if line in known_keys() else did_you_mean(line, known_keys())
        return f"'{line}' is not of the form key=value.{hint} See python -m nnexp --help."
    key, _, value = line.partition("=")
    quoted = value.replace('"', '\\"')
    return f"Cannot read '{line}' ({first_line(mistake)}). Quote a value with special characters: '{key}=\"{quoted}\"'"


def explain_override(
    override: Override, choices: Mapping[str, Override], repository: IConfigRepository, *, sweeping: bool
) -> str:
    """What is wrong with one override, empty where nothing is."""
    key = override.key_or_group
    if key.startswith(("hydra", "_")):
        return ""
    values = texts(override)
    if override.is_sweep_override() and not sweeping:
        line = override.input_line
        return f"{line} is several values, which is a sweep: type -m {line}. (A list is typed {key}=[...].)"
    if override.is_add() and key in (*GROUPS, *FILE_GROUPS):
        return f"{override.input_line} adds a second {key}. To choose it type {key}={values[0]}, without the +."
    if key in GROUPS or key in FILE_GROUPS:
        return next(filter(None, (wrong_option(key, value, repository) for value in values)), "")
    head, _, rest = key.partition(".")
    if head in GROUPS and rest:
        return wrong_field(head, rest, values, choices)
    if head in SECTIONS or head == "tracking":
        section = SECTIONS.get(head, TrackingSettings)
        known = [item.name for item in hyperparameters(section)]
        if rest not in known:
            there = [f"{head}.{each}" for each in known]
            return f"No key '{key}'.{did_you_mean(key, there)} There are {listed(there)}."
        return wrong_type(section, rest, key, values)
    if key in plain_keys():
        return wrong_type(Settings, key, key, values)
    nested = [known for known in known_keys() if known.rpartition(".")[2] == key]
    hint = f" Did you mean '{nested[0]}'?" if nested else did_you_mean(key, known_keys())
    groups, keys = (
        listed([*GROUPS, *FILE_GROUPS]),
        listed([*plain_keys(), *(f"{each}.*" for each in SECTIONS)], most=20),
    )
    return f"No option group or key '{key}'.{hint} Groups: {groups}. Keys: {keys}."


def wrong_option(group: str, value: str, repository: IConfigRepository) -> str:
    """An option that the group does not have."""
    if group in GROUPS:
        kind = GROUPS[group]
        names = repository.get_group_options(group, ObjectType.CONFIG)
        if value in names or value in EXTRA.get(group, ()):
            return ""
        if value in installed.entries()[kind]:
            try:
                registry.load(kind, value)
            except NnexpError as error:
                return str(error)
        if reason := presets.left_out(group, value):
            return reason
        files = [
            name for name in names if name not in installed.entries()[kind]
        ]  # those that extend an option, and auto
        message = registry.unknown(kind, value, tuple(dict.fromkeys((*EXTRA.get(group, ()), *files))))
        return message.replace(f"No {kind} ", f"No {group} ", 1)
    names = repository.get_group_options(group, ObjectType.CONFIG)
    if value in (*names, "null"):
        return ""
    if reason := presets.left_out(group, value):
        return reason
    what = {"experiment": "preset", "sweep": "ready sweep", "tracking": "tracking option"}[group]
    return f"No {what} '{value}'.{did_you_mean(value, names)} Available for {group}=: {listed(names, most=40)}."


def wrong_field(group: str, field: str, values: Iterable[str], choices: Mapping[str, Override]) -> str:
    """A field that the chosen plugin does not have, or a value of the wrong type."""
    chosen = texts(choices[group]) if group in choices else [default_choice(group)]
    for name in chosen:
        if name in EXTRA.get(group, ()):
            return f"{group}={name} has no option '{field}'. Name the {group}: type {group}=NAME {group}.{field}=..."
        if name not in registry.available(GROUPS[group]):
            continue  # a preset that extends an option
        cls = registry.load(GROUPS[group], name)
        known = [item.name for item in hyperparameters(cls)]
        if field not in known:
            return registry.no_option(group, name, field, known)
        message = wrong_type(cls, field, f"{group}.{field}", values)
        if message:
            return message
    return ""


def default_choice(group: str) -> str:
    """The option that conf/config.yaml chooses."""
    defaults = {
        "dataset": "diabetes",
        "activation": "relu",
        "optimizer": "minibatch",
        "schedule": "constant",
        "initializer": "glorot",
    }
    return defaults.get(group, "auto")


def wrong_type(cls: type, field: str, key: str, values: Iterable[str]) -> str:
    """A value that cannot become the field's type."""
    annotation = field_types(cls)[field]
    item = next(each for each in hyperparameters(cls) if each.name == field)
    for value in values:
        if not convertible(value, annotation):
            return f"{key} must be {rule(annotation, bounds(item))}. Got '{value}'.{did_you_mean(value, bounds(item).choices)}"
    return ""


def convertible(value: str, annotation: Any) -> bool:
    """Whether the text of an override can be read as ``annotation``; only numbers and booleans can fail."""
    kinds = str(annotation)
    if value in ("null", "???") or "str" in kinds or value.startswith("["):
        return "None" in kinds or value != "null"
    if "float" in kinds:
        return _reads(float, value)
    if "int" in kinds:
        return _reads(int, value)
    return value.lower() in ("true", "false", "yes", "no", "on", "off", "1", "0")


def _reads(kind: type, value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True


def texts(override: Override) -> list[str]:
    """An override's value, or each of a sweep's, as text."""
    value = override.value()
    if isinstance(value, Sweep):
        try:
            return [str(each) for each in override.sweep_string_iterator()]
        except (HydraException, ValueError):
            return []
    if isinstance(value, QuotedString):
        value = value.text
    if isinstance(value, list | dict):
        return [str(value)]
    return ["null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)]


def plain_keys() -> list[str]:
    """The keys that are neither plugins nor groups of keys."""
    return [item.name for item in hyperparameters(Settings) if item.name not in SECTIONS]


def known_keys() -> list[str]:
    """Everything that can stand before ``=``."""
    nested = [f"{head}.{item.name}" for head, cls in SECTIONS.items() for item in hyperparameters(cls)]
    tracking = [f"tracking.{item.name}" for item in hyperparameters(TrackingSettings)]
    return [*GROUPS, *FILE_GROUPS, *plain_keys(), *nested, *tracking]


def in_hydras_words(error: Exception) -> str:
    """Hydra's own message, shortened: the cause where there is one, without OmegaConf's bookkeeping lines."""
    lines = [line.strip() for each in (error, error.__cause__) if each is not None for line in str(each).splitlines()]
    useful = [
        line for line in lines if line and not line.startswith(("object_type=", "reference_type=", "To append to your"))
    ]
    return "\n".join(useful[:8]) or type(error).__name__
