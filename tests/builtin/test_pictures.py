"""The pictures that come with nnexp: what each is of, what it refuses, and that a run has them, in files and in MLflow."""

from __future__ import annotations

import io
import signal
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from nnexp.builtin.pictures.boundary import Boundary, BoundaryMovie, Plane, scatter
from nnexp.builtin.pictures.errors import Confusion, Predicted
from nnexp.builtin.pictures.inside import Activations, Gradients, Weights, image_shape
from nnexp.errors import NnexpError
from nnexp.pictures.words import any_letters
from nnexp.plugin import Moment, Picture, Seen
from tests.command import nnexp, process, result, sweeps, with_pictures
from tests.discovery.test_installed_plugins import install

ODD = "<b>$\\frac$ \u4e2d"
"""A name that is no formula."""


def norms(epoch: int) -> tuple[float, ...]:
    """Gradients that become smaller."""
    return 1 / epoch, 2 / epoch


def network(**changes: Any) -> Seen:
    """A network of two classes over two features and a category: class 1 where the first feature is above 0."""
    draw = np.random.default_rng(0)
    x = np.column_stack([draw.normal(0, 1, (60, 2)), draw.integers(0, 3, 60)])

    def predict(rows: Any) -> Any:
        return 1 / (1 + np.exp(-4 * rows[:, :1]))

    facts: dict[str, Any] = {
        "task": "binary",
        "target": ODD,
        "classes": ("no", ODD),
        "features": ("first", "second", ODD),
        "categories": {ODD: ("a", "b", "c")},
        "x": x,
        "y": (x[:, 0] > 0).astype(int),
        "parts": {"training": np.arange(40), "validation": np.arange(40, 60)},
        "predict": predict,
        "label": lambda outputs: (outputs[:, 0] > 0.5).astype(int),
        "activations": lambda rows: [np.maximum(rows, 0), predict(rows)],
        "weights": ((np.ones((3, 5)), np.ones(3)), (np.ones((1, 3)), np.ones(1))),
        "moments": [Moment(each, predict, partial(norms, each)) for each in (1, 5, 10)],
    }
    return Seen(**facts | changes)


def drawn(picture: Picture, seen: Seen) -> Any:
    """The image that a picture makes."""
    file = io.BytesIO()
    assert picture.refusal(seen) == ""
    with any_letters():
        picture.draw(seen, file)
    return Image.open(file)


@pytest.mark.parametrize("picture", [Confusion(), Boundary(resolution=20), Activations(), Gradients()])
def test_a_picture_is_a_png(picture: Picture) -> None:
    """Each is an image of more than one color, whatever the letters in names are."""
    image = drawn(picture, network())
    assert image.format == "PNG"
    assert len(image.convert("RGB").getcolors(1 << 20)) > 10


@pytest.mark.parametrize("names", [("_low", "high"), ("$a$", "_")])
def test_every_class_is_in_the_legend(names: tuple[str, str]) -> None:
    """Under its own name, whatever that begins with."""
    seen = network(classes=names)
    axes = Figure().add_subplot()
    scatter(axes, seen, Plane.of(seen, (), 10))
    made = axes.get_legend()
    assert made is not None
    assert [(text.get_text(), text.get_parse_math()) for text in made.get_texts()] == [(each, False) for each in names]


def test_the_movie_has_a_frame_for_each_epoch() -> None:
    """An animated GIF, which stays on its last frame."""
    image = drawn(BoundaryMovie(resolution=20), network())
    assert (image.format, image.n_frames) == ("GIF", 3)


def test_the_plane_has_all_else_at_the_median() -> None:
    """The other features are at their median over the training part, a category at its most frequent one."""
    seen = network(
        features=("a", "b", "c"), categories={"c": ("x", "y")}, x=np.array([[0, 0, 1], [1, 5, 1], [2, 9, 0.0]])
    )
    seen = network(**{**vars(seen), "parts": {"training": np.arange(3)}, "y": np.array([0, 1, 1])})
    plane = Plane.of(seen, ("b", "a"), 3)
    assert plane.features == (1, 0)
    assert set(plane.x[:, 2]) == {1.0}
    np.testing.assert_allclose(plane.across, [-0.72, 4.5, 9.72])
    np.testing.assert_allclose(plane.up, [-0.16, 1, 2.16])


def test_confusion_is_of_the_validation_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers in the cells are counted by hand: 20 samples, of which one is answered wrongly."""
    seen = network()
    wrong = seen.y.copy()
    wrong[45] = 1 - wrong[45]
    texts = []
    monkeypatch.setattr("matplotlib.axes.Axes.text", lambda _, x, y, text, **_how: texts.append((y, x, int(text))))
    drawn(Confusion(), network(y=wrong))
    zeros = int((seen.y[40:] == 0).sum())
    a, b = (zeros - 1, 20 - zeros) if seen.y[45] == 0 else (zeros, 20 - zeros - 1)
    off = (1, 0, 1) if seen.y[45] == 0 else (0, 1, 1)
    assert sorted(texts) == sorted([(0, 0, a), (1, 1, b), off])


def test_a_regression_has_its_own_pictures() -> None:
    """Predicted against actual, the plane in colors; it has no confusion matrix."""
    seen = network(task="regression", classes=(), y=network().x[:, :1])
    for picture in (Predicted(), Boundary(resolution=20), BoundaryMovie(resolution=20)):
        drawn(picture, seen)
    assert Confusion().refusal(seen) == "a regression has no classes; pictures=[predicted] is its picture"
    assert "pictures=[confusion]" in Predicted().refusal(network())


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        ([f"pixel_{row}_{column}" for row in range(4) for column in range(6)], (4, 6)),
        ([f"pixel{each}" for each in range(25)], (5, 5)),
        ([f"{row}x{column}" for row in range(5) for column in range(5)], (5, 5)),
        ([f"pixel{each}" for each in range(24)], None),
        ([f"x{each}" for each in range(4)], None),
        (["age", *(f"pixel{each}" for each in range(15))], None),
    ],
)
def test_pixels_are_told_by_their_names(names: list[str], shape: tuple[int, int] | None) -> None:
    """Rows and columns, or a square of them; anything else is no image, and is refused with what pixels are called."""
    w = np.random.default_rng(0).normal(size=(5, len(names)))
    seen = network(features=tuple(names), categories={}, weights=((w, np.ones(5)),))
    assert image_shape(seen) == shape
    if shape:
        drawn(Weights(), seen)
    else:
        assert "are no pixels" in Weights().refusal(seen)


def test_features_are_checked() -> None:
    """Two different ones, which there are, and which are numbers."""
    with pytest.raises(NnexpError, match=r"must be two different features\. Got 1"):
        Boundary(("a",))
    assert Boundary(("first", "secnd")).refusal(network()).startswith("'secnd' is no feature. Did you mean 'second'?")
    assert "is no number" in Boundary((ODD, "first")).refusal(network())
    assert "it takes two features" in Boundary().refusal(network(features=("a",), categories={}))


def test_a_run_keeps_its_pictures(tmp_path: Path) -> None:
    """Those that suit the task and those that are named, as files and as MLflow's artifacts; no part of the key.

    A resumed run's are those of a run that was never interrupted, to the last bit.
    """
    words = ("dataset=moons", "epochs=4", "network.hidden=[3]", "checkpoint.epochs=3")
    ended = nnexp(*words, 'pictures=[auto,gradients,"boundary resolution=30"]', "hydra.run.dir=with", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    names = sorted(path.name for path in (tmp_path / "with" / "pictures").iterdir())
    assert names == ["boundary-2.png", "boundary.png", "confusion.png", "gradients.png"]
    assert nnexp(*words, "pictures=[]", "hydra.run.dir=without", cwd=tmp_path).code == 0
    assert not (tmp_path / "without" / "pictures").exists()
    kept = sorted(path.name for path in tmp_path.glob("outputs/artifacts/*/artifacts/pictures/*"))
    assert kept == names or sorted(path.name for path in tmp_path.glob("outputs/artifacts/**/pictures/*")) == names
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as database:
        keys = database.execute("SELECT value FROM tags WHERE key = 'nnexp.key'").fetchall()
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert nnexp("diff", "with", "without", cwd=tmp_path).code == 0
    (tmp_path / "with" / "pictures" / "gradients.png").unlink()
    assert nnexp("resume", "with", "epochs=5", cwd=tmp_path).code == 0
    whole = ("epochs=5", "pictures=[gradients]", "hydra.run.dir=whole")
    assert nnexp(*words, *whole, cwd=tmp_path).code == 0
    resumed, drawn = (tmp_path / name / "pictures" / "gradients.png" for name in ("with", "whole"))
    assert resumed.read_bytes() == drawn.read_bytes()


def test_a_single_run_draws_what_suits_its_task(tmp_path: Path) -> None:
    """Nobody has to ask for them; they are said, and are MLflow's. When the run is resumed they are drawn again."""
    ended = with_pictures("dataset=digits", "epochs=1", "hydra.run.dir=r", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "pictures r/pictures/  (confusion.png, weights.png)" in ended.out
    (kept,) = tmp_path.glob("outputs/artifacts/**/pictures")
    here = tmp_path / "r" / "pictures"
    assert sorted(each.name for each in kept.iterdir()) == ["confusion.png", "weights.png"]
    before = {each.name: each.read_bytes() for each in here.iterdir()}
    assert nnexp("resume", "r", "epochs=3", cwd=tmp_path).code == 0
    for each in kept.iterdir():
        assert each.read_bytes() == (here / each.name).read_bytes() != before[each.name]
    assert "Nothing waits" in nnexp("sync", cwd=tmp_path).out


def test_sweeps_draw_none_unless_asked(tmp_path: Path) -> None:
    """A sweep's jobs have pictures where they are typed, in MLflow, too, and others have not."""
    words = ("-m", "dataset=moons", "epochs=1,2", "hydra.launcher.workers=1")
    assert with_pictures(*words, "tracking=none", cwd=tmp_path).code == 0
    assert nnexp(*words, "pictures=[confusion]", cwd=tmp_path).code == 0
    first, second = sweeps(tmp_path)
    assert list(first.glob("*/pictures")) == []
    assert len(list(second.glob("*/pictures/confusion.png"))) == 2
    assert len(list(tmp_path.glob("outputs/artifacts/**/pictures/confusion.png"))) == 2


STRANGERS = '''
import sys
from dataclasses import dataclass
from nnexp.plugin import Picture

@dataclass(frozen=True)
class Torn(Picture):
    """A picture that fails."""

    def draw(self, seen, file):
        file.write(b"half")
        raise ValueError("no ink")

@dataclass(frozen=True)
class Final(Picture):
    """A picture that ends the program."""

    def draw(self, seen, file):
        sys.exit(3)

@dataclass(frozen=True)
class Empty(Picture):
    """A picture that writes nothing."""

    def draw(self, seen, file):
        pass

@dataclass(frozen=True)
class Rough(Picture):
    """A picture that changes what it sees."""

    def draw(self, seen, file):
        seen.x[:] = 0

@dataclass(frozen=True)
class Shy(Picture):
    """A picture that does not say whether it suits."""

    def usual(self, seen):
        raise ValueError("too shy")

    def draw(self, seen, file):
        pass
'''


SLOW = '''
import pathlib, time
from dataclasses import dataclass
from nnexp.plugin import Picture

@dataclass(frozen=True)
class Slow(Picture):
    """A picture that is never done."""

    def draw(self, seen, file):
        pathlib.Path("drawing").touch()
        time.sleep(60)
'''


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_is_finished_before_its_pictures_are_drawn(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, SIGTERM or SIGKILL while it draws leave a run that has finished, here and in MLflow, as the terminal says."""
    install(tmp_path / "site", "nnexp-slow", {"nnexp.picture": "slow = my_slow:Slow"}, {"my_slow": SLOW})
    words = ("dataset=moons", "epochs=2", "hydra.run.dir=r", "pictures=[confusion,slow]")
    drawing = process(*words, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    until = time.monotonic() + 60
    while not (tmp_path / "drawing").exists():
        assert drawing.poll() is None, drawing.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    drawing.send_signal(number)
    out, err = drawing.communicate(timeout=30)
    assert drawing.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(number, -number)
    assert "done     2 epochs" in out
    said = "The run is finished (r/), but not all of its pictures are drawn. python -m nnexp sync brings MLflow those that are."
    assert (said in err) == (number != signal.SIGKILL)
    assert result(tmp_path / "r")["status"] == "FINISHED"
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as database:
        assert database.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]
    assert nnexp("sync", cwd=tmp_path).code == 0
    assert len(list(tmp_path.glob("outputs/artifacts/**/pictures/confusion.png"))) == (number != signal.SIGKILL)
    refused = nnexp("resume", "r", cwd=tmp_path)
    assert "is finished: 2 of 2 epochs are trained" in refused.err


def test_a_strangers_picture_costs_only_itself(tmp_path: Path) -> None:
    """One that fails, ends the program, writes nothing or changes the data is told, leaves no file, and others are drawn."""
    names = ("torn", "final", "empty", "rough", "shy")
    points = "\n".join(f"{name} = my_torn:{name.title()}" for name in names)
    install(tmp_path / "site", "nnexp-torn", {"nnexp.picture": points}, {"my_torn": STRANGERS})
    words = ("dataset=moons", "epochs=1", "tracking=none", "hydra.run.dir=r")
    asked = "pictures=[torn,final,empty,rough,auto,weights]"
    ended = nnexp(*words, asked, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert ended.code == 0
    for name, what in {
        "torn": "drawn (ValueError: no ink)",
        "final": "drawn (SystemExit: 3)",
        "empty": "drawn (ValueError: what it wrote is no PNG)",
        "rough": "drawn (ValueError: assignment destination is read-only)",
        "shy": "asked (ValueError: too shy)",
    }.items():
        assert f"nnexp: The picture {name} could not be {what}." in ended.err
    assert "nnexp: The picture weights cannot be drawn: the 2 inputs of this network are no pixels" in ended.err
    assert {path.name for path in (tmp_path / "r" / "pictures").iterdir()} == {"boundary.png", "confusion.png"}
    assert "next     python -m nnexp predict r TABLE" in ended.out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("[boundry]", "No picture 'boundry'. Did you mean 'boundary'?"),
        ("auto", "pictures must be a list of str or null. Got 'auto'. Type pictures=[auto]."),
        ('["boundary featurs=[a]"]', "picture=boundary has no option 'featurs'. Did you mean 'features'?"),
        ('["boundary blue"]', "has 'blue' where FIELD=VALUE belongs"),
        ('["boundary resolution=2"]', "picture.resolution must be an int at least 10 and at most 1000. Got 2."),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_trained(tmp_path: Path, asked: str, said: str) -> None:
    """A name, an option or a value that is not there; nothing is left behind."""
    ended = nnexp("dataset=moons", f"pictures={asked}", cwd=tmp_path)
    assert ended.code == 1
    assert said in ended.err
    assert not list(tmp_path.glob("outputs/runs/*"))
