"""What scikit-learn's OpenML client may ask of the network: OpenML alone, and each answer whole.

scikit-learn's ``fetch_openml`` opens its URLs by ``urllib.request.urlopen``, which goes through the installed opener. While
a table is fetched that is ``Client``. It asks OpenML's own hosts or the mirror that NNEXP_OPENML_SERVER names, whatever an
answer or a redirection points to, because the address of a table's file comes with the table, from whoever uploaded it.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import os
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from nnexp.errors import NnexpError

OPENML = "openml.org"
SERVER = "NNEXP_OPENML_SERVER"
TIMEOUT = 60.0
"""Seconds without an answer."""

_LOCK = threading.Lock()
"""There is one installed opener in a process, so tables are fetched one at a time."""


def server() -> str:
    """The mirror to ask instead of OpenML, without a slash at its end; empty for OpenML itself."""
    given = os.environ.get(SERVER, "").rstrip("/")
    parts = urlsplit(given)
    other = parts.query or parts.fragment or "@" in parts.netloc
    if given and (parts.scheme not in ("http", "https") or not parts.hostname or other):
        raise NnexpError(f"{SERVER} must be an address such as http://127.0.0.1:8000. Got {given!r}.")
    return given


def host() -> str:
    """Who is asked, for messages."""
    return urlsplit(server()).netloc or OPENML


class Answer(io.BufferedReader):
    """A downloaded answer, in the form in which ``urlopen`` gives one."""

    def info(self) -> Message:
        """The headers: the file is packed."""
        headers = Message()
        headers["Content-Encoding"] = "gzip"
        return headers


class Client(urllib.request.OpenerDirector):
    """Opens URLs of OpenML, each answer downloaded whole and once, into ``folder``."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__()
        self.folder = folder
        self.reason = reason
        """Why the network is asked, for messages."""
        self.refusal: NnexpError | None = None
        """What went wrong; the client tries again after some errors, which is of no use."""
        self.unknown = False
        """Whether the last answer was OpenML's own status 412: there is no such thing."""
        self._network = _network()
        self._answers: list[Answer] = []
        self._before: urllib.request.OpenerDirector | None = None
        self._thread = threading.get_ident()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Be the opener of this thread's ``urlopen``; other threads' is what it was."""
        with _LOCK:
            self._before = getattr(urllib.request, "_opener", None)  # there is no public way to ask
            urllib.request.install_opener(self)
            try:
                yield
            finally:
                urllib.request.install_opener(self._before)
                for answer in self._answers:
                    answer.close()

    def open(self, fullurl: str | urllib.request.Request, data: Any = None, timeout: float | None = None) -> Any:
        """The answer; HTTPError for OpenML's own status 412 and NnexpError for everything else that goes wrong."""
        if threading.get_ident() != self._thread:
            return (self._before or urllib.request.build_opener()).open(fullurl, data, timeout)
        if self.refusal:
            raise self.refusal
        try:
            return self._open(allowed(fullurl if isinstance(fullurl, str) else fullurl.full_url))
        except NnexpError as error:
            self.refusal = error
            raise

    def _open(self, url: str) -> Answer:
        path = self.folder / f"{hashlib.sha256(url.encode()).hexdigest()}.gz"
        self.unknown = False
        try:
            if not path.exists():
                self._download(url, path)
        except HTTPError as error:
            error.close()
            if error.code == 412:
                self.unknown = True
                raise
            raise NnexpError(
                f"{self.reason}, and OpenML answered {error.code} {error.reason} to {url}. Type the command again later."
            ) from None
        except (URLError, ConnectionError, TimeoutError, http.client.HTTPException) as error:
            reason = str(error.reason if isinstance(error, URLError) else error) or type(error).__name__
            raise NnexpError(
                f"{self.reason}, and {urlsplit(url).netloc} cannot be reached ({reason}). Type the command again with a "
                "network; once loaded, a table needs none."
            ) from None
        answer = Answer(path.open("rb", buffering=0))
        self._answers.append(answer)
        return answer

    def _download(self, url: str, path: Path) -> None:
        """Write the whole answer, packed; what is not whole does not get its name."""
        part = path.with_suffix(".part")
        request = urllib.request.Request(url, headers={"Accept-encoding": "gzip", "User-Agent": "nnexp-openml"})  # noqa: S310 (allowed() has seen it)
        with self._network.open(request, timeout=TIMEOUT) as answer:
            packed = answer.headers.get("Content-Encoding", "") == "gzip"
            with part.open("wb") if packed else gzip.open(part, "wb") as file:
                n_bytes = _copy(answer, file)
            expected = answer.headers.get("Content-Length")
        if expected is not None and int(expected) != n_bytes:
            raise ConnectionError(f"its answer ended after {n_bytes} of {expected} bytes")
        part.replace(path)


def _copy(answer: Any, file: Any) -> int:
    n_bytes = 0
    while chunk := answer.read(1 << 16):
        file.write(chunk)
        n_bytes += len(chunk)
    return n_bytes


def allowed(url: str) -> str:
    """The URL that is asked for ``url``: the same path at the mirror or, by https, at OpenML. Refuses every other host."""
    parts, mirror = urlsplit(url), server()
    query = f"?{parts.query}" if parts.query else ""
    name = parts.hostname or ""
    if mirror and url.startswith(f"{mirror}/"):
        return url
    if parts.scheme not in ("http", "https") or not (name == OPENML or name.endswith(f".{OPENML}")):
        raise NnexpError(
            f"The table's description points to {url}, which is not at {OPENML}: refused. Download the file yourself if you "
            "trust it, and type dataset=csv dataset.path=FILE"
        )
    return f"{mirror or f'https://{name}'}{parts.path}{query}"


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows redirections to OpenML alone."""

    def redirect_request(  # noqa: PLR0913, PLR0917 (urllib's signature)
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        try:
            asked = allowed(newurl)
        except NnexpError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, asked)


def _network() -> urllib.request.OpenerDirector:
    """The schemes http and https, by the proxies of the environment, and no other."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        _Redirections,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener
