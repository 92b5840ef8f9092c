"""What is installed, for people and for programs: ``python -m nnexp plugins [KIND | KIND.NAME | NAME] [--json]``.

The facts are collected once, as plain values (``contents``): ``--json`` prints them, the listing and the page of one plugin
are made from them.
"""

from __future__ import annotations

import inspect
import math
import typing
from dataclasses import MISSING
from importlib.metadata import version
from typing import Any

from nnexp.basics.fields import bounds, field_types, hyperparameters, is_file, rule
from nnexp.basics.files import own_directory
from nnexp.commands.catalogue_text import PRESETS, TRACKING, Facts, entry, listing, page, preset_page, printed
from nnexp.discovery import installed, presets, registry
from nnexp.discovery.installed import EXAMINED, Broken, Provider
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError, closest, did_you_mean, listed
from nnexp.plugin import Loss, Plugin

AUTO = {
    "loss.auto": (
        "The dataset's own loss, where it names one, or the task's: mse for a regression, bce for two classes, cce for several."
    ),
    "output.auto": (
        "The output activation that is natural for the loss and the task: a loss's page lists them, such as "
        "python -m nnexp plugins loss.mse"
    ),
    "engine.auto": "The fastest installed engine that has code for all that is chosen; the run says which, and why.",
}
"""What is no plugin, and becomes one when the data are loaded."""


NO_BOUNDS = (None, (), math.inf, -math.inf)


def show(what: str = "") -> None:
    """Print what is installed, or the part of it that ``what`` names. Raises NnexpError for a name that is not there."""
    word = place_typed(what)
    if word in AUTO:
        printed(entry(word.replace(".", "="), AUTO[word], 13))
        return
    found = chosen(what)
    if "." not in word and word in (*places(), ""):
        printed(listing(found))
    else:
        printed(page(found["plugins"][0]) if found["plugins"] else preset_page(found["presets"][0]))


def chosen(what: str) -> Facts:
    """The same as plain values."""
    return contents(*selected(place_typed(what)))


def place_typed(what: str) -> str:
    """A place in the listing as it is typed, in one spelling: ``loss=mae`` is ``loss.mae``."""
    return what.replace("=", ".").strip(".")


def places() -> list[str]:
    """The words that stand for a part of the listing: kinds, groups, groups of presets, and all presets."""
    return list(dict.fromkeys((*EXAMINED, *GROUPS, *presets.CHOOSABLE, TRACKING, PRESETS)))


def all_presets() -> list[tuple[Provider, presets.Preset]]:
    """Every file that can be chosen, nnexp's own first, with who brings it."""
    return [(conf.provider, preset) for conf in (presets.own(), *presets.usable()) for preset in conf.presets]


def presets_in(place: str) -> list[tuple[Provider, presets.Preset]]:
    """The files of a part of the listing; all but the options of ``tracking`` where ``place`` is empty."""
    if place == TRACKING:
        return [(presets.own().provider, each) for each in presets.files(own_directory()) if each.group == place]
    return [each for each in all_presets() if place in ("", PRESETS, each[1].group)]


def names(place: str) -> list[str]:
    """The names in a place: of plugins, broken ones included, and of files."""
    plugins = installed.entries().get(GROUPS.get(place, place), {})
    return [*plugins, *(each.name for _, each in presets_in(place) if place)]


def selected(what: str) -> tuple[str, str]:
    """The place and the name that ``what`` means, empty for all of them; NnexpError for what is not there, or broken."""
    place, _, name = what.partition(".")
    if not name and place in (*places(), ""):
        return place, ""
    if not name:
        place, name = owner(place), place
    if place not in places():
        raise NnexpError(f"No kind '{place}'.{did_you_mean(place, places())} Kinds: {listed(EXAMINED)}.")
    kind = GROUPS.get(place, place)
    if name in installed.entries().get(kind, {}):
        registry.load(kind, name)
    elif name not in names(place):
        there = [each for each in names(place) if f"{kind}={each}" not in {bad.what for bad in broken(kind)}]
        raise NnexpError(f"No {place} '{name}'.{did_you_mean(name, there)} Available: {listed(there, most=40)}.")
    return place, name


def broken(kind: str) -> list[Broken]:
    """The broken plugins of a kind; none for what is no kind."""
    return registry.broken(kind) if kind in EXAMINED else []


def owner(name: str) -> str:
    """The place that has ``name``; NnexpError where none has, or several."""
    everywhere = (*EXAMINED, *presets.CHOOSABLE, TRACKING)
    homes = [place for place in everywhere if name in names(place)]
    if len(homes) > 1:
        both = [f"{place}.{name}" for place in homes]
        raise NnexpError(f"'{name}' is the name of several: {listed(both)}. Type python -m nnexp plugins {both[0]}")
    if not homes:
        known = {option: f"{place}.{option}" for place in reversed(everywhere) for option in names(place)}
        near = closest(name, [*known, *places()])
        hint = f" Did you mean '{known.get(near, near)}'?" if near else ""
        raise NnexpError(f"Nothing is called '{name}'.{hint} Kinds: {listed(EXAMINED)}. All: python -m nnexp plugins")
    return homes[0]


def contents(place: str = "", name: str = "") -> Facts:
    """What is installed: ``plugins``, ``presets`` and what is ``broken``, each a list of mappings.

    With a kind or group as ``place`` only its part, with a ``name`` only that plugin.
    """
    kinds = [kind for kind in EXAMINED if place in ("", kind) or GROUPS.get(place) == kind]
    chosen = {kind: [each for each in registry.available(kind) if name in ("", each)] for kind in kinds}
    defects = [] if name else [described(each) for kind in kinds for each in registry.broken(kind)]
    others = [
        *(installed.points()[1] if not place else ()),
        *(presets.problems() if place in ("", PRESETS) and not name else ()),
    ]
    defects += [described(each) for each in others]
    plugins = [facts(kind, each) for kind, options in chosen.items() for each in options]
    return {
        "nnexp": version("nnexp"),
        "plugins": sorted(plugins, key=place_in_listing),
        "presets": [
            {
                "group": preset.group,
                "name": preset.name,
                "summary": preset.summary,
                "distribution": provider.name,
                "version": provider.version,
                "file": str(preset.path),
            }
            for provider, preset in presets_in(place)
            if name in ("", preset.name)
        ],
        "broken": defects,
    }


def place_in_listing(plugin: Facts) -> tuple[int, bool, str]:
    """Kinds in their order; within a kind nnexp's own first, then by distribution."""
    return list(EXAMINED).index(plugin["kind"]), plugin["distribution"] != "nnexp", plugin["distribution"]


def facts(kind: str, name: str) -> Facts:
    """One plugin in plain values."""
    cls = registry.load(kind, name)
    entry = installed.entries()[kind][name][0]
    doc = docstring(cls)
    found = {
        "kind": kind,
        "name": name,
        "groups": [group for group, of in GROUPS.items() if of == kind],
        "summary": doc.partition("\n")[0],
        "doc": doc,
        "distribution": entry.distribution,
        "version": entry.version,
        "class": entry.value,
        "parameters": parameters(cls),
    }
    return found | ({"outputs": dict(cls.outputs)} if issubclass(cls, Loss) else {})


def docstring(cls: type[Plugin]) -> str:
    """The class's own docstring without its indentation; empty where it has none (a dataclass gets its signature for one)."""
    text = str(vars(cls).get("__doc__") or "")
    return "" if text.startswith(f"{cls.__name__}(") else inspect.cleandoc(text)


def parameters(cls: type[Plugin]) -> list[Facts]:
    """A plugin's hyperparameters in plain values; ``rule`` says in words what each takes."""
    return [
        {
            "name": item.name,
            "type": spelled(field_types(cls)[item.name]),
            "required": item.default is MISSING,
            "default": plain(item.default),
            "bounds": {key: plain(value) for key, value in vars(bounds(item)).items() if value not in NO_BOUNDS},
            "rule": rule(field_types(cls)[item.name], bounds(item)),
            "file": is_file(item),
            "doc": item.metadata.get("doc", ""),
        }
        for item in hyperparameters(cls)
    ]


def spelled(annotation: Any) -> str:
    """An annotation as it is written: ``float``, ``int | None``, ``tuple[str, ...]``."""
    return str(annotation) if typing.get_args(annotation) else str(annotation.__name__)


def plain(value: Any) -> Any:
    """A default or bound as JSON has it; None where there is none."""
    return None if value is MISSING else list(value) if isinstance(value, tuple) else value


def described(defect: Broken) -> Facts:
    """Something broken in plain values."""
    return {
        "what": defect.what,
        "kind": defect.entry.kind if defect.entry else None,
        "name": defect.entry.name if defect.entry else None,
        "distribution": defect.provider.name,
        "version": defect.provider.version,
        "class": defect.entry.value if defect.entry else None,
        "reason": defect.reason,
        "remedy": defect.remedy,
    }
