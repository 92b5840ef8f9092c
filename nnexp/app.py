"""The command ``python -m nnexp key=value ...``: Hydra composes, ``nnexp.run`` runs. Hydra stops here."""

from __future__ import annotations

import contextlib
import logging
import math
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, ClassVar, NoReturn, cast

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from nnexp import composition, installed, ledger, options, presets, ranking, registry, sweep
from nnexp.console import Console, fact, next_commands, note, relative, say
from nnexp.errors import NnexpError, counted, did_you_mean, first_line, listed
from nnexp.files import outputs_here
from nnexp.loaded import MOST_BYTES, Cache
from nnexp.plugin import KINDS
from nnexp.run import resume as resume_run
from nnexp.run import run
from nnexp.settings import Place
from nnexp.tracking.address import guard_logs
from nnexp.tracking.journal import JOURNAL, Busy
from nnexp.tracking.result import RESULT, read_result
from nnexp.tracking.run import Waiting
from nnexp.training import Diverged, blas_threads

LOG = "nnexp.log"
log = logging.getLogger("nnexp")

refused: list[Exception] = []
"""What ended this process's single run; kept here, because Hydra would announce a raised error in its own words."""


def main() -> None:
    """Run what ``sys.argv`` says. Raises NnexpError, or whatever else ended the run or the sweep."""
    parser = get_args_parser()
    parser.error = refuse_option  # type: ignore[method-assign]
    given = parser.parse_args()
    refuse_two_modes(vars(given))
    composition.GuardedLoader.to_run = not (given.help or given.cfg or given.info)
    if composition.GuardedLoader.to_run:
        outputs_here()
    composition.install()
    options.register(registry.available if given.help else options.claimed)
    if given.help:
        note_broken()
    try:
        compose_and_run()
    finally:
        if sweep.Recorder.courier:  # refused or interrupted; at the end of a sweep it has ended already
            sweep.Recorder.courier.stop(0)


def compose_and_run() -> None:
    """Have Hydra do its part; then a sweep's end. Raises as ``main``."""
    command = hydra.main(version_base="1.3", config_path=str(presets.own_directory()), config_name="config")(job)
    failed = None
    try:
        command()
    except sweep.Halt as halt:
        if halt.error:
            raise halt.error from None
        return
    except (KeyboardInterrupt, SystemExit):  # there are two seconds: no pictures, no ranking
        if sweep.Recorder.directory:
            interrupted(sweep.Recorder.directory)
        raise
    except Exception as error:  # noqa: BLE001 (raised again after the ledger)
        failed = error
    if sweep.Recorder.directory:
        failed = end_sweep(sweep.Recorder.directory, outputs_here(), failed)
    if refused or failed:
        raise refused[0] if refused else in_words(cast("Exception", failed))


def in_words(error: Exception) -> Exception:
    """What ended Hydra's part, as nnexp says it."""
    if isinstance(error, BrokenProcessPool):
        return NnexpError(
            "A worker process of the sweep was killed, or had not enough memory, which ends the sweep under this launcher. "
            "The command that finishes it is above."
        )
    return NnexpError(str(error)) if isinstance(error, HydraException) else error


def interrupted(directory: Path) -> None:
    """Bring the manifest of a sweep up to date that was interrupted, and say how its jobs stand."""
    found = ledger.read(directory, results=False)
    ledger.close(found)
    note(f"{found.counts}. Go on: python -m nnexp resume {shlex.quote(relative(str(directory)))}")


def note_broken() -> None:
    """Say on stderr what is installed but not among the options."""
    plugins = [each for kind in KINDS for each in registry.broken(kind)]
    for problem in [*plugins, *installed.points()[1], *presets.problems()]:
        print(f"note: left out {problem}", file=sys.stderr)  # noqa: T201


def refuse_option(message: str) -> NoReturn:
    """Hydra's parser for options such as ``-m`` would exit with its whole usage."""
    option = message.rpartition(" ")[2]
    known = [f"--{each}" for each in ("multirun", "help", "hydra-help", "cfg", "config-dir", "config-name", "info")]
    raise NnexpError(
        f"{message}.{did_you_mean(option, known)} Options: {listed(['-m', *known])}. A key is typed key=value."
    )


def refuse_two_modes(given: Mapping[str, Any]) -> None:
    """Options that each say what the command does: Hydra takes one of them, and says so in a traceback."""
    modes = {"multirun": "-m", "run": "--run", "cfg": "--cfg job", "info": "--info"}
    chosen = [option for key, option in modes.items() if given.get(key)]
    if len(chosen) > 1:
        raise NnexpError(
            f"{' and '.join(chosen)} do not go together. Type {chosen[-1]} without {' and '.join(chosen[:-1])}."
        )


class Here:
    """How this process runs jobs."""

    worker: ClassVar[bool] = False
    """As one of a sweep's worker processes: what a job says goes into its own log, and its record to another process."""
    cache: ClassVar[Cache | None] = None
    """The data of this worker's jobs."""


def enter_worker(workers: int) -> None:
    """Make this process one of so many workers of a sweep."""
    composition.install()
    composition.GuardedLoader.checked_later = True
    blas_threads().limit(limits=1, user_api="blas")
    Here.worker, Here.cache = True, Cache(MOST_BYTES // workers)


def job(config: DictConfig) -> float | None:
    """One job of Hydra's: a single run, or one of a sweep. Returns the objective, not a number where a sweep's job failed."""
    guard_logs()
    place = placed()
    with own_log(place.directory) if Here.worker else contextlib.nullcontext():
        try:
            if place.sweep:
                return part_of_sweep(config, place)
            return run(composition.plain(config), place, Console())
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
    stands, console = ledger.state(place.directory), Console(brief=not Here.worker)
    if stands in ledger.DONE:
        return read_result(place.directory).objective
    if stands in ledger.BAD:  # --failed has set those aside that are to be tried again
        return math.nan
    if config.sweep.fail_fast and (place.directory.parent / ledger.STOPPED).exists():
        shutil.rmtree(place.directory)  # what Hydra made of it; it has not begun
        return math.nan
    values = composition.plain(config)
    here = not Here.worker or values["tracking"]["name"] == "none"  # then nobody else has to do with the run
    if stands == "waiting":
        return run(values, place, console, cache=Here.cache, delivered_here=here)
    uri = values["tracking"]["uri"]
    try:
        return resume_run(place.directory, place.outputs, None, uri, console, cache=Here.cache, delivered_here=here)
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
            (place.directory.parent / ledger.STOPPED).touch()
        return math.nan  # the other jobs go on; the end of the sweep tells the reason
    if isinstance(error, NnexpError) and not isinstance(error, Diverged):
        discard(place)
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
    return Place(directory, outputs, overrides, ledger.run_name(root, overrides), root.name, int(here.job.num))


def discard(place: Place) -> None:
    """Remove the directory of a run that was refused before it trained; nothing half-written stays, but another run's does."""
    if not any((place.directory / name).exists() for name in (RESULT, JOURNAL)):
        remove(place.directory, place.outputs)


def remove(directory: Path, outputs: Path) -> None:
    """Remove a run's or a sweep's directory, and what is empty then."""
    shutil.rmtree(directory, ignore_errors=True)
    for parent in (directory.parent, outputs):
        with contextlib.suppress(OSError):  # not empty
            parent.rmdir()


def end_sweep(directory: Path, outputs: Path, error: Exception | None) -> Exception | None:
    """Rank the sweep's runs, store the best one's model, print the ledger; the error to end with if not all is well.

    ``error`` is what ended Hydra's part before its time.
    """
    if not sweep.Recorder.resumed and not any(path.name.isdigit() for path in directory.iterdir()):
        remove(directory, outputs)  # refused before its first job
        return error
    found = ledger.read(directory)
    ledger.close(found)
    ranked = sweep.ranked(found)
    with sweep.drawn(found, ranked):
        for each in ranked:
            ranking.show(each)
        ledger.show(found)
        waits = sweep.deliver_rest(directory, outputs)
        stored = store_best(ranked, found, waits)
    if ranked:
        say("")
        kept = [name for name in (sweep.COMPARISON, ledger.MANIFEST) if (directory / name).is_file()]
        for line in fact("files", f"{relative(str(directory))}/  ({', '.join(kept)}, one directory per run)"):
            say(line)
        next_commands(stored, relative(str(ranked[0].jobs[0].directory)), "compare the curves in the browser")
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
        return sweep.store_best(best, over=not found.of(*ledger.LEFT))
    except NnexpError as problem:
        why = str(problem).splitlines()[0]
        waits.append(f"{why} Store the best run's model later: python -m nnexp log-model {best.directory}")
        return None


def verdict(found: ledger.Sweep, waits: list[str]) -> NnexpError | None:
    """The error that a sweep ends with which is not completely well."""
    failed, left = len(found.of(*ledger.BAD)), len(found.of(*ledger.LEFT))
    of = f"of {counted(len(found.jobs), 'job')}"
    if left:
        return NnexpError(f"{left} {of} are not finished{f', {failed} failed' if failed else ''}; see above.")
    if failed:
        return NnexpError(f"{failed} {of} failed; the reasons are above.")
    if waits:
        return NnexpError("MLflow does not have all of this sweep yet. Nothing is lost; type python -m nnexp sync")
    return None


def resume(directory: Path, *, failed: bool, uri: str | None) -> None:
    """Finish the sweep in ``directory``: what was interrupted and what has not begun, and with ``failed`` what failed, too.

    The command that began it is run again, with the sweep's directory fixed; each job looks into its own and does what is left.
    Raises NnexpError where the sweep has changed, is at work, or cannot be resumed.
    """
    directory = directory.absolute()
    sweep.Recorder.lock = ledger.Lock(directory)
    found = ledger.read(directory)
    words = sweep.again(found, uri)
    outputs = outputs_here()
    sweep.deliver_rest(directory, outputs)
    found = ledger.read(directory)
    if alive := found.of("running"):
        raise NnexpError(
            f"A worker that is left of the sweep still trains job #{alive[0].number}. Wait for it, or end it."
        )
    ledger.show_problems(found)
    sweep.Recorder.resumed = sweep.Resumed(directory, found.manifest, retry=failed)
    if not found.of(*ledger.LEFT, *(ledger.BAD if failed else ())):
        say(f"Nothing is left to do{'' if failed or not found.of(*ledger.BAD) else ' but what failed: --failed'}.")
        if problem := end_sweep(directory, outputs, None):
            raise problem
        return
    composition.GuardedLoader.sweep_directory = relative(str(directory))
    sys.argv[1:] = words
    main()
