"""An OpenML of one's own on 127.0.0.1: a real HTTP server with recorded and handmade answers.

The answers in recorded/ are OpenML's, as scikit-learn keeps them for its tests (BSD 3-clause); the table of the Titanic has no
recorded search, so that is made here.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parent / "recorded"
NO_RESULTS = b'{"error":{"code":"372","message":"No results","additional_information":""}}'
"""What OpenML answers with status 412."""


@dataclass(frozen=True)
class Reply:
    """One answer."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    packed: bool = False
    """Whether it is sent packed by gzip to a client that takes it, as OpenML does."""
    cut: int | None = None
    """Close the connection after so many bytes of the body."""
    pause: float = 0
    """Seconds before it is sent."""


class Server:
    """OpenML's paths and what is answered to them; everything else gets status 412."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                reply = server.replies.get(self.path, Reply(NO_RESULTS, 412))
                time.sleep(reply.pause)
                packed = reply.packed and "gzip" in self.headers.get("Accept-encoding", "")
                body = gzip.compress(reply.body) if packed else reply.body
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(body)))
                if packed:
                    self.send_header("Content-Encoding", "gzip")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                with contextlib.suppress(ConnectionError):  # a client that no longer waits
                    self.end_headers()
                    self.wfile.write(body[: reply.cut])

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = False  # stop() waits for every answer
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Be offline from now on."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def add(self, name: str, number: int, paths: Mapping[str, bytes], *, version: int = 1) -> None:
        """Answer to the five paths of a table: search, description, features, qualities and its file."""
        description = json.loads(paths["description"])["data_set_description"]
        file = "/" + description["url"].split("/", 3)[3]
        for path, body in (
            (search_path(name, version), paths["search"]),
            (f"/api/v1/json/data/{number}", paths["description"]),
            (f"/api/v1/json/data/features/{number}", paths["features"]),
            (f"/api/v1/json/data/qualities/{number}", paths["qualities"]),
            (file, paths["file"]),
        ):
            self.replies[path] = Reply(body, packed=path == file)

    def record(self, name: str, number: int) -> None:
        """Add a recorded table."""
        paths = {"file": gzip.decompress((RECORDED / f"{name}.arff.gz").read_bytes())}
        for part in ("description", "features", "qualities", "search"):
            kept = RECORDED / f"{name}-{part}.json.gz"
            paths[part] = gzip.decompress(kept.read_bytes()) if kept.exists() else search(name, number)
        self.add(name, number, paths)

    def make(
        self,
        name: str,
        columns: Mapping[str, str],
        rows: Sequence[str],
        *,
        target: str | None = "y",
        number: int = 7,
        types: Mapping[str, str] | None = None,
        **described: Any,
    ) -> None:
        """Add a table of columns (name to OpenML's type, ``a: numeric``) and rows as ARFF writes them.

        A type that ends in ``!`` marks a row identifier. ``types`` are those in the file, of columns that are no numbers
        (``{9,10}``, STRING). ``described`` replaces parts of the description.
        """
        types = types or {}
        attributes = [f"@ATTRIBUTE {column} {types.get(column, 'NUMERIC')}" for column in columns]
        lines = [f"@RELATION {name}", *attributes, "@DATA", *rows, ""]
        file = "\n".join(lines).encode()
        description = {
            "id": str(number),
            "name": name,
            "version": "1",
            "description": "Handmade.",
            "format": "ARFF",
            "url": f"https://api.openml.org/data/v1/download/{number}/{name}.arff",
            "status": "active",
            "md5_checksum": hashlib.md5(file, usedforsecurity=False).hexdigest(),
            **({"default_target_attribute": target} if target is not None else {}),
            **described,
        }
        features = [
            {
                "index": str(index),
                "name": column,
                "data_type": kind.rstrip("!"),
                "is_target": str(column == target).lower(),
                "is_ignore": "false",
                "is_row_identifier": str(kind.endswith("!")).lower(),
                "number_of_missing_values": "0",
            }
            for index, (column, kind) in enumerate(columns.items())
        ]
        quality = [{"name": "NumberOfInstances", "value": str(float(len(rows)))}]
        paths = {
            "search": search(name, number),
            "description": json.dumps({"data_set_description": description}).encode(),
            "features": json.dumps({"data_features": {"feature": features}}).encode(),
            "qualities": json.dumps({"data_qualities": {"quality": quality}}).encode(),
            "file": file,
        }
        self.add(name, number, paths)


def search_path(name: str, version: int) -> str:
    """Where scikit-learn looks a table up."""
    return f"/api/v1/json/data/list/data_name/{name}/limit/2/data_version/{version}"


def search(name: str, number: int) -> bytes:
    """What OpenML answers there."""
    found = {"did": number, "name": name, "version": 1, "status": "active", "format": "ARFF"}
    return json.dumps({"data": {"dataset": [found]}}).encode()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The user's cache directory, not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def server(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server with three recorded tables, which the plugin asks instead of OpenML."""
    started = Server()
    for name, number in (("iris", 61), ("cpu", 561), ("titanic", 40945)):
        started.record(name, number)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("NNEXP_OPENML_SERVER", started.address)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    yield started
    started.stop()
