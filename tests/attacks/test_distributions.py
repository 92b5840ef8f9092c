"""A distribution that somebody installed for its plugin: its conf folder and its entry points are strangers' files, too."""

from __future__ import annotations

import pytest

from tests.attacks.scene import QUICK, Scene
from tests.discovery.test_installed_plugins import install

GLOBAL = "# @package _global_\n"
CONF = {
    "a log in the user's file": 'hydra: {job_logging: {handlers: {file: {".": {baseFilename: "ROOT/home/.bashrc"}}}}}',
    "a launcher": "defaults: [{override /hydra/launcher: joblib}]",
    "a launcher's field": "hydra: {launcher: {setup: [touch ROOT/ran]}}",
    "a store": "tracking: {uri: 'HTTP://127.0.0.1:PORT'}",
    "a place": "hydra: {run: {dir: ROOT/x}}",
    "a search path": "hydra: {searchpath: ['file://ROOT/home']}",
    "the environment": "tracking: {experiment: '${oc.env:CANARY}'}",
}
"""What its preset tries."""


@pytest.mark.parametrize("what", CONF)
def test_its_presets(what: str, quick: Scene) -> None:
    """A preset of an installed distribution is refused like any other file."""
    site = quick.root / "site"
    install(site, "nnexp-evil", {"nnexp.conf": "evil = evil"}, {})
    quick.send({"evil/__init__.py": "", "evil/conf/experiment/evil.yaml": GLOBAL + CONF[what]}, site)
    quick.attempt("-m", "experiment=evil", "dataset=xor", "epochs=1", "seed=0,1", PYTHONPATH=paths(site))
    assert not (quick.place / "outputs").exists()


POINTS = {
    "a conf folder elsewhere by a link": {"nnexp.conf": "evil = linked"},
    "a conf folder of the standard library's": {"nnexp.conf": "evil = os"},
    "a conf folder by a path": {"nnexp.conf": "evil = ../../home/theirs"},
    "a name that is a path": {"nnexp.loss": "../../x = evil:Evil"},
    "a name that is Hydra's": {"nnexp.loss": "hydra = evil:Evil"},
    "a name with an escape sequence": {"nnexp.loss": "a\x1b[2Jb = evil:Evil"},
    "a function in a class's place": {"nnexp.loss": "evil = os:system"},
    "a kind that is not there": {"nnexp.evil": "evil = os:system"},
}
"""What its entry points say."""


@pytest.mark.parametrize("what", POINTS)
def test_its_entry_points(what: str, quick: Scene) -> None:
    """Entry points that say nothing sensible are named or left out; runs that do not ask for them go on."""
    site = quick.root / "site"
    install(site, "nnexp-evil", POINTS[what], {})
    quick.send({"linked/__init__.py": "", "evil.py": "raise SystemExit('imported')\n"}, site)
    quick.send({"experiment/evil.yaml": f"{GLOBAL}seed: 5\n"})
    (site / "linked" / "conf").symlink_to(quick.theirs)
    quick.attempt("--help", code=0, PYTHONPATH=paths(site))
    quick.attempt("loss=evil", *QUICK, PYTHONPATH=paths(site))


def paths(site: object) -> str:
    """Where Python looks for modules: the stranger's first."""
    import os

    return os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
