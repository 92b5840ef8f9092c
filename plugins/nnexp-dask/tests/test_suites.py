"""Hydra's own contract for launchers, word for word, on a cluster of this machine's own. Its processes are forked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils import test_utils
from hydra.test_utils.launcher_common_tests import IntegrationTestSuite, LauncherTestSuite
from hydra.version import VersionBase, __compat_version__
from hydra_plugins.nnexp_dask.launcher import DaskLauncher
from nnexp_dask import warm_process


@pytest.fixture(autouse=True)
def hydra_as_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suites say no version of Hydra's behaviour; another test of this process may have said one."""
    monkeypatch.setattr(VersionBase.instance(), "version_base", __compat_version__)


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch, fork: Callable[..., subprocess.Popen[Any]]) -> None:
    """The applications that the suites start, and the processes in which jobs are carried out."""

    def check_call(words: Sequence[str], env: Mapping[str, str]) -> None:
        with fork(words, env=env) as made:
            if code := made.wait(120):
                raise subprocess.CalledProcessError(code, words)

    monkeypatch.setattr(test_utils, "subprocess", SimpleNamespace(check_call=check_call))
    monkeypatch.setattr(warm_process, "subprocess", SimpleNamespace(Popen=fork, DEVNULL=subprocess.DEVNULL))


def test_hydra_finds_the_launcher() -> None:
    """Hydra lists the launcher among those that are installed."""
    assert DaskLauncher.__name__ in [each.__name__ for each in Plugins.instance().discover(Launcher)]


@pytest.mark.parametrize(("launcher_name", "overrides"), [("dask", ["hydra.launcher.workers=2"])])
class TestDaskLauncher(LauncherTestSuite):
    """``LauncherTestSuite`` on two workers."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=dask", "hydra.launcher.workers=1"])],
)
class TestDaskLauncherIntegration(IntegrationTestSuite):
    """``IntegrationTestSuite`` on one worker."""
