"""Options that are chosen, on the command line or in files: whether they are there, and what their fields take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hydra._internal.config_repository import IConfigRepository
from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from nnexp.basics.fields import field_types, hyperparameters, takes_list
from nnexp.basics.files import relative
from nnexp.composition.keys import ALL_SECTIONS, EXTRA, SEARCH
from nnexp.composition.words import texts, wrong_type
from nnexp.discovery import companions, installed, presets, registry
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.experiment.plan import DEFAULTS
from nnexp.experiment.settings import SearchSettings
from nnexp.plugin import Plugin, Search


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
    if group == SEARCH:
        return "" if value in (*names, "null") else registry.unknown(Search.kind, value)
    if value in (*names, "null"):
        return ""
    if reason := presets.left_out(group, value):
        return reason
    what = {"experiment": "preset", "sweep": "ready sweep", "tracking": "tracking option"}[group]
    hint = companions.hint(group, value, names) or did_you_mean(value, names)
    return f"No {what} '{value}'.{hint} Available for {group}=: {listed(names, most=40)}."


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
        if preset and isinstance(searched := preset.content.get(SEARCH), dict):
            named = texts(choices[SEARCH])[0] if SEARCH in choices else preset.chooses.get(SEARCH, "")
            parts += [(preset, SEARCH, named, searched)] if named not in ("", "null") else []
    for file, group, plugin, part in parts:
        for field, value in part.items():
            of_search = group == SEARCH
            if message := (
                wrong_search_key(plugin, str(field), [value])
                if of_search
                else wrong_field(group, plugin, str(field), [value], repository)
            ):
                return f"{relative(file.path)}: {message}"
    return ""


def wrong_preset(preset: File, repository: IConfigRepository) -> str:
    """What a preset chooses that is not there, or chooses where its values stand; empty where all is well."""
    for group, plugin in preset.chooses.items():
        if group in (*GROUPS, SEARCH) and "${" not in plugin and (message := wrong_option(group, plugin, repository)):
            return message
    for section in ALL_SECTIONS:
        if not isinstance(given := preset.content.get(section, {}), dict):
            first = hyperparameters(ALL_SECTIONS[section])[0].name
            return f"{section}: {given} stands where its keys belong. Write '{section}: {{{first}: ...}}'"
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


def wrong_search_key(name: str, field: str, given: Iterable[Any]) -> str:
    """A key that the search does not have, or a value of the wrong type; empty where all is well."""
    own, key = registry.load(Search.kind, name), f"{SEARCH}.{field}"
    for cls in (SearchSettings, own):
        if field in fields(cls):
            several = takes_list(field_types(cls)[field])
            return wrong_type(
                cls, field, key, ([each] if several and not isinstance(each, list) else each for each in given)
            )
    others = [each for each in registry.available(Search.kind) if field in fields(registry.load(Search.kind, each))]
    there = [f"{SEARCH}.{each}" for each in (*fields(own), *fields(SearchSettings))]
    hint = f" It is of search={others[0]}." if others else did_you_mean(key, there)
    return f"No key '{key}'.{hint} There are {listed(there, most=20)}."


def fields(cls: type) -> list[str]:
    """The fields that can be typed."""
    return [item.name for item in hyperparameters(cls)]


def default_choice(group: str) -> str:
    """The option that conf/config.yaml chooses."""
    return "diabetes" if group == "dataset" else DEFAULTS.get(group, "auto")
