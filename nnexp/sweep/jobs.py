"""The jobs of a sweep before it begins: which there are, of what they are composed, what they would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from nnexp.basics.files import outputs_here
from nnexp.basics.secrets import masked
from nnexp.composition.composed import is_basic, plain, searches, typed_words
from nnexp.composition.keys import FILE_GROUPS
from nnexp.composition.space import region
from nnexp.composition.words import texts
from nnexp.discovery import registry
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError
from nnexp.experiment.settings import check
from nnexp.plugin import Plugin
from nnexp.sweep import inputs, preview
from nnexp.sweep.manifest import Composition
from nnexp.sweep.states import key_of

LONGEST = 60
"""Characters of values that are shown as they would be typed."""


def list_jobs(config: DictConfig) -> None:
    """Show which jobs there would be and what they would cost; see ``nnexp.sweep.preview``."""
    lines = [*in_files(config), *typed_words(config.hydra)]
    refuse_twins(config, lines)
    jobs, keys = grid(config, lines), swept_keys(lines)
    if jobs is None:
        raise NnexpError(
            "This sweeper chooses each job by how those before went, so there is no list. Leave sweep.dry_run out."
        )
    loader: Any = GlobalHydra.instance().config_loader()

    def candidate(number: int, job: list[str]) -> preview.Candidate:
        name = " ".join([line for line in job if key_of(line) in keys] or job)
        compose = partial(loader.load_sweep_config, config, job)
        check = partial(loader.validate, config, [job])
        return preview.Candidate(number, name, job, check, lambda: plain(compose()))

    candidates = (candidate(number, job) for number, job in enumerate(jobs))
    preview.show(candidates, len(jobs), workers(config.hydra.launcher), outputs_here())


def workers(launcher: Mapping[str, Any]) -> int:
    """How many jobs train at the same time, as far as the launcher's options say."""
    from joblib.externals.loky import cpu_count

    wanted = int((launcher["workers"] or -1) if "workers" in launcher else (launcher.get("n_jobs") or 1))
    return wanted if wanted > 0 else int(cpu_count())


def in_files(config: DictConfig) -> list[str]:
    """What a preset or a ready sweep varies, as overrides."""
    params = OmegaConf.to_container(OmegaConf.create(config.hydra.sweeper.get("params") or {}))
    return [f"{key!s}={value}" for key, value in params.items()] if isinstance(params, dict) else []


def swept_keys(lines: list[str]) -> list[str]:
    """The keys of several values among overrides."""
    parsed = OverridesParser.create().parse_overrides(lines)
    return [each.key_or_group for each in parsed if each.is_sweep_override()]


def grid(config: DictConfig, overrides: list[str]) -> list[list[str]] | None:
    """The jobs of Hydra's basic sweeper, in order; None where another sweeper chooses them as it goes."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    if not is_basic(config.hydra.sweeper):
        return None
    parser = OverridesParser.create(
        GlobalHydra.instance().config_loader()
    )  # it lists the options that glob(...) asks for
    batches = BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)
    return [list(job) for batch in batches for job in batch]


def refuse_twins(config: DictConfig, overrides: list[str]) -> None:
    """Refuse a grid with a value twice: the same run would count as two, in means, intervals and rankings."""
    if not is_basic(config.hydra.sweeper):
        return
    for each in OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides(overrides):
        values = Counter(map(str, each.sweep_iterator()) if each.is_sweep_override() else ())
        if twice := [value for value, times in values.items() if times > 1]:
            key, once = each.key_or_group, ",".join(values)
            raise NnexpError(
                f"{key} has {twice[0]} more than once, and the same run would count as several. Type each value once: "
                f"{key}={once if len(once) <= LONGEST else 'VALUE,VALUE'}"
            )


def of_search(config: DictConfig, lines: list[str]) -> list[list[str]]:
    """Jobs of a search that have each choice of plugins among them; none where there is no search."""
    if not searches(config):
        return []
    found = region(lines, GlobalHydra.instance().config_loader())
    return [found.lines(corner) for corner in found.corners()]


class Composed(NamedTuple):
    """What a sweep's jobs are made of."""

    compositions: list[Composition]
    versions: dict[str, str]
    """Of the distributions that they use."""
    files: list[str]
    """What they read."""


def composed(config: DictConfig, jobs: list[list[str]]) -> Composed:
    """The configuration of the first job of each choice of plugins and presets, and what they all use.

    The other jobs differ from those by the values in their overrides alone.
    """
    loader = GlobalHydra.instance().config_loader()
    first: dict[tuple[str, ...], list[str]] = {}
    for job in jobs:
        first.setdefault(tuple(line for line in job if key_of(line) in (*GROUPS, *FILE_GROUPS)), job)
    compositions, versions = [], {"nnexp": version("nnexp")}
    files: dict[str, None] = {}
    keys: set[str] = set()
    for chosen, job in first.items():
        values = plain(loader.load_sweep_config(config, job))
        plan, tracking, _ = check(values)
        versions |= registry.distributions(each for each in plan.chosen().values() if isinstance(each, Plugin))
        files |= dict.fromkeys(inputs.named(plan))
        keys |= inputs.keys(plan)
        values["tracking"]["uri"] = masked(tracking.uri) if tracking.uri else None
        compositions.append(Composition(chosen, values))
    lines = dict.fromkeys(line for job in jobs for line in job if line.lstrip("+").partition("=")[0] in keys)
    for line in lines:
        files |= dict.fromkeys(texts(OverridesParser.create().parse_override(line)))
    return Composed(compositions, versions, [*files])
