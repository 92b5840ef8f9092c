"""Files of a run that nobody can read any more: they are named, and cost their own run an answer, no other run anything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nnexp.journal.journal import JOURNAL, Ending, read
from tests.command import nnexp, result, sweeps


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a finished sweep of three jobs, all in MLflow."""
    folder = tmp_path_factory.mktemp("unreadable")
    assert nnexp("-m", "dataset=xor", "epochs=4", "seed=0,1,2", cwd=folder).code == 0
    return folder


@pytest.fixture
def place(swept: Path, tmp_path: Path) -> Path:
    """A copy of it, at the same depth: all that a manifest and a note say is relative to where they lie."""
    shutil.copytree(swept, tmp_path / "copy")
    return tmp_path / "copy"


def weights(directory: Path) -> bytes:
    """The run's weights as they lie on the disk."""
    return (directory / "weights.npz").read_bytes()


@pytest.mark.parametrize("content", ["", '{"accuracy": 0.9}'], ids=["empty", "another tool's"])
def test_a_sweep_with_a_result_that_cannot_be_read_is_finished_by_resume(content: str, place: Path) -> None:
    """The file is named; that job alone is done again, bit by bit, and its result is there again; the file is kept."""
    sweep = sweeps(place)[-1]
    before = [weights(sweep / str(number)) for number in range(3)]
    times = [(sweep / str(number) / "result.json").stat().st_mtime_ns for number in (0, 2)]
    expected = result(sweep / "1")
    (sweep / "1" / "result.json").write_text(content)
    assert nnexp("sync", cwd=place).code == 0
    ended = nnexp("resume", str(sweep.relative_to(place)), cwd=place)
    assert ended.code == 0, ended.err
    assert "1/result.json is not what nnexp writes" in " ".join(ended.out.split())
    assert "3 jobs: 3 finished" in ended.out
    assert [weights(sweep / str(number)) for number in range(3)] == before
    assert [(sweep / str(number) / "result.json").stat().st_mtime_ns for number in (0, 2)] == times
    again = result(sweep / "1")
    assert {name: again[name] for name in ("status", "objective", "history", "metrics")} == {
        name: expected[name] for name in ("status", "objective", "history", "metrics")
    }
    assert (sweep / "1" / "result.json.unreadable").read_text() == content
    assert [each["epoch"] for each, _ in read(sweep / "1" / JOURNAL) if "epoch" in each] == [1, 2, 3, 4]
    assert Ending.read(sweep / "1").status == "FINISHED"


def test_other_runs_do_not_need_it(place: Path) -> None:
    """``predict`` answers with another run's model, and says which file is wrong where it is asked for this one's."""
    sweep = sweeps(place)[-1].relative_to(place)
    (place / sweep / "1" / "result.json").write_text('{"torn')
    (place / "new.csv").write_text("x1,x2\n0,1\n1,1\n")
    answered = nnexp("predict", f"{sweep}/0", "new.csv", cwd=place)
    assert answered.code == 0, answered.err
    for command in (("predict", f"{sweep}/1", "new.csv"), ("log-model", f"{sweep}/1")):
        refused = nnexp(*command, cwd=place)
        assert refused.code == 1
        assert f"{sweep}/1/result.json is not what nnexp writes: it is no JSON" in refused.err
        assert f"python -m nnexp resume {sweep}/1" in refused.err
        assert "Traceback" not in refused.err
    listed = nnexp("predict", "outputs/sweeps", "new.csv", cwd=place)
    assert listed.code == 1
    assert f"{sweep}/2" in listed.err
    assert f"{sweep}/1\n" not in listed.err


def test_a_run_whose_picture_cannot_be_drawn_reaches_mlflow(place: Path) -> None:
    """``sync`` delivers it without the picture and says why; a note that nobody can follow is named, and stops nothing."""
    sweep = sweeps(place)[-1]
    token = json.loads((sweep / "1" / JOURNAL).read_text().splitlines()[0])["opened"]["id"]
    (place / "outputs" / ".open").mkdir(exist_ok=True)
    note = {"directory": str((sweep / "1").relative_to(place)), "uri": "", "experiment": "nnexp"}
    (place / "outputs" / ".open" / token).write_text(json.dumps(note))
    (place / "outputs" / ".open" / ("f" * 16)).write_text('{"directory": 5}')
    (sweep / "1" / "cost.png").unlink()
    (sweep / "1" / "result.json").write_text('{"status": "FINISHED"}')
    (sweep / "1" / "delivery.json").unlink()
    synced = nnexp("sync", cwd=place)
    assert synced.code == 1
    assert "is complete in MLflow now; files are missing in" in synced.out
    assert "result.json is not what nnexp writes: objective is missing" in synced.out
    assert f".open/{'f' * 16} is not what nnexp writes" in synced.out
    assert "Traceback" not in synced.err
    assert [path.name for path in (place / "outputs" / ".open").iterdir()] == ["f" * 16]


def test_a_job_whose_journal_is_nobodys_is_named_and_left_alone(place: Path) -> None:
    """It counts as failed with the line as its cause; the other jobs are ranked, and not a byte of it is changed."""
    sweep = sweeps(place)[-1]
    with (sweep / "1" / JOURNAL).open("a") as file:
        file.write('{"weather": "fine"}\n')
    before = (sweep / "1" / JOURNAL).read_bytes()
    ended = nnexp("resume", str(sweep.relative_to(place)), cwd=place)
    assert ended.code == 1
    assert "there is no record 'weather'" in ended.out
    assert "3 jobs: 2 finished, 1 failed" in ended.out
    assert (sweep / "1" / JOURNAL).read_bytes() == before
