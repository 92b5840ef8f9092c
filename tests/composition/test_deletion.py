"""What cannot be taken away with ``~`` is said in nnexp's words."""

from __future__ import annotations

import pytest
from hydra.types import RunMode

from nnexp.errors import NnexpError
from tests.composed import loader, store

__all__ = ["store"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "~patience",
            "~patience: patience is not set, so there is nothing to take away. Leave it out, or type patience=null.",
        ),
        ("~epochs=3", "~epochs=3: epochs is 80, not 3. Type ~epochs"),
        (
            "~optimizer.learning_rate",
            "~optimizer.learning_rate: a field of an option cannot be taken away. Leave it out, and",
        ),
        (
            "~optimizer=sgd",
            "~optimizer=sgd: optimizer=sgd is not chosen, so there is nothing to take away. Leave it out.",
        ),
        ("~patienc", "No option group or key 'patienc'. Did you mean 'patience'?"),
    ],
)
@pytest.mark.parametrize("mode", [RunMode.RUN, RunMode.MULTIRUN])
def test_what_is_not_there(line: str, words: str, mode: RunMode) -> None:
    """What is not set, has another value or is an option's field, in a single run and in a sweep."""
    with pytest.raises(NnexpError) as refused:
        loader().load_configuration("config", ["dataset=xor", line], mode)
    assert str(refused.value).startswith(words)


def test_another_slip_beside_it() -> None:
    """A key that can be taken away is not blamed for another word's slip."""
    with pytest.raises(NnexpError, match="No option group or key 'epocs'"):
        loader().load_configuration("config", ["dataset=xor", "~seed", "epocs=3"], RunMode.RUN)
