"""A sweep from its first job to its end: its manifest is written, its jobs are ranked, its best model is stored."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nnexp.basics.files import Unreadable, outputs_here, relative
from nnexp.basics.origin import allowed, embedded
from nnexp.basics.removing import Site, remove
from nnexp.basics.secrets import masked
from nnexp.basics.store_address import same_store
from nnexp.composition.composed import is_basic, is_own, plain, top_keys
from nnexp.composition.explain import FILE_GROUPS
from nnexp.discovery import registry
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError, command, first_line
from nnexp.experiment.settings import TrackingSettings, check, part, store_words
from nnexp.journal.journal import JOURNAL
from nnexp.journal.past import Past
from nnexp.journal.result import read_result, write_result
from nnexp.pictures.comparison import compared
from nnexp.plugin import Plugin
from nnexp.run.drawing import draw_missing
from nnexp.run.start import failure, store_uri
from nnexp.sweep import ledger, preview
from nnexp.sweep.ledger import Job, key_of
from nnexp.sweep.manifest import MANIFEST, TYPED, Composition, Manifest, PlannedJob, differences, write_manifest
from nnexp.sweep.ranking import Ranking, panels, rankings
from nnexp.terminal.console import note
from nnexp.terminal.progress import waiting
from nnexp.tracking import ahead
from nnexp.tracking.artifacts import ARTIFACTS
from nnexp.tracking.client import worded
from nnexp.tracking.courier import Courier, store_model
from nnexp.tracking.database import in_order
from nnexp.tracking.delivery import run_id_of
from nnexp.tracking.pending import FOLDER, entries, settle_everywhere
from nnexp.tracking.store import Store

COMPARISON = "comparison.png"
MULTIRUN = "multirun.yaml"
"""What Hydra's sweeper writes into a sweep's directory."""
LAUNCHER_WORD = re.compile(r"\+*hydra(/launcher=|\.launcher\.)")
"""A word that chooses a launcher or one of its options."""


class Halt(BaseException):
    """Ends Hydra's part before the first job: Hydra makes a warning of an Exception in a callback. No error: all is said."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error


@dataclass(frozen=True)
class Resumed:
    """The sweep that this command goes on with, which it has locked; ``retry``: also with the jobs that failed."""

    directory: Path
    manifest: Manifest
    retry: bool


class Recorder(Callback):
    """Hydra's hook before the first job: sees that nothing of the user's is in the way, and writes a sweep's manifest.

    A resumed sweep is held against the manifest that it has.
    """

    directory: ClassVar[Path | None] = None
    """Of the sweep that this process carries out, for the ledger at its end."""
    resumed: ClassVar[Resumed | None] = None
    lock: ClassVar[ledger.Lock | None] = None
    """Held until this process ends."""
    note: ClassVar[Callable[[str], None]] = note
    """Says what the user should know while the sweep goes on."""
    courier: ClassVar[Courier | None] = None
    """Delivers the jobs' journals to MLflow; None where the jobs do so themselves."""
    site: ClassVar[Site | None] = None
    """Where this command's run or sweep is about to be, to be cleared should it be refused; None of a resumed sweep."""
    options: ClassVar[tuple[str, ...]] = ()
    """What was typed of the options that say which files take part."""
    tracking: ClassVar[TrackingSettings | None] = None
    """Where the sweep's runs are recorded."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a directory that holds something, before Hydra makes anything in it."""
        try:
            Recorder.site = free(Path(config.hydra.run.dir), "hydra.run.dir", hydras_files(config.hydra))
        except Exception as error:
            raise Halt(error) from error

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write down what was typed and what follows from it, before anything is trained."""
        try:
            Recorder.tracking = TrackingSettings(**plain(config)["tracking"])
            if config.sweep.dry_run:
                list_jobs(config)
            else:
                Recorder.courier = courier(config)  # first, since it takes seconds to import MLflow
                Recorder.directory = go_on(config, Recorder.resumed) if Recorder.resumed else begin(config)
        except Exception as error:
            raise Halt(error) from error
        if config.sweep.dry_run:
            raise Halt


def hydras_files(hydra: DictConfig) -> tuple[str, ...]:
    """What Hydra writes into a run's directory, by name."""
    folder = [f"{hydra.output_subdir}/{name}.yaml" for name in ("config", "hydra", "overrides")]
    return (*(folder if hydra.output_subdir is not None else ()), f"{hydra.job.name}.log")


def free(directory: Path, key: str, files: Sequence[str]) -> Site:
    """The place of a run or a sweep, in which there is nothing yet; ``files`` are written there. Raises NnexpError."""
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 (as Hydra reads it: a/../b is b, also where there is no a)
    here = relative(str(directory))
    outputs = outputs_here()
    inside = directory.relative_to(outputs).parts if directory.is_relative_to(outputs) else (here,)
    if not inside or inside[0] in (ARTIFACTS, FOLDER):
        raise NnexpError(f"{key}={here} is where nnexp keeps files of all runs. Choose another name.")
    if os.path.lexists(directory) and not directory.is_dir():
        raise NnexpError(f"{key}={here} is a file, and is to be a folder. Choose another name.")
    if directory.is_dir() and any(directory.iterdir()):
        for name, what in ((MANIFEST, "sweep"), (JOURNAL, "run")):
            if (directory / name).exists():
                raise NnexpError(
                    f"'{here}' holds a {what} already. Type {command('resume', here)} to finish it, or "
                    f"choose another {key}."
                )
        raise NnexpError(
            f"{key}={here} is a folder with something in it, which stays as it is. Choose another {key}, or leave it out."
        )
    return Site.of(directory, files)


def courier(config: DictConfig) -> Courier | None:
    """Hire one; None for ``tracking=none``, and under a launcher whose jobs deliver their runs themselves."""
    tracking = Recorder.tracking
    if tracking is None or tracking.name == "none" or not is_own(config.hydra.launcher):
        ahead.dismiss()
        return None
    going_on = Recorder.resumed.directory if Recorder.resumed else None
    return hire(tracking, [going_on / str(number) for number in ledger.todo(going_on)] if going_on else [])


def hire(tracking: TrackingSettings, going_on: Collection[Path] = ()) -> Courier:
    """Start the process that delivers to MLflow, also the runs that wait from before. It imports MLflow meanwhile.

    Those in ``going_on`` are left to the workers that are about to go on with them: only one process can have a journal.
    Raises NnexpError where the store does not answer; the embedded database, if it looks as it should, is not waited for.
    """
    outputs = outputs_here()
    uri = store_uri(tracking, outputs)
    made = Courier(uri, tracking.experiment, outputs, warn=tell, artifacts=tracking.artifacts)
    if not same_store(uri, embedded(outputs)) or not in_order(outputs, tracking.experiment, tracking.artifacts):
        made.connect()
    for entry in entries(outputs):
        alive = entry.directory in going_on or ledger.is_alive(entry.directory / JOURNAL)
        if same_store(entry.uri, uri) and not alive:
            made.ended(entry.directory)
    return made


def tell(line: str) -> None:
    """Say what the user should know, in the way that fits the moment."""
    Recorder.note(line)


def begin(config: DictConfig) -> Path:
    """Make a new sweep's directory and its manifest. Raises NnexpError where the directory holds something."""
    directory = Path(os.path.abspath(config.hydra.sweep.dir))  # noqa: PTH100 (see free)
    Recorder.site = free(directory, "hydra.sweep.dir", (MANIFEST, MULTIRUN, *hydras_files(config.hydra)[-1:]))
    manifest = planned(config)
    directory.mkdir(parents=True, exist_ok=True)
    Recorder.lock = ledger.Lock(directory)
    free(directory, "hydra.sweep.dir", ())  # another command may have been faster
    write_manifest(directory, manifest)
    return directory


def go_on(config: DictConfig, resumed: Resumed) -> Path:
    """Refuse to go on where the configuration or a version has changed since the sweep began. Raises NnexpError."""
    lines = list(differences(resumed.manifest, planned(config)))
    if lines:
        raise NnexpError(
            f"The sweep in '{relative(str(resumed.directory))}' began with other settings; then -> now:\n  "
            + "\n  ".join(lines[:12] + ([f"and {len(lines) - 12} more"] if len(lines) > 12 else []))
            + "\nBring back what it began with, or start a new sweep."
        )
    remove(resumed.directory / ledger.STOPPED)
    if resumed.retry:
        retry(resumed.directory)
    return resumed.directory


def retry(directory: Path) -> None:
    """Have the jobs that failed begin anew; those of which MLflow does not have all yet stay as they are."""
    waiting = {entry.directory for entry in entries(outputs_here())}
    for job in ledger.read(directory, results=False).of(*ledger.BAD):
        if job.directory in waiting:
            note(f"#{job.number} is not tried again: MLflow does not have all of it yet. Type python -m nnexp sync")
        else:
            ledger.set_aside(job)


def again(found: ledger.Sweep, options: Sequence[str]) -> list[str]:
    """The overrides with which a sweep began, which a manifest says and nobody has typed.

    They are data: keys of nnexp's own, which are checked as those of a file are. Raises NnexpError where the sweep cannot be
    resumed, with the reason and what to type.
    """
    manifest, here = found.manifest, relative(str(found.directory))
    if not manifest.compositions:
        raise NnexpError(f"'{here}' cannot be resumed: its {MANIFEST} does not say what it began with.")
    if not manifest.grid:
        raise NnexpError(
            f"The sweeper of '{here}' chose each job by how those before went, so what is left cannot be told. An interrupted "
            f"run of it is resumed by itself: {command('resume', f'{here}/NUMBER')}"
        )
    if (Path.cwd() / manifest.directory).resolve() != found.directory.resolve():
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


def began_elsewhere(found: ledger.Sweep, words: Sequence[str]) -> None:
    """Say how a sweep is resumed under the launcher that it began with, where another one was typed then."""
    launcher = found.manifest.launcher
    if launcher and not words:
        here = relative(str(found.directory))
        note(
            f"It began with {shlex.join(launcher)} and goes on with nnexp's own workers, which gives the same numbers. Under "
            f"that launcher: {command('resume', here, *launcher)}"
        )


def planned(config: DictConfig) -> Manifest:
    """The manifest of the sweep that was typed: the jobs, the versions and configurations that they begin with."""
    overrides = [str(each) for each in config.hydra.overrides.task]
    varied = in_files(config)
    if OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"] != "${hydra.job.num}":  # type: ignore[index,call-overload]
        raise NnexpError("hydra.sweep.subdir: the jobs of a sweep are in 0, 1, ... of its directory. Leave it out.")
    jobs = grid(config, [*varied, *overrides])
    compositions, versions = composed(config, jobs or [])
    return Manifest(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        directory=str(config.hydra.sweep.dir),
        overrides=tuple(overrides),
        varied=tuple(varied),
        swept=tuple(swept_keys([*varied, *overrides])),
        launcher=tuple(word for word in map(str, config.hydra.overrides.hydra) if LAUNCHER_WORD.match(word)),
        options=Recorder.options,
        versions=versions,
        compositions=tuple(compositions),
        grid=jobs is not None,
        jobs=tuple(PlannedJob(tuple(job)) for job in jobs or []),
    )


def list_jobs(config: DictConfig) -> None:
    """Show which jobs there would be and what they would cost; see ``nnexp.sweep.preview``."""
    lines = [*in_files(config), *(str(each) for each in config.hydra.overrides.task)]
    jobs, keys = grid(config, lines), swept_keys(lines)
    if jobs is None:
        raise NnexpError(
            "This sweeper chooses each job by how those before went, so there is no list. Leave sweep.dry_run out."
        )
    loader = GlobalHydra.instance().config_loader()

    def candidate(number: int, job: list[str]) -> preview.Candidate:
        name = " ".join([line for line in job if key_of(line) in keys] or job)
        compose = partial(loader.load_sweep_config, config, job)
        return preview.Candidate(number, name, job, compose, lambda: plain(compose()))

    candidates = (candidate(number, job) for number, job in enumerate(jobs))
    preview.show(candidates, len(jobs), workers(config.hydra.launcher), outputs_here())


def workers(launcher: Mapping[str, Any]) -> int:
    """How many jobs train at the same time, as far as the launcher's options say."""
    from joblib.externals.loky import cpu_count

    wanted = int((launcher["workers"] or -1) if "workers" in launcher else (launcher.get("n_jobs") or 1))
    return wanted if wanted > 0 else int(cpu_count())


def in_files(config: DictConfig) -> list[str]:
    """What a preset or a ready sweep varies, as overrides."""
    params = OmegaConf.to_container(OmegaConf.create(config.hydra.sweeper.get("params") or {}))
    return [f"{key!s}={value}" for key, value in params.items()] if isinstance(params, dict) else []


def swept_keys(lines: list[str]) -> list[str]:
    """The keys of several values among overrides."""
    parsed = OverridesParser.create().parse_overrides(lines)
    return [each.key_or_group for each in parsed if each.is_sweep_override()]


def grid(config: DictConfig, overrides: list[str]) -> list[list[str]] | None:
    """The jobs of Hydra's basic sweeper, in order; None where another sweeper chooses them as it goes."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    if not is_basic(config.hydra.sweeper):
        return None
    parser = OverridesParser.create(
        GlobalHydra.instance().config_loader()
    )  # it lists the options that glob(...) asks for
    batches = BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)
    return [list(job) for batch in batches for job in batch]


def composed(config: DictConfig, jobs: list[list[str]]) -> tuple[list[Composition], dict[str, str]]:
    """The configuration of the first job of each choice of plugins and presets, and the versions of what they use.

    The other jobs differ from those by the values in their overrides alone.
    """
    loader = GlobalHydra.instance().config_loader()
    first: dict[tuple[str, ...], list[str]] = {}
    for job in jobs:
        first.setdefault(tuple(line for line in job if key_of(line) in (*GROUPS, *FILE_GROUPS)), job)
    compositions, versions = [], {"nnexp": version("nnexp")}
    for chosen, job in first.items():
        values = plain(loader.load_sweep_config(config, job))
        plan, tracking, _ = check(values)
        versions |= registry.distributions(each for each in plan.chosen().values() if isinstance(each, Plugin))
        values["tracking"]["uri"] = masked(tracking.uri) if tracking.uri else None
        compositions.append(Composition(chosen, values))
    return compositions, versions


def ranked(sweep: ledger.Sweep) -> list[Ranking]:
    """The rankings of the sweep's finished jobs, the failed ones told of."""
    return rankings(sweep.of(*ledger.DONE, *ledger.BAD, "killed"), sweep.manifest)


def drawn(sweep: ledger.Sweep, found: Sequence[Ranking]) -> AbstractContextManager[None]:
    """Draw the comparison of the sweep's runs while the block goes on. Where that fails, a note says so."""
    if not found:
        return nullcontext()
    fixed = [line for line in sweep.manifest.overrides if key_of(line) not in sweep.manifest.swept]

    def failed(error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {first_line(error)}"
        note(f"The picture {sweep.directory.name}/{COMPARISON} could not be drawn: {why}.")

    return compared(panels(found, " ".join(fixed) or sweep.directory.name), sweep.directory / COMPARISON, failed)


def write_failure(directory: Path, error: Exception) -> None:
    """Note why a job failed, in the words that a single run ends with."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        reason = read_result(directory).reason
    except Unreadable:  # kept by write_result
        reason = ""
    write_result(directory, {"status": "FAILED", "reason": reason or str(error), **failure(error)})


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


def deliver_rest(directory: Path, outputs: Path) -> list[str]:
    """Deliver what the sweep's jobs could not; what is said of those that still wait."""
    if Recorder.courier:
        with waiting("recording the rest in MLflow"):
            return Recorder.courier.close()
    mine = [entry for entry in entries(outputs) if entry.directory.parent == directory]
    uri, artifacts = (Recorder.tracking.uri, Recorder.tracking.artifacts) if Recorder.tracking else (None, None)
    settled = settle_everywhere(mine, uri, outputs, draw_missing, artifacts=artifacts)
    return [words for _, words, done in settled if not done]


def store_best(best: Job, *, over: bool) -> str | None:
    """Store the model of a sweep's best run where ``tracking.model=auto``; the words that open its store, if there is one.

    Unless the sweep is ``over``, ``resume`` may find a better one, and stores that.
    """
    tracking = Recorder.tracking
    if tracking is None or tracking.name == "none" or not run_id_of(best.directory):
        return None
    if (best.directory / JOURNAL).exists():  # the experiment may be what the sweep varies
        own = part(TrackingSettings, "tracking.", Past.read(best.directory).recipe.tracking)
        tracking = replace(tracking, experiment=own.experiment, model=own.model)
    if over and tracking.model == "auto" and best.result.status == "FINISHED":
        outputs, requirements = outputs_here(), best.result.requirements
        if Recorder.courier:
            Recorder.courier.store_model(best.directory, requirements)
        else:
            store = Store.connect(tracking.uri, tracking.experiment, outputs, artifacts=tracking.artifacts)
            with worded("store the best run's model", store.uri):
                store_model(store, best.directory, requirements)
    return store_words(tracking)
