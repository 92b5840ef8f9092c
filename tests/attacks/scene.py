"""Where an attack takes place: a user's home, a directory to work in, what a stranger sent, and a server that listens."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.command import Ended, environment, usual
from tests.forked import Forked, fonts
from tests.trees import assert_same, tree

CANARIES = {"CANARY": "canary-4f1d0c", "CANARY_SECRET": "canary-77ab31", "MLFLOW_TRACKING_TOKEN": "canary-90c2ee"}
"""Variables of the environment that nobody may learn of: one with an innocent name, one secret, one that MLflow sends."""
CONTENT = "canary-b6e9a2: nobody's business\n"
"""What the user's own files hold."""
QUICK = ("dataset=xor", "epochs=1", "tracking=none")
SECONDS = 60
MOST_KILOBYTES = 6 * 2**20
"""Addresses that an attacked command may have, so that a bomb ends it and not the machine."""


class Listener(socketserver.ThreadingTCPServer):
    """Keeps what anybody sends to it, whatever the protocol; its answer is an empty JSON object."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.seen: list[bytes] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class Visit(socketserver.BaseRequestHandler):
    """One connection."""

    server: Listener

    def handle(self) -> None:
        """Keep its first bytes and answer."""
        self.request.settimeout(1)
        self.server.seen.append(b"")
        with contextlib.suppress(socket.timeout, OSError):
            self.server.seen[-1] = self.request.recv(65536)
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    """A listener on 127.0.0.1 until the block ends."""
    with Listener() as listener:
        threading.Thread(target=listener.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield listener
        finally:
            listener.shutdown()


@dataclass
class Scene:
    """A home with the user's files, ``place`` in it where commands run, and ``theirs`` with what a stranger sent."""

    root: Path
    listener: Listener
    forked: Forked | None = None
    """What starts commands more quickly, where that makes no difference."""
    home: Path = field(init=False)
    place: Path = field(init=False)
    theirs: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the user's files."""
        self.home = self.root / "home"
        self.place, self.theirs = self.home / "place", self.home / "theirs"
        for folder in (self.place, self.theirs, self.home / ".ssh", self.home / "thesis" / "empty"):
            folder.mkdir(parents=True)
        for path in ("canary.txt", "home/.bashrc", "home/.ssh/authorized_keys", "home/thesis/chapter.txt"):
            (self.root / path).write_text(CONTENT)

    def filled(self, text: str) -> str:
        """A text with this scene's places: ROOT, HOME, and PORT where the listener is."""
        return (
            text.replace("ROOT", str(self.root))
            .replace("HOME", str(self.home))
            .replace("PORT", str(self.listener.port))
        )

    def send(self, files: Mapping[str, str | bytes], where: Path | None = None) -> None:
        """Put a stranger's files there."""
        for name, content in files.items():
            path = (where or self.theirs) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(self.filled(content), encoding="utf-8")
            else:
                path.write_bytes(content)

    def put(self, thing: str, path: Path) -> None:
        """Put a pipe, a folder, or a link to ``thing`` in a file's place."""
        if thing == "pipe":
            os.mkfifo(path)
        elif thing == "folder":
            path.mkdir()
        else:
            path.symlink_to(self.filled(thing))

    def attempt(self, *words: str, code: int | None = 1, says: str = "", may_write: str = "", **more: str) -> Ended:
        """``python -m nnexp WORDS`` in ``place``; asserts that it ends with ``code`` (None: any), and without harm.

        A refusal is one clear message, with the text ``says`` in it. ``may_write``: a file that the words name to be written.
        """
        before = self.files(may_write)
        ended = self.command(*map(self.filled, words), **more)
        assert ended.code == code or (code is None and ended.code in (0, 1)), ended
        assert_clear(ended)
        if says:
            assert says in ended.err, ended
        self.assert_unknown(ended)
        assert_same(before, self.files(may_write))
        assert self.listener.seen == []
        return ended

    def files(self, may_write: str) -> dict[str, tuple[str, ...]]:
        """All files but those of ``outputs/``."""
        return dict(
            tree(self.root, self.place / "outputs", self.place / may_write if may_write else self.place / "outputs")
        )

    def command(self, *words: str, **more: str) -> Ended:
        """Run nnexp with the canaries in its environment; a command that takes too long is killed, and the test fails."""
        more = {"HOME": str(self.home), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **CANARIES, **more}
        if self.forked and usual(environment(**more)):
            answer = self.forked.nnexp(words, self.place, SECONDS, **more)
            assert answer.code is not None, answer
            return Ended(answer.code, answer.out, answer.err)
        settings = {"PYTHONDONTWRITEBYTECODE": "1", "MPLCONFIGDIR": fonts()}
        limited = f'ulimit -v {MOST_KILOBYTES}; exec "$0" -m nnexp "$@"'
        done = subprocess.run(
            ["/bin/sh", "-c", limited, sys.executable, *words],
            cwd=self.place,
            env=environment(**settings, **more),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def assert_unknown(self, ended: Ended) -> None:
        """Assert that what nobody may know is in no output, in no file but the user's own, and in nothing that was sent."""
        secrets = [*CANARIES.values(), CONTENT.strip()]
        said = ended.out + ended.err
        assert not [each for each in secrets if each in said], ended
        written = [path for path in self.place.rglob("*") if path.is_file() and not path.is_symlink()]
        for path in written:
            content = path.read_bytes()
            assert not [each for each in secrets if each.encode() in content], path


def assert_clear(ended: Ended) -> None:
    """Assert that a command ended in words: no traceback, no blame on nnexp, nothing that commands a terminal."""
    said = ended.out + ended.err
    assert "Traceback" not in said, ended
    assert not re.search(r"unexpected [A-Z]\w+:|bug of nnexp", said), ended
    assert not re.search(r"^\S+\.py:\d+: \w*Warning", said, re.MULTILINE), ended
    assert not [each for each in said if unicodedata.category(each)[0] == "C" and each not in "\n\t"], ended
    if ended.code:
        assert re.search("^nnexp: .", ended.err, re.MULTILINE), ended


def copied(folder: Path, to: Path) -> Path:
    """A copy of a folder, as somebody may send one."""
    return Path(shutil.copytree(folder, to, symlinks=True))
