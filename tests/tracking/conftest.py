"""Stores to test against: a database made once and copied, and a real tracking server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from nnexp.activations import Identity, Sigmoid
from nnexp.model import Model
from nnexp.network import MLP
from nnexp.preprocessing import Feature, Preprocessing, Scaling
from nnexp.tracking.database import embedded_uri
from nnexp.tracking.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from nnexp.plugin import Task


class Server(NamedTuple):
    """A running tracking server."""

    uri: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it at once, with everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def unused_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(address: str) -> bool:
    """Tell whether a page is there."""
    try:
        with urllib.request.urlopen(address):  # noqa: S310 - http, on this machine
            return True
    except OSError:
        return False


@contextlib.contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[Server]:
    """Run ``mlflow server`` on 127.0.0.1, on ``port`` if it is given, until the block ends; what it keeps is in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or unused_port()
    database, artifacts = f"sqlite:///{folder}/server.db", str(folder / "artifacts")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", artifacts]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    server = Server(f"http://127.0.0.1:{port}", process)
    try:
        for _ in range(600):
            if process.poll() is not None:
                break
            if answers(f"{server.uri}/health"):
                break
            time.sleep(0.1)
        assert process.poll() is None, (folder / "server.log").read_text()
        yield server
    finally:
        server.kill()


@pytest.fixture(autouse=True)
def _no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an embedded database, to be copied."""
    outputs = tmp_path_factory.mktemp("made_once") / "outputs"
    embedded_uri(outputs)
    return outputs / "mlflow.db"


@pytest.fixture
def outputs(tmp_path: Path, made_once: Path) -> Path:
    """Return a folder ``outputs`` with a fresh database in it."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    shutil.copy(made_once, folder / "mlflow.db")
    return folder


@pytest.fixture
def store(outputs: Path) -> Store:
    """Return the embedded store of ``outputs``."""
    return Store.connect(None, "nnexp", outputs)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one tracking server for all tests that leave it in one piece."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def running_server() -> Callable[[Path], AbstractContextManager[Server]]:
    """Return what runs a tracking server of one's own, to be broken."""
    return serving


@pytest.fixture
def free_port() -> int:
    """Return a port nobody listens on."""
    return unused_port()


@pytest.fixture
def linear_model() -> Callable[..., Model]:
    """Return what makes a network without hidden layers and scaling: f(W x), easily computed by hand."""

    def make(features: tuple[Feature, ...], task: Task, classes: tuple[Any, ...], weights: list[list[float]]) -> Model:
        width = sum(feature.width for feature in features)
        network = MLP([width, len(weights)], Identity(), Identity() if task == "regression" else Sigmoid())
        network.set_arrays({"W1": np.array(weights), "b1": np.zeros(len(weights))})
        inputs, outputs = (Scaling(np.zeros(n), np.ones(n)) for n in (width, len(weights)))
        return Model(network, Preprocessing(features, task, "target", classes, inputs, outputs))

    return make
