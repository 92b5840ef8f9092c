"""Presets and ready sweeps: the files of nnexp's conf/, and those that installed distributions bring in theirs.

A distribution announces a package with a ``conf`` folder by an entry point, whose name counts for nothing::

    [project.entry-points."nnexp.conf"]
    huber = "nnexp_huber"

The folder may hold ``experiment/*.yaml`` (presets), ``sweep/*.yaml`` (ready sweeps), and for each group of plugins files that
extend an option, such as ``loss/huber_wide.yaml``. nnexp's own files and those of the user's ``--config-dir`` come first. The
package is found, not imported, and its files are held to the rules of all others (``nnexp.composition.safety``).

A folder is left out as a whole if it brings what it may not: a file with an installed option's name, which Hydra would take
for that option's schema, or one for a group that is not an experiment, a sweep or a kind's.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, version
from pathlib import Path

from nnexp.basics.files import own_directory
from nnexp.discovery import installed
from nnexp.discovery.installed import Broken, Provider
from nnexp.discovery.registry import GROUPS
from nnexp.errors import listed

CHOOSABLE = ("experiment", "sweep")
"""Groups whose options are files alone."""
MAY_HOLD = (*CHOOSABLE, *GROUPS)
"""The groups that a distribution may bring files for."""


@dataclass(frozen=True)
class Preset:
    """One file of a conf folder: ``group=name``."""

    group: str
    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.group}={self.name}"

    @property
    def summary(self) -> str:
        """The file's first line of comment, without the package line that Hydra reads."""
        comments = [line for line in self.text.splitlines() if line.startswith("#") and "@package" not in line]
        return comments[0].lstrip("# ").strip() if comments else ""

    @property
    def text(self) -> str:
        """What the file says; nothing where it cannot be read, which is for who chooses it."""
        try:
            return self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


@dataclass(frozen=True)
class Conf:
    """A distribution's conf folder. With a problem it is left out as a whole."""

    provider: Provider
    path: Path
    presets: tuple[Preset, ...]
    problem: Broken | None = None


def own() -> Conf:
    """The presets and ready sweeps of nnexp itself."""
    path = own_directory()
    found = tuple(each for each in files(path) if each.group in CHOOSABLE)
    return Conf(Provider("nnexp", version("nnexp"), (), ""), path, found)


@functools.cache
def conf_folders() -> tuple[Conf, ...]:
    """The conf folders of other distributions, those with a problem included, in alphabetical order."""
    points = installed.points()[0].select(group="nnexp.conf")
    return tuple(sorted((read(point) for point in points), key=lambda each: (str(each.provider), str(each.path))))


def usable() -> tuple[Conf, ...]:
    """The conf folders that are put on Hydra's search path."""
    return tuple(each for each in conf_folders() if not each.problem)


def read(point: EntryPoint) -> Conf:
    """The folder that an entry point announces, and what is wrong with it."""
    provider = installed.provider(point.dist)
    folder = locate(point.value)
    if not folder:
        return Conf(provider, Path(), (), broken(provider, f"there is no package '{point.value}' with a folder conf"))
    presets = files(folder)
    reason = installed.incompatibility(provider.needs) or next(filter(None, map(wrong, presets)), "")
    return Conf(provider, folder, presets, broken(provider, reason) if reason else None)


def broken(provider: Provider, reason: str) -> Broken:
    """What is wrong with a distribution's presets."""
    return Broken("presets", provider, reason, provider.remedy)


def problems() -> list[Broken]:
    """What is wrong with the conf folders that are left out."""
    return [each.problem for each in conf_folders() if each.problem]


def locate(package: str) -> Path | None:
    """The ``conf`` folder of a package, which is not imported (nor are the packages around it); None where there is none."""
    spec: ModuleSpec | None = None
    first, *rest = package.split(".")
    try:
        spec = importlib.util.find_spec(first)
        for depth in range(len(rest)):
            name = ".".join([first, *rest[: depth + 1]])
            spec = PathFinder.find_spec(name, spec.submodule_search_locations) if spec else None
    except Exception:  # noqa: BLE001 (strangers' finders are asked, too)
        return None
    places = spec.submodule_search_locations if spec else None
    return next((Path(place, "conf") for place in places or () if Path(place, "conf").is_dir()), None)


def files(folder: Path) -> tuple[Preset, ...]:
    """The YAML files below a conf folder that are some group's option."""
    found = []
    for path in sorted(each for each in folder.rglob("*.yaml") if each.is_file()):
        group, _, name = path.relative_to(folder).with_suffix("").as_posix().partition("/")
        found.append(Preset(group, name, path))
    return tuple(found)


def wrong(preset: Preset) -> str:
    """Why a distribution may not bring a file; empty where it may."""
    file = f"{preset.group}/{preset.name}.yaml" if preset.name else f"{preset.group}.yaml"
    if preset.group not in MAY_HOLD or not preset.name:
        return f"it brings conf/{file}, but files may only be in {listed(f'{each}/' for each in MAY_HOLD)}"
    if preset.group in GROUPS and preset.name in (*installed.entries()[GROUPS[preset.group]], "auto"):
        return f"it brings conf/{file}, but {preset} is an installed option already; the file needs another name"
    return ""


def rivals(group: str, name: str) -> list[Conf]:
    """The distributions that bring a file for ``group=name``."""
    return [conf for conf in usable() if any((each.group, each.name) == (group, name) for each in conf.presets)]


def left_out(group: str, name: str) -> str:
    """Why ``group=name`` cannot be chosen although a distribution brings it; empty where none does."""
    for conf in conf_folders():
        if conf.problem and any((each.group, each.name) == (group, name) for each in conf.presets):
            return f"{group}={name} is left out, with all {conf.problem}"
    return ""
