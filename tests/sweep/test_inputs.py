"""A sweep's jobs are trained on the files that it began with, or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nnexp.sweep.inputs import changed, states
from tests.command import nnexp, python, sweeps

TABLE = "a,y\n" + "".join(f"{n},{n}.5\n" for n in range(40))
WORDS = ("dataset=csv", "dataset.target=y", "epochs=2", "tracking=none", "hydra.launcher.workers=1")


def test_what_counts_as_a_change(tmp_path: Path) -> None:
    """Another content does, and none; another time of change alone does not; a folder is what its files are."""
    file, folder = tmp_path / "t.csv", tmp_path / "f"
    folder.mkdir()
    file.write_text(TABLE)
    (folder / "x").write_text("1")
    paths = [str(file), str(folder), str(tmp_path / "none")]
    before = states(paths)
    os.utime(file, (1, 1))
    assert not changed(before, states(paths))
    file.write_text(TABLE.replace("7", "8"))
    (folder / "x").write_text("22")
    (tmp_path / "none").write_text("")
    assert changed(before, states(paths)) == [str(file), str(folder)]
    file.unlink()
    assert str(file) in changed(before, states(paths))


def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe or a device is never read from: its jobs say what is wrong with it."""
    os.mkfifo(tmp_path / "p.csv")
    for path in ("p.csv", "/dev/zero"):
        ended = nnexp("-m", f"dataset.path={path}", "seed=0,1", *WORDS, cwd=tmp_path, timeout=60)
        assert ended.code == 1
        assert f"{path} is no" in ended.out


def test_a_strangers_manifest(tmp_path: Path) -> None:
    """What it names beside the jobs' own files is not looked at."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "t.csv").write_text(TABLE)
    assert nnexp("-m", "dataset.path=t.csv", "seed=0,1", *WORDS, cwd=tmp_path).code == 0
    (directory,) = sweeps(tmp_path)
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"] |= {str(tmp_path / "pipe"): "1:2:3", "/dev/zero": "1:2:3", "/etc/hostname": "1:2:3"}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    for name in ("result.json", "journal.jsonl"):
        (directory / "1" / name).unlink()
    ended = nnexp("resume", str(directory), cwd=tmp_path, timeout=60)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("paths", ["dataset.path=t.csv", "dataset.path=t.csv,u.csv"])
def test_a_table_that_changes(paths: str, tmp_path: Path) -> None:
    """A sweep that is resumed is refused with the file's name; with the file as it was it is finished."""
    for name in ("t.csv", "u.csv"):
        (tmp_path / name).write_text(TABLE)
    ended = nnexp("-m", paths, "seed=0,1", *WORDS, cwd=tmp_path)
    assert ended.code == 0, ended.err
    (directory,) = sweeps(tmp_path)
    manifest = json.loads((directory / "manifest.json").read_text())
    assert [*manifest["files"]] == paths.removeprefix("dataset.path=").split(",")
    (directory / "1" / "result.json").unlink()
    (directory / "1" / "journal.jsonl").unlink()
    (tmp_path / "t.csv").write_text(TABLE.replace("7", "8"))
    ended = nnexp("resume", str(directory), cwd=tmp_path)
    assert ended.code == 1
    assert "t.csv: the file has changed" in ended.err
    (tmp_path / "t.csv").write_text(TABLE)
    assert nnexp("resume", str(directory), cwd=tmp_path).code == 0


CHANGES = """
import nnexp.run.start, pathlib
own = nnexp.run.start.run
def run(*given, **named):
    result = own(*given, **named)
    pathlib.Path("t.csv").write_text(pathlib.Path("t.csv").read_text().replace("7", "8"))
    return result
import nnexp.commands.job
nnexp.commands.job.run = run
from nnexp.__main__ import main
main()
"""


def test_in_the_middle_of_a_sweep(tmp_path: Path) -> None:
    """A job that would read another table than the first is refused and named; those before it are there."""
    (tmp_path / "t.csv").write_text(TABLE)
    words = ["-m", "dataset.path=t.csv", "seed=0,1,2", *WORDS[:-1], "hydra/launcher=basic"]
    ended = python("-c", CHANGES, *words, cwd=tmp_path)
    assert ended.code == 1
    assert "3 jobs: 1 finished, 2 failed" in ended.out
    assert "t.csv has changed since the sweep began" in ended.out
