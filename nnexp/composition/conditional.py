"""One value beside options that vary: ``-m dataset=moons,spiral,blobs dataset.noise=0.1`` holds for those that have the field.

Hydra would put it into the configuration that all jobs begin with, whose dataset may have no such field, and into every job.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence

from hydra._internal.config_repository import IConfigRepository
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from nnexp.basics.fields import hyperparameters
from nnexp.composition.choices import chosen, extension, wrong_field
from nnexp.composition.words import texts, values
from nnexp.discovery import registry
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError

PRESETS = ("experiment", "sweep")
"""What may choose options, too."""


@functools.lru_cache(maxsize=16)  # a sweep asks for each of its jobs
def fixed_beside_varied(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Of a sweep's words those that give one value to a field of a group that varies, itself or with a preset."""
    parsed = OverridesParser.create().parse_overrides(list(lines))
    varied = {each.key_or_group for each in parsed if each.is_sweep_override()}
    groups = set(GROUPS) if varied.intersection(PRESETS) else varied.intersection(GROUPS)
    return tuple(
        str(each.input_line)
        for each in parsed
        if not (each.is_sweep_override() or each.is_add() or each.is_delete()) and _group(each) in groups
    )


def _group(override: Override) -> str:
    """The group whose field an override sets; nothing where it sets none."""
    group, dot, field = override.key_or_group.partition(".")
    return group if dot and "." not in field else ""


def fitting(
    lines: Sequence[str],
    conditional: Collection[str],
    repository: IConfigRepository,
    known: dict[tuple[str, ...], bool],
) -> list[str]:
    """A job's words without those of ``conditional`` for whose field its option has no place.

    ``known`` keeps what was found, by the words that it follows from.
    """

    def applicable(line: str) -> bool:
        follows_from = (line, *(each for each in lines if _decides(each, line)))
        if follows_from not in known:
            known[follows_from] = applies(line, follows_from[1:], repository)
        return known[follows_from]

    return [line for line in lines if line not in conditional or applicable(line)]


def _decides(other: str, line: str) -> bool:
    """Whether another word may say which option has the field that ``line`` sets."""
    key = other.lstrip("+~").partition("=")[0].partition("@")[0]
    return key in (line.lstrip("+").partition(".")[0], *PRESETS)


def applies(line: str, lines: Sequence[str], repository: IConfigRepository) -> bool:
    """Whether the option that these words choose has the field that ``line`` sets."""
    override = OverridesParser.create().parse_override(line)
    group, _, field = override.key_or_group.partition(".")
    return all(_has(group, name, field, repository) for name in _chosen(group, lines, repository))


def refuse_what_none_has(conditional: Sequence[str], lines: Sequence[str], repository: IConfigRepository) -> None:
    """Refuse a value for a field that no job's option has. Raises NnexpError."""
    for line in conditional:
        override = OverridesParser.create().parse_override(line)
        group, _, field = override.key_or_group.partition(".")
        names = [*_chosen(group, lines, repository)]
        if names and not any(_has(group, name, field, repository) for name in names):
            message = wrong_field(group, names[0], field, values(override), repository)
            raise NnexpError(message or f"No option of {group} that the sweep chooses has the field '{field}'.")


def _chosen(group: str, lines: Sequence[str], repository: IConfigRepository) -> Iterator[str]:
    """The options of a group that words lead to, by presets, too."""
    choices = {each.key_or_group: each for each in OverridesParser.create().parse_overrides(list(lines))}
    presets = [key for key in PRESETS if key in choices]
    if group in choices or not presets:
        yield from chosen(group, choices, repository)
        return
    for key in presets:
        for name in texts(choices[key]):
            alone = OverridesParser.create().parse_override(f"{key}={name}")
            yield from chosen(group, {**choices, key: alone}, repository)


def _has(group: str, name: str, field: str, repository: IConfigRepository) -> bool:
    """Whether an option has a field; also where it is none, which is for others to say."""
    _, plugin = extension(group, name, repository)
    if plugin not in registry.available(GROUPS[group]):
        return plugin != "auto"
    return field in [item.name for item in hyperparameters(registry.load(GROUPS[group], plugin))]
