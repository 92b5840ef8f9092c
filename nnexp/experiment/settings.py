"""What a run takes beside its experiment: where its record goes, how often a checkpoint is made, and its place on the disk.

None of this is part of the experiment: it changes no number, so it is no parameter in MLflow and not in the run's key.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.basics.fields import check_fields, hyperparameters
from nnexp.basics.optional import CHARTS, refuse_without
from nnexp.basics.secrets import masked
from nnexp.errors import NnexpError
from nnexp.experiment.asked import asked
from nnexp.experiment.plan import Plan, part, plan
from nnexp.plugin import param

MOST_JOBS = 100_000
"""More jobs than this are no sweep's: they would be listed for minutes before the first begins."""


@dataclass(frozen=True)
class TrackingSettings:
    """``tracking.*``."""

    name: str = param("mlflow", choices=("mlflow", "none"), doc="where the record goes")
    uri: str | None = param(None, doc="MLflow's tracking URI; null: MLFLOW_TRACKING_URI, or outputs/mlflow.db")
    artifacts: str | None = param(None, doc="where artifacts may go, too: the folder or address of an experiment's")
    experiment: str = param("nnexp", doc="MLflow's experiment")
    model: str = param("auto", choices=("auto", "all", "none"), doc="auto: of single runs and the best run of a sweep")


@dataclass(frozen=True)
class CheckpointSettings:
    """``checkpoint.*``: how much training an interruption may cost."""

    epochs: int | None = param(None, at_least=1, doc="save one every so many epochs; null: as time passes only")
    seconds: float | None = param(60.0, above=0, doc="save one when so many seconds have passed; null: by epochs only")


@dataclass(frozen=True)
class SweepSettings:
    """``sweep.*``: of a sweep as a whole."""

    fail_fast: bool = param(False, doc="no job starts once one has failed or diverged")
    dry_run: bool = param(False, doc="list the jobs and what they would cost; train and write nothing")
    until: int | None = param(None, at_least=1, doc="the epoch that this job pauses at: a search says it to its trials")
    show: tuple[str, ...] = param((), doc="further metrics for the table and the picture at its end")


@dataclass(frozen=True)
class SearchSettings:
    """``search.*`` but for the fields of the plugin that chooses the trials: of the search as a whole."""

    trials: int = param(64, at_least=1, at_most=MOST_JOBS, doc="runs in all")
    lag: int = param(
        4, at_least=0, doc="trial k is chosen when all up to k - lag - 1 have ended; 0: one after the other"
    )
    seed: int = param(0, at_least=0, doc="what the choice of trials is drawn with")
    metric: tuple[str, ...] = param((), doc="what is optimised; none: cost/validation, or without one cost/train")
    direction: tuple[str, ...] = param((), doc="minimize or maximize; none: what the metric calls for")
    halving: int | None = param(None, at_least=2, doc="only one in so many trials goes on from rung to rung; null: all")
    rungs: int = param(3, at_least=2, doc="of search.halving: at epochs, epochs / halving, epochs / halving^2, ...")
    seeds: int = param(1, at_least=1, at_most=1000, doc="runs of each trial, whose seeds differ and whose mean is told")
    max_failures: int | None = param(
        None, at_least=1, doc="end when so many trials have failed or diverged; null: never"
    )


@dataclass(frozen=True)
class LauncherSettings:
    """``hydra.launcher.*`` of nnexp's own launcher."""

    workers: int | None = param(None, at_least=1, doc="jobs that train at the same time; null: one for each core")


@dataclass(frozen=True)
class RunContext:
    """Where a run stands: its directory, ``outputs/``, what the user typed, and its sweep if it is part of one."""

    directory: Path
    outputs: Path
    overrides: tuple[str, ...] = ()
    name: str = ""
    sweep: str = ""
    job: int | None = None
    tags: Mapping[str, str] | None = None
    """What its record says of where it is carried out, if that is not the machine of the command."""
    search: str = ""
    """The search that chose it as a trial, if one did."""
    rung: int | None = None
    """The rung of that search to whose end it trains now, from 0; None where there are none."""


RUN_SECTIONS: Mapping[str, type[TrackingSettings | CheckpointSettings | SweepSettings]] = {
    "tracking": TrackingSettings,
    "checkpoint": CheckpointSettings,
    "sweep": SweepSettings,
}
"""The groups of keys that belong to the run, not to the experiment."""


@dataclass(frozen=True)
class RunSettings:
    """The run's own keys that are in no group."""

    reuse: bool = param(False, doc="take the numbers of a finished run with the same key instead of training again")
    timing: bool = param(False, doc="measure what an epoch, its matrix products and an inference take")
    pictures: tuple[str, ...] | None = param(
        None,
        doc="of what was learnt: names, with options behind them; auto: what suits the task; null: auto, no sweep's",
    )
    report: bool = param(False, doc="write a report of the run, or of the sweep, as one HTML file")


def check(config: Mapping[str, Any]) -> tuple[Plan, TrackingSettings, CheckpointSettings]:
    """Check a whole configuration before anything is done. Raises NnexpError."""
    rest = dict(config)
    own = RunSettings(**{item.name: rest.pop(item.name, item.default) for item in hyperparameters(RunSettings)})
    check_fields(own, "")
    asked(own.pictures or ())
    if own.report:
        refuse_without(*CHARTS)
    tracking = part(TrackingSettings, "tracking.", rest.pop("tracking", {}))
    checkpoint = part(CheckpointSettings, "checkpoint.", rest.pop("checkpoint", {}))
    if not tracking.experiment.strip():
        raise NnexpError("tracking.experiment must not be empty. Type tracking.experiment=NAME.")
    if own.reuse and tracking.name == "none":
        raise NnexpError(
            "reuse=true looks for the same run in MLflow, which tracking=none leaves out. Type reuse=false."
        )
    return plan(rest), tracking, checkpoint


def store_words(tracking: TrackingSettings) -> str:
    """What to type after a command that has to find this store again: " --uri ... --experiment ...", where they were chosen."""
    uri, artifacts = masked(tracking.uri) if tracking.uri else "", tracking.artifacts or ""
    chosen = {"uri": uri, "artifacts": artifacts, "experiment": tracking.experiment}
    given = {key: value for key, value in chosen.items() if value and value != TrackingSettings().experiment}
    return "".join(f" --{key} {shlex.quote(value)}" for key, value in given.items())
