"""Stores to test against: a database made once and copied, and a real tracking server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nnexp.builtin.activations import Identity, Sigmoid
from nnexp.engine.network import MLP
from nnexp.experiment.model import Model
from nnexp.experiment.preprocessing import Feature, Preprocessing, Scaling
from nnexp.tracking.database import embedded_uri
from nnexp.tracking.relocated_database import follow
from nnexp.tracking.store import Store
from tests.servers import Postgres, Server, postgres, serving, unused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from nnexp.plugin import Task


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
    follow(folder / "mlflow.db", folder)
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


@pytest.fixture(scope="session")
def database_server() -> Iterator[Postgres]:
    """Run one PostgreSQL for all tests that have a database of their own in it."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def server_on_postgresql(tmp_path_factory: pytest.TempPathFactory, database_server: Postgres) -> Iterator[Server]:
    """Run one tracking server with a database in PostgreSQL, for all tests that leave it in one piece."""
    with serving(tmp_path_factory.mktemp("server_on_postgresql"), database=database_server.uri("server")) as running:
        yield running


@pytest.fixture(scope="session")
def in_postgresql(database_server: Postgres) -> str:
    """Return the address of a database in PostgreSQL, password included."""
    return database_server.uri("direct")


@pytest.fixture(scope="session", params=["embedded", "server on postgresql", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """Return each store's address in turn; empty for the embedded one."""
    if request.param == "embedded":
        return ""
    fixture = request.getfixturevalue(request.param.replace(" ", "_") if " " in request.param else "in_postgresql")
    return fixture if isinstance(fixture, str) else str(fixture.uri)


@pytest.fixture
def any_store(address: str, outputs: Path) -> Store:
    """Return an experiment of one's own in each store."""
    return Store.connect(address or None, str(outputs), outputs)
