"""Every command that nnexp prints works when it is pasted, whatever it was that ended."""

from __future__ import annotations

import json
import re
import shlex
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.command import Ended, nnexp, process

PRINTED = re.compile(r"python -m nnexp .*?(?=  |\.?$)")
"""A command in a line: what follows after two blanks says what it is for."""
TABLE = "a,y\n" + "".join(f"{n},{n}.5\n" for n in range(40))
CSV = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y")


def printed(ended: Ended) -> list[list[str]]:
    """The words of each command that was printed, in one line or several."""
    text = re.sub(r" \\\n +", " ", ended.out + ended.err)
    return [shlex.split(each)[3:] for line in text.splitlines() for each in PRINTED.findall(line)]


def works(words: list[str], folder: Path) -> str:
    """What is wrong with a command; nothing where it works. What is said of a store for ``ui`` has to lead to the run."""
    if words[0] == "ui":
        progress = next(folder.glob("outputs/**/delivery.json"))
        options = words[2:] if words[1:] and not words[1].startswith("--") else words[1:]  # behind a sweep's directory
        words = ["predict", json.loads(progress.read_text())["run"], "TABLE", *options]
    ended = nnexp(*[("t.csv" if word == "TABLE" else word) for word in words], cwd=folder)
    return "" if ended.code == 0 else f"{words}: {ended.err}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a table, and a blank in its name."""
    place = tmp_path / "my experiments"
    place.mkdir()
    (place / "t.csv").write_text(TABLE)
    return place


@pytest.mark.parametrize(
    "words",
    [
        ("tracking=none",),
        ("tracking.experiment=an other's",),
        ("tracking.uri=sqlite:///my store.db",),
        ("tracking.uri=sqlite:///my store.db", "tracking.experiment=2024"),
        ("-m", "seed=0,1", "tracking=none"),
        ("-m", "seed=0,1", "tracking.experiment=2024", "hydra/launcher=basic"),
        ("-m", "optimizer.learning_rate=0.1,0.2", "hydra.sweep.dir=outputs/a b/c"),
    ],
)
def test_after_a_good_end(words: tuple[str, ...], folder: Path) -> None:
    """What comes next is what was promised; the same once more where the run is reused."""
    ended = nnexp(*words, *CSV, "epochs=2", cwd=folder)
    assert ended.code == 0, ended.err
    assert len(printed(ended)) == (1 if "tracking=none" in words else 2)
    assert not [*filter(None, (works(each, folder) for each in printed(ended)))]
    if "-m" not in words and "tracking=none" not in words:
        again = nnexp(*words, *CSV, "epochs=2", "reuse=true", cwd=folder)
        assert "reused" in again.out
        assert printed(again)
        assert not [*filter(None, (works(each, folder) for each in printed(again)))]


def interrupted(words: Sequence[str], journal: Path, folder: Path) -> list[str]:
    """Interrupt a command once the run has gone on, and return the words of the one command that it prints."""
    before = journal.stat().st_size if journal.exists() else 0
    running = process(*words, cwd=folder, session=True)
    until = time.monotonic() + 60
    while time.monotonic() < until and not (journal.exists() and journal.stat().st_size > before + 5000):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    (found,) = printed(Ended(running.returncode, out, err))
    return found


@pytest.mark.parametrize("store", ["tracking=none", "tracking.experiment=2024", "tracking.uri=sqlite:///my store.db"])
def test_after_ctrl_c(store: str, folder: Path) -> None:
    """The command that goes on is the one that is printed, again and again, whatever the store."""
    journal = folder / "outputs" / "runs" / "a b" / "journal.jsonl"
    words = interrupted([*CSV, "epochs=400000", store, "hydra.run.dir=outputs/runs/a b"], journal, folder)
    assert words[0] == "resume"
    assert interrupted(words, journal, folder) == words


@pytest.mark.parametrize("store", ["tracking=none", "tracking.uri=sqlite:///my store.db"])
def test_after_a_sweep_that_failed(store: str, folder: Path) -> None:
    """``retry`` tries again what failed, and the command of a failed job runs it alone: both fail as before, in words."""
    ended = nnexp("-m", "optimizer.learning_rate=0.1,1e9", *CSV, "epochs=3", store, cwd=folder)
    assert ended.code == 1
    commands = printed(ended)
    assert [words for words in commands if words[0] == "resume"]
    for words in commands:
        wrong = works(words, folder)
        assert "is named in a file only" not in wrong
        assert not wrong or "learning rate" in wrong or "diverged" in wrong or "failed" in wrong, wrong
