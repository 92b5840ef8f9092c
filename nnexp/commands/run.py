"""The command ``python -m nnexp key=value ...``: Hydra composes, ``nnexp.run.start`` runs. Hydra stops here."""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import cast

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from nnexp.basics.files import outputs_here, relative
from nnexp.basics.removing import Site
from nnexp.basics.secrets import guard_logs
from nnexp.commands.options import file_options, options_parser, refuse_options
from nnexp.composition import guard, options
from nnexp.composition import loader as composition
from nnexp.composition.composed import plain
from nnexp.composition.passwords import quoted
from nnexp.discovery import installed, presets, registry
from nnexp.engine.training import Diverged
from nnexp.errors import NnexpError, command, counted, first_line, listed, one_line
from nnexp.experiment.settings import Place
from nnexp.journal.journal import JOURNAL, Busy, refuse_links
from nnexp.journal.result import RESULT, read_result
from nnexp.plugin import KINDS
from nnexp.run.resume import resume as resume_run
from nnexp.run.start import run
from nnexp.sweep import ledger, ranking, states
from nnexp.sweep import recorder as sweep
from nnexp.sweep.again import Resumed, again, began_elsewhere, recorded_tracking
from nnexp.sweep.manifest import MANIFEST
from nnexp.sweep.picture import COMPARISON, drawn, ranked
from nnexp.sweep.place import hydras_files
from nnexp.sweep.worker import Here
from nnexp.terminal.console import Console, fact, next_commands, note, say
from nnexp.tracking.opening import Waiting

LOG = "nnexp.log"
log = logging.getLogger("nnexp")

refused: list[Exception] = []
"""What ended this process's single run; kept here, because Hydra would announce a raised error in its own words."""


def main(words: Sequence[str], command: composition.Command | None = None) -> None:
    """Run what was typed. Raises NnexpError, or whatever else ended the run or the sweep.

    ``command`` is given for a sweep that is resumed; its words come from there.
    """
    parser = options_parser()
    given = parser.parse_intermixed_args(list(words))
    refuse_options(vars(given))
    given.overrides = [*(command.recorded if command else ()), *given.overrides]
    to_run = not (given.help or given.hydra_help or given.cfg or given.info or given.shell_completion)
    composition.GuardedLoader.of = command or composition.Command(to_run, file_options(vars(given)))
    if to_run:
        outputs_here()
    composition.install()
    options.register(registry.available if given.help else options.claimed)
    if given.help:
        note_broken()
    sweep.Recorder.options = file_options(vars(given))
    try:
        compose_and_run(given, parser)
    finally:
        if sweep.Recorder.courier:  # refused or interrupted; at the end of a sweep it has ended already
            sweep.Recorder.courier.stop(0)


def compose_and_run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Have Hydra do its part; then a sweep's end. Raises as ``main``."""
    failed = None
    try:
        guard.run(given, parser, job)
    except sweep.Halt as halt:
        if halt.error:
            if sweep.Recorder.directory is None:
                discard()
            raise halt.error from None
        return
    except (KeyboardInterrupt, SystemExit):  # there are two seconds: no pictures, no ranking
        if sweep.Recorder.directory:
            interrupted(sweep.Recorder.directory)
        else:  # before it trained
            discard()
        raise
    except Exception as error:  # noqa: BLE001 (raised again after the ledger)
        failed = in_words(error, given.overrides)
    if sweep.Recorder.directory:
        failed = end_sweep(sweep.Recorder.directory, outputs_here(), failed)
    elif failed:  # refused by Hydra when it had made the run's directory
        discard()
    if refused or failed:
        raise refused[0] if refused else cast("Exception", failed)


def in_words(error: Exception, overrides: Sequence[str]) -> Exception:
    """What ended Hydra's part, as nnexp says it: what Hydra refuses is a matter of what was typed.

    What ends a job is told elsewhere, so here is what went wrong outside of nnexp's own code; an error in that stays as it is.
    """
    if isinstance(error, BrokenProcessPool):
        return NnexpError(
            "A worker process of the sweep was killed, or had not enough memory, which ends the sweep under this launcher. "
            "The command that finishes it is above."
        )
    if isinstance(error, NnexpError | MemoryError) or (isinstance(error, OSError) and error.filename):
        return error
    if isinstance(error, HydraException) or not of_our_own(error):
        chain = [error, *filter(None, (error.__cause__, error.__context__))]
        said = next((first_line(each) for each in reversed(chain) if str(each)), type(error).__name__)
        typed = [word for word in overrides if word.lstrip("+~").startswith("hydra")]
        typed = [word for word in typed if not word.startswith("hydra.mode=")]
        hint = f" See what was typed of Hydra's: {listed(typed)}." if typed else ""
        return NnexpError(f"Hydra refuses this: {said}.{hint}")
    return error


def of_our_own(error: BaseException) -> bool:
    """Whether an error was raised in nnexp's own code."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return any(Path(frame.filename).is_relative_to(Path(__file__).parent.parent) for frame in last)


def interrupted(directory: Path) -> None:
    """Bring the manifest of a sweep up to date that was interrupted, and say how its jobs stand."""
    found = ledger.read(directory, results=False)
    ledger.close(found)
    note(f"{found.counts}. Go on: {command('resume', relative(str(directory)))}")


def note_broken() -> None:
    """Say on stderr what is installed but not among the options."""
    plugins = [each for kind in KINDS for each in registry.broken(kind)]
    for problem in [*plugins, *installed.points()[1], *presets.problems()]:
        print(f"note: left out {one_line(str(problem))}", file=sys.stderr)  # noqa: T201


def job(config: DictConfig) -> float | None:
    """One job of Hydra's: a single run, or one of a sweep. Returns the objective, not a number where a sweep's job failed."""
    guard.refuse_unchecked(config)
    guard_logs()
    place = placed()
    with own_log(place.directory) if Here.worker else contextlib.nullcontext():
        try:
            if place.sweep:
                return part_of_sweep(config, place)
            return run(plain(config), place, Console())
        except MemoryError as error:
            return ended(place, not_enough_memory(error), config)
        except Exception as error:  # noqa: BLE001 (told at the end)
            return ended(place, error, config)


@contextlib.contextmanager
def own_log(directory: Path) -> Iterator[None]:
    """Within the block, what would be on a single run's terminal goes into the job's log."""
    with (
        (directory / LOG).open("a", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield


def part_of_sweep(config: DictConfig, place: Place) -> float:
    """Do what is left to do of a sweep's job, which in a resumed sweep may have ended or been interrupted before."""
    stands, console = states.state(place.directory), Console(brief=not Here.worker)
    if stands in states.DONE:
        return read_result(place.directory).objective
    if stands in states.BAD:  # --failed has set those aside that are to be tried again
        return math.nan
    if config.sweep.fail_fast and (place.directory.parent / states.STOPPED).exists():
        files = hydras_files(cast("DictConfig", HydraConfig.get()))
        Site(place.directory, (place.directory,), files).clear()  # what Hydra made of it; it has not begun
        return math.nan
    values = plain(config)
    here = not Here.worker or values["tracking"]["name"] == "none"  # then nobody else has to do with the run
    if stands == "waiting":
        return run(values, place, console, cache=Here.cache, delivered_here=here)
    uri, artifacts = values["tracking"]["uri"], values["tracking"]["artifacts"]
    kept = {"artifacts": artifacts, "cache": Here.cache, "delivered_here": here}
    try:
        return resume_run(place.directory, place.outputs, None, uri, console, **kept)
    except Waiting:  # told at the end of the sweep
        return read_result(place.directory).objective


def ended(place: Place, error: Exception, config: DictConfig) -> float | None:
    """Keep what ended a job: a sweep's for the ledger at its end, a single run's for ``main``."""
    if isinstance(error, Busy) and place.sweep:
        note(f"#{place.job}: {error}")
        return math.nan
    if place.sweep:
        if not isinstance(error, NnexpError):
            log.error("The job failed.", exc_info=error)
        sweep.write_failure(place.directory, error)
        if config.sweep.fail_fast:
            (place.directory.parent / states.STOPPED).touch()
        return math.nan  # the other jobs go on; the end of the sweep tells the reason
    if isinstance(error, NnexpError) and not isinstance(error, Diverged):
        discard()
    refused.append(error)
    return None


def not_enough_memory(error: MemoryError) -> NnexpError:
    """What to type where there is not enough memory."""
    return NnexpError(
        f"Not enough memory ({first_line(error)}). Type smaller sizes: of the data (dataset.*), of network.hidden or of "
        "optimizer.batch_size, or dtype=float32."
    )


def placed() -> Place:
    """Where Hydra put this job."""
    here = HydraConfig.get()
    directory = Path(here.runtime.output_dir)
    outputs = Path(here.runtime.cwd) / "outputs"
    overrides = tuple(str(each) for each in here.overrides.task)
    if here.mode != RunMode.MULTIRUN:
        return Place(directory, outputs, overrides)
    root = Path(here.runtime.cwd) / here.sweep.dir
    return Place(directory, outputs, overrides, states.run_name(root, overrides), root.name, int(here.job.num))


def discard() -> None:
    """Clear what a run or a sweep that was refused before it trained has made; nothing half-written stays."""
    site = sweep.Recorder.site
    if site and not any((site.folder / name).exists() for name in (RESULT, JOURNAL)):
        site.clear()


def end_sweep(directory: Path, outputs: Path, error: Exception | None) -> Exception | None:
    """Rank the sweep's runs, store the best one's model, print the ledger; the error to end with if not all is well.

    ``error`` is what ended Hydra's part before its time.
    """
    if not sweep.Recorder.resumed and not any(path.name.isdigit() for path in directory.iterdir()):
        discard()  # refused before its first job
        return error
    found = ledger.read(directory)
    ledger.close(found)
    rankings = ranked(found)
    with drawn(found, rankings):
        for each in rankings:
            ranking.show(each)
        ledger.show(found)
        waits = sweep.deliver_rest(directory, outputs)
        stored = store_best(rankings, found, waits)
    if rankings:
        say("")
        kept = [name for name in (COMPARISON, MANIFEST) if (directory / name).is_file()]
        for line in fact("files", f"{relative(str(directory))}/  ({', '.join(kept)}, one directory per run)"):
            say(line)
        next_commands(stored, relative(str(rankings[0].jobs[0].directory)), "compare the curves in the browser")
    if sweep.Recorder.courier:
        sweep.Recorder.courier.stop(1)
    for words in waits:
        note(words)
    return error or verdict(found, waits)


def store_best(ranked: Sequence[ranking.Ranking], found: ledger.Sweep, waits: list[str]) -> str | None:
    """Store the best run's model; the words that open its store. What does not work is added to what ``waits``."""
    if not ranked:
        return None
    best = ranked[0].jobs[0]
    try:
        return sweep.store_best(best, over=not found.of(*states.LEFT))
    except NnexpError as problem:
        why = str(problem).splitlines()[0]
        waits.append(f"{why} Store the best run's model later: {command('log-model', relative(str(best.directory)))}")
        return None


def verdict(found: ledger.Sweep, waits: list[str]) -> NnexpError | None:
    """The error that a sweep ends with which is not completely well."""
    failed, left = len(found.of(*states.BAD)), len(found.of(*states.LEFT))
    of = f"of {counted(len(found.jobs), 'job')}"
    if left:
        return NnexpError(f"{left} {of} are not finished{f', {failed} failed' if failed else ''}; see above.")
    if failed:
        return NnexpError(f"{failed} {of} failed; the reasons are above.")
    if waits:
        return NnexpError("MLflow does not have all of this sweep yet. Nothing is lost; type python -m nnexp sync")
    return None


def resume(
    directory: Path, words: Sequence[str], options: Mapping[str, str], typed: Mapping[str, str | None], *, failed: bool
) -> None:
    """Finish the sweep in ``directory``: what was interrupted and what has not begun, and with ``failed`` what failed, too.

    The sweep is composed again from what its manifest says it began with, and from what is typed now: ``words`` of
    hydra.launcher, ``options`` that name files, and ``typed``, the store's address and the place of artifacts. Each job looks
    into its own directory and does what is left. Raises NnexpError where the sweep has changed, is at work, or cannot be
    resumed.
    """
    directory = directory.absolute()
    sweep.Recorder.lock = states.Lock(directory)
    found = ledger.read(directory)
    files = [word for option, value in options.items() for word in (option, value)]
    for folder in (directory, *(job.directory for job in found.jobs)):
        refuse_links(folder)
    recorded = again(found, files)
    sweep.Recorder.tracking = recorded_tracking(found.manifest, directory, typed)
    outputs = outputs_here()
    sweep.deliver_rest(directory, outputs)
    found = ledger.read(directory)
    if alive := found.of("running"):
        raise NnexpError(
            f"A worker that is left of the sweep still trains job #{alive[0].number}. Wait for it, or end it."
        )
    ledger.show_problems(found)
    sweep.Recorder.resumed = Resumed(directory, found.manifest, retry=failed)
    if not found.of(*states.LEFT, *(states.BAD if failed else ())):
        say(f"Nothing is left to do{'' if failed or not found.of(*states.BAD) else ' but what failed: --failed'}.")
        if problem := end_sweep(directory, outputs, None):
            raise problem
        return
    began_elsewhere(found, words)
    chosen = {"uri": sweep.Recorder.tracking.uri, "artifacts": sweep.Recorder.tracking.artifacts}
    store = [f"tracking.{key}={quoted(value)}" for key, value in chosen.items() if value]
    main(
        [*files, "-m", *words, *store],
        composition.Command(recorded=tuple(recorded), sweep_directory=relative(str(directory))),
    )
