"""What is in a run's report: its metrics and curves, pictures of what it learnt, configuration, versions and data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from nnexp.basics.files import relative
from nnexp.comparison.again import weights_in
from nnexp.comparison.reading import run_named
from nnexp.engine.metrics import confusion_matrix
from nnexp.errors import NnexpError, command, counted, first_line
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.plan import plan
from nnexp.experiment.seen import seen
from nnexp.journal.facts import Facts
from nnexp.journal.recorded_run import RecordedRun
from nnexp.plugin import Picture, Seen
from nnexp.report.charts import of_run
from nnexp.report.content import origins
from nnexp.report.page import Chart, Code, Grid, Image, Part, Section
from nnexp.run.drawing import chosen, image_of, tried
from nnexp.run.resume import refuse_other_data
from nnexp.terminal.console import measured

MOST_CLASSES = 50
"""A confusion matrix of more is a picture alone."""


def of(directory: Path) -> tuple[str, str, list[Section]]:
    """Title, line below it and sections of the report of the run in a directory."""
    run = run_named(directory)
    name = run.tags.get("nnexp.overrides") or run.params.get("dataset", directory.name)
    ended = f"{run.status} after {counted(run.epochs, 'epoch')}, {run.seconds:.1f} s"
    sections = [Section("Result", list(result(run)))]
    if run.epochs:
        sections.append(Section("Curves", [Chart(of_run(run), "Each metric by epoch, of training and of validation.")]))
    sections += learnt(directory, run)
    settings = [[key, value] for key, value in run.params.items()]
    sections.append(Section("Configuration", [Grid("Each key as it was resolved", ["key", "value"], settings)]))
    lines = [*typed(directory), "# is it the same, trained again?", command("verify", relative(str(directory)))]
    sections += [Section("How it is made again", [Code(lines)]), origins([run])]
    return f"Run: {name}", f"{ended}; {relative(str(directory))}", sections


def typed(directory: Path) -> list[str]:
    """The command that the run was started with, where its journal tells."""
    try:
        return [command(*RecordedRun.read(directory).recipe.place.overrides), ""]
    except NnexpError:
        return []


def result(run: Facts) -> Iterator[Part]:
    """The metrics of the weights that were kept, and those of the epoch of the lowest cost."""
    if run.reason:
        yield f"It did not finish: {run.reason}."
    best = run.metrics(run.best)
    rows = [
        [name, measured(name, value), measured(name, best[name]) if name in best else ""]
        for name, value in run.final.items()
    ]
    yield Grid("Metrics", ["metric", f"kept (epoch {run.kept})", f"lowest cost (epoch {run.best})"], rows)


def learnt(directory: Path, run: Facts) -> Iterator[Section]:
    """Pictures of what was learnt, of a run that finished and whose data are still there."""
    if run.status != "finished":
        return
    try:
        experiment = restored(directory)
    except (NnexpError, OSError) as error:
        yield Section("What was learnt", [f"There is no picture of it: {first_line(error)}."])
        return
    told = seen(experiment)
    said: list[str] = []
    pictures: list[Part] = []
    for name, picture in chosen(["auto"], told, said.append):
        if image := tried(name, "drawn", said.append, partial(image_of, picture, told)):
            pictures.append(part_of(name, picture, image, told))
    yield Section("What was learnt", [*said, *pictures, *matrix(told)])


def restored(directory: Path) -> Experiment:
    """The run's experiment with the weights that it kept. Raises NnexpError where the data are others, or the weights none."""
    recorded = RecordedRun.read(directory)
    experiment = prepare(plan(recorded.recipe.config))
    refuse_other_data(experiment, recorded)
    weights = weights_in(directory)
    if weights is None:
        raise NnexpError(f"'{directory}' has no weights.")
    experiment.network.set_arrays(weights)
    return experiment


def part_of(name: str, picture: Picture, image: bytes, told: Seen) -> Image:
    """One picture, with what it is."""
    part, rows = told.measured
    words = f"{name}: {(type(picture).__doc__ or '').partition(chr(10))[0]} Of {len(rows)} samples ({part})."
    return Image(image, picture.suffix.strip("."), words)


def matrix(told: Seen) -> Iterator[Grid]:
    """The confusion matrix in numbers, for who does not see the picture."""
    if not 0 < len(told.classes) <= MOST_CLASSES:
        return
    part, rows = told.measured
    actual = told.y[rows].astype(np.intp)
    counts = confusion_matrix(told.label(told.predict(told.x[rows])), actual, len(told.classes))
    lines = [[name, *map(str, row)] for name, row in zip(told.classes, counts.tolist(), strict=True)]
    yield Grid(f"Actual classes (rows) and predicted ones (columns), {part}", ["actual", *told.classes], lines)
