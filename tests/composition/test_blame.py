"""A value that is refused names the file that it comes from, in a single run and in a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.types import RunMode

from nnexp.basics.files import own_directory
from nnexp.errors import NnexpError
from tests.composed import Watched, store, sweep

__all__ = ["store"]


def refusal(text: str, directory: Path, *words: str, preset: str = "experiment/bad") -> tuple[str, str]:
    """What is said of a preset in a single run, and as one job of a sweep, the other of which is well."""
    file = directory / f"{preset}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    head = "# @package _global_\n" if preset.startswith("experiment") else ""
    file.write_text(f"{head}{text}\n")
    path = create_config_search_path(str(own_directory()))
    path.prepend("mine", f"file://{directory}", SearchPathQuery(provider="main"))
    chosen = ["dataset=xor", preset.replace("/", "="), *words]
    with pytest.raises(NnexpError) as alone:
        Watched(path).load_configuration("config", chosen, RunMode.RUN)
    by = Watched(path)
    with pytest.raises(NnexpError) as among:
        by.validate(sweep(by), [["dataset=xor"], chosen])
    return str(alone.value), str(among.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: -1", "epochs must be an int at least 1. Got -1."),
        ("epohcs: 3", "No key 'epohcs'. Did you mean 'epochs'? Known keys:"),
        ("network: {hiden: [3]}", "No key 'network.hiden'. Did you mean 'network.hidden'?"),
        ("network: {hidden: [8, 0]}", "network.hidden"),
        ("optimizer: {learning_rate: -1.0}", "optimizer.learning_rate must be a float above 0. Got -1.0."),
        ("seed: ${split.nope}", "seed=${split.nope} refers to 'split.nope', and there is no such key."),
        ("seed: ${seed}", "seed=${seed} refers to itself, and has no value."),
    ],
)
def test_a_presets_slip_names_the_preset(text: str, message: str, tmp_path: Path) -> None:
    """The same words, beginning with the file."""
    alone, among = refusal(text, tmp_path, "tracking=none")
    assert alone == among
    assert alone.startswith(f"{tmp_path}/experiment/bad.yaml: {message}")


def test_a_file_that_extends_an_option(tmp_path: Path) -> None:
    """Its value, which the option's bounds refuse."""
    text = "defaults: [sgd, _self_]\nlearning_rate: -1.0"
    alone, among = refusal(text, tmp_path, preset="optimizer/slow")
    assert alone == among
    assert alone.startswith(f"{tmp_path}/optimizer/slow.yaml: optimizer.learning_rate must be a float above 0.")


def test_what_was_typed_names_no_file(tmp_path: Path) -> None:
    """A key that the preset sets and somebody has typed over it."""
    assert refusal("epochs: 3", tmp_path, "epochs=-1")[0] == "epochs must be an int at least 1. Got -1."
