"""Presets that installed distributions bring. Real processes, with what pip leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Ended, nnexp, result, runs, sweeps
from tests.discovery.test_installed_plugins import HUBER, install

ROBUST = """\
# @package _global_
# A line through outliers: the Huber loss on diabetes.
#   python -m nnexp experiment=robust
defaults:
  - override /loss: huber
  - _self_

loss:
  delta: 0.5
epochs: 3
"""
SWEEP = """\
# @package _global_
# How wide should the quadratic part be?
hydra:
  sweeper:
    params:
      loss: huber
      loss.delta: 0.5,2
"""
WIDE = """\
# The Huber loss with a wide quadratic part.
defaults:
  - huber
  - _self_

delta: 5.0
"""


def add_conf(site: Path, package: str, files: dict[str, str]) -> None:
    """A package with a conf folder, and code that must not run for it."""
    (site / package).mkdir()
    (site / package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    for name, text in files.items():
        path = site / package / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A distribution with a Huber loss, a preset, a ready sweep and a file that extends its option."""
    folder = tmp_path / "site"
    points = {"nnexp.loss": "huber = my_huber:Huber", "nnexp.conf": "any = huber_presets"}
    install(folder, "nnexp-huber", points, {"my_huber": HUBER})
    files = {"experiment/robust.yaml": ROBUST, "sweep/huber_delta.yaml": SWEEP, "loss/huber_wide.yaml": WIDE}
    add_conf(folder, "huber_presets", files)
    return folder


def command(site: Path, *words: str) -> Ended:
    """Run nnexp with the distributions of ``site`` installed, in a directory beside it."""
    place = site.parent / "place"
    place.mkdir(exist_ok=True)
    return nnexp(*words, cwd=place, PYTHONPATH=str(site))


def test_a_preset(site: Path) -> None:
    """A preset of an installed distribution composes its plugin and values; what is typed goes over it."""
    ended = command(site, "experiment=robust", "epochs=2", "tracking=none")
    assert (ended.code, ended.err) == (0, "")
    (directory,) = runs(site.parent / "place")
    found = result(directory)
    assert found["loss"] == {"name": "huber", "delta": 0.5}
    assert found["epochs"] == 2


def test_a_ready_sweep(site: Path) -> None:
    """A ready sweep of an installed distribution runs like nnexp's own, in other processes, too."""
    words = ["-m", "sweep=huber_delta", "epochs=1", "tracking=none"]
    for launcher in ([], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]):
        ended = command(site, *words, *launcher)
        assert ended.code == 0, ended.err
        *_, directory = sweeps(site.parent / "place")
        deltas = [result(path.parent)["loss"]["delta"] for path in sorted(directory.glob("*/result.json"))]
        assert deltas == [0.5, 2.0]


def test_a_file_that_extends_an_option(site: Path) -> None:
    """A file with a name of its own sets another default for an installed option, which stays typed and bounded."""
    ended = command(site, "loss=huber_wide", "epochs=1", "tracking=none")
    assert (ended.code, ended.err) == (0, "")
    (directory,) = runs(site.parent / "place")
    assert result(directory)["loss"] == {"name": "huber", "delta": 5.0}
    refused = command(site, "loss=huber_wide", "loss.delta=-1")
    assert refused.err == "nnexp: loss.delta must be a float above 0. Got -1.0.\n"
    for name in ("huber_wide", "loss.huber_wide"):
        refused = command(site, "check", name)
        assert (
            refused.err == "nnexp: loss=huber_wide is no plugin, but values for one. Type check loss.huber delta=5.0\n"
        )


def test_help_lists_them(site: Path) -> None:
    """--help has the presets beside nnexp's own, and no complaint."""
    ended = command(site, "--help")
    assert "experiment: digits_three_ways, regression, robust, softmax_classifier" in ended.out
    assert "sweep: activations, huber_delta, learning_rate" in ended.out
    assert "loss: auto, bce, cce, huber, huber_wide, mae, mse" in ended.out
    assert ended.err == ""


def test_suggestions_know_them(site: Path) -> None:
    """A misspelt preset is compared with those of installed distributions, too."""
    assert "No preset 'robsut'. Did you mean 'robust'?" in command(site, "experiment=robsut").err
    assert (
        "No loss 'huber_wid'. Did you mean 'huber_wide'? Available: auto, bce," in command(site, "loss=huber_wid").err
    )


def test_nnexps_own_and_the_users_files_win(site: Path) -> None:
    """A name that nnexp or the user's --config-dir has is theirs."""
    add_conf(site, "more", {"experiment/regression.yaml": ROBUST, "experiment/mine.yaml": ROBUST})
    install(site, "nnexp-more", {"nnexp.conf": "more = more"}, {})
    assert "dataset:\n  name: sine\n" in command(site, "experiment=regression", "--cfg", "job").out
    assert "name: huber" in command(site, "experiment=mine", "--cfg", "job").out
    own = site.parent / "place" / "own" / "experiment"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# @package _global_\nepochs: 77\n")
    assert "epochs: 77" in command(site, "--config-dir", "own", "experiment=mine", "--cfg", "job").out


def test_two_distributions_with_one_preset(site: Path) -> None:
    """A name that two distributions bring is an error for who chooses it and names both; a file of one's own decides."""
    add_conf(site, "more", {"experiment/robust.yaml": ROBUST})
    install(site, "nnexp-more", {"nnexp.conf": "more = more"}, {})
    chosen = command(site, "experiment=robust")
    assert chosen.code == 1
    assert chosen.err == (
        "nnexp: experiment=robust is brought by nnexp-huber 1.2 and by nnexp-more 1.2. Uninstall one of them, or copy the "
        "file you mean to DIR/experiment/robust.yaml and type --config-dir DIR.\n"
    )
    assert command(site, "loss=huber", "epochs=1", "tracking=none").code == 0
    own = site.parent / "place" / "own" / "experiment"
    own.mkdir(parents=True)
    (own / "robust.yaml").write_text(ROBUST)
    assert command(site, "--config-dir", "own", "experiment=robust", "tracking=none").code == 0


PROBLEMS = {
    "an option's name": (
        {"loss/mae.yaml": WIDE},
        "it brings conf/loss/mae.yaml, but loss=mae is an installed option alre",
    ),
    "auto": (
        {"output/auto.yaml": WIDE},
        "it brings conf/output/auto.yaml, but output=auto is an installed option already",
    ),
    "hydra": (
        {"hydra/launcher/x.yaml": "a: 1"},
        "it brings conf/hydra/launcher/x.yaml, but files may only be in experime",
    ),
    "config": (
        {"config.yaml": "a: 1"},
        "it brings conf/config.yaml, but files may only be in experiment/, sweep/, dataset/",
    ),
    "tracking": ({"tracking/x.yaml": "a: 1"}, "it brings conf/tracking/x.yaml, but files may only be in"),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_a_folder_that_is_left_out(site: Path, what: str) -> None:
    """Files that a distribution may not bring: it is named with the file and the remedy, and all else works."""
    files, text = PROBLEMS[what]
    add_conf(site, "bad", {**files, "experiment/lost.yaml": ROBUST})
    install(site, "nnexp-bad", {"nnexp.conf": "bad = bad"}, {})
    remedy = "Upgrade it: pip install -U nnexp-bad, or remove it: pip uninstall nnexp-bad"
    shown = command(site, "--help")
    assert shown.code == 0
    assert f"note: left out presets of nnexp-bad 1.2: {text}" in shown.err
    assert remedy in shown.err
    chosen = command(site, "experiment=lost")
    assert chosen.code == 1
    assert chosen.err.startswith(f"nnexp: experiment=lost is left out, with all presets of nnexp-bad 1.2: {text}")
    assert command(site, "experiment=robust", "--cfg", "job").code == 0


@pytest.mark.parametrize("package", ["nowhere", "my_huber", "huber_presets.deeper", "", "a b", "..x", "nnexp.conf:x"])
def test_a_package_without_conf(site: Path, package: str) -> None:
    """An entry point to a package that is not there, or has no conf folder, is named and stops nothing."""
    install(site, "nnexp-bad", {"nnexp.conf": f"bad = {package}"}, {})
    shown = command(site, "--help")
    assert shown.code == 0
    assert f"presets of nnexp-bad 1.2: there is no package '{package}' with a folder conf. Upgrade it: " in shown.err


def test_a_package_within_a_package(site: Path) -> None:
    """The folder may lie in a package of a package; neither is imported."""
    add_conf(site, "outer", {})
    add_conf(site, "outer/inner", {"experiment/deep.yaml": ROBUST})
    install(site, "nnexp-deep", {"nnexp.conf": "deep = outer.inner"}, {})
    assert command(site, "experiment=deep", "--cfg", "job").code == 0


def test_a_distribution_for_another_nnexp(site: Path) -> None:
    """Presets that were made for another nnexp are left out, with the version."""
    add_conf(site, "old", {"experiment/old.yaml": ROBUST})
    install(site, "nnexp-old", {"nnexp.conf": "old = old"}, {}, requires="nnexp<0.1")
    assert "presets of nnexp-old 1.2: it was built for nnexp<0.1, this is 0" in command(site, "experiment=old").err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss:\n  _target_: os.system\n", "a configuration cannot run code"),
        ("seed: ${oc.env:HOME}\n", "not call a resolver"),
        ("defaults:\n  - override /dataset: ${oc.env:HOME}\n", "Error resolving interpolation '${oc.env:HOME}'"),
        ("hydra:\n  run:\n    dir: /tmp/elsewhere\n", "hydra.run.dir=/tmp/elsewhere is set in a file,"),
        (
            "hydra:\n  callbacks:\n    x:\n      _target_: os.system\n",
            "hydra.callbacks.x._target_=os.system is set in a file,",
        ),
        (
            "hydra:\n  job_logging:\n    formatters: {x: {(): os.system}}\n",
            "hydra.job_logging.formatters.x.()=os.system is set in a file,",
        ),
        ("hydra:\n  job:\n    env_set: {A: b}\n", "type it: hydra.job.env_set.A=b"),
        (
            "tracking:\n  uri: sqlite:////tmp/elsewhere/x.db\n",
            "tracking.uri=sqlite:////tmp/elsewhere/x.db is set in a file,",
        ),
        ("nonsense: 1\n", "No key 'nonsense'."),
    ],
)
def test_the_rules_hold(site: Path, text: str, message: str) -> None:
    """An installed distribution's preset cannot run code, read the environment or write elsewhere, like any other file."""
    add_conf(site, "evil", {"experiment/evil.yaml": f"# @package _global_\n{text}"})
    install(site, "nnexp-evil", {"nnexp.conf": "evil = evil"}, {})
    ended = command(site, "experiment=evil")
    assert message in ended.err
    assert ended.code == 1
    assert not (site.parent / "place" / "outputs").exists()


def test_a_file_of_ones_own_with_an_options_name(site: Path) -> None:
    """A file in --config-dir that has an installed option's name is refused with what to do instead."""
    folder = site.parent / "place" / "own" / "loss"
    folder.mkdir(parents=True)
    (folder / "mae.yaml").write_text("name: mae\n")
    ended = command(site, "--config-dir", "own", "loss=mse")
    assert ended.code == 1
    assert "loss/mae.yaml in " in ended.err
    assert "has the name of an installed option. Rename the file; in it, 'defaults: [mae, _self_]' extends" in ended.err


def test_a_file_that_includes_itself(site: Path) -> None:
    """A defaults list that leads back to its own file is said to do so."""
    folder = site.parent / "place" / "own" / "loss"
    folder.mkdir(parents=True)
    (folder / "round.yaml").write_text("defaults: [round]\n")
    ended = command(site, "--config-dir", "own", "loss=round")
    assert (ended.code, ended.err) == (
        1,
        "nnexp: The defaults list of loss/round leads back to the file itself.\n",
    )
