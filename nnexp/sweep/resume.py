"""With what a recorded sweep is resumed: its manifest proposes, and what it says is checked as a file's words are.

The sweep is composed again from the overrides that its manifest says, which are data: nnexp's own keys. Launcher, files and
store are typed. The directory is fixed and handed to workers in the master configuration; a job looks into its own directory
and skips, continues or trains, so this works under any launcher. ``--failed`` moves what a failed job left into ``failed_1/``
first. A ``flock`` on the sweep's directory says that a process is at work on it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from nnexp.basics.files import outputs_here, relative
from nnexp.basics.origin import allowed
from nnexp.composition.composed import top_keys
from nnexp.errors import NnexpError, command
from nnexp.experiment.plan import part
from nnexp.experiment.settings import TrackingSettings
from nnexp.journal.outbox import entries
from nnexp.sweep import ledger, states
from nnexp.sweep.manifest import CHANGED, MANIFEST, TYPED, Manifest
from nnexp.sweep.states import key_of
from nnexp.terminal.console import note

LAUNCHER_WORD = re.compile(r"\+*hydra(/launcher=|\.launcher\.)")
"""A word that chooses a launcher or one of its options."""


@dataclass(frozen=True)
class Resumed:
    """The sweep that this command goes on with, which it has locked; ``retry``: also with the jobs that failed."""

    directory: Path
    manifest: Manifest
    retry: bool


def retry(directory: Path) -> None:
    """Have the jobs that failed begin anew; those of which MLflow does not have all yet stay as they are."""
    waiting = {entry.directory for entry in entries(outputs_here())}
    for job in ledger.read(directory, results=False).of(*states.BAD):
        if job.directory in waiting:
            note(f"#{job.number} is not tried again: MLflow does not have all of it yet. Type python -m nnexp sync")
        else:
            ledger.set_aside(job.directory)


def again(found: ledger.Sweep, options: Sequence[str]) -> list[str]:
    """The overrides with which a sweep began, which a manifest says and nobody has typed.

    They are data: keys of nnexp's own, which are checked as those of a file are. Raises NnexpError where the sweep cannot be
    resumed, with the reason and what to type.
    """
    manifest, here = found.manifest, relative(str(found.directory))
    if not manifest.compositions:
        raise NnexpError(f"'{here}' cannot be resumed: its {MANIFEST} does not say what it began with.")
    if not manifest.grid and not manifest.search:
        raise NnexpError(
            f"The sweeper of '{here}' chose each job by how those before went, so what is left cannot be told. An interrupted "
            f"run of it is resumed by itself: {command('resume', f'{here}/NUMBER')}"
        )
    began = Path(manifest.directory)
    moved_along = began.is_absolute() and not began.exists()  # with the project's folder that it is in
    if (Path.cwd() / began).resolve() != found.directory.resolve() and not moved_along:
        there = (Path.cwd() / began).resolve()
        if not there.exists() and there.parent == found.directory.resolve().parent:
            raise NnexpError(
                f"'{here}' has been renamed: it began as {manifest.directory}, and its records say so. Rename it back: "
                f"mv {shlex.join([here, manifest.directory])}"
            )
        raise NnexpError(
            f"'{here}' was started in another directory, as {manifest.directory}. Go there, and type "
            f"{command('resume', manifest.directory)}"
        )
    if manifest.options and not options:
        raise NnexpError(
            f"'{here}' began with files of its own ({shlex.join(manifest.options)}), which nobody has named now. If you want "
            f"them, type {command('resume', here, *manifest.options)}"
        )
    for line in manifest.overrides:
        refuse_recorded(line, here)
    if set(TYPED).intersection(manifest.swept):
        raise NnexpError(
            f"The runs of '{here}' go to several stores, so it cannot be resumed as a whole. Resume them one by one: "
            f"{command('resume', f'{here}/NUMBER')} --uri ..."
        )
    return [line for line in manifest.overrides if key_of(line) not in TYPED]


def changed_search(manifest: Manifest, recorded: Sequence[str], words: Sequence[str], here: str) -> list[str]:
    """The overrides that a search goes on with: those of its manifest, but for ``words``, which were typed now."""
    if words and not manifest.search:
        raise NnexpError(f"{words[0]} is of a search, and '{here}' is a sweep. Leave it out.")
    for word in words:
        key, _, value = word.partition("=")
        if key == CHANGED[0] and not (value.isdecimal() and int(value) >= manifest.trials):
            more = f"{CHANGED[0]}={2 * manifest.trials}"
            raise NnexpError(f"{word}: the search has {manifest.trials} trials, and can get more. Type {more}")
    keys = {key_of(word) for word in words}
    return [*(line for line in recorded if key_of(line) not in keys), *words]


def refuse_recorded(line: str, here: str) -> None:
    """Refuse an override of a manifest that is not for one of nnexp's own keys."""
    try:
        override = OverridesParser.create().parse_override(line)
        own = not override.is_hydra_override() and override.key_or_group.partition(".")[0] in top_keys()
    except HydraException:
        own = False
    if not own or line.startswith("-"):
        raise NnexpError(
            f"The {MANIFEST} of '{here}' has the override {line!r}, which nnexp does not write there: nothing is done with it."
        )


def began_elsewhere(found: ledger.Sweep, words: Sequence[str], changes: Sequence[str]) -> None:
    """Say how a sweep is resumed under the launcher that it began with, where another one was typed then.

    ``changes`` are the words that say what of a search is to change.
    """
    launcher = found.manifest.launcher
    if launcher and not words:
        again = command("resume", relative(str(found.directory)), *changes, *launcher)
        workers = (
            "nnexp's own workers" if any("launcher=" in word for word in launcher) else "the usual number of workers"
        )
        note(
            f"It began with {shlex.join(launcher)} and goes on with {workers}, to the same numbers. As it began: {again}"
        )


def recorded_tracking(manifest: Manifest, directory: Path, typed: Mapping[str, str | None]) -> TrackingSettings:
    """Where a sweep's runs are recorded, as its manifest says; the store has to be one that may be used.

    ``typed`` are the store's address and the place of artifacts, which no file says. Raises NnexpError.
    """
    config = manifest.compositions[0].config if manifest.compositions else {}
    said = config.get("tracking")
    made = part(TrackingSettings, "tracking.", {**(said if isinstance(said, Mapping) else {}), "artifacts": None})
    if made.name == "none":
        return made
    again = command("resume", relative(str(directory)))
    uri = typed["uri"] or (allowed(made.uri, None, outputs_here(), again) if made.uri else None)
    return replace(made, uri=uri, artifacts=typed["artifacts"])
