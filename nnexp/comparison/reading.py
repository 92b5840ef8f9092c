"""The runs below a directory, as their journals tell; MLflow is not asked.

A sweep's jobs include those that have not begun, so that a sweep which is still at work is shown as far as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nnexp.basics.bounded_yaml import refuse_deep
from nnexp.basics.files import MOST_BYTES, Unreadable, open_plain, relative
from nnexp.basics.plain import spelled
from nnexp.errors import NnexpError, did_you_mean, first_line
from nnexp.journal.facts import Facts
from nnexp.journal.journal import JOURNAL
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import RESULT, is_score
from nnexp.run.identity import flat
from nnexp.run.start import CONFIG
from nnexp.sweep.manifest import MANIFEST, Manifest, read_manifest
from nnexp.sweep.states import key_of, status_of
from nnexp.tracking.delivery import run_id_of

LEVELS = ("*", "*/*", "*/*/*")
"""How far below a folder runs are looked for: ``outputs`` has sweeps/NAME/0."""


class Found(NamedTuple):
    """Runs, and the keys that were varied on purpose, in the order in which they were typed."""

    runs: list[Facts]
    swept: list[str]


def refuse_no_directory(directory: Path) -> None:
    """Refuse what is no directory; of a file in one, and of a name like another one's, say what to type. Raises NnexpError."""
    if directory.is_dir():
        return
    if directory.exists():
        raise NnexpError(
            f"'{directory}' is no directory but a file. Type the directory that it is in: '{directory.parent}'"
        )
    there = [path.name for path in directory.parent.iterdir()] if directory.parent.is_dir() else []
    meant = did_you_mean(directory.name, there)
    raise NnexpError(f"No directory '{directory}'.{meant} Runs are in outputs/runs/, sweeps in outputs/sweeps/.")


def below(directory: Path) -> Found:
    """The run in a directory, the jobs of the sweep in it, or all runs further below.

    Raises NnexpError where there is none, and for a single run whose journal cannot be read.
    """
    refuse_no_directory(directory)
    if is_run(directory):
        return Found([run_named(directory)], [])
    if (directory / MANIFEST).exists():
        return jobs_in(directory)
    sweeps = sorted({path.parent for level in LEVELS for path in directory.glob(f"{level}/{MANIFEST}")})
    parts = [jobs_in(sweep) for sweep in sweeps]
    runs = {path.parent for level in LEVELS for name in (JOURNAL, RESULT) for path in directory.glob(f"{level}/{name}")}
    alone = [run_in(each) for each in sorted(runs) if each.parent not in sweeps and not within(each, sweeps)]
    found = alone + [run for part in parts for run in part.runs]
    if not found:
        raise NnexpError(
            f"'{directory}' holds no run: there is no {JOURNAL} in it or below. Runs are in outputs/runs/, sweeps in "
            "outputs/sweeps/."
        )
    return Found(found, list(dict.fromkeys(key for part in parts for key in part.swept)))


def within(directory: Path, sweeps: list[Path]) -> bool:
    """Whether a directory belongs to a sweep's job, as what was set aside of one that failed does."""
    return any(directory.is_relative_to(sweep) for sweep in sweeps)


def is_run(directory: Path) -> bool:
    """Whether a run has been in this directory."""
    return (directory / JOURNAL).exists() or (directory / RESULT).exists()


def jobs_in(sweep: Path) -> Found:
    """The jobs of a sweep, in order. Raises Unreadable where its manifest is torn."""
    manifest = read_manifest(sweep) or Manifest()
    planned = [
        {key_of(line): line.partition("=")[2].strip("\"'") for line in job.overrides if key_of(line) in manifest.swept}
        for job in manifest.jobs
    ]
    if not manifest.grid:  # its sweeper chose the jobs as it went
        begun = sum(path.name.isdigit() for path in sweep.iterdir())
        planned = [*planned, *([{}] * begun)][:begun]
    return Found([run_in(sweep / str(number), params) for number, params in enumerate(planned)], list(manifest.swept))


def run_named(directory: Path) -> Facts:
    """The run in a directory that was named: one whose journal cannot be read is refused. Raises NnexpError."""
    if (directory / JOURNAL).exists():
        RecordedRun.read(directory)
    return run_in(directory)


def run_in(directory: Path, planned: Mapping[str, str] | None = None) -> Facts:
    """The run in a directory: what its journal tells, and where it has none its ``result.json``.

    Of a job that has not begun only what was ``planned`` is known. Files that nnexp has not written are its reason.
    """
    place = relative(str(directory))
    try:
        recorded = RecordedRun.read(directory) if (directory / JOURNAL).exists() else None
    except NnexpError as error:
        return Facts("failed", first_line(error), planned or {}, directory=place)
    if recorded is None:
        return without_journal(directory, planned or {}, place)
    status, reason = recorded.ending.status.lower(), recorded.ending.reason
    if status != "finished":
        stands = status_of(directory)
        status, reason = stands.state, reason or first_line(stands.result.reason)
    opened = recorded.opened
    return Facts(
        status,
        reason,
        opened.params,
        opened.tags,
        opened.data,
        by_epoch([each["metrics"] for each in recorded.epochs]),
        {name: value for _, metrics in recorded.scores for name, value in metrics.items()},
        recorded.seconds,
        place,
        run_id_of(directory),
    )


def by_epoch(epochs: list[Mapping[str, float]]) -> dict[str, list[float]]:
    """Each metric's values, one for each epoch; not a number where an epoch has none."""
    names = dict.fromkeys(name for each in epochs for name in each)
    return {name: [each.get(name, float("nan")) for each in epochs] for name in names}


def without_journal(directory: Path, planned: Mapping[str, str], place: str) -> Facts:
    """A run that reused another's numbers, was refused before it began, or has not begun."""
    stands = status_of(directory)
    result = stands.result
    reason = first_line(stands.problem or result.reason) if stands.state != "reused" else ""
    scores = {name: value for name, value in result.metrics.items() if is_score(name)}
    params = configured(directory) or planned
    seconds, run_id = result.training_seconds, result.run_id
    state = stands.state
    if state == "waiting" and result.status == "FINISHED":
        state, reason = "finished", f"its {JOURNAL} is not there, its numbers are those of {RESULT}"
    return Facts(state, reason, params, {}, None, result.history, scores, seconds, place, run_id)


def configured(directory: Path) -> dict[str, str]:
    """What a run's ``config.yaml`` says, spelled as it is typed; nothing where there is none that can be read."""
    import yaml

    try:
        with open_plain(directory / CONFIG) as file:
            text = file.read(MOST_BYTES).decode()
        refuse_deep(text)
        read: Any = yaml.safe_load(text)
        return {key: spelled(value) for key, value in flat(read).items()}
    except (OSError, ValueError, RecursionError, AttributeError, yaml.YAMLError, Unreadable):
        return {}
