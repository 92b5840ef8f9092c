"""Tracking servers and databases that tests really start, on 127.0.0.1, and break."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.forked import Command

REQUIRED = "NNEXP_REQUIRE_POSTGRES"
"""Set where the tests that need PostgreSQL must not be skipped."""

PASSWORD = "geheim:/@%"  # noqa: S105 - what has to be quoted in an address, on purpose
QUOTED = "geheim%3A%2F%40%25"


class Server(NamedTuple):
    """A running tracking server."""

    uri: str
    process: subprocess.Popen[str]

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
def ended_with_this_process(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Within the block, the group that ``process`` leads is killed when this process ends, however that ends."""
    command = ["/bin/sh", "-c", f"read line || kill -s KILL -- -{process.pid}"]  # its input ends with this process
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as watch:
        try:
            yield
        finally:
            watch.kill()


@contextlib.contextmanager
def serving(folder: Path, port: int = 0, database: str = "") -> Iterator[Server]:
    """Run ``mlflow server`` on 127.0.0.1, on ``port`` if it is given, until the block ends.

    It keeps its files in ``folder``, and the runs in ``database`` or a SQLite file there. It is forked from a process that
    has MLflow imported: to start two, as MLflow does, takes 8 s of a processor.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or unused_port()
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    store = {"MLFLOW_BACKEND_STORE_URI": database or f"sqlite:///{folder}/server.db"}
    with (folder / "server.log").open("wb") as log:
        process = Command(
            words,
            program="mlflow",
            session=True,
            cwd=folder,
            env={**os.environ, **quiet, **store},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", process)
    try:
        end = time.monotonic() + 300
        with ended_with_this_process(process):
            while not answers(f"{server.uri}/health"):
                assert process.poll() is None, (folder / "server.log").read_text()
                assert time.monotonic() < end, (folder / "server.log").read_text()
                time.sleep(0.1)
            yield server
    finally:
        server.kill()


@dataclass
class Postgres:
    """A PostgreSQL server of one's own, in a folder that goes with it; its one user ``nnexp`` has a password."""

    programs: Path
    folder: Path
    port: int = field(default_factory=unused_port)
    process: subprocess.Popen[bytes] | None = None

    def uri(self, database: str) -> str:
        """Make an empty database and return its address, password included."""
        with self._connection("postgres") as connection:
            connection.cursor().execute(f'CREATE DATABASE "{database}"')
        return f"postgresql+psycopg2://nnexp:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """Make the server's files."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:  # which may not run PostgreSQL
            for path in (self.folder, password):
                shutil.chown(path, **unprivileged())
        options = ["--username=nnexp", "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"]
        self._start("initdb", f"--pgdata={self.folder / 'data'}", *options, "--no-sync").wait()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        for _ in range(100):
            if not self.process or self.process.poll() is not None:  # the last one's children may still be ending
                # What is written survives a killed process also without fsync; only a machine that fails would lose it.
                options = ["-p", str(self.port), "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1"]
                self.process = self._start("postgres", "-D", str(self.folder / "data"), *options, "-c", "fsync=off")
            with contextlib.suppress(OSError, RuntimeError), self._connection("postgres"):
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """End it at once; the processes that it started see it and end, too."""
        if self.process:
            self.process.kill()
            self.process.wait()

    @contextlib.contextmanager
    def _connection(self, database: str) -> Iterator[Any]:
        import psycopg2

        try:
            connection = psycopg2.connect(
                host="127.0.0.1", port=self.port, user="nnexp", password=PASSWORD, dbname=database
            )
        except psycopg2.OperationalError as error:
            raise RuntimeError(str(error)) from error
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        user: dict[str, Any] = unprivileged() | {"extra_groups": []} if os.geteuid() == 0 else {}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self.programs / program, *arguments],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **user,
            )


def unprivileged() -> dict[str, Any]:
    """The user that runs PostgreSQL where the tests are root's, and its group."""
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server until the block ends; without PostgreSQL the test is skipped, or fails where it must not be."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *(Path(each) for each in os.environ["PATH"].split(os.pathsep))]
    programs = next((each for each in found if (each / "initdb").exists()), None)
    if programs is None:
        why = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(why)
    # Not in pytest's folder: another user could not enter it, and a socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="nnexp-postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(programs, Path(folder))
        try:
            server.make()
            server.start()
            yield server
        finally:
            server.kill()
