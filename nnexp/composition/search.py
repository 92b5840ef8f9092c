"""``search=NAME``: its settings, checked; all that is wrong is said before the first trial."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from nnexp.basics.fields import hyperparameters
from nnexp.composition.composed import is_basic, searches, typed_words
from nnexp.composition.explain import refuse_jobs
from nnexp.composition.files import refuse_swept_settings
from nnexp.composition.keys import SEARCH
from nnexp.composition.sampling import calling
from nnexp.composition.space import Axis, Region, interval, region
from nnexp.discovery import registry
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.experiment.plan import MOST_EPOCHS, part
from nnexp.experiment.settings import MOST_JOBS, SearchSettings
from nnexp.plugin import Direction, Search, Space, Span, Steps, Value

SWEEPER = "hydra_plugins.nnexp_launcher.sweeper.SearchSweeper"
"""What carries a search out, in the place of Hydra's own sweeper."""
PARAMETERS = "parameters"
"""The objective that is no metric: how many weights and biases a network has."""
UNTIL = "sweep.until"
"""The override that says at which epoch a job pauses."""
PARTS = ("train", "validation", "test")
INCOMPARABLE = ("loss", "dataset", "scale.target")
"""Where these differ costs are not in one unit."""
LOWER, HIGHER = ("cost", "mae", "rmse"), ("r2", "accuracy")
"""Metrics that are better if lower, and if higher."""


@dataclass(frozen=True)
class Searched:
    """A search as it was typed."""

    name: str
    plugin: Search
    settings: SearchSettings

    directions: tuple[Direction, ...]
    """One for each objective."""


def searched(given: Mapping[str, Any]) -> Searched:
    """The search that ``search.*`` describes, checked. Raises NnexpError."""
    settings = own_settings(given)
    name = str(given["name"])
    for metric in settings.metric:
        check_metric(metric)
    for each in settings.direction:
        if each not in ("minimize", "maximize"):
            raise NnexpError(
                f"{SEARCH}.direction is minimize or maximize. Got '{each}'.{did_you_mean(each, ('minimize', 'maximize'))}"
            )
    if len(settings.direction) not in (0, max(1, len(settings.metric))):
        raise NnexpError(f"{SEARCH}.direction={listed(settings.direction)}: it has one entry for each {SEARCH}.metric.")
    for metric, each in zip(settings.metric or ("cost",), settings.direction, strict=False):
        if each != direction_of(metric):
            which = "higher" if direction_of(metric) == "maximize" else "lower"
            raise NnexpError(f"{SEARCH}.direction={each}: {metric} is better if {which}, which is known. Leave it out.")
    if len(settings.metric) > 2 or len(set(settings.metric)) < len(settings.metric):
        raise NnexpError(f"{SEARCH}.metric={listed(settings.metric)}: it takes one metric, or two that differ.")
    if settings.metric[:1] == (PARAMETERS,):
        first = (*settings.metric[1:], "cost/validation")[0]
        raise NnexpError(
            f"{SEARCH}.metric: the first one ranks the runs, and {PARAMETERS} alone would choose the smallest network. Type "
            f"'{SEARCH}.metric=[{first},{PARAMETERS}]'"
        )
    own = [item.name for item in hyperparameters(SearchSettings)]
    plugin = registry.build(Search.kind, {key: value for key, value in given.items() if key not in own})
    assert isinstance(plugin, Search)
    return Searched(name, plugin, settings, directions_of(given))


def own_settings(given: Mapping[str, Any]) -> SearchSettings:
    """Those of ``search.*`` that are no fields of its plugin. Raises NnexpError where one is out of bounds."""
    own = {item.name: given[item.name] for item in hyperparameters(SearchSettings) if item.name in given}
    own |= {key: texts_of(own.get(key)) for key in ("metric", "direction")}
    return part(SearchSettings, f"{SEARCH}.", own)


def texts_of(said: Any) -> tuple[str, ...]:
    """One text, or a list of them."""
    if said is None:
        return ()
    return tuple(map(str, said)) if isinstance(said, list | tuple) else (str(said),)


def metrics_of(given: Mapping[str, Any]) -> tuple[str, ...]:
    """What a search optimises; nothing where it says nothing, or there is none."""
    return texts_of(given.get("metric"))


def directions_of(given: Mapping[str, Any]) -> tuple[Direction, ...]:
    """Which way each of its metrics is better."""
    said = texts_of(given.get("direction")) or tuple(map(direction_of, metrics_of(given) or ("cost",)))
    return tuple("maximize" if each == "maximize" else "minimize" for each in said)


def known_metrics() -> list[str]:
    """The metrics that runs may have, whatever their task."""
    return [f"{name}/{each}" for each in PARTS for name in (*LOWER, *HIGHER)]


def check_metric(metric: str) -> None:
    """Refuse a metric that no run has. Raises NnexpError."""
    there = [*known_metrics(), PARAMETERS]
    if metric not in there:
        raise NnexpError(no_metric(metric, there))


def no_metric(metric: str, there: Collection[str]) -> str:
    """The message for a metric that runs do not have."""
    known = listed(there, most=20)
    meant = [each for each in (f"{metric}/validation", f"cost/{metric}") if each in there]
    hint = f" Did you mean '{meant[0]}'?" if meant else did_you_mean(metric, there)
    return f"{SEARCH}.metric: no run has the metric '{metric}'.{hint} There are {known}."


def direction_of(metric: str) -> Direction:
    """Which way the metric is better."""
    return "maximize" if metric.partition("/")[0] in HIGHER else "minimize"


def settings_of(config: DictConfig) -> Mapping[str, Any]:
    """``search.*`` in plain values; empty where the sweep is none."""
    found: Any = OmegaConf.to_container(config[SEARCH]) if OmegaConf.is_dict(config.get(SEARCH)) else {}
    return dict(found)


def check_jobs(config: DictConfig, lines: Sequence[str], loader: Any) -> None:
    """Refuse a sweep's or a search's words that no jobs can be made of; a search has its own sweeper. Raises NnexpError."""
    refuse_swept_settings(lines)
    for line in lines:
        if line.lstrip("+").startswith(f"{UNTIL}="):
            raise NnexpError(
                f"{line} is what a search says to its trials. Leave it out; type epochs=N, or search.halving=3"
            )
    if not searches(config):
        if is_basic(config.hydra.sweeper):
            refuse_jobs(lines, loader)
        return
    if not is_basic(config.hydra.sweeper):
        raise NnexpError("search= chooses the jobs by itself. Leave hydra/sweeper= out.")
    refuse_search(config, lines, loader)
    params = config.hydra.sweeper.get("params")
    config.hydra.sweeper = OmegaConf.create({"_target_": SWEEPER, "params": params})


def versions_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The distributions, with their versions, that the trials of a search follow from; none where there is no search."""
    if not given:
        return {}
    plugin = searched(given).plugin
    return {**registry.distributions([plugin]), **{name: version(name) for name in plugin.needs}}


def refuse_settings(made: Searched, space: Space) -> None:
    """Refuse settings that do not fit what varies. Raises NnexpError."""
    if varied := [key for key in INCOMPARABLE if key in space]:
        refuse_incomparable(made, varied[0])
    if made.settings.seeds > 1 and "seed" in space:
        raise NnexpError(
            f"{SEARCH}.seeds={made.settings.seeds} is the mean over seeds, and seed varies, too. Type seed=0"
        )
    if made.settings.trials * made.settings.seeds > MOST_JOBS:
        raise NnexpError(f"{SEARCH}.trials times {SEARCH}.seeds is more than {MOST_JOBS:,} runs. Type fewer.")
    if made.settings.halving:
        refuse_halving(made.settings, space)
    elif made.settings.rungs != SearchSettings.rungs:
        raise NnexpError(
            f"{SEARCH}.rungs={made.settings.rungs} is of {SEARCH}.halving. Type {SEARCH}.halving=3, too, or leave it out"
        )
    with calling(made.name):
        why = made.plugin.refusal(space, made.directions)
    if why:
        raise NnexpError(why)


def refuse_incomparable(made: Searched, varied: str) -> None:
    """Refuse to make costs low that are in different units, as ``varied`` is not the same for all trials. Raises NnexpError."""
    if any(each.startswith("cost") for each in made.settings.metric or ("cost",)):
        raise NnexpError(
            f"{varied} varies, and costs of different ones do not compare. Type {SEARCH}.metric=accuracy/validation (of "
            "classes) or r2/validation (of a regression)"
        )


def refuse_halving(settings: SearchSettings, space: Space) -> None:
    """Refuse what trials cannot be compared by in the middle. Raises NnexpError."""
    if len(settings.metric) > 1 or any(each.endswith("/test") or each == PARAMETERS for each in settings.metric):
        raise NnexpError(
            f"{SEARCH}.halving compares trials by one metric of an epoch. Type {SEARCH}.metric=cost/validation"
        )
    if "epochs" in space:
        raise NnexpError(f"{SEARCH}.halving says how many epochs a trial has, and epochs varies, too. Type epochs=80")


def refuse_few_epochs(settings: SearchSettings, epochs: int) -> None:
    """Refuse a first rung without an epoch. Raises NnexpError."""
    if settings.halving and epochs // settings.halving ** (settings.rungs - 1) < 1:
        least = settings.halving ** (settings.rungs - 1)
        most = next(each for each in itertools.count(1) if settings.halving**each > epochs)
        ways = [f"epochs={least}"] if least <= MOST_EPOCHS else []
        ways += [f"{SEARCH}.rungs={most}"] if most > 1 else []
        raise NnexpError(
            f"{SEARCH}.halving={settings.halving} with {SEARCH}.rungs={settings.rungs} leaves fewer than one of {epochs} "
            f"epochs for the first rung. Type {' or '.join(ways) or 'more epochs, and fewer rungs'}"
        )


def refuse_twice(config: DictConfig) -> None:
    """Refuse a key that is typed twice, of which the search would vary one. Raises NnexpError."""
    typed: dict[str, Override] = {}
    for each in OverridesParser.create().parse_overrides(typed_words(config.hydra)):
        before = typed.setdefault(each.key_or_group, each)
        if before is not each and (before.is_sweep_override() or each.is_sweep_override()):
            raise NnexpError(
                f"{each.key_or_group} is typed twice: {before.input_line} and {each.input_line}. Leave one of them out."
            )


def refuse_search(config: DictConfig, lines: Sequence[str], loader: Any) -> None:
    """Refuse a search of which a trial would be refused, before the first. Raises NnexpError."""
    refuse_twice(config)
    found = region(lines, loader)
    made = searched(settings_of(config))
    refuse_settings(made, {axis.key: axis.dimension for axis in found.axes.values()})
    for axis in found.axes.values():
        if axis.conditional and not any(axis.key in corner for corner in found.corners()):
            raise NnexpError(f"{axis.key}: no option that the search chooses has this field. Leave it out.")
    first: dict[str, Any] = {}
    for corner in found.corners():
        try:
            job = loader.load_sweep_config(config, found.lines(corner))
        except NnexpError as error:
            raise NnexpError(f"{error}{end_of(found, corner, str(error))}") from None
        for key in ("dataset", "loss"):  # a preset may choose them, too
            if first.setdefault(key, job[key]) != job[key]:
                refuse_incomparable(made, key)
        refuse_few_epochs(made.settings, int(job.epochs))
        for axis in found.axes.values():
            if isinstance(axis.dimension, Span | Steps) and axis.key in corner:
                refuse_rounded(axis, job, corner[axis.key])


def end_of(found: Region, corner: Mapping[str, Value], message: str) -> str:
    """Of a message about an end of an interval: which one it is, or what to type for whole numbers; else empty."""
    for axis in found.axes.values():
        if not isinstance(span := axis.dimension, Span) or not message.startswith(f"{axis.key} must be"):
            continue
        if isinstance(span.low, float) and message.startswith(f"{axis.key} must be an int"):
            return f" Type '{axis.key}=int(interval({span.low:g},{span.high:g}))'"
        which = "lowest" if corner.get(axis.key) == span.low else "highest"
        return f" It is the {which} of {interval(span.low, span.high)}."
    return ""


def refuse_rounded(axis: Axis, job: DictConfig, value: Value) -> None:
    """Refuse numbers for a key that takes whole ones only. Raises NnexpError."""
    there = OmegaConf.select(job, axis.key)
    if isinstance(value, float) and isinstance(there, int) and isinstance(axis.dimension, Span):
        low, high = axis.dimension.low, axis.dimension.high
        raise NnexpError(f"{axis.key} takes whole numbers. Type '{axis.key}=int(interval({low:g},{high:g}))'")
