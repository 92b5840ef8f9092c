"""What is refused before anything is trained, each in one line that says what to type."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nnexp_dask.cluster import Connection, unfit
from nnexp_dask.settings import Settings

from nnexp.errors import NnexpError
from nnexp.remote.facts import facts

WORDS = ("-m", "seed=0,1", "epochs=2", "tracking=none")

REFUSED = {
    "tcp://10.0.0.7:8786": "is not encrypted, and whoever reaches a Dask scheduler can run code on head and workers. Give the "
    "cluster a certificate and type tls://10.0.0.7:8786",
    "tcp://head.example:8786": "is not encrypted",
    "tcp://127.0.0.1.example.org:8786": "is not encrypted",
    "tcp://[::2]:8786": "is not encrypted",
    "head:8786": "is no address of a Dask scheduler. Type one such as tls://head:8786",
    "tls://head": "is no address of a Dask scheduler",
    "tcp://127.0.0.1:99999": "is no address of a Dask scheduler",
    "http://127.0.0.1:8786": "is no address of a Dask scheduler",
    "tcp://me:secret@127.0.0.1:8786": "is no address of a Dask scheduler",
    "tcp://127.0.0.1:8786/x": "is no address of a Dask scheduler",
}


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_refused(address: str) -> None:
    """Plain TCP beyond this machine, and what is no scheduler's address."""
    with pytest.raises(NnexpError) as refused:
        Settings.checked({"address": address})
    assert REFUSED[address] in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {"address": "tcp://127.0.0.1:8786"},
        {"address": "tcp://[::1]:8786"},
        {"address": "tcp://localhost:8786"},
        {"address": "tls://10.0.0.7:8786"},
        {"address": "tcp://10.0.0.7:8786", "insecure": True},
        {},
    ],
)
def test_addresses_that_are_taken(options: dict[str, Any]) -> None:
    """This machine's own, encrypted ones, and what somebody has typed to be insecure."""
    assert Settings.checked(options) == Settings(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "hydra.launcher.workers must be at least 1. Got 0."),
        ({"patience": 0.5}, "hydra.launcher.patience must be at least 2 seconds and at most 3600. Got 0.5."),
        ({"patience": float("inf")}, "hydra.launcher.patience must be at least 2 seconds and at most 3600. Got inf."),
        ({"workers": -1}, "hydra.launcher.workers must be at least 1. Got -1."),
        ({"address": "tls://head:8786", "certificate": "no.pem"}, "hydra.launcher.certificate=no.pem: no such file."),
        ({"address": "tls://head:8786", "certificate": "/"}, "hydra.launcher.certificate=/: is a directory."),
        (
            {"adress": "tls://head:8786"},
            "No key 'hydra.launcher.adress'. Did you mean 'hydra.launcher.address'? There are hydra.",
        ),
        ({"certificate": "no.pem"}, "is for a scheduler: type its address, too"),
    ],
)
def test_other_options_that_are_refused(options: dict[str, Any], said: str) -> None:
    """Each with its rule."""
    with pytest.raises(NnexpError, match=re.escape(said)):
        Settings.checked(options)


def test_what_makes_a_worker_unfit() -> None:
    """Another Python, and one without nnexp, each in one line; the same machine has nothing to be said of."""
    here = facts(["numpy"])
    there = replace(here, python="3.10", versions={})
    said = [f"Python {here.python} here, 3.10 there", f"numpy {here.versions['numpy']} here, none there"]
    assert [*unfit(here, here)] == []
    assert [*unfit(here, there)] == said
    (line,) = unfit(here, ModuleNotFoundError("No module named 'nnexp'"))
    assert line == f"No module named 'nnexp': nnexp {version('nnexp')} is not installed there"


def certificate(path: Path) -> Path:
    """A certificate and its key for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_tls(cluster: Any, tmp_path: Path, tools: dict[str, Any]) -> None:
    """Whoever has the cluster's certificate takes part; nobody else does, and no plain connection is answered.

    A sweep waits for workers, says what starts one, and refuses workers that would give other numbers.
    """
    own, other = certificate(tmp_path / "cluster.pem"), certificate(tmp_path / "other.pem")
    cluster.scheme = "tls"
    cluster.options = ("--tls-ca-file", str(own), "--tls-cert", str(own))
    cluster.scheduler()
    head = cluster.head(tmp_path, *WORDS, f"hydra.launcher.certificate={other}")
    assert head.ended() == 1
    assert "and this command have no certificate in common" in head.said
    assert not [*tmp_path.glob("outputs/sweeps/*")]
    assert cluster.head(tmp_path, *WORDS, at=cluster.address.replace("tls", "tcp")).ended() == 1

    head = cluster.head(tmp_path, *WORDS, f"hydra.launcher.certificate={own}")
    tools["until"](lambda: "has no workers yet, so the sweep waits for them." in head.said)
    assert f"dask worker {cluster.address} --tls-ca-file {own} --tls-cert {own} --nthreads JOBS" in head.said
    fake = tmp_path / "fake"
    (fake / "numpy-0.0.1.dist-info").mkdir(parents=True)
    (fake / "numpy-0.0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    path = os.pathsep.join(filter(None, (str(fake), os.environ.get("PYTHONPATH"))))
    unfit = cluster.worker("unfit", start=subprocess.Popen, PYTHONPATH=path)
    assert head.ended() == 1
    assert " here, 0.0.1 there" in head.said
    python = ".".join(map(str, sys.version_info[:2]))
    assert f"Install there what is here: Python {python}, and in it pip install nnexp==" in head.said
    assert "Traceback" not in head.said

    unfit.send_signal(signal.SIGTERM)
    unfit.wait(60)
    cluster.worker("fits", start=subprocess.Popen)
    head = cluster.head(tmp_path, *WORDS, f"hydra.launcher.certificate={own}")
    assert head.ended() == 0, head.said
    assert "2 jobs: 2 finished" in head.said


def answering(content: bytes) -> int:
    """The port of a server that answers whoever writes with the same, once."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with server, server.accept()[0] as connection:
            connection.recv(1)
            connection.sendall(content)

    threading.Thread(target=answer, daemon=True).start()
    return int(server.getsockname()[1])


@pytest.mark.parametrize("content", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n"])
def test_something_else_is_there(content: bytes) -> None:
    """A server of another kind, whose words read as a message of exabytes, is told to be none of Dask's."""
    address = f"tcp://127.0.0.1:{answering(content)}"
    with pytest.raises(NnexpError, match=f"What answers at {address} is no Dask scheduler"):
        _ = Connection(Settings.checked({"address": address})).client


def test_nobody_there(tmp_path: Path, tools: dict[str, Any]) -> None:
    """A port at which nothing listens."""
    done = tools["command"](*WORDS, "hydra/launcher=dask", "hydra.launcher.address=tcp://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    (line,) = [each for each in done.stderr.splitlines() if each]
    assert line.startswith("nnexp: No Dask scheduler answers at tcp://127.0.0.1:1 (")
    assert "Start one (dask scheduler --host HOST --port PORT)" in line
    assert not [*tmp_path.glob("outputs/sweeps/*")]
