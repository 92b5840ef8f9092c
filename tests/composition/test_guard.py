"""Nothing runs unchecked: where Hydra would load configurations otherwise, nnexp refuses; where it is only newer, it works."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from nnexp.composition.guard import refuse_unchecked
from nnexp.errors import NnexpError
from tests.command import nnexp, result, runs, sweeps

ELSEWHERE = """
import hydra._internal.hydra as door
from hydra._internal.config_loader_impl import ConfigLoaderImpl as own
from hydra.core.global_hydra import GlobalHydra


def create(cls, task_name, config_search_path):
    made = cls(task_name=task_name, config_loader=own(config_search_path=config_search_path))
    GlobalHydra.instance().initialize(made)
    return made


door.Hydra.create_main_hydra2 = classmethod(create)
"""
"""A release of Hydra that reads its loader's class elsewhere: nnexp's is never asked."""

NEWER = """
import importlib.metadata as metadata

before = metadata.version
metadata.version = lambda name: "1.3.99" if name in ("hydra-core", "omegaconf") else before(name)
"""
"""Versions that nnexp's own copies and shortcuts were not tried with."""

WITNESS = """
import os, sys


def look():
    if "nnexp.composition.configs" in sys.modules:
        from omegaconf import DictConfig
        with open("witness.txt", "a") as file:
            file.write(f"{DictConfig.__deepcopy__.__module__}\\n")


end = os._exit
os._exit = lambda code: (look(), end(code))
"""


def site(tmp_path: Path, text: str) -> str:
    """A folder that Python looks into as it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(text)
    return str(folder)


@pytest.mark.parametrize("words", ["dataset=xor", "-m seed=0,1", "-m seed=0,1 hydra/launcher=basic"])
def test_nothing_runs_where_the_guard_is_not_asked(words: str, tmp_path: Path) -> None:
    """A Hydra that does not use nnexp's loader is found out before anything is composed, made or trained."""
    place = tmp_path / "place"
    place.mkdir()
    ended = nnexp(*words.split(), "tracking=none", "epochs=1", cwd=place, PYTHONPATH=site(tmp_path, ELSEWHERE))
    assert ended.code == 1
    assert "does not let nnexp check configurations before they are used, so nothing is run" in ended.err
    assert list(place.iterdir()) == []


def test_a_configuration_that_nobody_checked_is_refused() -> None:
    """A job's configuration has the guard's flag, which no file can set."""
    with pytest.raises(NnexpError, match="nothing is run"):
        refuse_unchecked(OmegaConf.create({"nnexp_checked": True}))


def test_versions_that_were_not_tried_work_without_the_shortcuts(tmp_path: Path) -> None:
    """With other versions of Hydra and OmegaConf these are left alone, and a run and a sweep come out the same."""
    words = ("dataset=xor", "epochs=3", "tracking=none")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for place, path in ((here, ""), (there, site(tmp_path, NEWER + WITNESS))):
        assert nnexp(*words, cwd=place, PYTHONPATH=path).code == 0
        ended = nnexp("-m", *words, "seed=0,1", "hydra/launcher=basic", cwd=place, PYTHONPATH=path)
        assert ended.code == 0, ended.err
    assert set((there / "witness.txt").read_text().split()) == {"omegaconf.dictconfig"}
    assert result(runs(here)[0])["history"] == result(runs(there)[0])["history"]
    for number in ("0", "1"):
        one, other = (result(sweeps(place)[0] / number)["history"] for place in (here, there))
        assert one == other
