"""The space of a search: words of a sweep become dimensions; and what is said where no search is installed."""

from __future__ import annotations

import pytest
from hydra.types import RunMode

from nnexp.composition.space import region
from nnexp.errors import NnexpError
from nnexp.plugin import Dimension, Options, Span, Steps
from tests.composed import loader, store, sweep

__all__ = ["store"]

DIMENSIONS: dict[str, Dimension] = {
    "optimizer.learning_rate=interval(0.01,1)": Span(0.01, 1.0),
    "optimizer.learning_rate=tag(log,interval(1e-3,1))": Span(1e-3, 1.0, log=True),
    "optimizer.batch_size=int(interval(8,128))": Span(8, 128),
    "optimizer.batch_size=tag(log,int(interval(8,128)))": Span(8, 128, log=True),
    "epochs=range(20,100,20)": Steps((20, 40, 60, 80)),
    "epochs=range(80,0,-20)": Steps((20, 40, 60, 80)),
    "split.validation=range(0.25,1,0.25)": Steps((0.25, 0.5, 0.75)),
    "activation=relu,tanh,relu": Options(("relu", "tanh")),
    "network.hidden=[8],[32,16]": Options(("[8]", "[32,16]")),
    "activation=glob(*lu)": Options(("leaky_relu", "relu")),
    "shuffle=choice(true,false)": Options(("True", "False")),
}


@pytest.mark.parametrize("word", DIMENSIONS)
def test_words_become_dimensions(word: str) -> None:
    """Each kind of several values is what Hydra means by it: ``range`` without its end, in whatever order."""
    space = region([word, "seed=3"], loader()).first()
    assert space == {word.partition("=")[0]: DIMENSIONS[word]}
    assert region([word, "seed=3"], loader()).words == (word, "seed=3")


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["activation=relu,tanh"], 2),
        (["activation=relu,tanh", "epochs=range(20,100,20)", "optimizer.batch_size=int(interval(8,10))"], 24),
    ],
)
def test_trials_that_repeat(words: list[str], settings: int) -> None:
    """More trials than there are settings to try are told of; of numbers in between there is no end."""
    assert region(words, loader()).repeats(settings) == ""
    told = region(words, loader()).repeats(settings + 1)
    assert told.startswith(f"{settings} settings differ, and search.trials={settings + 1}: some are trained again")
    assert region([*words, "optimizer.learning_rate=interval(0.1,1)"], loader()).repeats(100_000) == ""


def test_words_of_the_search_are_none_of_its_trials() -> None:
    """``search.*`` and ``sweep.*`` are left out; what was typed stays in its order, a number to its last digit."""
    found = region(
        ["search=tpe", "epochs=3", "optimizer.learning_rate=interval(0,1)", "sweep.fail_fast=true"], loader()
    )
    assert found.lines({"optimizer.learning_rate": 1 / 3}) == ["epochs=3", "optimizer.learning_rate=0.3333333333333333"]


def test_corners_share_a_composition() -> None:
    """What is said to Hydra is none of a trial's words, so the trials that are tried out are composed from one template."""
    by = loader()
    master = sweep(by)
    hydras = ["hydra.mode=MULTIRUN", "hydra.launcher.workers=2"]
    found = region([*hydras, "optimizer.learning_rate=interval(0.1,1)", "network.hidden=[8],[16]", "epochs=3"], by)
    before = by.full
    jobs = [by.load_sweep_config(master, found.lines(corner)) for corner in found.corners()]
    assert {job.optimizer.learning_rate for job in jobs} == {0.1, 1.0}
    assert (by.full - before, by.templates) == (0, 1)


def test_fields_of_options_that_vary() -> None:
    """A field is asked for where the option that was chosen has it, and every option is among the corners."""
    found = region(["optimizer=minibatch,batch", "optimizer.batch_size=int(interval(8,64))"], loader())
    assert list(found.first()) == ["optimizer"]
    assert list(found.further({"optimizer": "minibatch"})) == ["optimizer.batch_size"]
    assert list(found.further({"optimizer": "batch"})) == []
    corners = list(found.corners())
    assert {"optimizer": "minibatch", "optimizer.batch_size": 64} in corners
    assert {"optimizer": "batch"} in corners


def test_what_to_install() -> None:
    """Where nothing brings the search the message says which distribution does."""
    with pytest.raises(NnexpError, match="'tpe' comes with nnexp-search, which is not installed"):
        loader().load_configuration(
            "config", ["search=tpe", "optimizer.learning_rate=interval(0.1,1)"], RunMode.MULTIRUN
        )
