"""What only a file says of a store: nothing is sent there, nothing is written there, before the user has typed it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.command import Ended, nnexp, runs

TOKEN = "geheim-token"  # noqa: S105 - what a stranger's server would like to have
QUICK = ("dataset=xor", "epochs=1")


class Canary(ThreadingHTTPServer):
    """A stranger's server: it keeps every request that reaches it, headers included, and answers none well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.seen: list[str] = []


class Request(BaseHTTPRequestHandler):
    """One request."""

    server: Canary

    def _keep(self) -> None:
        self.server.seen.append(f"{self.command} {self.path}\n{self.headers}")
        self.send_error(500)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _keep  # noqa: N815 (http.server looks for these names)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (http.server's signature)
        """Say nothing."""


@pytest.fixture
def canary() -> Iterator[Canary]:
    """A stranger's server."""
    with Canary() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which one run has finished, with its record in the embedded database."""
    place = tmp_path_factory.mktemp("finished")
    assert nnexp(*QUICK, "tracking.model=none", cwd=place).code == 0
    return place


@pytest.fixture
def moved(finished: Path, tmp_path: Path) -> Path:
    """A copy of that directory, as somebody may send it: its database still names the folder of the first one."""
    return shutil.copytree(finished, tmp_path / "place")


@pytest.fixture
def place(moved: Path) -> Path:
    """A copy whose database names its own folder."""
    point_to(moved, moved / "outputs" / "artifacts")
    return moved


def point_to(place: Path, folder: Path) -> None:
    """Have the database name a folder for the artifacts of its experiment and of its run."""
    with closing(sqlite3.connect(place / "outputs" / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'nnexp'", (folder.as_uri(),))
        connection.execute("UPDATE runs SET artifact_uri = ? || '/' || run_uuid || '/artifacts'", (folder.as_uri(),))


SPELLINGS = ("http://127.0.0.1:PORT", "HTTP://127.0.0.1:PORT", "' Http://me:pw@127.0.0.1:PORT/'")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_presets_server_gets_no_request(spelling: str, canary: Canary, tmp_path: Path) -> None:
    """With a token in the environment and the group typed, a preset's server hears nothing; typed, it is asked."""
    uri = spelling.replace("PORT", str(canary.server_port))
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "theirs.yaml").write_text(f"# @package _global_\ntracking:\n  uri: {uri}\n")
    words = ("--config-dir", "conf", "experiment=theirs", "tracking=mlflow", *QUICK)
    for several in ((), ("seed=0,1", "-m")):
        ended = nnexp(*words, *several, cwd=tmp_path, MLFLOW_TRACKING_TOKEN=TOKEN)
        assert ended.code == 1
        assert "is set in a file" in ended.err
        assert "type tracking.uri=http://" in ended.err
        assert "pw@" not in ended.err
    assert canary.seen == []
    typed = nnexp(*words, f"tracking.uri={uri.strip()}", cwd=tmp_path, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert "does not answer" in typed.err
    assert canary.seen


def resumed(place: Path, uri: str) -> Ended:
    """``resume`` of a run whose journal names a store."""
    (directory,) = runs(place)
    journal = directory / "journal.jsonl"
    first, *rest = journal.read_text().splitlines()
    opened = json.loads(first)
    opened["opened"]["again"]["tracking"]["uri"] = uri
    journal.write_text("\n".join([json.dumps(opened), *rest, ""]))
    return nnexp("resume", str(directory), "epochs=2", cwd=place, MLFLOW_TRACKING_TOKEN=TOKEN)


def synced(place: Path, uri: str) -> Ended:
    """``sync`` of a run whose note names a store."""
    (directory,) = runs(place)
    token = json.loads((directory / "journal.jsonl").read_text().partition("\n")[0])["opened"]["id"]
    (directory / "delivery.json").unlink()
    note = {"directory": str(directory.relative_to(place)), "uri": uri, "experiment": "nnexp"}
    (place / "outputs" / ".open" / token).write_text(json.dumps(note))
    return nnexp("sync", cwd=place, MLFLOW_TRACKING_TOKEN=TOKEN)


@pytest.mark.parametrize("command", [resumed, synced])
@pytest.mark.parametrize("uri", ["HTTP://127.0.0.1:PORT", "sqlite+pysqlite:///thesis.db"])
def test_a_store_that_a_journal_or_a_note_names_waits_to_be_typed(
    command: object, uri: str, canary: Canary, place: Path
) -> None:
    """Neither the server nor the database of the user's, which lies there, hears of it; the message says what to type."""
    uri = uri.replace("PORT", str(canary.server_port))
    (place / "thesis.db").write_bytes((place / "outputs" / "mlflow.db").read_bytes())
    before = (place / "thesis.db").read_bytes()
    ended = command(place, uri)  # type: ignore[operator]
    assert ended.code == 1, ended
    assert "nothing is sent there before it is typed" in ended.out + ended.err
    assert "--uri " in ended.out + ended.err
    assert canary.seen == []
    assert (place / "thesis.db").read_bytes() == before


def test_a_database_from_a_stranger_does_not_say_where_files_go(place: Path, tmp_path: Path) -> None:
    """A run, and sync, write nothing into a folder that the database names; typed, it is used; another experiment works."""
    home = tmp_path / "home"
    home.mkdir()
    point_to(place, home)
    refused = nnexp(*QUICK, cwd=place)
    assert refused.code == 1
    assert f"type tracking.artifacts={home} " in refused.err
    swept = nnexp("-m", "seed=0,1", *QUICK, cwd=place)
    assert swept.code == 1
    assert "keeps its artifacts in" in swept.err
    waits = synced(place, "")
    assert waits.code == 1
    assert "keeps its artifacts in" in waits.out
    assert not list(home.rglob("*"))
    other = nnexp(*QUICK, "tracking.experiment=mine", cwd=place)
    assert other.code == 0, other
    typed = nnexp(*QUICK, f"tracking.artifacts={home}", cwd=place)
    assert typed.code == 0, typed
    assert list(home.rglob("weights.npz"))


def test_a_folder_that_was_copied_has_a_place_of_its_own(moved: Path, finished: Path) -> None:
    """Nothing is written into the old place; where the artifacts stayed behind, what the message says to type works."""
    before = sorted(finished.rglob("*"))
    (moved / "outputs" / "artifacts").rename(moved / "aside")
    refused = nnexp(*QUICK, cwd=moved)
    assert refused.code == 1
    assert f"This one has {moved}/outputs/artifacts: was it moved or copied?" in refused.err
    assert f"type tracking.artifacts={finished}/outputs/artifacts " in refused.err
    assert nnexp(*QUICK, "tracking.experiment=new", cwd=moved).code == 0
    assert nnexp(*QUICK, cwd=moved).code == 1
    for each in (moved / "aside").iterdir():
        each.rename(moved / "outputs" / "artifacts" / each.name)
    assert nnexp(*QUICK, cwd=moved).code == 0
    assert sorted(finished.rglob("*")) == before


def test_a_strangers_journal_names_no_files_of_ones_own(place: Path) -> None:
    """What is called otherwise than nnexp's artifacts stays where it is, though it lies in the run's directory."""
    (directory,) = runs(place)
    names = ("authorized_keys", ".bashrc", "../../x", "pictures/.png", "pictures/a.png")
    (directory / "pictures").mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text("theirs")
    first, *rest = (directory / "journal.jsonl").read_text().splitlines()
    more = [json.dumps({"artifact": name}) for name in names]
    (directory / "journal.jsonl").write_text("\n".join([first, *more, *rest, ""]))
    shutil.rmtree(place / "outputs" / "artifacts")
    done = synced(place, "")
    assert done.code == 0, done
    kept = {path.name for path in (place / "outputs" / "artifacts").rglob("*") if path.is_file()}
    assert kept == {"config.yaml", "cost.png", "weights.npz", "model.json", "a.png"}


def test_a_password_that_is_a_word_of_nnexps_hides_nothing_but_in_an_address(tmp_path: Path) -> None:
    """A variable with an option's name for its value leaves titles as they are; a real secret is in no message of a result."""
    done = nnexp(*QUICK, "tracking=none", cwd=tmp_path, TEST_PASSWORD="xor")  # noqa: S106
    assert done.code == 0, done
    (directory,) = runs(tmp_path)
    assert json.loads((directory / "result.json").read_text())["title"].startswith("dataset=xor")
    assert "***" not in done.out + done.err + (directory / "result.json").read_text()
