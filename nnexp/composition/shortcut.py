"""One composition for all jobs of a sweep that differ in plain values.

Hydra composes each job of a sweep anew, and twice: before the first job, and when it is launched. Most jobs differ in a
learning rate or a seed only, and Hydra applies such overrides last, in their order, to the composed configuration. So the
configuration without them, the template, is composed once, and each job is a copy of it to which Hydra's own function applies
the rest. Before the first job nobody wants the jobs, but to know whether each can be made: then only what its values are below
is copied (``glance``), in place of Hydra's composing all of them (``patches.validate``).

The shortcut is for ``key=value`` with a number, a word, a text or a list of them. A choice of an option has a template of its
own. Anything else (+, ~, a dict, an interpolation, a function, a key of hydra.*) raises ``Doubt``, and Hydra composes that job
in full.

A sweep's configuration is the one it began with: what is written into a file in the middle of it does not reach the templates,
which a loader takes with it to other processes.

A property test compares it with Hydra's own composition, and it serves only the versions of Hydra and OmegaConf that it was
held against (``configs.TESTED``): with others all works, slower.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from omegaconf import DictConfig, OmegaConf, open_dict

from nnexp.composition.configs import duplicate, sharing

NUMBER = re.compile(r"([a-z]\w*(?:\.[a-z]\w*)*)=(-?(?:0|[1-9]\d*))(\.\d+)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""A number, of which a sweep may have thousands, and each takes Hydra's parser 0.3 ms."""
SIMPLE = re.compile(r"(?!hydra\b)[a-z]\w*(\.\w+)*=[^$({]*", re.ASCII | re.IGNORECASE)
"""An override that could be a plain value or a choice."""
RENAMES = ("name", "_target_")
"""Last parts of keys that choose what other keys mean."""
MOST = 32
"""Templates that are kept, each 15 KB in a pickle and ten times as much in memory."""


class Doubt(Exception):  # noqa: N818 (nothing is wrong)
    """It is not certain that the shortcut leads where Hydra's way does."""


class Template(NamedTuple):
    """The configuration that some jobs start from, and the same as it is written."""

    config: DictConfig
    raw: Mapping[str, Any]
    refers: bool
    """Whether any of nnexp's own keys refers to another."""

    @classmethod
    def of(cls, config: DictConfig) -> Template:
        """That which is ``config``."""
        raw = {str(each): raw_value(config, each) for each in config}
        return cls(config, raw, "${" in repr({key: value for key, value in raw.items() if key != "hydra"}))


class Sweep(NamedTuple):
    """What all jobs of a sweep begin with."""

    name: str | None
    """The file that configurations begin with."""
    typed: tuple[str, ...]
    """The overrides of hydra.*."""

    @classmethod
    def of(cls, master: DictConfig) -> Sweep:
        """That of a sweep's configuration."""
        return cls(master.hydra.job.config_name, tuple(master.hydra.overrides.hydra))


class Templates:
    """The configurations of a sweep's jobs without their plain values.

    ``compose`` makes one from a list of overrides, ``is_group`` says whether a key is a group of options.
    """

    def __init__(self, compose: Callable[[str | None, list[str]], DictConfig], is_group: Callable[[str], bool]) -> None:
        self._compose, self._is_group = compose, is_group
        self._groups: dict[str, bool] = {}
        self._made: dict[tuple[str | None, tuple[str, ...]], Template] = {}

    def job(self, sweep: Sweep, lines: Sequence[str]) -> tuple[DictConfig, dict[str, Any]]:
        """What Hydra would compose for a job of ``sweep``, and the same as it is written, to be read only.

        (The latter's hydra.* is without the plain values.) Raises Doubt, or any error of Hydra's.
        """
        template, overrides, plain = self._start(sweep, lines)
        config = duplicate(template.config)
        raw = with_values(template, plain, config)
        note(config.hydra, overrides)
        return config, raw

    def glance(self, sweep: Sweep, lines: Sequence[str]) -> tuple[DictConfig, dict[str, Any]]:
        """The same with only a copy of what the plain values are below, to be read: for who asks whether the job can be made.

        Its hydra.* is the template's.
        """
        template, _, plain = self._start(sweep, lines)
        if template.refers:  # a reference would lead to the template's values
            raise Doubt
        config = sharing(template.config, touched(plain))
        return config, with_values(template, plain, config)

    def _start(self, sweep: Sweep, lines: Sequence[str]) -> tuple[Template, list[Override], list[Override]]:
        """A job's template, its overrides, and those of them that are plain values."""
        overrides = [read(line) for line in lines]
        plain = [each for each in overrides if not self._chooses(each.key_or_group)]
        return self._template(sweep.name, self._of(sweep, overrides)), overrides, plain

    def knows(self, sweep: Sweep, lines: Sequence[str]) -> bool:
        """Whether a job's template is made, so that no file is read for it. Raises Doubt, or any error of Hydra's."""
        return (sweep.name, self._of(sweep, [read(line) for line in lines])) in self._made

    def _of(self, sweep: Sweep, overrides: Sequence[Override]) -> tuple[str, ...]:
        """What a job's template is made of."""
        choices = [each for each in overrides if self._chooses(each.key_or_group)]
        if not all(isinstance(each.value(), str) for each in choices):
            raise Doubt
        return (*sweep.typed, *(str(each.input_line) for each in choices))

    def _chooses(self, key: str) -> bool:
        if key not in self._groups:
            self._groups[key] = self._is_group(key)
        return self._groups[key]

    def _template(self, name: str | None, structure: tuple[str, ...]) -> Template:
        key = name, structure
        if key not in self._made:
            config = self._compose(name, [*structure])
            if config.hydra.searchpath:  # it may have groups that is_group does not know
                raise Doubt
            config.hydra.overrides.task.clear()
            if len(self._made) == MOST:
                self._made.popitem()  # the last: the others serve a sweep that goes round, its place one that goes on
            self._made[key] = Template.of(config)
        return self._made[key]


def touched(plain: Sequence[Override]) -> set[str]:
    """The keys on the highest level that plain values are below."""
    return {each.key_or_group.partition(".")[0] for each in plain}


def with_values(template: Template, plain: list[Override], config: DictConfig) -> dict[str, Any]:
    """Write plain values into a copy of the template; the result as it is written."""
    ConfigLoaderImpl._apply_overrides_to_config(plain, config)
    return {**template.raw, **{key: raw_value(config, key) for key in touched(plain)}}


def raw_value(config: DictConfig, key: Any) -> Any:
    """What is written at a key, nothing in it resolved."""
    node: Any = config._get_node(key)
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node._value()


@functools.lru_cache(maxsize=4096)
def read(line: str) -> Override:
    """A simple override. Raises Doubt for any other, or Hydra's error."""
    if not SIMPLE.fullmatch(line) or line.partition("=")[0].rpartition(".")[2] in RENAMES:
        raise Doubt
    if number := NUMBER.fullmatch(line):
        key, whole, *more = number.groups()
        value = float("".join([whole, *filter(None, more)])) if any(more) else int(whole)
        return Override(OverrideType.CHANGE, key, ValueType.ELEMENT, value, input_line=line)
    override = parser().parse_override(line)
    if override.value_type != ValueType.ELEMENT:
        raise Doubt
    return override


@functools.cache
def parser() -> OverridesParser:
    """Hydra's reader of overrides."""
    return OverridesParser.create()


def note(hydra: Any, overrides: Sequence[Override]) -> None:
    """Write into hydra.* what Hydra notes of a composition's overrides and surroundings."""
    hydra.overrides.task.extend([each.input_line for each in overrides])
    hydra.runtime.cwd = str(Path.cwd())
    job = hydra.job
    with open_dict(hydra):
        for key in job.env_copy:
            job.env_set[key] = os.environ[key]
    words = job.config.override_dirname
    job.override_dirname = get_overrides_dirname(
        overrides=list(overrides), kv_sep=words.kv_sep, item_sep=words.item_sep, exclude_keys=words.exclude_keys
    )
