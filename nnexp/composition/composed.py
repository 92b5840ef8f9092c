"""What is read from a configuration that Hydra has composed."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from hydra.utils import get_class
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnexp.basics.secrets import remember
from nnexp.composition.interpolation import unresolved
from nnexp.composition.keys import SEARCH, known_keys
from nnexp.errors import NnexpError
from nnexp.experiment.plan import part
from nnexp.experiment.settings import SweepSettings

NOT_THE_RUNS = ("hydra", "experiment", "sweep", SEARCH)
"""What of a configuration a run does not get."""
NO_PACKAGE = "The file {}.yaml must begin with the line '# @package _global_'; without it nothing counts."


def chosen(config: DictConfig, group: str) -> str:
    """The option of a group that the configuration is made of."""
    return str(config.hydra.runtime.choices.get(group)) if "hydra" in config else "NAME"


def is_own(launcher: Mapping[Any, Any]) -> bool:
    """Whether the launcher with this configuration is the one that comes with nnexp."""
    return str(launcher.get("_target_", "")).endswith(".NnexpLauncher")


def leaves_delivery(launcher: Mapping[Any, Any]) -> bool:
    """Whether jobs of the launcher with this configuration leave their record to the sweep's process."""
    return bool(getattr(get_class(str(launcher["_target_"])), "leaves_delivery", False))


def is_basic(sweeper: Mapping[Any, Any]) -> bool:
    """Whether the sweeper with this configuration is Hydra's own, which lists all jobs before the first begins."""
    return str(sweeper.get("_target_", "")).endswith("basic_sweeper.BasicSweeper")


def swept_in_files(raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The pairs of ``hydra.sweeper.params``: what a preset or a ready sweep varies."""
    return list((raw["hydra"]["sweeper"].get("params") or {}).items())


def conceal(config: DictConfig, raw: dict[str, Any]) -> None:
    """Take the password out of a store's address that a file names; the command line's was never in it."""
    tracking = raw.get("tracking")
    uri = tracking.get("uri") if isinstance(tracking, dict) else None
    if isinstance(uri, str) and (shown := remember(uri)) != uri:
        raw["tracking"]["uri"] = shown
        OmegaConf.update(config, "tracking.uri", shown)


def in_raw_form(config: DictConfig) -> dict[str, Any]:
    """The configuration as it is written: even to read the overrides' text must resolve nothing."""
    raw: Any = OmegaConf.to_container(config, resolve=False)
    return cast("dict[str, Any]", raw)


def sweep_settings(config: DictConfig) -> SweepSettings:
    """``sweep.*``, checked. A ready sweep's file that is not ``_global_`` puts its keys there, too. Raises NnexpError."""
    values: Any = OmegaConf.to_container(config.sweep)
    if not isinstance(values, dict) or {"hydra", *known_keys()} & values.keys():
        raise NnexpError(NO_PACKAGE.format(f"sweep/{chosen(config, 'sweep')}"))
    return part(SweepSettings, "sweep.", values)


def typed_words(hydra: Any) -> list[str]:
    """The overrides of nnexp's own keys in Hydra's part as they were typed: what they refer to is each job's own."""
    lines: Any = OmegaConf.to_container(hydra.overrides, resolve=False)
    return [str(line) for line in lines["task"]]


def searches(config: DictConfig) -> bool:
    """Whether the jobs are to be chosen by a search as it goes."""
    return OmegaConf.is_dict(config.get(SEARCH))


def refuse_half_a_sweep(config: DictConfig, sweep: SweepSettings, options: Sequence[str]) -> None:
    """Refuse a single run that has what belongs to a sweep; ``options`` were typed, too. Raises NnexpError."""
    line = shlex.join([*options, *typed_words(config.hydra)])
    if searches(config):
        raise NnexpError(f"search= chooses the runs of a sweep, and this is a single run. Type -m {line}")
    if config.hydra.sweeper.get("params"):
        raise NnexpError(f"This is a sweep (it has hydra.sweeper.params). Type -m {line}")
    for key, value in asdict(sweep).items():
        if value:
            raise NnexpError(f"sweep.{key}=true is for a sweep, and this is a single run. Type -m {line}")


def plain(config: DictConfig, keys: Collection[str] = ()) -> dict[str, Any]:
    """The configuration without Hydra's own part, in plain values, interpolations resolved (they were checked before).

    With ``keys`` only those: a sweep's own configuration may refer to what only its jobs have. Raises NnexpError.
    """
    if OmegaConf.is_dict(config.get("experiment")):
        raise NnexpError(NO_PACKAGE.format(f"experiment/{chosen(config, 'experiment')}"))
    try:
        return {str(key): value_of(config, key) for key in keys or config if key not in NOT_THE_RUNS}
    except OmegaConfBaseException as error:
        own = {key: value for key, value in in_raw_form(config).items() if key not in NOT_THE_RUNS}
        raise NnexpError(unresolved(own, error)) from error


def written(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The same from a configuration as it is written; empty where it refers to others of its keys, or lacks values."""
    values = {key: value for key, value in raw.items() if key not in NOT_THE_RUNS}
    text = repr(values)
    return {} if "${" in text or MISSING in text or isinstance(raw.get("experiment"), dict) else values


def value_of(config: DictConfig, key: Any) -> Any:
    """One key's plain value; ``???`` where it is missing."""
    if OmegaConf.is_missing(config, key):
        return MISSING
    value = config[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


@functools.cache
def top_keys() -> tuple[str, ...]:
    """The keys of nnexp's own on the highest level of a configuration."""
    return tuple(dict.fromkeys(key.partition(".")[0] for key in known_keys()))
