"""``manifest.json``: what a sweep began with, in plain values, in its directory.

It is written before the first job, so it has what was typed and what follows from that: the jobs, the versions and the composed
configurations that a resumed sweep is held against. It may come from anybody: it says what to train, and never a command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nnexp.basics.files import Unreadable, read_json, replace_json
from nnexp.errors import command
from nnexp.experiment.plan import DEFAULTS
from nnexp.experiment.settings import MOST_JOBS

MANIFEST = "manifest.json"
TYPED = ("tracking.uri", "tracking.artifacts")
"""What is typed anew when a sweep is resumed, where it was typed before."""
CHANGED = ("search.trials", "search.max_failures")
"""What may be another when a search is resumed: no trial that there is follows from it."""
MOST_BYTES = 1 << 25
"""A longer file is none of nnexp's: 10,000 jobs take 2 MB."""


@dataclass(frozen=True)
class PlannedJob:
    """A job: what tells it from the others, and how it stood when that was last written down."""

    overrides: tuple[str, ...] = ()
    state: str = "waiting"


@dataclass(frozen=True)
class Composition:
    """The configuration of the first job of a choice of plugins and presets."""

    chosen: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What a sweep began with."""

    made: str = ""
    directory: str = ""
    """The sweep's, from the directory that it was started in."""
    overrides: tuple[str, ...] = ()
    """Those that were typed, without Hydra's."""
    varied: tuple[str, ...] = ()
    """What a preset or a ready sweep varies, as overrides."""
    swept: tuple[str, ...] = ()
    """The keys of several values."""
    launcher: tuple[str, ...] = ()
    """What was typed of hydra.launcher, to be typed again."""
    options: tuple[str, ...] = ()
    """The options that say which files take part, such as ``--config-dir conf``, to be typed again."""
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """The state of each file that jobs read (``nnexp.sweep.inputs``)."""
    compositions: tuple[Composition, ...] = ()
    grid: bool = True
    """Whether all jobs were known before the first; else a sweeper chose them as it went."""
    jobs: tuple[PlannedJob, ...] = ()
    search: Mapping[str, Any] = field(default_factory=dict)
    """``search.*`` where a search chose the jobs; its trials follow from it, the overrides and the results."""

    @property
    def trials(self) -> int:
        """How many trials a search has in all; 0 where it is none."""
        found = self.search.get("trials")
        return found if isinstance(found, int) else 0

    @property
    def seeds(self) -> int:
        """How many jobs each trial of a search has."""
        found = self.search.get("seeds", 1)
        return found if isinstance(found, int) and found > 0 else 1

    @property
    def alone(self) -> tuple[str, ...]:
        """What runs a job by itself, beside its overrides."""
        return (*self.options, *(("hydra.mode=RUN", "hydra.sweeper.params=null") if self.varied else ()))


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step; it is on the disk then."""
    replace_json(directory / MANIFEST, asdict(manifest), forced=True)


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of a sweep's directory; None where there is none. Raises Unreadable, which names the file."""
    path = directory / MANIFEST
    try:
        return manifest_of(read_json(path, MOST_BYTES))
    except FileNotFoundError:
        return None
    except Unreadable as error:
        why = str(error)
    except ValueError as error:
        why = f"{path} is not what nnexp writes: {error}"
    raise Unreadable(
        f"{why}. What the sweep began with is not known, but its runs are there, and each can be resumed by itself: "
        f"{command('resume', f'{directory}/NUMBER')}"
    )


def manifest_of(given: Any) -> Manifest:
    """A manifest from plain values. Raises ValueError where a value is not of its kind."""
    if not isinstance(given, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 (what is wrong with the file)
    made = Manifest(
        made=_text(given, "made"),
        directory=_text(given, "directory"),
        overrides=_texts(given, "overrides"),
        varied=_texts(given, "varied"),
        swept=_texts(given, "swept"),
        launcher=_texts(given, "launcher"),
        options=_texts(given, "options"),
        versions=_versions(given.get("versions", {})),
        files=_versions(given.get("files", {})),
        compositions=tuple(map(_composition, _list(given, "compositions"))),
        grid=given.get("grid", True) is not False,
        jobs=tuple(map(_job, _list(given, "jobs"))),
        search=_search(given.get("search", {})),
    )
    if max(len(made.jobs), made.trials * made.seeds) > MOST_JOBS:
        raise ValueError(f"it has more than {MOST_JOBS:,} jobs")
    return made if "varied" in given else _older(made, given)


def _older(made: Manifest, given: Mapping[str, Any]) -> Manifest:
    """One that was written before what files vary stood by itself: that is the end of the overrides, and the jobs' beginning.

    Its ``command`` is not looked at.
    """
    alone = _texts(given, "alone")
    options = tuple(alone[: alone.index("hydra.mode=RUN")] if "hydra.mode=RUN" in alone else alone)
    made = replace(made, options=options)
    if len(options) == len(alone) or not made.jobs:
        return made
    order = [line.partition("=")[0] for line in made.jobs[0].overrides]
    keys = [line.lstrip("+").partition("=")[0] for line in made.overrides]
    for typed in range(len(keys)):
        if [*keys[typed:], *keys[:typed]] == [key.lstrip("+") for key in order]:
            return replace(made, overrides=made.overrides[:typed], varied=made.overrides[typed:])
    raise ValueError("its jobs do not follow from its overrides")


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"its '{key}' is no text")  # noqa: TRY004
    return value


def _list(given: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = given.get(key, [])
    if not isinstance(value, list):
        raise ValueError(f"its '{key}' is no list")  # noqa: TRY004
    return value


def _texts(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = _list(given, key)
    if not all(isinstance(each, str) for each in values):
        raise ValueError(f"its '{key}' is no list of texts")
    return tuple(values)


def _versions(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise ValueError("its 'versions' or 'files' are no texts")
    return given


def _search(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or (given and (not _text(given, "name") or type(given.get("trials")) is not int)):
        raise ValueError("its 'search' is none")
    return given


def _composition(given: Any) -> Composition:
    if not isinstance(given, dict) or not isinstance(given.get("config"), dict):
        raise ValueError("its 'compositions' are no configurations")  # noqa: TRY004
    return Composition(_texts(given, "chosen"), given["config"])


def _job(given: Any) -> PlannedJob:
    if not isinstance(given, dict):
        raise ValueError("its 'jobs' are no list of jobs")  # noqa: TRY004
    return PlannedJob(_texts(given, "overrides"), _text(given, "state"))


BEFORE: Mapping[str, Any] = {"engine.name": DEFAULTS["engine"], "timing": False, "pictures": [], "report": False}
"""What a sweep means that was recorded before these keys were there."""


def differences(then: Manifest, now: Manifest) -> Iterator[str]:
    """What differs between two manifests of a sweep in versions and configuration, a line each: ``key: then -> now``."""
    lines = [*changed(then.versions, now.versions), *changed(_pairs(then), _pairs(now))]
    if lines:
        yield from lines
        return
    places: dict[str, list[str]] = {}
    for before, after in zip(then.compositions, now.compositions, strict=False):
        for line in changed(_experiment(before), _experiment(after)):
            places.setdefault(line, []).append(" ".join(before.chosen))
    for line, chosen in places.items():
        everywhere = len(chosen) == len(then.compositions)
        yield line if everywhere else f"{line} (with {', '.join(chosen[:3])}{', ...' if len(chosen) > 3 else ''})"


def _pairs(manifest: Manifest) -> dict[str, str]:
    """The overrides by their keys, without the store's address, which is typed anew."""
    lines = (*manifest.overrides, *manifest.varied)
    return {key: value for key, _, value in (line.partition("=") for line in lines) if key not in (*TYPED, *CHANGED)}


def _experiment(composition: Composition) -> dict[str, Any]:
    found = {**BEFORE, **flat(composition.config)}
    found["pictures"] = found["pictures"] or []  # null, the default, is none in a sweep
    return {key: value for key, value in found.items() if key not in TYPED}


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value of a configuration by its dotted key."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line for each key with another value: ``key: then -> now``."""
    pairs = {key: (then.get(key, "not there"), now.get(key, "not there")) for key in {**then, **now}}
    return [f"{key}: {before} -> {after}" for key, (before, after) in pairs.items() if before != after]
