"""What is read back of a run, whoever wrote it: each reader gives a valid value or one message, and never another exception."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnexp.basics.files import Unreadable, read_json
from nnexp.errors import NnexpError
from nnexp.experiment.settings import check
from nnexp.journal.journal import JOURNAL, Ending, Journal, end, identity, read
from nnexp.journal.outbox import entries, entry_of, notes
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import RESULT, Result, read_result, write_result
from nnexp.sweep.states import status_of
from nnexp.tracking.delivery import PROGRESS, run_id_of
from tests.command import SLOW
from tests.tracking.test_strangers import JSON, OPENED, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

FINISHED: dict[str, Any] = {
    "status": "FINISHED",
    "overrides": ["loss=mae"],
    "name": "loss=mae",
    "job": 0,
    "loss": {"name": "mae"},
    "objective": 0.5,
    "epochs": 2,
    "stopped": "",
    "best_epoch": 2,
    "kept_epoch": 2,
    "metrics": {"cost/train": 0.5, "r2/train": math.nan},
    "scaled": False,
    "history": {"cost/train": [1.0, 0.5], "r2/train": [math.nan, -math.inf]},
    "training_seconds": 0.1,
    "requirements": ["nnexp-losses==0.1.0"],
    "title": "t",
}
RECORDS: list[dict[str, Any]] = [
    {"opened": OPENED},
    {"epoch": 1, "time": 1, "metrics": {"cost/train": 0.5}},
    {"epoch": 2, "time": 2, "metrics": {"cost/train": math.inf, "r2/train": math.nan}},
    {"score": 2, "time": 3, "metrics": {"cost/test": 0.5}},
    {"artifact": "weights.npz"},
    {"ended": "FINISHED", "reason": "", "time": 3},
    {"model": ["numpy==2.4"], "anew": False},
    {"resumed": 2, "epochs": 3, "key": "k", "time": 4},
    {"epoch": 3, "time": 4, "metrics": {}},
    {"ended": "KILLED", "reason": "why", "time": 5},
]
NOTE = {"directory": "outputs/runs/sent", "uri": "", "experiment": "nnexp"}
DEEP = "[" * 100_000


def truncated(path: Path, size: int) -> int:
    """Make a file so many bytes long, without writing them."""
    with path.open("r+b") as file:
        return file.truncate(size)


WRITTEN: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "torn": lambda path: path.write_text('{"status": "FINI'),
    "zeros": lambda path: path.write_bytes(bytes(4096)),
    "no text": lambda path: path.write_bytes(b'{"status": "\xff"}'),
    "a list": lambda path: path.write_text("[]"),
    "a number": lambda path: path.write_text("5"),
    "another tool's": lambda path: path.write_text('{"accuracy": 0.9, "status": "ok"}'),
    "nested": lambda path: path.write_text(DEEP),
    "nested in an object": lambda path: path.write_text('{"status":' * 100_000),
    "more than fits in any": lambda path: path.write_bytes(b"[") and truncated(path, 2**28),
    "many digits": lambda path: path.write_text(f'{{"status": "KILLED", "epochs": {"9" * 5000}}}'),
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a link": lambda path: path.symlink_to("/etc/hostname"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
}
"""What may stand in a file's place."""


def journal(directory: Path, *records: object) -> Path:
    """A journal with these records."""
    (directory / JOURNAL).write_text("".join(f"{json.dumps(each)}\n" for each in records))
    return directory


def clear(directory: Path) -> Path:
    """The directory without what an example before has left."""
    for path in directory.iterdir():
        path.unlink()
    return directory


@pytest.mark.parametrize("kind", WRITTEN)
def test_whatever_stands_in_a_results_place_is_named(kind: str, tmp_path: Path) -> None:
    """One message with the file's name and why, at once; the job counts as failed; a new result does not cost the old file."""
    WRITTEN[kind](tmp_path / RESULT)
    began = time.monotonic()
    with pytest.raises(Unreadable, match=r"result\.json (is not what nnexp writes|cannot be read): .*Move it away"):
        read_result(tmp_path)
    assert run_id_of(tmp_path) == ""
    assert status_of(tmp_path).state == "failed"
    assert time.monotonic() - began < 5 * SLOW
    write_result(tmp_path, {"status": "KILLED", "reason": "why"})
    assert read_result(tmp_path) == Result(status="KILLED", reason="why")
    assert os.path.lexists(tmp_path / f"{RESULT}.unreadable")


@pytest.mark.parametrize("kind", WRITTEN)
def test_whatever_stands_in_a_journals_place_costs_an_answer_only(kind: str, tmp_path: Path) -> None:
    """A journal that is none is named, or counts as one that has not begun; nobody waits for a pipe."""
    WRITTEN[kind](tmp_path / JOURNAL)
    for reader in (Ending.read, identity, RecordedRun.read, status_of):
        try:
            reader(tmp_path)
        except NnexpError as error:
            assert JOURNAL in str(error)  # noqa: PT017
    with pytest.raises(NnexpError, match=JOURNAL):
        RecordedRun.read(tmp_path)


@pytest.mark.parametrize("kind", WRITTEN)
def test_whatever_stands_in_a_notes_place_is_named(kind: str, tmp_path: Path) -> None:
    """The note is named and the others are followed."""
    (tmp_path / ".open").mkdir()
    (tmp_path / ".open" / ("f" * 16)).write_text(json.dumps(NOTE))
    WRITTEN[kind](tmp_path / ".open" / TOKEN)
    found, problems = notes(tmp_path)
    assert [entry.path.name for entry in found] == ["f" * 16]
    (problem,) = problems
    assert f".open/{TOKEN} " in problem


def test_what_nnexp_writes_is_read(tmp_path: Path) -> None:
    """Every form of record, and a result with numbers that are none."""
    (tmp_path / RESULT).write_text(json.dumps(FINISHED))
    found = read_result(tmp_path)
    assert (found.status, found.history["cost/train"], found.job) == ("FINISHED", [1.0, 0.5], 0)
    recorded = RecordedRun.read(journal(tmp_path, *RECORDS))
    assert (recorded.last, recorded.wanted, recorded.ending, recorded.recipe.epochs) == (
        3,
        3,
        Ending("KILLED", "why", 5),
        3,
    )
    assert Ending.read(tmp_path) == recorded.ending


HOLDS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@given(st.sampled_from(sorted(FINISHED)), JSON)
@HOLDS
def test_any_result_is_read_or_refused(tmp_path: Path, name: str, value: Any) -> None:
    """With anything in place of one of its values a result is valid, as its readers use it, or named."""
    (tmp_path / RESULT).write_text(json.dumps(FINISHED | {name: value}))
    try:
        found = read_result(tmp_path)
    except Unreadable as error:
        assert RESULT in str(error)  # noqa: PT017
        return
    if found.status in ("FINISHED", "REUSED"):
        assert math.isfinite(found.objective)
        assert len(found.history["cost/train"]) == found.epochs >= found.kept_epoch >= 1
        assert all(isinstance(each, float | int) for each in found.metrics.values())


@given(st.integers(0, len(RECORDS) - 1), JSON, st.sampled_from(["record", "value", "key"]), st.data())
@HOLDS
def test_any_line_of_a_journal_is_read_or_named(tmp_path: Path, place: int, value: Any, what: str, data: Any) -> None:
    """With anything in place of a record, a value or a key, all before it is read, and a writer cuts no valid record off."""
    changed: Any = dict(RECORDS[place])
    key = data.draw(st.sampled_from(sorted(changed)))
    if what == "record":
        changed = value
    elif what == "value":
        changed[key] = value
    else:
        changed[str(value)] = changed.pop(key)
    clear(tmp_path)
    before = journal(tmp_path, *RECORDS[:place], changed, *RECORDS[place + 1 :])
    found = []
    try:
        for record, _ in read(before / JOURNAL):
            found.append(record)
        assert end(before / JOURNAL) >= 0
        assert identity(before) in ("", TOKEN)
        assert RecordedRun.read(before).last <= 3
    except NnexpError as error:
        assert JOURNAL in str(error)  # noqa: PT017
    assert len(found) >= place
    content = (tmp_path / JOURNAL).read_bytes()
    try:
        Journal(tmp_path).close()
    except Unreadable:
        assert (tmp_path / JOURNAL).read_bytes() == content
    assert len((tmp_path / JOURNAL).read_bytes().splitlines()) >= place
    status_of(tmp_path)


@given(st.binary(max_size=200))
@HOLDS
def test_any_bytes_are_read_or_named(tmp_path: Path, content: bytes) -> None:
    """No content of a file makes a reader fail otherwise."""
    for name in (RESULT, JOURNAL, PROGRESS, TOKEN):
        (tmp_path / name).write_bytes(content)
    for reader in (read_result, RecordedRun.read, lambda path: read_json(path / TOKEN)):
        try:
            reader(tmp_path)
        except NnexpError as error:
            assert str(tmp_path) in str(error)  # noqa: PT017
    assert run_id_of(tmp_path) == ""
    status_of(tmp_path)


@given(st.sampled_from([*NOTE, "more"]), JSON)
@HOLDS
def test_any_note_is_followed_or_named(tmp_path: Path, name: str, value: Any) -> None:
    """With anything in place of one of its values a note leads to a directory, or is named."""
    (tmp_path / ".open").mkdir(exist_ok=True)
    (tmp_path / ".open" / TOKEN).write_text(json.dumps(NOTE | {name: value}))
    journal(tmp_path, RECORDS[0])
    found, problems = notes(tmp_path)
    assert len(found) + len(problems) == 1
    assert entries(tmp_path) == found
    for entry in found:
        assert not entry.directory.exists() or entry.directory.is_dir()
        assert entry_of(tmp_path, tmp_path) is not None


@given(st.lists(st.sampled_from(["config", "tracking", "checkpoint", "place"]), max_size=2), st.text(max_size=6), JSON)
@HOLDS
def test_any_recipe_is_checked_or_refused(tmp_path: Path, path: list[str], key: str, value: Any) -> None:
    """Whatever a recipe says, it is a configuration that could have been typed, or one message."""
    again = json.loads(json.dumps(OPENED["again"]))
    holder = again
    for part in path[:1]:
        holder = holder[part]
    holder[key] = value
    journal(tmp_path, {"opened": OPENED | {"again": again}})
    try:
        recipe = RecordedRun.read(tmp_path).recipe
        check({**recipe.config, "tracking": recipe.tracking, "checkpoint": recipe.checkpoint})
    except NnexpError:
        return


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"opened": {"id": 5}}', "what it says of the run before it trains"),
        ('{"opened": 5}', "what it says of the run before it trains"),
        ('{"weather": "fine"}', "there is no record 'weather'"),
        ('{"epoch": "x"}', "a record 'epoch'"),
        ('{"epoch": 1, "time": 1, "metrics": {"cost/train": "0.5"}}', "a record 'epoch'"),
        ('{"epoch": 1, "time": 1, "metrics": {}, "more": 1}', "a record 'epoch'"),
        ('{"epoch": 3, "time": 1, "metrics": {}}', "epoch 3 comes after epoch 1"),
        ('{"ended": "DONE", "reason": "", "time": 1}', "a record 'ended'"),
        ('{"model": ["x", "--index-url=http://there"], "anew": true}', "a record 'model'"),
        (DEEP[:50_000], "nested too deeply"),
    ],
)
def test_a_record_of_nobody_knows_whom_is_named_and_kept(line: str, why: str, tmp_path: Path) -> None:
    """It is named with its line, and neither read over nor cut off: a later version may have written it."""
    content = "".join(f"{json.dumps(each)}\n" for each in RECORDS[:2]) + f"{line}\n"
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(Unreadable, match=rf"journal\.jsonl .*line 3: .*{why}"):
        list(read(tmp_path / JOURNAL))
    with pytest.raises(Unreadable, match=r"line 3"):
        Journal(tmp_path)
    assert (tmp_path / JOURNAL).read_text() == content
    assert status_of(tmp_path).state == ("killed" if "comes after" in why else "failed")


def test_a_thousand_results_are_read_in_little_more_time_than_their_json_takes(tmp_path: Path) -> None:
    """Checking 400 epochs of four metrics takes less than reading them."""
    names = ("cost/train", "cost/validation", "r2/train", "r2/validation")
    history = {name: [1 / (n + 3) for n in range(400)] for name in names}
    (tmp_path / RESULT).write_text(json.dumps(FINISHED | {"epochs": 400, "history": history}))

    def seconds(work: Callable[[], object]) -> float:
        began = time.process_time()
        for _ in range(200):
            work()
        return time.process_time() - began

    plain = min(seconds(lambda: json.loads((tmp_path / RESULT).read_text())) for _ in range(3))
    assert min(seconds(lambda: read_result(tmp_path)) for _ in range(3)) < 2 * plain
