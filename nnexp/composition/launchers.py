"""What is wrong with an option of the launcher, nnexp's own or any other that has told Hydra what it takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from nnexp.basics.fields import field_types, hyperparameters, supported
from nnexp.composition.reference import LAUNCHER
from nnexp.composition.words import texts, values, wrong_type
from nnexp.errors import did_you_mean, listed
from nnexp.experiment.settings import LauncherSettings


def of_launcher(override: Override, choices: Mapping[str, Override]) -> str:
    """What is wrong with an option of the launcher that is chosen, empty where nothing is."""
    head, key = "hydra.launcher", override.key_or_group
    option, _, below = key.removeprefix(f"{head}.").partition(".")
    name = texts(choices["hydra/launcher"])[0] if "hydra/launcher" in choices else LAUNCHER
    cls = LauncherSettings if name == LAUNCHER else declared(name)
    if not key.startswith(f"{head}.") or cls is None:
        return ""
    known = [item.name for item in hyperparameters(cls) if not item.name.startswith("_")]
    simple = option in known and supported(field_types(cls)[option])
    if option not in known or (below and simple):
        there = [f"{head}.{each}" for each in known]
        has = listed(there, most=20) if there else "none"
        return (
            f"No key '{key}'.{did_you_mean(key, there)} The launcher '{name}' has {has}. Others: hydra/launcher=NAME."
        )
    return wrong_type(cls, option, key, values(override)) if simple else ""


def declared(name: str) -> type | None:
    """The dataclass that an installed launcher has told Hydra its options by; None where it did so in another way."""
    try:
        found = OmegaConf.get_type(ConfigStore.instance().load(f"hydra/launcher/{name}.yaml").node)
    except HydraException:
        return None
    return found if found is not None and dataclasses.is_dataclass(found) else None
