"""The head's copy of a job's directory: what a worker sends is looked at as any stranger's journal is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nnexp.errors import NnexpError
from nnexp.journal.journal import Ending, read
from nnexp.journal.outbox import entries, register
from nnexp.journal.result import read_result
from nnexp.remote.mirror import Destination, Mirror
from nnexp.remote.updates import Refused, Update
from nnexp.remote.worker import JobFolder
from nnexp.sweep import states
from tests.command import nnexp


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a job that a worker has carried out."""
    place = tmp_path_factory.mktemp("worker")
    words = ("-m", "seed=0,1", "epochs=4", "checkpoint.epochs=2", "hydra.sweep.dir=outputs/sweeps/s", "tracking=none")
    assert nnexp(*words, cwd=place).code == 0
    return place / "outputs" / "sweeps" / "s" / "1"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """That of job 1 of a sweep s, tracked in the embedded store."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    destination = Destination(
        outputs, f"sqlite:///{outputs}/mlflow.db", (".hydra/config.yaml", ".hydra/hydra.yaml", "nnexp.log")
    )
    made = Mirror(outputs / "sweeps" / "s" / "1", 1, destination)
    yield made
    made.close()


def everything(job: Path) -> Update:
    """What a worker sends of a whole job."""
    folder = JobFolder(job)
    rest = folder.final_update()
    return replace(rest, files={name: each for name, each in rest.files.items() if not name.endswith(".json.partial")})


def test_a_job_is_there_as_its_worker_had_it(made: Path, mirror: Mirror) -> None:
    """The journal and the files with the same bytes, a result that says where it lies; the run is noted to be delivered."""
    mirror.packed()
    mirror.finish(everything(made))
    for name in ("journal.jsonl", "weights.npz", "cost.png", "config.yaml", "model.json", "checkpoint.npz"):
        assert (mirror.directory / name).read_bytes() == (made / name).read_bytes()
    assert states.state(mirror.directory) == "finished"
    assert json.loads((mirror.directory / "result.json").read_text())["directory"] == str(mirror.directory)
    assert [each.directory for each in entries(mirror.directory.parents[2])] == [mirror.directory]


def test_how_a_job_ended_is_not_said_before_its_files_are_there(made: Path, mirror: Mirror) -> None:
    """Of a worker that is lost between the two the job is one that was killed, and goes on."""
    mirror.packed()
    mirror.take(everything(made).small)
    assert Ending.read(mirror.directory).status == "open"
    assert states.state(mirror.directory) == "running"
    mirror.close()
    assert states.state(mirror.directory) == "killed"
    assert not [each for each, _ in read(mirror.directory / "journal.jsonl") if "artifact" in each]
    assert set(mirror.packed()) >= {"journal.jsonl"}


def test_a_job_that_is_given_up_says_why(made: Path, mirror: Mirror) -> None:
    """The reason that the head knows stands in its record, with the epochs that have come; it is killed, and goes on."""
    mirror.packed()
    begun = b"".join(line for line in lines(made) if b'"epoch":4' not in line and b'"ended"' not in line)
    mirror.take(Update({"journal.jsonl": (0, begun)}))
    mirror.close("the scheduler was gone")
    assert Ending.read(mirror.directory).status == "KILLED"
    assert read_result(mirror.directory).reason == "the scheduler was gone after epoch 3 of 4"
    assert states.state(mirror.directory) == "killed"
    assert set(mirror.packed()) == {"journal.jsonl"}


def lines(job: Path) -> list[bytes]:
    return (job / "journal.jsonl").read_bytes().splitlines(keepends=True)


def changed(line: bytes, **more: Any) -> bytes:
    """The first record of a journal with other values."""
    found = json.loads(line)
    for path, value in more.items():
        inner = found["opened"]
        *keys, last = path.split("__")
        for key in keys:
            inner = inner[key]
        inner[last] = value
    return f"{json.dumps(found)}\n".encode()


STRANGE = {
    "no record": (lambda all_: [*all_[:2], b'{"surprise":1}\n'], "there is no record 'surprise'"),
    "no JSON": (lambda all_: [*all_[:2], b"what is this\n"], "a line that is no record"),
    "a gap": (lambda all_: [*all_[:2], all_[4]], "epoch 4 comes after epoch 1"),
    "another job": (lambda all_: [changed(all_[0], again__place__job=0)], "the beginning of another run"),
    "another sweep": (lambda all_: [changed(all_[0], again__place__sweep="t")], "the beginning of another run"),
    "no recipe": (lambda all_: [changed(all_[0], again=None)], "the beginning of another run"),
    "twice": (lambda all_: [all_[0], all_[0]], "the beginning of another run"),
    "no beginning": (lambda all_: all_[1:], "records of a run that it did not open"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_strangers_journal_is_refused(case: str, made: Path, mirror: Mirror) -> None:
    """What is no record, does not follow, or is of another run; the message names the job."""
    change: Any
    change, said = STRANGE[case]
    sent = b"".join(change(lines(made)))
    mirror.packed()
    with pytest.raises(NnexpError) as refused:
        mirror.take(Update({"journal.jsonl": (0, sent)}))
    assert said in str(refused.value)
    assert "#1" in str(refused.value)


def test_what_does_not_follow_what_came_is_refused(made: Path, mirror: Mirror) -> None:
    """A piece that is sent twice, or behind a gap."""
    mirror.packed()
    first, second, *_ = lines(made)
    mirror.take(Update({"journal.jsonl": (0, first)}))
    for offset in (0, len(first) + 1):
        with pytest.raises(Refused, match="does not follow what came before"):
            mirror.take(Update({"journal.jsonl": (offset, second)}))


@pytest.mark.parametrize(
    "name",
    [
        "../0/result.json",
        "/etc/passwd",
        "..",
        "manifest.json",
        "delivery.json",
        ".hydra/../../x",
        "pictures/../x.png",
        "x",
    ],
)
def test_files_lie_where_a_job_has_them(name: str, made: Path, mirror: Mirror) -> None:
    """A name that no job's file has is not written, wherever it leads."""
    mirror.packed()
    sent = everything(made)
    mirror.finish(replace(sent, files={**sent.files, name: b"surprise"}))
    found = [path for path in mirror.directory.parents[3].rglob("*") if path.is_file()]
    assert not [path for path in found if b"surprise" in path.read_bytes()]


def test_a_stream_of_another_name_is_refused(mirror: Mirror) -> None:
    """Two files grow, and no other."""
    mirror.packed()
    with pytest.raises(Refused, match=r"the stream '\.\./manifest\.json'"):
        mirror.take(Update({"../manifest.json": (0, b"{}\n")}))


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"status": "FINISHED"}', b'{"status": "??"}', b"[" * 100_000])
def test_a_strangers_result_is_refused(content: bytes, made: Path, mirror: Mirror) -> None:
    """One that nnexp does not write; the job is not finished then."""
    mirror.packed()
    sent = everything(made)
    with pytest.raises(Refused, match=r"a result\.json that is none"):
        mirror.finish(replace(sent, files={**sent.files, "result.json": content}))
    mirror.close()
    assert states.state(mirror.directory) == "killed"


def test_another_runs_note_stays(made: Path, mirror: Mirror) -> None:
    """A journal with the id of a run that waits for MLflow would take that run's note."""
    outputs = mirror.directory.parents[2]
    token = json.loads(lines(made)[0])["opened"]["id"]
    register(outputs, token, outputs / "runs" / "mine", f"sqlite:///{outputs}/mlflow.db", "nnexp")
    mirror.packed()
    with pytest.raises(Refused, match="a journal with another run's id"):
        mirror.take(Update({"journal.jsonl": (0, lines(made)[0])}))
    assert [each.directory for each in entries(outputs)] == [outputs / "runs" / "mine"]


def test_a_job_that_begins_anew(made: Path, mirror: Mirror) -> None:
    """What it has left lies in a folder of its own, where it is delivered from; the job's place is free."""
    mirror.packed()
    mirror.take(everything(made).small)
    attempt = mirror.set_aside()
    assert attempt.name == "failed_1"
    assert [each.directory for each in entries(mirror.directory.parents[2])] == [attempt]
    assert mirror.packed() == {}
    assert read_result(mirror.directory).status == ""
    second = changed(lines(made)[0], id="0" * 16)
    mirror.take(Update({"journal.jsonl": (0, second)}))
    assert len(entries(mirror.directory.parents[2])) == 2
