"""A value that is refused names the file that it comes from, in a single run and in a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.types import RunMode
from omegaconf import DictConfig

from nnexp.basics.files import own_directory
from nnexp.errors import NnexpError
from tests.composed import Watched, store, sweep

__all__ = ["store"]


class Sweep(NamedTuple):
    """A folder for presets, a loader that looks there, and a sweep that the jobs are of."""

    folder: Path
    by: Watched
    master: DictConfig


def looking_in(folder: Path) -> Watched:
    """A loader for conf/, and for a folder of presets before it."""
    path = create_config_search_path(str(own_directory()))
    path.prepend("mine", f"file://{folder}", SearchPathQuery(provider="main"))
    return Watched(path)


@pytest.fixture(scope="module")
def a_sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """One for all presets, each of which has a name of its own."""
    folder = tmp_path_factory.mktemp("presets")
    by = looking_in(folder)
    return Sweep(folder, by, sweep(by))


def refusal(text: str, among: Sweep, *words: str, group: str = "experiment") -> str:
    """What is said of a preset, behind its file's name where it is named, in a single run and as one job beside a good one."""
    file = among.folder / group / f"bad{len(list(among.folder.rglob('*.yaml')))}.yaml"
    file.parent.mkdir(exist_ok=True)
    head = "# @package _global_\n" if group == "experiment" else ""
    file.write_text(f"{head}{text}\n")
    chosen = ["dataset=xor", f"{group}={file.stem}", *words]
    with pytest.raises(NnexpError) as alone:
        looking_in(among.folder).load_configuration("config", chosen, RunMode.RUN)
    with pytest.raises(NnexpError) as in_a_sweep:
        among.by.validate(among.master, [["dataset=xor"], chosen])
    assert str(alone.value) == str(in_a_sweep.value)
    return str(alone.value).replace(str(file), "FILE")


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
def test_a_presets_slip_names_the_preset(text: str, message: str, a_sweep: Sweep) -> None:
    """The same words, beginning with the file."""
    assert refusal(text, a_sweep, "tracking=none").startswith(f"FILE: {message}")


def test_a_file_that_extends_an_option(a_sweep: Sweep) -> None:
    """Its value, which the option's bounds refuse."""
    text = "defaults: [sgd, _self_]\nlearning_rate: -1.0"
    said = refusal(text, a_sweep, group="optimizer")
    assert said.startswith("FILE: optimizer.learning_rate must be a float above 0.")


def test_what_was_typed_names_no_file(a_sweep: Sweep) -> None:
    """A key that the preset sets and somebody has typed over it."""
    assert refusal("epochs: 3", a_sweep, "epochs=-1") == "epochs must be an int at least 1. Got -1."
