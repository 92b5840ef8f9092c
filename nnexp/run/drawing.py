"""The pictures of a run that has ended: its cost, and those of what was learnt.

Those of what was learnt take half a second of a processor, a third of it matplotlib's import, and are drawn in the run's own
process, when its result is safe and shown. A process beside the run was tried, forked before MLflow's import, which imported
matplotlib meanwhile and drew while the run was delivered: on two busy cores commands ended 0.0 to 0.1 s sooner (medians).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from nnexp.basics.files import force_folder, replacing
from nnexp.errors import first_line
from nnexp.experiment.asked import asked, usual
from nnexp.experiment.experiment import Experiment
from nnexp.experiment.moments import Moments
from nnexp.experiment.seen import seen
from nnexp.journal.result import read_result
from nnexp.pictures.curve import cost_curve
from nnexp.pictures.words import any_letters
from nnexp.plugin import Picture, Seen

COST_PICTURE = "cost.png"
FOLDER = "pictures"
"""In a run's directory."""


def draw_cost(directory: Path) -> None:
    """Draw the picture of the run that ended well in ``directory``, from its ``result.json``."""
    result = read_result(directory)
    cost_curve(result.history, result.kept_epoch, result.title, directory / COST_PICTURE)


def draw_missing(directory: Path) -> None:
    """Draw the picture of the run in ``directory`` if it ended well and nobody has drawn it."""
    if not (directory / COST_PICTURE).exists() and read_result(directory).status == "FINISHED":
        draw_cost(directory)


def draw(
    experiment: Experiment, moments: Moments | None, words: Sequence[str], directory: Path, warn: Callable[[str], None]
) -> list[Path]:
    """Draw the pictures that ``words`` ask for into the run's directory; the files, each on the disk.

    One that cannot be drawn is told and costs nothing else: a run without a picture is a run all the same. Raises OSError.
    """
    told = seen(experiment, moments)
    folder = directory / FOLDER
    made: list[Path] = []
    for name, picture in chosen(words, told, warn):
        image = io.BytesIO()
        try:
            with any_letters():
                picture.draw(told, image)
        except Exception as error:  # noqa: BLE001 (whatever a stranger's picture raises)
            warn(f"The picture {name} could not be drawn ({type(error).__name__}: {first_line(error)}).")
            continue
        again = sum(path.name.startswith((f"{name}.", f"{name}-")) for path in made)
        path = folder / f"{name}{f'-{again + 1}' if again else ''}{picture.suffix}"
        folder.mkdir(exist_ok=True)
        with replacing(path, forced=True) as file:
            file.write(image.getvalue())
        made.append(path)
    if made:
        force_folder(folder)
    return made


def chosen(words: Sequence[str], told: Seen, warn: Callable[[str], None]) -> list[tuple[str, Picture]]:
    """The pictures that can be drawn of those that are asked for; why another cannot is told."""
    found: list[tuple[str, Picture]] = []
    for name, picture in asked(words):
        if picture is None:
            found += [each for each in usual() if each[1].usual(told) and not each[1].refusal(told)]
        elif why := picture.refusal(told):
            warn(f"The picture {name} cannot be drawn: {why}.")
        else:
            found.append((name, picture))
    return list({repr(each): each for each in found}.values())
