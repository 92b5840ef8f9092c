"""A value beside options that vary holds for those that have the field; that is said, and it is refused where none has."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.command import nnexp, sweeps

SMALL = ("epochs=1", "tracking=none", "hydra.launcher.workers=1")


def chosen(directory: Path, job: int, group: str) -> object:
    """What a job was composed of."""
    return yaml.safe_load((directory / str(job) / "config.yaml").read_text())[group]


@pytest.mark.parametrize("launcher", ["nnexp", "basic"])
def test_where_an_option_has_the_field(launcher: str, tmp_path: Path) -> None:
    """It holds there, bit by bit as in the single run; the others are as if nobody had typed it; and the end says so."""
    words = [
        "initializer=normal,he",
        "initializer.std=0.125",
        f"hydra/launcher={launcher}",
        *SMALL[: 3 if launcher == "nnexp" else 2],
    ]
    ended = nnexp("-m", *words, cwd=tmp_path)
    assert ended.code == 0, ended.err
    (directory,) = sweeps(tmp_path)
    assert chosen(directory, 0, "initializer") == {"name": "normal", "std": 0.125, "bias_std": 0.0}
    assert chosen(directory, 1, "initializer") == {"name": "he"}
    assert "initializer.std=0.125 does not apply to #1: no such option there." in ended.out
    again = nnexp("resume", str(directory), cwd=tmp_path)
    assert again.code == 0, again.err


def test_presets_that_choose(tmp_path: Path) -> None:
    """The same where presets choose the options."""
    (tmp_path / "my" / "experiment").mkdir(parents=True)
    for name in ("moons", "xor", "wine"):
        text = f"# @package _global_\ndefaults:\n  - override /dataset: {name}\n"
        (tmp_path / "my" / "experiment" / f"on_{name}.yaml").write_text(text)
    words = ["experiment=on_moons,on_xor,on_wine", "dataset.noise=0.125", "network.hidden=[2]", *SMALL]
    ended = nnexp("--config-dir", "my", "-m", *words, cwd=tmp_path)
    assert ended.code == 0, ended.err
    (directory,) = sweeps(tmp_path)
    found = [chosen(directory, job, "dataset") for job in range(3)]
    assert [each.get("noise") for each in found if isinstance(each, dict)] == [0.125, 0.125, None]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dataset=moons,spiral", "dataset.noisy=0.1"], "dataset=moons has no option 'noisy'. Did you mean 'noise'?"),
        (["initializer=zeros,he", "initializer.std=0.1"], "initializer=zeros has no option 'std'."),
        (["dataset=moons,spiral", "dataset.noise=-1"], "dataset.noise must be a float at least 0. Got -1"),
        (["seed=0,1", "dataset.noise=1"], "dataset=diabetes has no option 'noise'."),
    ],
)
def test_where_no_option_has_it(words: list[str], message: str, tmp_path: Path) -> None:
    """A field that none has, and a value that no field takes, are refused before anything is written."""
    ended = nnexp("-m", *words, *SMALL, cwd=tmp_path)
    assert ended.code == 1
    assert message in ended.err
    assert not (tmp_path / "outputs").exists()
