"""No command removes or changes a file that it did not make, however it ends: trees of files before and after."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.command import environment, nnexp, process
from tests.forked import Forked
from tests.trees import added, assert_same, harmed, tree
from tests.users import QUICK, forked, place, untouched

__all__ = ["forked", "place"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ``outputs/`` with a run ``runs/r``, and a sweep ``sweeps/s`` of which a job diverged, none of them tracked."""
    folder = tmp_path_factory.mktemp("made")
    assert nnexp(*QUICK, "hydra.run.dir=outputs/runs/r", cwd=folder).code == 0
    words = ("-m", *QUICK, "dataset=diabetes", "optimizer.learning_rate=0.1,1e300", "hydra.sweep.dir=outputs/sweeps/s")
    assert nnexp(*words, cwd=folder).code == 1
    return folder / "outputs"


COMMANDS: Sequence[tuple[Sequence[str], int | None]] = (
    (("plugins",), 0),
    (("plugins", "loss", "--json"), 0),
    (("plugins", "nonsense"), 1),
    (("--help",), 0),
    (("--hydra-help",), 0),
    (("--version",), 0),
    (("--cfg", "job"), 0),
    (("--cfg", "all", "hydra.run.dir=thesis"), 0),
    (("--info", "config"), 0),
    (("check", "loss.mae"), 0),
    (("check", "thesis"), 1),
    (("ui", "--port", "0"), 1),
    (("ui", "--uri", "sqlite:///thesis/.hidden"), 1),
    (("sync",), 0),
    (("sync", "thesis"), 1),
    (("resume", "thesis"), 1),
    (("resume", "thesis/thesis.tex"), 1),
    (("resume", "outputs/runs/r"), None),
    (("resume", "outputs/runs/r", "epochs=0"), 1),
    (("resume", "outputs/runs/r", "seed=1"), 1),
    (("resume", "outputs/sweeps/s", "epochs=9"), 1),
    (("predict", "thesis", "table.csv"), 1),
    (("predict", "outputs/runs/r", "table.csv"), 0),
    (("predict", "outputs/runs/r", "thesis"), 1),
    (("predict", "outputs/runs/r", "typo.csv"), 1),
    (("predict", "thesis/data.npz", "table.csv"), 1),
    (("predict", "outputs/runs/r", "table.csv", "-o", "thesis"), 1),
    (("predict", "outputs/runs/r", "table.csv", "-o", "thesis/link.txt"), 1),
    (("predict", "outputs/runs/r", "table.csv", "-o", "typo/answers.csv"), 1),
    (("log-model", "outputs/runs/r"), 1),
    (("log-model", "thesis"), 1),
    (("export", "outputs/runs/r", "--to", "cpp"), 1),
    (("export", "thesis", "--to", "cpp", "-o", "thesis/link.txt"), 1),
    (("new", "loss", "a/b"), 1),
    (("new", "loss", "mae"), 1),
    (("nonsense",), 1),
)
"""Every subcommand, with files of the user's for what it takes, and how it is to end."""


def test_every_subcommand(place: Path, forked: Forked, made: Path) -> None:
    """No subcommand changes or makes anything but what it is for: those that only show or are refused leave all as it was."""
    shutil.copytree(made, place / "outputs", symlinks=True)
    wrong = []
    for words, code in COMMANDS:
        before = tree(place.parent)
        answer = forked.nnexp(words, place, 60)
        after = tree(place.parent)
        changes = [*harmed(before, after), *(f"added: {each}" for each in added(before, after))]
        if changes or answer.code is None or (code is not None and answer.code != code):
            wrong.append((words, answer, changes))
    assert wrong == []


def test_a_new_distribution(place: Path, forked: Forked) -> None:
    """``new`` makes a folder that was not there, and leaves one that was, with a file in it or without."""
    _, new = untouched(forked, place, "new", "loss", "cauchy", code=0)
    assert {each.split("/")[1] for each in new} == {"nnexp-cauchy"}
    (place / "nnexp-mine").mkdir()
    for name in ("cauchy", "mine"):
        _, new = untouched(forked, place, "new", "loss", name)
        assert new == []


def test_answers_replace_the_file_that_is_named(place: Path, forked: Forked, made: Path) -> None:
    """``predict -o FILE --replace`` replaces the file that was typed and nothing else; a folder and the table are refused."""
    shutil.copytree(made, place / "outputs", symlinks=True)
    (place / "answers.csv").write_text("old")
    before = tree(place.parent)
    words = ("predict", "outputs/runs/r", "table.csv", "-o", "answers.csv")
    answer, new = untouched(forked, place, *words)
    assert "'answers.csv' is there already. To write over it add --replace" in answer.err
    assert new == []
    for name in ("table.csv", "./table.csv"):
        answer, new = untouched(forked, place, *words[:-1], name, "--replace")
        assert "is the table itself" in answer.err
        assert new == []
    assert forked.nnexp((*words, "--replace"), place).code == 0
    after = tree(place.parent)
    assert harmed(before, after) == ["changed: place/answers.csv"]
    assert added(before, after) == []
    (place / "folder.csv").mkdir()
    _, new = untouched(forked, place, "predict", "outputs/runs/r", "table.csv", "-o", "folder.csv", "--replace")
    assert new == []


def test_a_resumed_sweep_changes_its_own_files_alone(place: Path, forked: Forked, made: Path) -> None:
    """``resume SWEEP --failed`` tries again what failed, keeps what that left, and touches nothing else."""
    shutil.copytree(made, place / "outputs", symlinks=True)
    sweep = place / "outputs" / "sweeps" / "s"
    (sweep / "mine.txt").write_text("a note of the user's")
    (sweep / "1" / "mine.txt").write_text("another")
    before, failed = tree(place.parent, sweep), (sweep / "1" / "journal.jsonl").read_bytes()
    finished = tree(sweep / "0")
    answer = forked.nnexp(("resume", "outputs/sweeps/s", "--failed"), place, 60)
    assert answer.code == 1, answer
    assert_same(before, tree(place.parent, sweep))
    assert_same(finished, tree(sweep / "0"))
    assert (sweep / "mine.txt").read_text() == "a note of the user's"
    assert (sweep / "1" / "mine.txt").read_text() == "another"
    assert failed in [path.read_bytes() for path in sweep.rglob("journal.jsonl") if path.parent != sweep / "1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped(number: int, place: Path) -> None:
    """Ctrl-C, SIGTERM or SIGKILL in the middle of a run harm nothing; an own folder within the user's has the run's files."""
    before = tree(place.parent)
    words = ("dataset=xor", "tracking=none", "epochs=1000000", "hydra.run.dir=thesis/new")
    training = process(*words, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    journal = place / "thesis" / "new" / "journal.jsonl"
    while time.monotonic() < until and not (journal.exists() and journal.stat().st_size > 5000):
        assert training.poll() is None
        time.sleep(0.05)
    training.send_signal(number)
    assert training.wait(30) in (130, 143, -signal.SIGKILL)
    after = tree(place.parent)
    assert harmed(before, after) == []
    assert [each for each in added(before, after) if not each.startswith(("place/thesis/new", "place/outputs"))] == []


def test_a_disk_that_is_full(place: Path) -> None:
    """Where no file may grow any more, a run says so and harms nothing."""
    before = tree(place.parent)
    limited = 'ulimit -f 4; trap "" XFSZ; exec "$0" -m nnexp "$@"'
    words = ("dataset=xor", "tracking=none", "epochs=300", "hydra.run.dir=thesis/new")
    done = subprocess.run(
        ["/bin/sh", "-c", limited, sys.executable, *words],
        cwd=place,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
    assert harmed(before, tree(place.parent)) == []


def test_a_read_only_directory(place: Path) -> None:
    """Where nothing may be written, a command is refused and changes nothing."""
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    place.chmod(0o500)
    before = tree(place.parent)
    ended = nnexp(*QUICK, cwd=place)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert_same(before, tree(place.parent))
