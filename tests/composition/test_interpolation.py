"""A reference that leads nowhere, in a circle or to a value of another kind says which one it is and what to type."""

from __future__ import annotations

import pytest
from hydra.types import RunMode
from omegaconf import DictConfig

from nnexp.errors import NnexpError
from tests.composed import Watched, loader, store, sweep

__all__ = ["store"]

REFUSED = [
    ("seed=${nope}", "seed=${nope} refers to 'nope', and there is no such key. Type seed=VALUE"),
    (
        "seed=${epoch}",
        "seed=${epoch} refers to 'epoch', and there is no such key. Did you mean 'epochs'? Type seed=VALUE",
    ),
    (
        "seed=${split.validatoin}",
        "seed=${split.validatoin} refers to 'split.validatoin', and there is no such key. Did you mean 'split.validation'?",
    ),
    ("seed=${epochs.x}", "seed=${epochs.x} refers to 'epochs.x', and there is no such key."),
    (
        "network.hidden=[8,'${network.hidden.7}']",
        "network.hidden.1=${network.hidden.7} refers to 'network.hidden.7', and",
    ),
    ("seed=${seed}", "seed=${seed} refers to itself, and has no value. Type seed=VALUE"),
    ("split.seed=${split}", "split.seed=${split} refers to itself, and has no value. Type split.seed=VALUE"),
    ("network.hidden=['${network.hidden.0}']", "refers to itself, and has no value. Type network.hidden=VALUE"),
    (
        "optimizer.learning_rate=${dtype}",
        "optimizer.learning_rate=${dtype}: Value 'float64' of type 'str' could not be converted to Float. Type",
    ),
]


@pytest.fixture(scope="module")
def a_sweep() -> tuple[Watched, DictConfig]:
    """A loader, and the sweep that the jobs are of."""
    by = loader()
    return by, sweep(by, "dataset=xor")


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_a_reference_without_a_value(line: str, words: str, a_sweep: tuple[Watched, DictConfig]) -> None:
    """In a single run, and in a sweep's job beside others."""
    with pytest.raises(NnexpError) as alone:
        loader().load_configuration("config", ["dataset=xor", line], RunMode.RUN)
    by, master = a_sweep
    with pytest.raises(NnexpError) as among:
        by.validate(master, [["dataset=xor", line]])
    assert words in str(alone.value) == str(among.value)


def test_a_circle_names_its_keys() -> None:
    """References that lead back by another key, which is named; one that only leads there is not."""
    lines = ["split.seed=${seed}", "seed=${epochs}", "epochs=${seed}"]
    with pytest.raises(
        NnexpError, match=r"(seed|epochs)=\$\{(seed|epochs)\} refers to itself, by (seed|epochs), and has no"
    ):
        loader().load_configuration("config", ["dataset=xor", *lines], RunMode.RUN)


def test_a_key_without_a_value() -> None:
    """A reference to a key that is still to be typed."""
    with pytest.raises(
        NnexpError, match=r"seed=\$\{epochs\} refers to epochs, which has no value yet. Type epochs=VALUE"
    ):
        loader().load_configuration("config", ["dataset=xor", "epochs=???", "seed=${epochs}"], RunMode.RUN)


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir", "hydra.job.name"])
def test_a_name_that_refers_to_nothing(key: str) -> None:
    """A directory's name, and the log's, too."""
    with pytest.raises(NnexpError, match=rf"{key}=a\$\{{seed.x\}} refers to 'seed.x', and there is no such key."):
        loader().load_configuration("config", ["dataset=xor", f"{key}=a${{seed.x}}"], RunMode.RUN)
