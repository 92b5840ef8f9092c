"""A command's configuration is composed once, and is what Hydra's two compositions make of it, refusals included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nnexp.basics.files import own_directory
from nnexp.composition.command import Command
from nnexp.composition.loader import GuardedLoader
from nnexp.errors import NnexpError
from tests.composed import store

__all__ = ["store"]

FILES = {
    "sweeps": "hydra: {mode: MULTIRUN, sweeper: {params: {loss: 'mse,mae'}}}",
    "single": "hydra: {mode: RUN}",
    "unchosen": "defaults: [{override /loss: '???'}]\nhydra: {mode: MULTIRUN, sweeper: {params: {loss: 'mse,mae'}}}",
    "params": "hydra: {sweeper: {params: {seed: '1,2'}}}",
}


class Counted(GuardedLoader):
    """Counts compositions, and can forget the first one, so that Hydra composes as it does without nnexp."""

    forgetful = False
    composed = 0

    def _checked(self, *arguments: Any, **named: Any) -> DictConfig:
        self.composed += 1
        return super()._checked(*arguments, **named)

    def load_configuration(self, *arguments: Any, **named: Any) -> DictConfig:
        if self.forgetful and not named.get("validate_sweep_overrides", True):
            return self._checked(named["config_name"], named["overrides"], named["run_mode"], sweeps_checked=False)
        return super().load_configuration(*arguments, **named)


def ended(directory: Path, words: list[str], *, multirun: bool, forgetful: bool) -> tuple[Any, int]:
    """The configuration that a command's run or sweep gets, or its refusal; and how often it was composed."""
    path = create_config_search_path(str(own_directory()))
    path.prepend("command-line", directory.as_uri(), SearchPathQuery(provider="schema"))
    loader = Counted(path, Command(multirun=multirun))
    loader.forgetful = forgetful
    hydra = Hydra("nnexp", loader)
    said = hydra.get_mode("config", words)
    mode = RunMode.MULTIRUN if multirun else (said or RunMode.RUN)
    typed = [*words, *([f"hydra.mode={mode.name}"] if said != mode else [])]
    try:
        config = hydra.compose_config("config", typed, mode)
    except NnexpError as error:
        return str(error), loader.composed
    held = OmegaConf.to_container(config, resolve=False)
    return (mode, held), loader.composed


@pytest.mark.parametrize("multirun", [False, True])
@pytest.mark.parametrize(
    ("words", "most"),
    [
        ([], 1),
        (["loss=mae", "optimizer=sgd", "network.hidden=[3,4]"], 1),
        (["hydra/launcher=basic", "hydra.verbose=true"], 1),
        (["loss=mea"], 1),
        (["epochs=-1"], 1),
        (["epochs='"], 2),
        (["nothing=1"], 1),
        (["loss=mse,mae"], 2),
        (["seed=range(0)"], 2),
        (["hydra.mode=MULTIRUN", "seed=1,2"], 2),
        (["hydra.mode=RUN"], 2),
        (["experiment=sweeps"], 3),
        (["experiment=sweeps", "seed=1,2"], 3),
        (["experiment=sweeps", "epochs=-1"], 3),
        (["experiment=single"], 3),
        (["experiment=unchosen"], 3),
        (["experiment=params"], 1),
        (["sweep.fail_fast=true"], 1),
    ],
)
def test_once(tmp_path: Path, words: list[str], most: int, multirun: bool) -> None:
    """The same configuration, bit by bit, or the same refusal as by asking for the mode first; in fewer compositions."""
    (tmp_path / "experiment").mkdir()
    for name, text in FILES.items():
        (tmp_path / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\n{text}\n")
    as_hydra, twice = ended(tmp_path, words, multirun=multirun, forgetful=True)
    ours, times = ended(tmp_path, words, multirun=multirun, forgetful=False)
    assert ours == as_hydra
    assert times <= most
    assert twice <= 2
