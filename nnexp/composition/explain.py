"""What Hydra could not compose, said in nnexp's words: the thing, the rule, and what to type next."""

from __future__ import annotations

import itertools
import math
import re
import shlex
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hydra._internal.config_repository import IConfigRepository
from hydra.conf import HydraConf
from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, QuotedString, RangeSweep, Sweep
from hydra.errors import HydraException
from omegaconf import EnumNode, OmegaConf

from nnexp.basics.fields import bounds, field_types, hyperparameters, rule
from nnexp.basics.files import relative
from nnexp.discovery import installed, presets, registry
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError, did_you_mean, first_line, listed
from nnexp.experiment.experiment import SECTIONS, Settings
from nnexp.experiment.settings import RUN_SECTIONS, LauncherSettings, RunSettings
from nnexp.plugin import Plugin

FILE_GROUPS = ("tracking", "experiment", "sweep")
"""Groups whose options are files in conf/."""
ALL_SECTIONS: Mapping[str, type] = {**SECTIONS, **RUN_SECTIONS}
"""The groups of keys that are no plugins, with the class whose fields they are."""
EXTRA: Mapping[str, tuple[str, ...]] = {"loss": ("auto",), "output": ("auto",)}


FUNCTIONS = ("choice", "range", "glob", "shuffle", "sort")
"""Of Hydra's functions on the command line, those that give several values."""


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
    if "NnexpLauncherConf" in str(error.__cause__):
        return next(filter(None, map(of_launcher, parsed)), in_hydras_words(error))
    return in_hydras_words(error)


def of_hydra(override: Override, repository: IConfigRepository) -> str:
    """An option that a group of Hydra's own, such as ``hydra/launcher``, does not have; empty where nothing is wrong."""
    group = override.key_or_group
    names = repository.get_group_options(group, ObjectType.CONFIG) if group.startswith("hydra/") else []
    wrong = next((name for name in texts(override) if names and name not in names), "")
    return f"No {group} '{wrong}'.{did_you_mean(wrong, names)} Available: {listed(names)}." if wrong else ""


def of_hydras_keys(override: Override) -> str:
    """A key that Hydra's part does not have, or a value that the key cannot have; empty where nothing is wrong."""
    key = override.key_or_group
    if override.is_add() or override.is_delete() or not key.startswith("hydra."):
        return ""
    node: Any = OmegaConf.structured(HydraConf)
    head = "hydra"
    for name in key.split(".")[1:]:
        if not OmegaConf.is_dict(node) or OmegaConf.get_type(node) is dict:
            return ""  # what is in there is not known here: a launcher's, logging's
        if name not in list(node):  # also where it is missing
            there = [f"{head}.{each}" for each in node]
            return f"No key '{key}'.{did_you_mean(f'{head}.{name}', there)} There are {listed(there, most=30)}."
        head, node = f"{head}.{name}", node._get_node(name)
    typed = text(next(values(override), None))
    if isinstance(node, EnumNode) and typed not in node.enum_type.__members__:
        return f"{override.input_line}: {head} must be one of {listed(node.enum_type.__members__)}."
    if OmegaConf.is_dict(node) and OmegaConf.get_type(node) is not dict and not isinstance(override.value(), dict):
        first = next(iter(node), "")
        return (
            f"{override.input_line}: {head} is a group of keys ({listed(map(str, node))}). Type {head}.{first}={typed}"
        )
    return ""


def of_launcher(override: Override) -> str:
    """What is wrong with an option of nnexp's own launcher, empty where nothing is."""
    head, _, option = override.key_or_group.rpartition(".")
    if head != "hydra.launcher":
        return ""
    known = [item.name for item in hyperparameters(LauncherSettings)]
    if option not in known:
        there = listed([f"{head}.{each}" for each in known])
        return f"No key '{override.key_or_group}': the launcher 'nnexp' has {there}. Others: hydra/launcher=NAME."
    return wrong_type(LauncherSettings, option, override.key_or_group, values(override))


def without_jobs(override: Override) -> str:
    """What is wrong with several values that the basic sweeper can make no jobs of; empty where nothing is.

    The override has to know the options, as one read by a parser with a loader does.
    """
    key, line, value = override.key_or_group, override.input_line, override.value()
    if isinstance(value, IntervalSweep):
        return (
            f"{line} is an interval, and this sweeper takes single values. Type some: {key}={value.start},{value.end}"
        )
    try:
        if not override.is_sweep_override() or next(override.sweep_string_iterator(), None) is not None:
            return ""
        why = "no option fits" if isinstance(value, Glob) else "it has no values"
    except ValueError as error:
        why = str(error)
    return f"{line}: {why}, so there would be no job. Type {key}=VALUE,VALUE"


def how_many(override: Override, most: int) -> int:
    """The values of an override that a sweep varies; of more than ``most`` only that there are more."""
    value = override.value()
    if isinstance(value, RangeSweep):
        start, stop, step = (float(each or 0) for each in (value.start, value.stop, value.step))
        return max(0, math.ceil((stop - start) / step)) if step else most + 1
    if not override.is_sweep_override() or isinstance(value, IntervalSweep):
        return 1
    return sum(1 for _ in itertools.islice(override.sweep_string_iterator(), most + 1))


def renamed(overrides: Iterable[str]) -> str:
    """What to type instead of ``optimizer={name:sgd}`` or ``optimizer.name=sgd``; empty where nobody typed such a thing.

    Hydra would merge the name into the option that is chosen already, with the fields of that one.
    """
    for line in overrides:
        override = OverridesParser.create().parse_override(line)
        group, _, field = override.key_or_group.partition(".")
        value = next(values(override), None)
        fields = {field: value} if field else value
        if (
            group in GROUPS
            and isinstance(fields, dict)
            and "name" in (spec := {text(key): fields[key] for key in fields})
        ):
            rest = [f"{group}.{key}={text(each)}" for key, each in spec.items() if key != "name"]
            words = " ".join([f"{group}={text(spec['name'])}", *rest])
            return f"{line} would keep the fields of the {group} that is chosen already. Type {words}"
    return ""


def unreadable(line: str, mistake: Exception) -> str:
    """An override that is not in Hydra's grammar."""
    if "=" not in line:
        hint = f" Type {line}=..." if line in known_keys() else did_you_mean(line, known_keys())
        return f"'{line}' is not of the form key=value.{hint} See python -m nnexp --help."
    key, _, value = line.partition("=")
    parts = [each.strip() for each in value.split(",")]
    if re.fullmatch(r"choice\(\s*\)", value.strip()):
        return f"{line} has no values, so there would be no job. Type {key}=VALUE,VALUE"
    if "" in parts and not set(value) & set("[](){}'\""):
        return f"{line} has a comma without a value. Type {key}={','.join(filter(None, parts)) or 'VALUE,VALUE'}"
    if unknown := re.search(r"Unknown function '(\w+)'", str(mistake)):
        hint = did_you_mean(unknown[1], FUNCTIONS)
        return f"{line}: no function '{unknown[1]}'.{hint} For several values: {listed(FUNCTIONS)}."
    if value.startswith("~/"):
        return f"{line}: only a shell reads ~, and there at the beginning of a word. Type {key}=$HOME{value[1:]}"
    if value.count("[") > value.count("]"):
        return (
            f"{line} is no complete list: a list has no blanks, or stands in quotes. Type {key}=[1,2] or '{key}=[1, 2]'"
        )
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    typed = shlex.quote(f'{key}="{quoted}"')
    return f"Cannot read '{line}' ({first_line(mistake)}). Quote a value with special characters: {typed}"


def explain_override(
    override: Override, choices: Mapping[str, Override], repository: IConfigRepository, *, sweeping: bool
) -> str:
    """What is wrong with one override, empty where nothing is."""
    key = override.key_or_group
    if key.startswith(("hydra", "_")):
        return of_hydra(override, repository) or of_hydras_keys(override)
    if override.is_sweep_override() and not sweeping:
        line = override.input_line
        return f"{line} is several values, which is a sweep: type -m {line}. (A list is typed {key}=[...].)"
    if override.is_add() and key in (*GROUPS, *FILE_GROUPS):
        return (
            f"{override.input_line} adds a second {key}. To choose it type {key}={texts(override)[0]}, without the +."
        )
    if key in FILE_GROUPS and None in list(values(override)):
        return f"{override.input_line}: to choose no {key}, leave it out."
    if key in GROUPS or key in FILE_GROUPS:
        return next(filter(None, (wrong_choice(key, each, choices, repository) for each in texts(override))), "")
    head, _, rest = key.partition(".")
    if head in GROUPS and rest:
        names = chosen(head, choices, repository)
        return next(filter(None, (wrong_field(head, name, rest, values(override), repository) for name in names)), "")
    if rest and head in ALL_SECTIONS:
        section = ALL_SECTIONS[head]
        known = [item.name for item in hyperparameters(section)]
        if rest not in known:
            there = [f"{head}.{each}" for each in known]
            return f"No key '{key}'.{did_you_mean(key, there)} There are {listed(there)}."
        return wrong_type(section, rest, key, values(override))
    if key in plain_keys():
        holder = Settings if key in {item.name for item in hyperparameters(Settings)} else RunSettings
        return wrong_type(holder, key, key, values(override))
    nested = [known for known in known_keys() if known.rpartition(".")[2] == key]
    hint = f" Did you mean '{nested[0]}'?" if nested else did_you_mean(key, known_keys())
    groups, keys = (
        listed([*GROUPS, *FILE_GROUPS]),
        listed([*plain_keys(), *(f"{each}.*" for each in ALL_SECTIONS)], most=20),
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


class File(NamedTuple):
    """A configuration file: a preset, or one that extends an option."""

    path: str
    content: Mapping[str, Any]
    extends: str
    """The first option or file of its own group in its defaults list; empty where there is none."""
    chooses: Mapping[str, str]
    """What its defaults list chooses for other groups."""


def read_file(group: str, name: str, repository: IConfigRepository) -> File | None:
    """The file ``group/name.yaml``; None where there is none."""
    found = repository.load_config(f"{group}/{name}")
    if found is None:
        return None
    content: Any = OmegaConf.to_container(found.config, resolve=False)
    defaults = found.defaults_list or []
    bases = [str(each.path).rpartition("/")[2] for each in defaults if isinstance(each, ConfigDefault)]
    return File(
        f"{found.path.removeprefix('file://')}/{group}/{name}.yaml",
        content if isinstance(content, dict) else {},
        next((each for each in bases if each != "_self_"), ""),
        {str(each.group).strip("/"): str(each.value) for each in defaults if isinstance(each, GroupDefault)},
    )


def wrong_choice(key: str, name: str, choices: Mapping[str, Override], repository: IConfigRepository) -> str:
    """An option that is not there, or a file whose values do not fit the plugins they are for; empty where all is well."""
    if message := wrong_option(key, name, repository):
        return message
    if key in GROUPS:
        files, plugin = extension(key, name, repository)
        parts = [(file, key, plugin, file.content) for file in files]
    else:
        preset = read_file(key, name, repository)
        held = [group for group in GROUPS if preset and isinstance(preset.content.get(group), dict)]
        parts = [
            (preset, group, plugin, preset.content[group])
            for group in held
            for plugin in chosen(group, choices, repository)
            if preset
        ]
        if preset and (message := wrong_preset(preset, repository)):
            return f"{relative(preset.path)}: {message}"
    for file, group, plugin, part in parts:
        for field, value in part.items():
            if message := wrong_field(group, plugin, str(field), [value], repository):
                return f"{relative(file.path)}: {message}"
    return ""


def wrong_preset(preset: File, repository: IConfigRepository) -> str:
    """What a preset chooses that is not there, or chooses where its values stand; empty where all is well."""
    for group, plugin in preset.chooses.items():
        if group in GROUPS and "${" not in plugin and (message := wrong_option(group, plugin, repository)):
            return message
    for group in GROUPS:
        if isinstance(named := preset.content.get(group), str):
            choice = f"'defaults: [override /{group}: {named}]'"
            return f"{group}: {named} stands where its keys belong. To choose it, write {choice}"
    return ""


def chosen(group: str, choices: Mapping[str, Override], repository: IConfigRepository) -> list[str]:
    """What is chosen for a group of plugins: on the command line, by a preset, or in conf/config.yaml."""
    if group in choices:
        return texts(choices[group])
    for key in ("sweep", "experiment"):  # the later one in conf/config.yaml counts
        for name in texts(choices[key]) if key in choices else ():
            preset = read_file(key, name, repository)
            if preset and group in preset.chooses:
                return [preset.chooses[group]]
    return [default_choice(group)]


def extension(group: str, name: str, repository: IConfigRepository) -> tuple[list[File], str]:
    """The files that ``group=name`` goes back to, and the plugin that they extend, which is ``name`` where there is no file."""
    files: list[File] = []
    while name not in (*installed.entries()[GROUPS[group]], *EXTRA.get(group, ())):
        file = read_file(group, name, repository) if name else None
        if file is None or file in files:
            return files, ""
        files.append(file)
        name = file.extends
    return files, name


def wrong_field(group: str, name: str, field: str, given: Iterable[Any], repository: IConfigRepository) -> str:
    """A field that the option ``group=name`` does not have, or a value of the wrong type; empty where all is well."""
    _, plugin = extension(group, name, repository)
    if plugin in EXTRA.get(group, ()):
        return f"{group}={name} has no option '{field}'. Name the {group}: type {group}=NAME {group}.{field}=..."
    if plugin not in registry.available(GROUPS[group]) or field == "name":
        return ""
    cls: type[Plugin] = registry.load(GROUPS[group], plugin)
    known = [item.name for item in hyperparameters(cls)]
    if field not in known:
        return registry.no_option(group, name, field, known)
    return wrong_type(cls, field, f"{group}.{field}", given)


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


def wrong_type(cls: type, field: str, key: str, given: Iterable[Any]) -> str:
    """A value that cannot become the field's type."""
    annotation = field_types(cls)[field]
    item = next(each for each in hyperparameters(cls) if each.name == field)
    for value in given:
        if not convertible(value, annotation):
            several = isinstance(value, list | dict)
            hint = did_you_mean(text(value), bounds(item).choices)
            if typing.get_origin(annotation) is tuple and not several:
                hint = f" Type {key}=[{text(value)}]."
            shown = value if several else f"'{text(value)}'"
            return f"{key} must be {rule(annotation, bounds(item))}. Got {shown}.{hint}"
    return ""


def convertible(value: Any, annotation: Any) -> bool:
    """Whether an override's value can be read as ``annotation``. What is still missing, or refers to another key, can."""
    if text(value) == "???" or text(value).startswith("${"):
        return True
    union = isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union
    return any(reads(value, each) for each in (typing.get_args(annotation) if union else (annotation,)))


def reads(value: Any, kind: Any) -> bool:
    """Whether a value can be read as int, float, bool, str, None or a tuple of them."""
    if typing.get_origin(kind) is tuple:
        return isinstance(value, list) and all(reads(each, typing.get_args(kind)[0]) for each in value)
    if isinstance(value, list | dict) or kind is type(None) or value is None:
        return value is None and kind is type(None)
    if kind is bool:
        return text(value).lower() in ("true", "false", "yes", "no", "on", "off", "1", "0")
    try:
        kind(text(value))
    except ValueError:
        return False
    return True


def values(override: Override) -> Iterator[Any]:
    """An override's value, or each of a sweep's."""
    value = override.value()
    if not isinstance(value, Sweep):
        yield value
        return
    try:
        lines = list(override.sweep_string_iterator())
    except (HydraException, ValueError):
        return
    yield from (OverridesParser.create().parse_override(f"x={line}").value() for line in lines)


def texts(override: Override) -> list[str]:
    """The same as text."""
    return [text(value) for value in values(override)]


def text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, QuotedString):
        return str(value.text)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def plain_keys() -> list[str]:
    """The keys that are neither plugins nor groups of keys."""
    return [item.name for cls in (Settings, RunSettings) for item in hyperparameters(cls) if item.name not in SECTIONS]


def known_keys() -> list[str]:
    """Everything that can stand before ``=``."""
    nested = [f"{head}.{item.name}" for head, cls in ALL_SECTIONS.items() for item in hyperparameters(cls)]
    return [*GROUPS, *FILE_GROUPS, *plain_keys(), *nested]


def in_hydras_words(error: Exception) -> str:
    """Hydra's own message, shortened: the cause where there is one, without OmegaConf's bookkeeping lines."""
    lines = [line.strip() for each in (error, error.__cause__) if each is not None for line in str(each).splitlines()]
    useful = [
        line for line in lines if line and not line.startswith(("object_type=", "reference_type=", "To append to your"))
    ]
    return "\n".join(useful[:8]) or type(error).__name__
