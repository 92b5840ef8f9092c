"""What is installed, by the metadata of the distributions alone: who claims which option's name.

Nothing is imported but what ``imported`` is asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points, version
from importlib.metadata import distributions as distributions_installed
from typing import cast
from urllib.parse import unquote, urlsplit

from nnexp.discovery.faults import Fault, SourceLine, fault
from nnexp.errors import did_you_mean, first_line, listed
from nnexp.plugin import KINDS, Export, Picture, Plugin, Search

WORDS = ("auto", "null", "true", "false", "inf", "nan")
"""What stands after ``=`` with a meaning of its own, in nnexp or in Hydra's grammar: no option's name."""
EXAMINED: Mapping[str, type[Plugin]] = {**KINDS, Picture.kind: Picture, Search.kind: Search}
"""What is listed, what ``new`` writes and ``check`` examines: the kinds, and pictures and searches, of which no run is made."""
BASES: Mapping[str, type[Plugin]] = {**EXAMINED, Export.kind: Export}
"""What an entry point names a subclass of, by the last part of its group: one of those, or a format of export."""


@dataclass(frozen=True)
class Provider:
    """What a distribution's metadata say: who brings a plugin, and for which nnexp it was built."""

    name: str
    version: str
    needs: tuple[str, ...]
    """Its ``Requires-Dist: nnexp...`` lines."""
    removal: str
    """What to do to be rid of it."""
    upgrade: str = ""
    """What to do to have a newer one; empty where it has no name."""
    source: str = ""
    """The folder on this machine that it was installed from, if any: who reads a message is likely to be its author."""
    editable: bool = False
    """Whether the files in ``source`` are the installed ones."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()

    @property
    def remedy(self) -> str:
        """What a user can do about something broken in it."""
        return self.remedy_at(None)

    def remedy_at(self, place: SourceLine | None, check: str = "") -> str:
        """The same for what is broken at ``place``; ``check`` (KIND.NAME) is what its author can have examined then."""
        if self.source:
            where = place.in_full if place and self.editable else f"it in {self.source}"
            again = "" if self.editable else f", install it again: pip install {self.source}"
            then = f", then type python -m nnexp check {check}" if check else f", or remove it: {self.removal}"
            return f"Correct {where}{again}{then}"
        return (
            f"Upgrade it: {self.upgrade}, or remove it: {self.removal}"
            if self.upgrade
            else f"Remove it: {self.removal}"
        )


@functools.cache
def own_version() -> str:
    """nnexp's; a process reads it from the metadata once, which takes a millisecond."""
    return version("nnexp")


@functools.cache
def provider(dist: Distribution | None) -> Provider:
    """Read a distribution's metadata, once; what is missing or garbled there is said instead."""
    try:
        headers = list(dist.metadata.items()) if dist else []  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 (whatever a damaged file raises)
        headers = []
    lines = [str(text) for key, text in headers if key == "Requires-Dist"]
    needs = tuple(line for line in lines if line.lower().replace(" ", "").startswith("nnexp"))
    found = dict(headers)
    folder = dist.locate_file("") if dist else "an unknown place"
    name, number = found.get("Name"), found.get("Version", "without a version")
    if not name:
        return Provider(f"a distribution without a name in {folder}", "", needs, f"delete its .dist-info in {folder}")
    source, editable = origin(dist) if dist else ("", False)
    return Provider(name, number, needs, f"pip uninstall {name}", f"pip install -U {name}", source, editable)


def origin(dist: Distribution) -> tuple[str, bool]:
    """The folder a distribution was installed from, empty for an archive or an index, and whether it is editable (PEP 610)."""
    try:
        record = json.loads(dist.read_text("direct_url.json") or "{}")
        url, directory = urlsplit(record.get("url", "")), record.get("dir_info")
    except (AttributeError, OSError, TypeError, ValueError):  # what pip does not write
        return "", False
    if url.scheme != "file" or not isinstance(directory, dict):
        return "", False
    return unquote(url.path), directory.get("editable") is True


@dataclass(frozen=True)
class Entry:
    """One claim to an option's name. Its distribution's metadata are read when somebody asks."""

    kind: str
    name: str
    value: str
    """``module:Class``."""
    dist: Distribution | None = dataclasses.field(repr=False)

    @property
    def provider(self) -> Provider:
        """The distribution that brings it."""
        return provider(self.dist)

    @property
    def distribution(self) -> str:
        """The distribution's name."""
        return self.provider.name

    @property
    def version(self) -> str:
        """The distribution's version."""
        return self.provider.version


@dataclass(frozen=True)
class Broken:
    """Something installed that cannot be used, why, and what to do about it."""

    what: str
    """``loss=bad``, or ``presets``, or ``entry points``."""
    provider: Provider
    reason: str
    remedy: str
    entry: Entry | None = None
    """Where it is one option."""

    def __str__(self) -> str:
        return f"{self.what} of {self.provider}: {self.reason}. {self.remedy}"


@functools.cache
def points() -> tuple[EntryPoints, tuple[Broken, ...]]:
    """Every entry point of this environment, and what is wrong with some: unreadable, or in a group that nobody reads."""
    found, unreadable = readable()
    return found, (*unreadable, *unheard(found))


def unheard(points: EntryPoints) -> Iterator[Broken]:
    """The entry points in groups such as ``nnexp.los``, which is no kind."""
    known = [*BASES, "conf"]
    for group in sorted(points.groups):
        prefix, _, kind = group.partition(".")
        if prefix.lower() == "nnexp" and group not in [f"nnexp.{each}" for each in known]:
            for point in points.select(group=group):
                who = provider(point.dist)
                reason = f"there is no kind '{kind}'.{did_you_mean(kind, known)} Kinds: {listed(KINDS)}"
                yield Broken(f"entry point {point.name} in the group {group}", who, reason, who.remedy)


def readable() -> tuple[EntryPoints, tuple[Broken, ...]]:
    """Every entry point that can be read, and the distributions whose entry points cannot be.

    One garbled ``entry_points.txt`` makes reading all of them fail; then each distribution is read by itself.
    """
    try:
        return cast("EntryPoints", entry_points()), ()  # Python 3.11 has another class with the same select
    except Exception:  # noqa: BLE001 (whatever a damaged file raises)
        found: dict[str, EntryPoints] = {}
        unreadable = []
        for dist in distributions_installed():
            who = provider(dist)
            try:
                found.setdefault(who.name, dist.entry_points)
            except Exception as error:  # noqa: BLE001
                unreadable.append(Broken("entry points", who, f"they cannot be read: {first_line(error)}", who.remedy))
        return EntryPoints(point for each in found.values() for point in each), tuple(unreadable)


@functools.cache
def entries() -> Mapping[str, Mapping[str, tuple[Entry, ...]]]:
    """Every claim by kind, formats of export included, and name, alphabetically; read once, from the metadata alone."""
    found: dict[str, dict[str, list[Entry]]] = {kind: {} for kind in BASES}
    for kind, names in found.items():
        for point in points()[0].select(group=f"nnexp.{kind}"):
            entry = Entry(kind, point.name, point.value, point.dist)
            claims = names.setdefault(point.name, [])
            if entry not in claims:
                claims.append(entry)
    return {
        kind: {
            name: tuple(sorted(claims, key=lambda each: each.distribution) if len(claims) > 1 else claims)
            for name, claims in sorted(names.items())
        }
        for kind, names in found.items()
    }


def can_be_typed(name: str) -> bool:
    """Whether an option's name is one that Hydra's grammar takes as it stands, and not one of nnexp's own."""
    return bool(re.fullmatch(r"[A-Za-z][\w-]*", name, re.ASCII)) and name.lower() not in WORDS


def wrong_claim(name: str, claims: tuple[Entry, ...]) -> tuple[str, str]:
    """Why nobody can have an option of this name, and the remedy; both empty where the one claim is good."""
    who = claims[0].provider
    if len(claims) > 1:
        both = " and ".join(str(each.provider) for each in claims)
        other = next((each.provider for each in reversed(claims) if each.distribution != "nnexp"), who)
        return f"the name is claimed by {both}", f"Uninstall one of them: {other.removal}"
    remedy = f"Its author has to rename the entry point; remove it: {who.removal}"
    if name.lower() in WORDS:
        return f"the name '{name}' has a meaning of its own in nnexp", remedy
    if not can_be_typed(name):
        return f"the name '{name}' cannot be typed (letters, digits, _ and -, a letter first)", remedy
    return "", ""


def imported(entry: Entry) -> tuple[object, Fault | None]:
    """What an entry point names, or None and why it cannot be imported. What the import prints goes to stderr."""
    form = EntryPoint.pattern.match(entry.value)
    if not form or not form["attr"]:
        return None, Fault(f"its entry point is '{entry.value}', which is not of the form module:Class")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return EntryPoint(entry.name, entry.value, "").load(), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (whatever a stranger's import raises, SystemExit included)
        found = fault(error, form["module"])
        return None, Fault(f"importing {entry.value} failed: {found.what}", found.place)


@functools.cache
def incompatibility(needs: tuple[str, ...]) -> str:
    """Why a distribution with these ``Requires-Dist: nnexp`` lines was not built for this nnexp; empty where it was."""
    if not needs:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement  # only where there is a third-party plugin

    present = own_version()
    try:
        requirements = [Requirement(text) for text in needs]
    except InvalidRequirement as error:
        return f"its metadata cannot be read: {first_line(error)}"
    for requirement in requirements:
        applies = requirement.name.lower() == "nnexp" and (
            requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        )
        if applies and not requirement.specifier.contains(present, prereleases=True):
            return f"it was built for nnexp{requirement.specifier}, this is {present}"
    return ""
