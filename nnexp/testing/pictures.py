"""What a picture has to keep. It is drawn of networks of each task, computed here, with names of any letters."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nnexp.pictures.words import any_letters
from nnexp.plugin import Array, Moment, Picture, Seen, Task
from nnexp.testing.verdict import Failed, Skipped

BEGINS = {".png": b"\x89PNG\r\n\x1a\n", ".gif": b"GIF8"}
"""How a file of each suffix begins (PNG: RFC 2083; GIF: version 89a)."""
ODD = "<b>$\\frac$ \u00e9\u4e2d"
"""A name that is no formula."""
SAMPLES = 60


class Network(NamedTuple):
    """What a picture is tried on."""

    what: str
    seen: Seen


def networks() -> Iterator[Network]:
    """One of each task: of two features, of images, of a number and a category."""
    yield Network("of two classes over two features", network("binary", ("first", "second"), ("no", "yes")))
    pixels = tuple(f"pixel_{row}_{column}" for row in range(4) for column in range(4))
    yield Network("of three classes of images", network("multiclass", pixels, ("0", "1", "2")))
    yield Network("of a regression", network("regression", ("first", "second"), ()))


def oddly_named() -> Iterator[Network]:
    """Networks whose names have any letters, and of which one has no validation part."""
    yield Network("with odd names", network("binary", (ODD, f"{ODD}2"), ("no", ODD), categories={f"{ODD}2": (ODD, "")}))
    yield Network("with odd names", network("regression", (ODD, f"{ODD}2"), (), parts={"training": np.arange(SAMPLES)}))


def network(task: Task, features: tuple[str, ...], classes: tuple[str, ...], **changes: Any) -> Seen:
    """A layer of three units, and outputs that depend on the first feature."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(SAMPLES, len(features)))
    for column, name in enumerate(features):
        if name in changes.get("categories", ()):
            x[:, column] = draw.integers(0, 2, SAMPLES)
    outputs = len(classes) if len(classes) > 2 else 1
    slopes = np.linspace(1, 3, outputs)
    predict = partial(answers, task, slopes)
    labels = np.digitize(x[:, 0], [0.0, 0.8]) if outputs > 1 else (x[:, 0] > 0).astype(np.intp)
    weights = (draw.normal(size=(3, len(features))), np.zeros(3)), (draw.normal(size=(outputs, 3)), np.zeros(outputs))
    facts: dict[str, Any] = {
        "task": task,
        "target": ODD if ODD in features else "target",
        "classes": classes,
        "features": features,
        "categories": {},
        "x": x,
        "y": 2 * x[:, :1] if task == "regression" else labels,
        "parts": {"training": np.arange(40), "validation": np.arange(40, SAMPLES)},
        "predict": predict,
        "label": label,
        "activations": lambda rows: [np.maximum(rows @ weights[0][0].T, 0), predict(rows)],
        "weights": weights,
        "moments": [Moment(epoch, predict, partial(norms, epoch)) for epoch in (1, 5, 10)],
    }
    return Seen(**facts | changes)


def answers(task: Task, slopes: Array, rows: Array) -> Array:
    """f(x) = s x1 of a regression, else 1 / (1 + exp(-s x1)), in rows that sum to 1 where there are several outputs."""
    z = rows[:, :1] * slopes
    if task == "regression":
        return z
    likely = 1 / (1 + np.exp(-z))
    return likely / likely.sum(axis=1, keepdims=True) if len(slopes) > 1 else likely


def label(outputs: Array) -> Any:
    """The most likely class."""
    return outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5).astype(np.intp)


def norms(epoch: int) -> tuple[float, ...]:
    """Gradients that become smaller."""
    return 1 / epoch, 2 / epoch


def drawable(picture: Picture, found: Iterator[Network]) -> Sequence[Network]:
    """Those that the picture does not refuse; where it refuses all, the check is skipped."""
    every = list(found)
    left = [each for each in every if not picture.refusal(each.seen)]
    if not left:
        raise Skipped(f"it refuses all of them: {picture.refusal(every[0].seen)}")
    return left


def image(picture: Picture, seen: Seen) -> bytes:
    """What the picture writes."""
    file = io.BytesIO()
    with any_letters():
        picture.draw(seen, file)
    return file.getvalue()


def refuses_in_words(picture: Picture) -> None:
    """Whether it can be drawn is said in words."""
    for each in networks():
        why, usual = picture.refusal(each.seen), picture.usual(each.seen)
        if not isinstance(why, str) or not isinstance(usual, bool):
            raise Failed(
                f"of a network {each.what} refusal returns {why!r} and usual {usual!r}. Return a text, empty where it can be "
                "drawn, and True or False."
            )


def draws_an_image(picture: Picture) -> None:
    """What it writes is an image of its suffix."""
    if picture.suffix not in BEGINS:
        raise Failed(f"suffix is '{picture.suffix}'. It has to be {' or '.join(BEGINS)}, which every browser shows.")
    for each in drawable(picture, networks()):
        found = image(picture, each.seen)
        if not found.startswith(BEGINS[picture.suffix]):
            raise Failed(
                f"of a network {each.what} it writes {len(found)} bytes that begin with {found[:8]!r}, which is no "
                f"{picture.suffix[1:].upper()}. Write the image to file, as with savefig(file, format='png')."
            )


def takes_any_letters(picture: Picture) -> None:
    """Names of any letters are drawn as they are."""
    for each in drawable(picture, oddly_named()):
        try:
            image(picture, each.seen)
        except ValueError as error:
            if "Parse" in str(error):
                raise Failed(
                    f"a name with a $ in it was taken for a formula. Give parse_math=False to what writes {ODD!r}."
                ) from None
            raise


def changes_nothing(picture: Picture) -> None:
    """The samples and weights are as they were."""
    for each in drawable(picture, networks()):
        arrays = {"x": each.seen.x, "y": each.seen.y, "weights": each.seen.weights[0][0]}
        before = {name: values.tobytes() for name, values in arrays.items()}
        image(picture, each.seen)
        for name, values in arrays.items():
            if values.tobytes() != before[name]:
                raise Failed(f"draw changed {name}, which other pictures are drawn of, too. Copy it first: .copy()")


def same_image_again(picture: Picture) -> None:
    """The same network gives the same image."""
    for each in drawable(picture, networks()):
        if image(picture, each.seen) != image(picture, each.seen):
            raise Failed(
                f"of a network {each.what} two images differ. Draw nothing from np.random or the clock; a generator of your "
                "own with a seed is fine."
            )


def leaves_no_figure(picture: Picture) -> None:
    """No figure is left open."""
    seen = drawable(picture, networks())[0].seen
    image(picture, seen)
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = len(pyplot.get_fignums()) if pyplot else 0
    image(picture, seen)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot and len(pyplot.get_fignums()) > before:
        raise Failed(
            "a figure of pyplot stays open each time, and a sweep draws thousands. Make it by matplotlib.figure.Figure()."
        )


CHECKS: tuple[Callable[[Picture], None], ...] = (
    refuses_in_words,
    draws_an_image,
    takes_any_letters,
    changes_nothing,
    same_image_again,
    leaves_no_figure,
)
