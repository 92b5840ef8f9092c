"""Each planted mistake is caught by the check that is there for it, with a message that says what is wrong."""

from __future__ import annotations

import pytest

from nnexp.plugin import Plugin
from nnexp.testing import every, examine
from nnexp.testing.suite import KIND_CHECKS

from . import (
    mistakes_of_activations,
    mistakes_of_datasets,
    mistakes_of_engines,
    mistakes_of_every_kind,
    mistakes_of_initializers,
    mistakes_of_losses,
    mistakes_of_measures,
    mistakes_of_optimizers,
    mistakes_of_pictures,
    mistakes_of_searches,
)
from .mistakes import Mistake, noticed
from .wrong_engine import with_runner

TABLES = {
    "activation": mistakes_of_activations.MISTAKES,
    "loss": mistakes_of_losses.MISTAKES,
    "optimizer": mistakes_of_optimizers.MISTAKES,
    "initializer": mistakes_of_initializers.MISTAKES,
    "dataset": mistakes_of_datasets.MISTAKES,
    "engine": mistakes_of_engines.MISTAKES,
    "picture": mistakes_of_pictures.MISTAKES,
    "search": mistakes_of_searches.MISTAKES,
}
ALL = [*mistakes_of_every_kind.MISTAKES, *(mistake for table in TABLES.values() for mistake in table)]


@pytest.mark.parametrize("mistake", ALL, ids=lambda mistake: mistake.what.replace(" ", "-"))
def test_a_mistake_is_caught(mistake: Mistake) -> None:
    """The named check fails, and its message says what is wrong."""
    ended = noticed(mistake)
    assert ended.outcome == "failed"
    assert mistake.message in ended.message


@pytest.mark.parametrize(
    "right",
    [
        mistakes_of_losses.Analytic,
        mistakes_of_optimizers.Momentum,
        mistakes_of_datasets.Line,
        mistakes_of_datasets.Sides,
        mistakes_of_pictures.Plain,
        mistakes_of_searches.Repeating,
        with_runner(mistakes_of_measures.Measuring),
    ],
)
def test_what_the_mistakes_were_planted_in_is_right(right: type[Plugin] | Plugin) -> None:
    """Plugins of the tables that have no mistake pass; the others are nnexp's own."""
    assert [each for each in examine(right) if each.outcome == "failed"] == []


def test_every_check_can_fail() -> None:
    """There is no check that none of the mistakes makes fail."""
    assert {mistake.check for mistake in mistakes_of_every_kind.MISTAKES} == {each.__name__ for each in every.CHECKS}
    for kind, table in TABLES.items():
        assert {mistake.check for mistake in table} == {each.__name__ for each in KIND_CHECKS[kind]}
