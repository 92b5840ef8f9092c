"""Which store is used, and in what words one is refused that cannot be."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.basics.origin import DATABASE
from nnexp.basics.secrets import masked, unmasked
from nnexp.basics.store_address import StoreAddress
from nnexp.errors import NnexpError, did_you_mean, listed, printable
from nnexp.tracking.client import reason, worded
from nnexp.tracking.database import PATIENCE, create, embedded_uri
from nnexp.tracking.relocated_database import follow

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

CREATING = 0x6E6E657870
"""PostgreSQL's number for the lock under which MLflow's tables are made."""


IN_MEMORY = r"(sqlite(\+\w+)?:(//)?/?)?(:memory:)?"
"""SQLite without a file."""
HOST = r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]|localhost)(:\d+)?(/.*)?"
"""A host, which could be a folder's name, too."""


class NoStore(NnexpError):  # noqa: N818 (what is missing)
    """There is no embedded database, and nobody named another store."""


def chosen_uri(uri: str | None) -> str:
    """Return the store that was asked for, by ``uri`` or the environment; empty where that is the embedded database."""
    return unmasked(uri or os.environ.get("MLFLOW_TRACKING_URI", ""))


def usable_address(uri: str | None, outputs: Path, *, existing: bool) -> tuple[str, str]:
    """Return the store's URI and what chose it; a SQLite file that is missing is created, or refused with ``existing``."""
    chosen_by = "tracking.uri" if uri or not os.environ.get("MLFLOW_TRACKING_URI") else "MLFLOW_TRACKING_URI"
    if existing and not chosen_uri(uri) and not (outputs / DATABASE).exists():
        raise NoStore(
            f"No runs here: there is no {outputs / DATABASE}. Go to the directory in which the runs were started, "
            "name the store with --uri, or start a run: python -m nnexp loss=mae optimizer=sgd"
        )
    address = StoreAddress.parse(chosen_uri(uri) or embedded_uri(outputs))
    if re.fullmatch(IN_MEMORY, address.unmasked):
        raise NnexpError(
            f"{chosen_by}={address} is a database in memory, which keeps nothing. Name a file: tracking.uri=sqlite:///mlflow.db"
        )
    if address.is_folder and re.fullmatch(HOST, address.unmasked):
        raise NnexpError(f"{chosen_by}={address} is no address MLflow knows. Did you mean http://{address}?")
    if address.is_folder:
        name = Path(address.unmasked.removeprefix("file:")).name or "mlflow"
        raise NnexpError(
            f"{chosen_by}={address} is a folder, and MLflow 3 no longer keeps runs in plain folders. "
            f"Choose a database file (tracking.uri=sqlite:///{name.removesuffix('.db')}.db) or a server "
            "(tracking.uri=http://...)."
        )
    if address.file:
        database = Path(address.file)
        if existing and not database.exists():
            raise NnexpError(
                f"There is no database {database}. Name the one that holds the runs: --uri sqlite:///FILE.db"
            )
        create(database)
        _follow(database.absolute(), outputs.absolute())
    return address.unmasked, chosen_by


def _follow(database: Path, outputs: Path) -> None:
    """Say that a database was moved with its folder and that its locations are right again, where that is so."""
    try:
        before = follow(database, outputs)
    except sqlite3.Error:  # no table of MLflow's, or locked: whoever uses it says so
        return
    if before:
        print(  # noqa: T201
            f"note: {printable(before)} is {database.parent} now, and so MLflow's records lead to the files here.",
            file=sys.stderr,
        )


@contextmanager
def alone_at_database_server(uri: str, chosen_by: str) -> Iterator[None]:
    """Keep other processes out of a PostgreSQL database while MLflow may make its tables there: several at once fail.

    A database server that does not answer is refused: MLflow's own first connection retries for minutes, aloud. At any other
    store there is nothing to do.
    """
    kind = StoreAddress.parse(uri).scheme
    if kind not in {"postgresql", "mysql"}:
        yield
        return
    import sqlalchemy

    with ExitStack() as stack:
        try:
            connect = {"poolclass": sqlalchemy.pool.NullPool, "connect_args": {"connect_timeout": 4}}
            connection = stack.enter_context(sqlalchemy.create_engine(uri, **connect).connect())
            if kind == "postgresql":  # which frees the lock when the connection ends, however that happens
                connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE:.0f}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({CREATING})")
        except Exception as error:
            raise refused(uri, chosen_by, error) from error
        yield


def refused(uri: str, chosen_by: str, error: Exception) -> NnexpError:
    """Word what to tell a user whose store cannot be used."""
    address = StoreAddress.parse(uri)
    where = f"{chosen_by}={address}"
    another = "another store (tracking.uri=...), or train without one: tracking=none"
    if chosen_by == "MLFLOW_TRACKING_URI":
        another = f"the database in outputs/ (unset MLFLOW_TRACKING_URI), {another}"
    if isinstance(error, ModuleNotFoundError):
        return NnexpError(
            f"{where} needs the Python package '{error.name}', which is not installed. "
            f"Install it, name a driver you have ({address.scheme}+DRIVER://...), or choose {another}"
        )
    if "unsupported URI" in str(error):
        guess = f" Did you mean http://{address}?" if re.match(r"[\w.-]+:\d+", uri) else ""
        return NnexpError(
            f"{where} is no address MLflow knows.{guess} "
            f"It knows http://, https://, sqlite:///, postgresql://, mysql:// and mssql://. Choose {another}"
        )
    if "out-of-date database schema" in str(error) or "Can't locate revision" in str(error):
        return NnexpError(
            f"The database of {where} was written by another version of MLflow. Keep a copy of it and run "
            f"`mlflow db upgrade {address}`, or choose {another}"
        )
    start = "start the server (mlflow server --port 5000), choose " if address.is_web else "choose "
    return NnexpError(f"The tracking store does not answer: {where}: {reason(error, uri)}.\nTo go on, {start}{another}")


def no_experiment(client: MlflowClient, name: str, uri: str) -> NnexpError:
    """Say which experiments there are in place of the one called ``name``."""
    with worded("list the experiments", uri):
        names = [each.name for each in client.search_experiments()]
    suggestion = did_you_mean(name, names)
    return NnexpError(
        f"No experiment '{name}' at {masked(uri)}.{suggestion} There are: {listed(names)}. Type --experiment NAME"
    )


def create_experiment(client: MlflowClient, name: str, location: str | None) -> Experiment:
    """Create the experiment, its artifacts at a ``location``. Where another process was faster, its experiment is taken."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_experiment(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or (found := client.get_experiment_by_name(name)) is None:
            raise
        return found
