"""A real tracking server behind a door that asks for a user name and a password (RFC 7617)."""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from tests.servers import Server, serving

USER = "me"


class Door(ThreadingHTTPServer):
    """Passes requests on to the server behind it; says 401 to who does not know the password."""

    daemon_threads = True

    def __init__(self, behind: Server, password: str) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.behind = behind.uri.removeprefix("http://")
        self.key = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
        self.refused = 0

    def uri(self, password: str) -> str:
        """The address with a password, as it is typed."""
        return f"http://{USER}:{quote(password, safe='')}@127.0.0.1:{self.server_port}"


class Request(BaseHTTPRequestHandler):
    """One request."""

    server: Door

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != self.server.key:
            self.server.refused += 1
            self._answer(401, b"You are not authenticated.", "text/plain")
            return
        headers = {name: value for name, value in self.headers.items() if name in ("Content-Type", "Accept")}
        with contextlib.closing(http.client.HTTPConnection(self.server.behind, timeout=60)) as line:
            line.request(self.command, self.path, body, headers)
            answer = line.getresponse()
            self._answer(answer.status, answer.read(), answer.getheader("Content-Type") or "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 (the names that http.server looks for)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (http.server's signature)
        """Say nothing."""


@contextlib.contextmanager
def guarded(folder: Path, password: str) -> Iterator[Door]:
    """A tracking server in ``folder`` that only the door's password opens."""
    with serving(folder) as server, Door(server, password) as door:
        threading.Thread(target=door.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield door
        finally:
            door.shutdown()
