"""Power failures: the short form of ``python -m tests.power``, and why its recordings and its model can be believed."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.power import recorder
from tests.power.__main__ import HOW_AGAIN, fail
from tests.power.disk import PAGE, Disk, replay
from tests.power.failures import ahead
from tests.power.recorder import Operation, Recorder, built, read

Record = Callable[[str], tuple[Path, list[Operation]]]
OLD, NEW = "old" * PAGE, "new" * PAGE
"""Each three pages long."""
REPLACE = f"""
import os
with open("file", "w") as file: file.write({OLD!r}); file.flush(); os.fsync(file.fileno())
here = os.open(".", os.O_RDONLY)
os.fsync(here)
open("begins", "w").close()
with open("file.tmp", "w") as file: file.write({NEW!r}); file.flush(); FORCE_FILE
os.rename("file.tmp", "file")
FORCE_FOLDER
open("ends", "w").close()
"""
WHOLE = REPLACE.replace("FORCE_FILE", "os.fsync(file.fileno())").replace("FORCE_FOLDER", "os.fsync(here)")
CARELESS = REPLACE.replace("FORCE_FILE", "").replace("FORCE_FOLDER", "")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Record a Python program in an empty folder: the folder afterwards, and the operations."""
    library = built(tmp_path_factory.mktemp("library"))

    def run(program: str) -> tuple[Path, list[Operation]]:
        folder = tmp_path_factory.mktemp("program")
        it = Recorder(library, folder, tmp_path_factory.mktemp("log") / "log")
        subprocess.run([sys.executable, "-c", program], cwd=folder, env=it.begin(), check=True)
        return folder, list(read(it.log))

    return run


def found(disk: Disk, first: str, last: str) -> set[str]:
    """What can be in ``file`` when the power fails after ``first`` was made, and until ``last`` was."""
    made = [at for at, each in enumerate(disk.operations) if Path(each.path).name in {first, last}]
    draw = random.Random(0)  # noqa: S311
    contents = set()
    for cut in (draw.randint(made[0] + 1, made[1] + 1) for _ in range(1000)):
        there = {path: content for path, _, content in disk.failed(cut, draw)}
        contents.add(there.get("file", b"no file").decode())
    return contents


def test_a_file_replaced_without_force_is_found_old_new_empty_zeroed_or_torn(record: Record) -> None:
    """The model holds everything that a file system is known to leave of one that was renamed and not forced."""
    _, operations = record(CARELESS)
    contents = found(Disk(operations), "begins", "ends")
    assert {OLD, NEW, "", "\0" * len(NEW)} <= contents
    torn = contents - {OLD, NEW, "", "\0" * len(NEW)}
    assert torn
    assert all(set(each) <= set(NEW + "\0") for each in torn), "a file of one content is never mixed with another's"


def test_a_file_replaced_with_force_is_found_old_or_new(record: Record) -> None:
    """What was forced before it was renamed is whole; once the folder is forced as well, it is the new one."""
    _, operations = record(WHOLE)
    assert found(Disk(operations), "begins", "ends") == {OLD, NEW}
    assert found(Disk([*operations, *operations[-1:]]), "ends", "ends") == {NEW}


def test_a_file_written_in_place_is_found_with_old_and_new_pages(record: Record) -> None:
    """Pages of a forced file that are written over come to the disk each for itself."""
    program = f"""
import os
file = os.open("file", os.O_RDWR | os.O_CREAT)
os.write(file, {OLD.encode()!r})
os.fdatasync(file)
open("begins", "w").close()
os.pwrite(file, {NEW.encode()!r}, 0)
os.fdatasync(file)
open("ends", "w").close()
"""
    _, operations = record(program)
    disk = Disk(operations)
    mixed = {"".join(pages) for pages in _product(OLD, NEW)}
    assert {OLD, NEW} < found(disk, "begins", "ends") <= mixed
    assert found(Disk([*operations, *operations[-1:]]), "ends", "ends") == {NEW}


def _product(old: str, new: str) -> list[tuple[str, ...]]:
    """Every mixture of the pages of two contents."""
    mixtures: list[tuple[str, ...]] = [()]
    for at in range(0, len(old), PAGE):
        mixtures = [(*each, page[at : at + PAGE]) for each in mixtures for page in (old, new)]
    return mixtures


def test_names_come_to_the_disk_in_their_order(record: Record) -> None:
    """Of files made one after the other, those up to some point are there, and all that a later fsync forced."""
    _, operations = record('for i in range(10): open(f"{i}", "w").close()')
    disk, draw = Disk(operations), random.Random(0)  # noqa: S311
    seen = set()
    for _ in range(300):
        there = sorted(path for path, _, _ in disk.failed(len(operations), draw) if path)
        assert there == [str(each) for each in range(len(there))]
        seen.add(len(there))
    assert seen == set(range(11))


EVERY = """
import ctypes, mmap, os, shutil, sqlite3, sys
from pathlib import Path
os.mkdir("folder"); Path("folder/inner").mkdir()
Path("text").write_text("one"); Path("text").write_text("two")
with open("text", "a") as file: file.write("three"); file.flush(); file.truncate(4)
file = os.open("numbers", os.O_RDWR | os.O_CREAT); other = os.dup(file)
os.pwrite(file, b"at seven", 7); os.writev(other, [b"a", b"b"]); os.pwritev(file, [b"c", b"d"], 3); os.ftruncate(file, 40)
os.posix_fallocate(file, 0, 64); os.truncate("numbers", 50)
shutil.copyfile("numbers", "copy"); os.link("copy", "second name"); os.symlink("copy", "pointer")
os.copy_file_range(os.open("text", os.O_RDONLY), file, 4, 0, 20)
here = os.open("folder", os.O_RDONLY); os.mkdir("deep", dir_fd=here); os.close(os.open("deep/x", os.O_CREAT, dir_fd=here))
os.rename("folder", "renamed"); Path("renamed/inner").rename("inner"); os.rename("text", "copy"); os.rmdir("inner")
os.unlink("second name"); Path("gone").touch(); Path("gone").unlink(); Path("gone").write_text("another file")
database = sqlite3.connect("database"); database.execute("PRAGMA journal_mode=wal")
with database: database.execute("CREATE TABLE t (a)"); database.executemany("INSERT INTO t VALUES (?)", [("x" * 99,)] * 999)
os.fsync(file); os.fdatasync(here)
os._exit(0)
"""


def test_all_recorded_operations_make_the_files_that_are_there(record: Record) -> None:
    """Every way to write, to name and to remove that the recorder knows is replayed as it was, SQLite's log included."""
    folder, operations = record(EVERY)
    again = folder.with_name("again")
    again.mkdir()
    replay(Disk(operations).whole(), again)
    assert {each.kind for each in operations} == set(
        recorder.CREATED + recorder.FOLDER + recorder.RENAMED + recorder.LINKED + recorder.POINTED + recorder.REMOVED
    ) | set(recorder.WRITTEN + recorder.SIZED + recorder.MAPPED + recorder.FORCING + recorder.FORCED)
    shown = subprocess.run(["diff", "-r", "-x", "*-shm", folder, again], capture_output=True, check=False, text=True)  # noqa: S607
    assert shown.returncode == 0, shown.stdout
    assert (again / "pointer").readlink() == (folder / "pointer").readlink()
    assert (again / "database-wal").stat().st_size > 0


def test_the_operations_of_two_processes_are_in_one_order(record: Record) -> None:
    """Two processes, one forked, that hand a turn to each other write in turns, also in the record; none is missing."""
    program = """
import os
to_child, to_parent = os.pipe(), os.pipe()
child = os.fork() == 0
read, write = (to_child[0], to_parent[1]) if child else (to_parent[0], to_child[1])
file = os.open("child" if child else "parent", os.O_WRONLY | os.O_CREAT)
for turn in range(200):
    if child or turn: os.read(read, 1)
    os.write(file, str(turn).encode())
    os.write(write, b".")
"""
    folder, operations = record(program)
    written = [(Path(each.path).name, each.data.decode()) for each in operations if each.kind == recorder.WRITTEN]
    assert written == [(name, str(turn)) for turn in range(200) for name in ("parent", "child")]
    assert len({each.thread for each in operations if each.kind == recorder.WRITTEN}) == 2
    replay(Disk(operations).whole(), again := folder.with_name("turns"))
    assert (again / "child").read_text() == (folder / "child").read_text()


def test_the_record_has_the_order_of_processes_that_write_at_once(record: Record) -> None:
    """Eight processes append to one file as fast as they can: replayed in the record's order, it is the same."""
    program = """
import os
for number in range(8):
    if os.fork() == 0:
        file = os.open("file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for turn in range(300): os.write(file, f"{number} {turn}\\n".encode())
        os._exit(0)
for number in range(8): os.wait()
"""
    folder, operations = record(program)
    ((_, _, content),) = [each for each in Disk(operations).whole() if each[0] == "file"]
    assert content == (folder / "file").read_bytes()
    assert len(content.splitlines()) == 2400
    written = b"".join(each.data for each in operations if each.kind == recorder.WRITTEN)
    assert written == content


def test_points_that_mlflow_has_and_no_journal_are_told(tmp_path: Path) -> None:
    """What a power failure took from a journal must not be in MLflow; the database is looked into without a change."""
    run = tmp_path / "outputs" / "runs" / "0"
    run.mkdir(parents=True)
    (run / "journal.jsonl").write_text('{"epoch":1,"time":5,"metrics":{"cost":0.5}}\n{"epoch":2,"time":6,"metr')
    with closing(sqlite3.connect(tmp_path / "outputs" / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE tags (run_uuid, key, value)")
        database.execute("CREATE TABLE metrics (run_uuid, key, step)")
        database.execute("INSERT INTO tags VALUES ('a', 'nnexp.directory', 'outputs/runs/0'), ('a', 'other', 'x')")
        database.execute("INSERT INTO metrics VALUES ('a', 'cost', 1)")
    before = (tmp_path / "outputs" / "mlflow.db").read_bytes()
    assert ahead(tmp_path) == []
    assert (tmp_path / "outputs" / "mlflow.db").read_bytes() == before
    with closing(sqlite3.connect(tmp_path / "outputs" / "mlflow.db")) as database, database:
        database.execute("INSERT INTO metrics VALUES ('a', 'cost', 2)")
    assert ahead(tmp_path) == ["MLflow has points that the journals lost: [('outputs/runs/0', 'cost', 2)]"]


def test_sync_and_resume_work_after_power_failures(tmp_path: Path) -> None:
    """Ten power failures of a sweep and two of a run: resumed, each has left what the untouched one leaves."""
    built(tmp_path)  # or skipped
    problems = fail(
        tmp_path, range(12), seed=0, lanes=1
    )  # to record a sweep twice takes longer than to try six failures
    assert not problems, "\n".join([*problems, HOW_AGAIN.format(seed=0, folder=tmp_path)])
