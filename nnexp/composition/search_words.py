"""``search=NAME`` and its keys, typed or in a preset: what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping

from hydra._internal.config_repository import IConfigRepository
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from nnexp.composition.choices import fields, wrong_option, wrong_search_key
from nnexp.composition.keys import SEARCH
from nnexp.composition.words import texts, values
from nnexp.errors import NnexpError
from nnexp.experiment.settings import SearchSettings

CHOOSE = "Type search=NAME{}, or write in a preset 'defaults: [override /search: NAME]'"
"""How a search is chosen."""


def of_search(override: Override, choices: Mapping[str, Override], repository: IConfigRepository) -> str:
    """What is wrong with ``search=NAME`` or one of its keys that was typed; empty where nothing is."""
    key, rest, line = override.key_or_group, override.key_or_group.partition(".")[2], override.input_line
    name = texts(choices[SEARCH])[0] if SEARCH in choices else ""
    if override.is_add() or (not rest and name == "null"):
        return f"{line}: type search=NAME, or to search nothing leave it out."
    if override.is_sweep_override():
        return f"{line}: {key} is of the sweep as a whole and takes one value."
    if not rest:
        own = texts(override)[0]
        return wrong_option(SEARCH, own, repository) if own else f"{line} names no search. Type search=NAME"
    if not name:
        return f"{line} is of a search, and none is chosen. Type search=NAME {line}"
    return wrong_option(SEARCH, name, repository) or wrong_search_key(name, rest, values(override))


def refuse_unchosen(config: DictConfig) -> None:
    """Refuse what a preset says of a search where none is chosen. Raises NnexpError."""
    given = config.get(SEARCH)
    if given is None or (OmegaConf.is_dict(given) and "name" in given):
        return
    if not OmegaConf.is_dict(given):
        raise NnexpError(
            f"{SEARCH}: {given} stands where its keys belong. To choose it, write 'defaults: [override /{SEARCH}: {given}]'"
        )
    known = fields(SearchSettings)
    key = next((str(each) for each in given if each not in known), str(next(iter(given), "trials")))
    raise NnexpError(f"{SEARCH}.{key} is of a search, and none is chosen. {CHOOSE.format('')}")
