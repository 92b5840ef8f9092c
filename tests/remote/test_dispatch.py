"""What the head reads from the words of a job that is carried out elsewhere."""

from __future__ import annotations

import pytest

from nnexp.remote.dispatch import typed_store


@pytest.mark.parametrize(
    ("words", "store"),
    [
        (["seed=1", r"tracking.uri=http\://127.0.0.1\:5000"], "http://127.0.0.1:5000"),
        (["tracking.uri='http://127.0.0.1:5000'"], "http://127.0.0.1:5000"),
        (["++tracking.uri=sqlite:///a.db", "seed=1"], "sqlite:///a.db"),
        (["tracking.uri=null"], ""),
        (["seed=1", "tracking.experiment=tracking.uri"], ""),
    ],
)
def test_the_store_that_was_typed(words: list[str], store: str) -> None:
    """Its address is read as Hydra reads it, which escapes colons; without one there is none."""
    assert typed_store(words) == store
