"""The scenes, and what strangers start from: real sweeps and runs, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.scene import QUICK, Scene, listening
from tests.command import nnexp
from tests.forked import server


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A user's home and a listener."""
    with listening() as listener:
        yield Scene(tmp_path / "root", listener)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Scene]:
    """The same as ``scene``, for commands that are refused when they are composed."""
    with listening() as listener:
        yield Scene(tmp_path / "root", listener, server())


@pytest.fixture
def tracked(tmp_path: Path) -> Iterator[Scene]:
    """The same as ``scene``, for commands that talk to a store."""
    with listening() as listener:
        yield Scene(tmp_path / "root", listener, server())


@pytest.fixture(scope="session")
def a_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``outputs/`` of a finished sweep of two jobs, ``outputs/sweeps/s``, that was not tracked."""
    folder = tmp_path_factory.mktemp("a_sweep")
    ended = nnexp("-m", *QUICK, "seed=0,1", "hydra.sweep.dir=outputs/sweeps/s", "hydra.launcher.workers=1", cwd=folder)
    assert ended.code == 0, ended
    return folder / "outputs"


@pytest.fixture(scope="session")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``outputs/`` of a finished run, ``outputs/runs/r``, that is in ``outputs/mlflow.db``."""
    folder = tmp_path_factory.mktemp("a_run")
    ended = nnexp(*QUICK, "tracking=mlflow", "hydra.run.dir=outputs/runs/r", cwd=folder)
    assert ended.code == 0, ended
    return folder / "outputs"
