"""The journal: what was handed to the system is read back exactly, and what a crash tears off is left out."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nnexp.basics.files import Unreadable
from nnexp.errors import NnexpError
from nnexp.journal.journal import JOURNAL, Busy, Ending, Journal, end, read
from nnexp.journal.records import Record

KILLED_WHILE_WRITING = """
import sys
from pathlib import Path
from nnexp.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), new=True)
for n in range(1, 10**9):
    journal.write({"epoch": n, "time": n, "metrics": {"cost/train": n / 7}})
    print(n, flush=True)
"""

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from nnexp.errors import NnexpError
from nnexp.journal.journal import Journal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
journal = Journal(Path(sys.argv[1]), new=True)
written = 0
try:
    while True:
        journal.write({"epoch": written + 1, "time": 1, "metrics": {"x" * 70: 0.5}})
        written += 1
except NnexpError as error:
    print(written, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.write({"ended": "FAILED", "reason": "", "time": 1})
"""
FIRST = {"epoch": 1, "time": 1, "metrics": {"cost/train": 0.5}}
SECOND = {"epoch": 2, "time": 1, "metrics": {}}
LINE = b'{"epoch":1,"time":1,"metrics":{"cost/train":0.5}}\n'
ENDED = {"ended": "FINISHED", "reason": "", "time": 1}


def records(directory: Path) -> list[Record]:
    """Everything that the journal holds."""
    return [record for record, _ in read(directory / JOURNAL)]


def test_what_is_written_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    """Numbers come back exactly, also those that are not finite; each record says where the next one begins."""
    values = {"a": 0.1 + 0.2, "b": 5e-324, "c": -math.inf, "d": math.nan, "ä": 1 / 3}
    journal = Journal(tmp_path, new=True)
    journal.write({"epoch": 1, "time": 5, "metrics": values})
    journal.write({"artifact": "x"}, ENDED)
    journal.close()
    first, *others = records(tmp_path)
    metrics = first["metrics"]
    assert isinstance(metrics, dict)
    assert math.isnan(metrics.pop("d"))
    assert metrics == {key: value for key, value in values.items() if key != "d"}
    assert others == [{"artifact": "x"}, ENDED]
    (_, behind), *_ = read(tmp_path / JOURNAL)
    assert [record for record, _ in read(tmp_path / JOURNAL, behind)] == others


@pytest.mark.parametrize(
    "torn", [b'{"epoch": 2, "ti', LINE[:-1], b"\0" * 40 + b"\n", b'{"ep\n' + LINE, b"7\n", b"[]\n", b"\xff\n"]
)
def test_what_a_crash_leaves_behind_the_last_record_is_left_out(torn: bytes, tmp_path: Path) -> None:
    """A torn line, or one that a power failure filled with anything, does not count, and the next writer removes it."""
    (tmp_path / JOURNAL).write_bytes(LINE + torn)
    assert records(tmp_path) == [FIRST]
    journal = Journal(tmp_path)
    journal.write(SECOND)
    journal.close()
    assert (tmp_path / JOURNAL).read_bytes() == LINE + b'{"epoch":2,"time":1,"metrics":{}}\n'


@pytest.mark.parametrize("torn", [b'{"epoch":2,"ti\n', bytes(40) + b"\n", b"7\n", b"\xff\xfe\n"])
def test_a_line_that_was_damaged_before_the_end_of_a_run_is_named(torn: bytes, tmp_path: Path) -> None:
    """No power failure leaves an end behind such a line, so nothing is read over it, and no writer cuts off what follows."""
    second, third = (b'{"epoch":%d,"time":1,"metrics":{}}\n' % number for number in (2, 3))
    ended = b'{"ended":"FINISHED","reason":"","time":1}\n'
    path = tmp_path / JOURNAL
    path.write_bytes(LINE + torn + third)
    assert records(tmp_path) == [FIRST]
    damaged = LINE + second + torn + ended + b'{"model":[],"anew":false}\n'
    path.write_bytes(damaged)
    for reads in (lambda: records(tmp_path), lambda: Journal(tmp_path)):
        with pytest.raises(Unreadable, match=rf"{JOURNAL} is not what nnexp writes \(line 3: it is no JSON\)"):
            reads()
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("lines", [1, 300, 2000])
def test_a_killed_process_loses_no_record_that_it_had_written(lines: int, tmp_path: Path) -> None:
    """After kill -9 every record that the process went on from is there, in order; its lock is free."""
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(lines)]
        with pytest.raises(Busy, match="Another process is at work on the run in"):
            Journal(tmp_path)
        process.send_signal(signal.SIGKILL)
        seen += [int(line) for line in process.stdout.read().splitlines()]
    found = [record["epoch"] for record in records(tmp_path)]
    assert found[: len(seen)] == seen
    assert found == list(range(1, len(found) + 1))
    Journal(tmp_path).close()


def test_a_full_disk_is_told_and_leaves_no_torn_line(tmp_path: Path) -> None:
    """A record that does not fit is refused in words, those before it stay, and writing goes on once there is room."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    written, _, words = done.stdout.partition(" ")
    assert f"{JOURNAL} cannot be written: File too large" in words
    assert [*range(1, int(written) + 1)] == [record["epoch"] for record in records(tmp_path)[:-1]]
    assert records(tmp_path)[-1] == {"ended": "FAILED", "reason": "", "time": 1}


def test_records_reach_the_disk_within_a_second_and_a_bit(tmp_path: Path) -> None:
    """The system is asked to force the records onto the disk once a second, by a thread of its own."""
    code = (
        "import sys, time; from pathlib import Path; import os; done = []; own = os.fsync\n"
        "os.fsync = lambda file: (own(file), os.path.isfile(file) and done.append(time.monotonic()))\n"
        "from nnexp.journal.journal import Journal; journal = Journal(Path(sys.argv[1]), new=True)\n"
        "ends = time.monotonic() + 3.5\n"
        "while time.monotonic() < ends: journal.write({'artifact': 'x'}); time.sleep(0.01)\n"
        "print(len(done))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert 1 <= int(done.stdout) <= 4


def test_a_missing_journal_is_not_made_by_looking(tmp_path: Path) -> None:
    """Only a new run makes a journal."""
    with pytest.raises(FileNotFoundError):
        Journal(tmp_path)
    assert not list(tmp_path.iterdir())
    Journal(tmp_path, new=True).close()
    assert end(tmp_path / JOURNAL) == 0


def test_a_new_run_never_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    """A second run in the same directory is refused, whether the first is at work or not, unless nothing was written."""
    first = Journal(tmp_path, new=True)
    first.write(FIRST)
    with pytest.raises(NnexpError, match="Wait for it, or end it"):
        Journal(tmp_path, new=True)
    first.close()
    with pytest.raises(NnexpError, match="holds a run already"):
        Journal(tmp_path, new=True)
    assert records(tmp_path) == [FIRST]
    (tmp_path / JOURNAL).write_text('{"torn')
    Journal(tmp_path, new=True).close()
    assert (tmp_path / JOURNAL).read_text() == ""
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


EPOCH = {"epoch": 1, "time": 1, "metrics": {"cost/train": 0.5}}
END = {"ended": "FINISHED", "reason": "", "time": 3}
PICTURE = {"artifact": "pictures/confusion.png"}


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ([END, PICTURE], "FINISHED"),
        ([END, {"model": [], "anew": False}, PICTURE, PICTURE], "FINISHED"),
        ([EPOCH, PICTURE], "open"),
        ([END, PICTURE, {"resumed": 1, "epochs": 2, "key": "k", "time": 4}], "open"),
        ([END, {"resumed": 1, "epochs": 2, "key": "k", "time": 4}, PICTURE], "open"),
    ],
)
def test_files_may_follow_the_end(records: list[dict[str, Any]], status: str, tmp_path: Path) -> None:
    """Pictures are drawn when a run has ended; one to which they were added has, and no other."""
    (tmp_path / JOURNAL).write_text("".join(f"{json.dumps(each)}\n" for each in records))
    assert Ending.read(tmp_path).status == status
