"""Copies and YAML of OmegaConf's configurations: just what OmegaConf makes, in a fraction of its time.

Hydra needs several of both for every job, and OmegaConf is slow at them: its copies go through ``copy.deepcopy`` for the
bookkeeping of every value, its YAML through PyYAML's Python emitter (libyaml's breaks long lines elsewhere, so it is no
substitute), and an interpolation is parsed anew whenever it is read.
"""

from __future__ import annotations

import copy
import functools
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, Node, OmegaConf
from omegaconf._utils import get_omega_conf_dumper
from omegaconf.base import Box
from omegaconf.grammar_parser import parse

from nnexp.basics.files import replacing

ENTRIES: dict[tuple[int, str, str], str] = {}
"""Entries of mappings that PyYAML wrote, by their depth, key and value."""
MOST = 4096
"""How many of them are kept."""
SHORT = re.compile(r"\w{1,60}", re.ASCII)
"""A key that is written on one line."""


TESTED = {"hydra-core": ("1.3.8",), "omegaconf": ("2.3.1",)}
"""The versions that what is here, and what ``patches`` puts in Hydra's place, was held against."""


@functools.cache
def tested() -> bool:
    """Whether those are installed; others work as they are, only slower."""
    return all(version(name) in versions for name, versions in TESTED.items())


@functools.lru_cache(maxsize=256)
def parsed(text: str) -> Any:
    """The tree of an interpolation such as ``${hydra.job.num}``, of which there are few; OmegaConf only reads it."""
    return parse(text)


def duplicate(config: Any, memo: dict[int, Any] | None = None) -> Any:
    """An independent copy, as OmegaConf's ``__deepcopy__`` makes it: same values, types and flags, below the same parent."""
    return _twin(config, config._get_parent(), {} if memo is None else memo)


def sharing(config: DictConfig, keys: Collection[str]) -> DictConfig:
    """A copy of what is below some of its keys, with the others of ``config`` itself, which are only to be read there."""
    twin: DictConfig = _shell(config, config._get_parent())
    content: Any = config._content
    twin.__dict__["_content"] = {key: _twin(each, twin, {}) if key in keys else each for key, each in content.items()}
    return twin


def _shell(node: Any, parent: Any) -> Any:
    twin, state = object.__new__(type(node)), node.__dict__
    twin.__dict__.update(state, _metadata=_metadata(state["_metadata"]), _parent=parent, _flags_cache=None)
    return twin


def _twin(node: Any, parent: Any, memo: dict[int, Any]) -> Any:
    twin, state = _shell(node, parent), node.__dict__
    memo[id(node)] = twin
    if isinstance(node, Box):
        content = state["_content"]
        if isinstance(content, dict):
            content = {key: _twin(each, twin, memo) for key, each in content.items()}
        elif isinstance(content, list):
            content = [_twin(each, twin, memo) for each in content]
        elif isinstance(content, Node):
            content = _twin(content, twin, memo)
        twin.__dict__["_content"] = content  # a value is shared, as by OmegaConf: it is never changed in place
    return twin


def _metadata(metadata: Any) -> Any:
    twin = object.__new__(type(metadata))
    twin.__dict__.update(metadata.__dict__)
    twin.flags = metadata.flags if metadata.flags is None else dict(metadata.flags)
    twin.resolver_cache = copy.deepcopy(metadata.resolver_cache) if metadata.resolver_cache else defaultdict(dict)
    return twin


def save(cfg: DictConfig, filename: str, output_dir: Path) -> None:
    """Write a configuration into one of the files of ``.hydra/``."""
    output_dir.mkdir(parents=True, exist_ok=True)
    with replacing(output_dir / filename) as file:
        file.write(to_yaml(cfg).encode())


def to_yaml(config: Any) -> str:
    """The same text as ``OmegaConf.to_yaml``.

    The entries of a mapping do not depend on each other. Each is written by PyYAML, and kept: few differ from job to job.
    """
    content: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    return "".join(entries(content, 0)) if isinstance(content, dict) and content else dump(content)


def entries(content: Mapping[Any, Any], depth: int) -> Iterator[str]:
    """The text of each entry of a mapping that stands in ``depth`` others."""
    for key, value in content.items():
        if not isinstance(value, dict) or not value:
            yield entry(key, value, depth)
        elif SHORT.fullmatch(str(key)):
            yield entry(key, {"": ""}, depth).splitlines(keepends=True)[0]
            yield from entries(value, depth + 1)
        else:  # PyYAML may write a question mark first
            yield entry(key, value, depth)


def entry(key: Any, value: Any, depth: int) -> str:
    """One entry as PyYAML writes it, from what is kept if it is there."""
    known = depth, repr(key), repr(value)
    if known not in ENTRIES:
        if len(ENTRIES) >= MOST:
            ENTRIES.clear()
        content = {key: value}
        for _ in range(depth):
            content = {"_": content}
        ENTRIES[known] = "".join(dump(content).splitlines(keepends=True)[depth:])
    return ENTRIES[known]


def dump(content: Any) -> str:
    """``OmegaConf.to_yaml`` of plain values."""
    text: str = yaml.dump(
        content, Dumper=get_omega_conf_dumper(), default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    return text
