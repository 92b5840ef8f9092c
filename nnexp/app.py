"""The command ``python -m nnexp key=value ...``: Hydra composes, ``nnexp.run`` runs. Hydra stops here."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn, cast

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from nnexp import composition, installed, ledger, options, presets, registry, sweep
from nnexp.commands import outputs
from nnexp.console import Console, fact, next_commands, note, relative, say
from nnexp.errors import NnexpError, counted, did_you_mean, first_line, listed
from nnexp.plugin import KINDS
from nnexp.run import run
from nnexp.settings import Place
from nnexp.tracking.address import guard_logs
from nnexp.tracking.journal import JOURNAL
from nnexp.tracking.result import RESULT
from nnexp.training import Diverged

LOG = "nnexp.log"

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
        outputs()
    composition.install()
    options.register(registry.available if given.help else options.claimed)
    if given.help:
        note_broken()
    command = hydra.main(version_base="1.3", config_path=str(presets.own_directory()), config_name="config")(job)
    failed = None
    try:
        command()
    except HydraException as error:
        raise NnexpError(str(error)) from error
    except (KeyboardInterrupt, SystemExit):  # there are two seconds: no pictures, no ranking
        if sweep.Recorder.directory:
            ledger.update_manifest(sweep.Recorder.directory)
        raise
    except BaseException:
        if sweep.Recorder.directory:
            end_sweep(sweep.Recorder.directory, Path.cwd() / "outputs")
        raise
    if sweep.Recorder.directory:
        failed = end_sweep(sweep.Recorder.directory, Path.cwd() / "outputs")
    if refused or failed:
        raise refused[0] if refused else cast("Exception", failed)


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
    """As one of a sweep's worker processes: what a job says goes into its own log."""


def enter_worker() -> None:
    """Make this process a worker of a sweep."""
    Here.worker = True


def job(config: DictConfig) -> float | None:
    """One job of Hydra's: a single run, or one of a sweep. Returns the objective, not a number where a sweep's job failed."""
    guard_logs()
    place = placed()
    console = Console(brief=bool(place.sweep) and not Here.worker)
    with own_log(place.directory) if Here.worker else contextlib.nullcontext():
        try:
            return run(composition.plain(config), place, console)
        except MemoryError as error:
            return ended(place, not_enough_memory(error))
        except Exception as error:
            if place.sweep and not isinstance(error, NnexpError):
                raise
            return ended(place, error)


@contextlib.contextmanager
def own_log(directory: Path) -> Iterator[None]:
    """Within the block, what would be on a single run's terminal goes into the job's log."""
    with (
        (directory / LOG).open("a", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield


def ended(place: Place, error: Exception) -> float | None:
    """Keep what ended a job: a sweep's for the table at its end, a single run's for ``main``."""
    if place.sweep:
        if not (place.directory / RESULT).exists():
            sweep.write_failure(place.directory, str(error))
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


def end_sweep(directory: Path, outputs: Path) -> NnexpError | None:
    """Rank the sweep's runs, store the best one's model, say where everything is; the error to end with if a job failed."""
    if not any(path.name.isdigit() for path in directory.iterdir()):  # refused before its first job
        remove(directory, outputs)
        return None
    waits = sweep.deliver_rest(directory, outputs)
    ranked, failed = sweep.close(directory)
    if ranked:
        best, stored = ranked[0].directory, None
        try:
            stored = sweep.store_best(ranked[0])
        except NnexpError as error:
            waits.append(
                f"{str(error).splitlines()[0]} Store the best run's model later: python -m nnexp log-model {best}"
            )
        say("")
        kept = f"({sweep.COMPARISON}, {ledger.MANIFEST}, one directory per run)"
        for line in fact("files", f"{relative(str(directory))}/  {kept}"):
            say(line)
        next_commands(stored, relative(str(best)), "compare the curves in the browser")
    for words in waits:
        note(words)
    if failed:
        return NnexpError(
            f"{len(failed)} of {counted(len(ranked) + len(failed), 'job')} failed; the reasons are above."
        )
    if waits:
        return NnexpError("MLflow does not have all of this sweep yet. Nothing is lost; type python -m nnexp sync")
    return None
