"""A password in the address of a store, or in the environment, is written nowhere and shown nowhere, whatever happens."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nnexp.tracking.delivery import run_id_of
from tests.command import Ended, nnexp, process, python, result, runs, sweeps
from tests.guarded_server import Door, guarded

PASSWORD = "ge/h,ei=m@r{t'"  # noqa: S105 - the one that must never be shown
SPELLINGS = {PASSWORD, quote(PASSWORD, safe=""), "ge/h", "ei=m", "m@r{t", "geheim"}
QUICK = ("dataset=xor", "epochs=2")
LONG = ("dataset=xor", "epochs=500000", "checkpoint.epochs=1000")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One guarded server for all tests."""
    with guarded(tmp_path_factory.mktemp("guarded"), PASSWORD) as opened:
        yield opened


def assert_unknown(cwd: Path, *ended: Ended) -> None:
    """Assert that no file below ``cwd``, no file's name and no output has the password in any spelling."""
    for path in cwd.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for spelling in SPELLINGS:
            assert spelling not in str(path.relative_to(cwd))
            assert spelling.encode() not in content, path
    for each in ended:
        assert not [spelling for spelling in SPELLINGS if spelling in each.out + each.err], each


@pytest.mark.parametrize("launcher", ["nnexp", "basic", "joblib"])
def test_runs_and_sweeps_work_with_a_password_that_is_written_nowhere(
    door: Door, tmp_path: Path, launcher: str
) -> None:
    """A sweep, its best model and what follows it reach a server that asks for the password; no file or output has it."""
    uri = f"tracking.uri={door.uri(PASSWORD)}"
    name = f"tracking.experiment={launcher}"
    swept = nnexp("-m", *QUICK, "seed=0,1", f"hydra/launcher={launcher}", name, uri, cwd=tmp_path)
    assert swept.code == 0, swept
    (directory,) = sweeps(tmp_path)
    assert [result(directory / str(job))["status"] for job in range(2)] == ["FINISHED"] * 2
    ids = [run_id_of(directory / str(job)) for job in range(2)]
    assert all(ids)
    assert f"--uri 'http://me:***@127.0.0.1:{door.server_port}'" in swept.out
    there = nnexp("log-model", ids[1], "--uri", door.uri(PASSWORD), f"--experiment={launcher}", cwd=tmp_path)
    assert there.code == 0, there
    assert_unknown(tmp_path, swept, there)


def test_a_run_that_is_killed_goes_on_with_the_password_typed_again(door: Door, tmp_path: Path) -> None:
    """Ctrl-C, sync and resume: each asks for the password where it needs it, and works once it has it."""
    uri = door.uri(PASSWORD)
    interrupted = stopped(tmp_path, signal.SIGINT, *LONG, f"tracking.uri={uri}")
    assert interrupted.code == 130
    (directory,) = runs(tmp_path)
    killed = stopped(tmp_path, signal.SIGKILL, *LONG, f"tracking.uri={uri}")
    asked = nnexp("sync", cwd=tmp_path)
    assert asked.code == 1
    assert "me:***@" in asked.out
    copied = nnexp("sync", f"--uri=http://me:***@127.0.0.1:{door.server_port}", cwd=tmp_path)
    assert copied.code == 1
    assert "Type the address with its password in place of ***" in copied.out + copied.err
    done = nnexp("sync", f"--uri={uri}", cwd=tmp_path)
    assert done.code == 0, done
    refused = nnexp("resume", str(directory), "epochs=500001", cwd=tmp_path)
    assert refused.code == 1
    assert "--uri" in refused.err
    resumed = stopped(tmp_path, signal.SIGTERM, "resume", str(directory), "--uri", uri)
    assert resumed.code == 143
    assert_unknown(tmp_path, interrupted, killed, asked, copied, done, refused, resumed)


def stopped(cwd: Path, number: int, *words: str) -> Ended:
    """``python -m nnexp WORDS``, with a signal once the last journal has grown to some hundred epochs."""
    before = {path: path.stat().st_size for path in cwd.rglob("journal.jsonl")}
    training = process(*words, cwd=cwd)
    until = time.monotonic() + 60
    while time.monotonic() < until and training.poll() is None:
        if any(path.stat().st_size > before.get(path, 0) + 50_000 for path in cwd.rglob("journal.jsonl")):
            break
        time.sleep(0.05)
    training.send_signal(number)
    out, err = training.communicate()
    return Ended(training.returncode, out, err)


WAYS = {
    "a wrong password": ("tracking.uri=http://me:geheim@HOST",),
    "a server that is down": ("tracking.uri=http://me:geheim@127.0.0.1:9",),
    "a sweep over addresses": ("-m", "tracking.uri=http://me:geheim@127.0.0.1:9,http://you:geheim@127.0.0.1:9"),
    "two passwords": ("-m", "tracking.uri=http://me:geheim@127.0.0.1:9,http://me:geheim2@127.0.0.1:9"),
    "a word that is unknown": ("tracking.uri=http://me:geheim@127.0.0.1:9", "epoch=3"),
    "a misspelled key": ("tracking.ur=http://me:geheim@127.0.0.1:9",),
    "no key": ("http://me:geheim@127.0.0.1:9",),
    "an unquoted query": ("tracking.uri=postgresql://127.0.0.1/db?user=me&password=geheim",),
    "an unknown scheme": ("tracking.uri=ftp://me:geheim@127.0.0.1",),
    "no scheme": ("tracking.uri=me:geheim@127.0.0.1:9",),
    "a database server": ("tracking.uri=postgresql+psycopg2://me:geheim@127.0.0.1:9/db",),
    "braces": ("tracking={name:mlflow,uri:'http://me:geheim@127.0.0.1:9'}",),
    "what it would run": ("tracking.uri=http://me:geheim@127.0.0.1:9", "--cfg", "job"),
    "all that it would run": ("tracking.uri=http://me:geheim@127.0.0.1:9", "--cfg", "all"),
    "the help": ("tracking.uri=http://me:geheim@127.0.0.1:9", "--help"),
    "the environment of jobs": ("hydra.job.env_set.MLFLOW_TRACKING_URI=http://me:geheim@127.0.0.1:9",),
    "a parameter of the sweeper": ("-m", "+hydra.sweeper.params.tracking.uri='http://me:geheim@127.0.0.1:9'"),
    "a command's stray word": ("sync", "http://me:geheim@127.0.0.1:9"),
    "the pages": ("ui", "--uri", "mysql+nodriver://me:geheim@127.0.0.1:9/db"),
    "an unknown run": ("predict", "someone", "table.csv", "--uri=http://me:geheim@HOST"),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_refused_does_not_tell_the_password(way: str, door: Door, tmp_path: Path) -> None:
    """A message within its traceback, and what a refused command leaves behind, have no password."""
    words = [word.replace("HOST", f"127.0.0.1:{door.server_port}") for word in WAYS[way]]
    options = () if "=" not in " ".join(words) or words[0] in ("sync", "ui", "predict") else QUICK
    ended = nnexp(*options, *words, cwd=tmp_path, HYDRA_FULL_ERROR="1", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert ended.code == (0 if "--cfg" in words or "--help" in words else 1), ended
    assert ended.out + ended.err
    assert_unknown(tmp_path, ended)


def test_what_the_environment_says_is_written_nowhere(door: Door, tmp_path: Path) -> None:
    """Address, password and keys of the environment serve a run that logs all it can, and are in none of its files."""
    variables: dict[str, Any] = {
        "MLFLOW_TRACKING_URI": door.uri(PASSWORD),
        "AWS_SECRET_ACCESS_KEY": "geheim-aws",
        "AWS_SESSION_TOKEN": "geheim-session",
    }
    done = nnexp(*QUICK, "hydra.verbose=true", cwd=tmp_path, **variables)
    assert done.code == 0, done
    plain: dict[str, Any] = {
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{door.server_port}",
        "MLFLOW_TRACKING_USERNAME": "me",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
    }
    again = nnexp(*QUICK, "hydra.verbose=true", cwd=tmp_path, **plain)
    assert again.code == 0, again
    wrong = nnexp(*QUICK, cwd=tmp_path, **plain | {"MLFLOW_TRACKING_PASSWORD": "geheim-wrong"})
    assert wrong.code == 1
    assert "user name or password refused" in wrong.err
    assert_unknown(tmp_path, done, again, wrong)


def test_a_files_password_is_written_nowhere(door: Door, tmp_path: Path) -> None:
    """A preset proposes the address; typed, or in the environment, it is used; nothing that is written has the password."""
    conf = tmp_path / "conf" / "experiment"
    conf.mkdir(parents=True)
    place = tmp_path / "here"
    place.mkdir()
    (conf / "mine.yaml").write_text(f"# @package _global_\ntracking:\n  uri: {door.uri(PASSWORD)}\n")
    words = ("--config-dir", str(conf.parent), "experiment=mine", *QUICK)
    refused = nnexp(*words, cwd=place)
    assert refused.code == 1
    assert f"type tracking.uri=http://me:***@127.0.0.1:{door.server_port}" in refused.err
    one = nnexp(*words, f"tracking.uri={door.uri(PASSWORD)}", cwd=place)
    assert one.code == 0, one
    several = nnexp("-m", *words, "seed=1,2", cwd=place, MLFLOW_TRACKING_URI=door.uri(PASSWORD))
    assert several.code == 0, several
    assert_unknown(place, refused, one, several)


def test_a_crash_does_not_tell_the_password(tmp_path: Path) -> None:
    """A dataset that fails quoting the whole environment leaves a reason, a log and a traceback without secrets."""
    code = (
        "import os, sys\n"
        "import nnexp.run.start\n"
        "def crash(*a, **k): raise RuntimeError(' '.join(map(str, os.environ.items())) + 'postgresql://me:geheim@h/db')\n"
        "nnexp.run.start.prepare = crash\n"
        "from nnexp.__main__ import main\n"
        "main()\n"
    )
    for full in ("", "1"):
        words = (*QUICK, "tracking.uri=http://me:geheim@127.0.0.1:9")
        done = python("-c", code, *words, cwd=tmp_path, HYDRA_FULL_ERROR=full, AWS_SECRET_ACCESS_KEY="geheim-aws")  # noqa: S106
        assert done.code == 1
        assert "RuntimeError" in done.err
        assert_unknown(tmp_path, done)
    assert os.environ.get("NNEXP_TRACKING_URIS") is None
