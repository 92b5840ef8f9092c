"""``resume RUN`` or ``resume SWEEP``: what was interrupted goes on."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from nnexp.basics.files import outputs_here
from nnexp.commands.named_run import directory_of, store_for
from nnexp.commands.parser import Parser, add_store
from nnexp.errors import NnexpError, closest, command, did_you_mean

FILE_OPTIONS = ("--config-path", "--config-name", "--config-dir")
"""Options that say which files a sweep is composed of."""


def resume(words: Sequence[str]) -> None:
    """Go on with a run or a sweep that was interrupted, or with epochs=N to more epochs with a run that finished."""
    parser = Parser("python -m nnexp resume", description=resume.__doc__)
    parser.add_argument("run", help="a run's directory, an MLflow run id or name, or a sweep's directory")
    parser.add_argument(
        "override",
        nargs="*",
        help="epochs=N: train a run on to N epochs in all; of a sweep hydra/launcher=NAME, of a search search.trials=N",
    )
    parser.add_argument("--failed", action="store_true", help="of a sweep: begin the jobs anew that failed or diverged")
    for option in FILE_OPTIONS:
        parser.add_argument(option, help="of a sweep: as in the command that began it")
    add_store(parser)
    given = parser.parse_intermixed_args(words)
    directory = Path(given.run)
    if (directory / "manifest.json").exists():
        resume_sweep(directory, given)
    else:
        resume_run(directory, given)


def resume_sweep(directory: Path, given: argparse.Namespace) -> None:
    """Finish what is unfinished of a sweep."""
    for each in given.override:
        if not each.startswith(("hydra/launcher=", "hydra.launcher.", "search.trials=", "search.max_failures=")):
            raise NnexpError(
                f"A resumed sweep is the same sweep: nothing of it can change but hydra/launcher, and the trials of "
                f"a search (search.trials=N). Got {each}.{meant(each, given.override)} One of its runs "
                f"can be extended: {command('resume', directory / '0', 'epochs=N')}"
            )
    from nnexp.commands.resume_sweep import resume_sweep as finish

    chosen = {option: getattr(given, option.strip("-").replace("-", "_")) for option in FILE_OPTIONS}
    files = {option: value for option, value in chosen.items() if value}
    store = {"uri": given.uri, "artifacts": given.artifacts}
    finish(directory, given.override, files, store, failed=given.failed)


def meant(word: str, words: Sequence[str]) -> str:
    """What a word may lack at its beginning to be one that a resumed sweep takes; empty where it has a meaning of its own."""
    from nnexp.composition.keys import known_keys
    from nnexp.sweep.manifest import CHANGED

    name = word.partition("=")[0]
    takes = ("hydra/launcher", "hydra.launcher.workers", *CHANGED)
    found = next((key for key in takes if key.endswith((f".{name}", f"/{name}"))), "")
    launcher = any(each.startswith("hydra/launcher=") for each in words)
    if launcher and "." not in name and not did_you_mean(name, known_keys()):
        found = found or f"hydra.launcher.{name}"
    if name not in known_keys():
        found = found or closest(name, takes) or ""
    return f" Did you mean {found}{word.removeprefix(name)}?" if found else ""


def resume_run(directory: Path, given: argparse.Namespace) -> None:
    """Go on with one run."""
    from nnexp.journal.journal import refuse_links
    from nnexp.run.resume import resume as go_on
    from nnexp.terminal.console import Console

    epochs = None
    if given.failed:
        raise NnexpError(f"--failed is for a sweep, and '{given.run}' is none. Leave it out.")
    for each in given.override:
        key, _, value = each.partition("=")
        if key != "epochs" or not value.isdecimal():
            raise NnexpError(
                f"A resumed run is the same run: of its configuration only epochs=N can change, to more of them. Got {each}. "
                "Start a new run to change anything else."
            )
        if epochs is not None:
            raise NnexpError(f"epochs is given twice: {epochs} and {value}. Type one of them.")
        epochs = int(value)
    if not directory.exists():
        directory = directory_of(store_for(given), given.run)
    if not (directory / "journal.jsonl").exists():
        raise NnexpError(nothing_to_resume(directory))
    refuse_links(directory)
    file = logging.FileHandler(directory / "nnexp.log", delay=True)  # nothing is written where there is no run
    logging.basicConfig(handlers=[file], format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s", level="INFO")
    go_on(directory, outputs_here(), epochs, given.uri, Console(), artifacts=given.artifacts)


def nothing_to_resume(directory: Path, most: int = 5) -> str:
    """The message for a directory that is neither a run's nor a sweep's: what there is below it."""
    levels = ("*", "*/*", "*/*/*")
    sweeps = [path.parent for level in levels for path in directory.glob(f"{level}/manifest.json")]
    runs = [path.parent for level in levels for path in directory.glob(f"{level}/journal.jsonl")]
    found = [*sweeps, *(each for each in runs if each.parent not in sweeps)]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    if not found:
        return (
            f"'{directory}' is no run's directory: it has no journal.jsonl that tells what to train. Runs are in "
            "outputs/runs/, sweeps in outputs/sweeps/."
        )
    shown = "\n  ".join(map(str, found[:most]))
    return f"'{directory}' is no run. Type {command('resume', found[0])}\nThe newest in it:\n  {shown}"
