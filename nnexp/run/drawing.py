"""The pictures of a run that has ended: its cost, and those of what was learnt.

Those of what was learnt take half a second of a processor, a third of it matplotlib's import, and are drawn in the run's own
process, when its result is safe and shown. A process beside the run was tried, forked before MLflow's import, which imported
matplotlib meanwhile and drew while the run was delivered: on two busy cores commands ended 0.0 to 0.1 s sooner (medians).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from nnexp.basics.files import force_folder, replacing
from nnexp.errors import Terminated, first_line
from nnexp.experiment.asked import asked, usual
from nnexp.experiment.experiment import Experiment
from nnexp.experiment.moments import Moments
from nnexp.experiment.seen import seen
from nnexp.journal.result import read_result
from nnexp.pictures.curve import cost_curve
from nnexp.pictures.words import any_letters, own_style
from nnexp.plugin import Picture, Seen

COST_PICTURE = "cost.png"
FOLDER = "pictures"
"""In a run's directory."""
BEGINNINGS = {".png": b"\x89PNG\r\n\x1a\n", ".gif": b"GIF8"}
"""The first bytes of images."""
T = TypeVar("T")


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
) -> Iterator[Path]:
    """Draw the pictures that ``words`` ask for into the run's directory; each file when it is on the disk.

    One that cannot be drawn is told and costs nothing else: a run without a picture is a run all the same. Raises OSError.
    """
    told = seen(experiment, moments)
    folder = directory / FOLDER
    names: Counter[str] = Counter()
    for name, picture in chosen(words, told, warn):
        if (image := tried(name, "drawn", warn, partial(image_of, picture, told))) is None:
            continue
        names[name] += 1
        path = folder / f"{name}{f'-{names[name]}' if names[name] > 1 else ''}{picture.suffix}"
        folder.mkdir(exist_ok=True)
        with replacing(path, forced=True) as file:
            file.write(image)
        force_folder(folder)
        yield path


def image_of(picture: Picture, told: Seen) -> bytes:
    """What a picture writes. Raises ValueError where that is no image of its kind."""
    file = io.BytesIO()
    with any_letters(), own_style():
        picture.draw(told, file)
    image = file.getvalue()
    if not image.startswith(BEGINNINGS[picture.suffix]):
        raise ValueError(f"what it wrote is no {picture.suffix[1:].upper()}")
    return image


def tried(name: str, done: str, warn: Callable[[str], None], work: Callable[[], T]) -> T | None:
    """What a stranger's picture answers; None where it raises, which is told."""
    try:
        return work()
    except Terminated:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever it raises)
        warn(f"The picture {name} could not be {done} ({type(error).__name__}: {first_line(error)}).")
        return None


def chosen(words: Sequence[str], told: Seen, warn: Callable[[str], None]) -> list[tuple[str, Picture]]:
    """The pictures that can be drawn of those that are asked for; why another cannot is told."""
    found: list[tuple[str, Picture]] = []
    for name, picture in asked(words):
        if picture is None:
            found += [each for each in usual() if tried(each[0], "asked", warn, partial(suits, each[1], told))]
        elif why := tried(name, "asked", warn, partial(picture.refusal, told)):
            warn(f"The picture {name} cannot be drawn: {why}.")
        elif why is not None:
            found.append((name, picture))
    return list({repr(each): each for each in found}.values())


def suits(picture: Picture, told: Seen) -> bool:
    """Whether ``auto`` draws it."""
    return picture.usual(told) and not picture.refusal(told)
