"""``sync``, ``resume`` and ``predict`` in an ``outputs/`` that somebody sent: notes, journals and results are data."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.scene import Scene, copied

RUN = "outputs/runs/r"


def sent(scene: Scene, a_run: Path, **note: Any) -> Path:
    """A stranger's tracked run, which waits to be delivered; its note has these values."""
    copied(a_run, scene.place / "outputs")
    directory = scene.place / RUN
    (directory / "delivery.json").unlink(missing_ok=True)
    waiting(scene, identity(directory), {"directory": RUN, "uri": "", "experiment": "nnexp"} | note)
    return directory


def identity(directory: Path) -> str:
    """The id that the run's journal begins with."""
    return str(records(directory)[0]["opened"]["id"])


def records(directory: Path) -> list[dict[str, Any]]:
    """The journal's records."""
    return [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]


def waiting(scene: Scene, name: str, note: Any) -> None:
    """Put a note into ``outputs/.open``."""
    folder = scene.place / "outputs" / ".open"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(scene.filled(note if isinstance(note, str) else json.dumps(note)))


NOTES: Mapping[str, Any] = {
    "a server": {"uri": "http://127.0.0.1:PORT"},
    "a server in capitals": {"uri": "HTTP://127.0.0.1:PORT"},
    "a server with a password": {"uri": "http://me:***@127.0.0.1:PORT"},
    "a database server": {"uri": "postgresql://user@127.0.0.1:PORT/db"},
    "a database outside": {"uri": "sqlite:///ROOT/x.db"},
    "a database outside by its driver": {"uri": "sqlite+pysqlite:///ROOT/x.db"},
    "the user's file as database": {"uri": "sqlite:///ROOT/home/thesis/chapter.txt"},
    "a folder": {"uri": "file:ROOT/x"},
    "a plugin of MLflow's": {"uri": "evil://x"},
    "a directory above": {"directory": "../thesis"},
    "a directory of the system": {"directory": "/"},
    "a directory with a null byte": {"directory": "a\0b"},
    "a directory with a long name": {"directory": "x/" * 5000},
    "a directory with an escape sequence": {"directory": "\x1b[2J"},
    "an experiment with an escape sequence": {"experiment": "\x1b]0;x\x07"},
    "an experiment that is a path": {"experiment": "../../x"},
    "an experiment without a name": {"experiment": ""},
    "numbers": {"directory": 1, "uri": 2, "experiment": 3},
}
"""What a note of a waiting run says."""


@pytest.mark.parametrize("what", NOTES)
def test_a_note(what: str, tracked: Scene, a_run: Path) -> None:
    """What a note says is checked: nobody connects to a store that was not typed, and no other directory is touched."""
    sent(tracked, a_run, **NOTES[what])
    tracked.attempt("sync", code=None)


def test_notes_that_are_none(tracked: Scene, a_run: Path) -> None:
    """Texts, torn notes, links, pipes and folders among the notes are passed over, and the run that waits is delivered."""
    sent(tracked, a_run)
    texts = (
        "",
        "{",
        "[1]",
        "5",
        "null",
        "\0" * 100,
        "[" * 100_000,
        '{"opened": 5}',
        '{"directory": {}, "uri": [], "experiment": 1}',
    )
    for number, text in enumerate(texts):
        waiting(tracked, f"{number:016x}", text)
    folder = tracked.place / "outputs" / ".open"
    os.mkfifo(folder / ("a" * 16))
    (folder / ("b" * 16)).mkdir()
    (folder / ("c" * 16)).symlink_to(tracked.home / "thesis" / "chapter.txt")
    (folder / ("d" * 16)).symlink_to("/dev/zero")
    (folder / "\x1b[2J").write_text("{}")
    ended = tracked.attempt("sync", "--artifacts", str(a_run / "artifacts"), code=None)
    assert "is complete in MLflow now" in ended.out, ended


LINES: Mapping[str, list[Any]] = {
    "an opening that is a number": [{"opened": 5}],
    "an opening that is empty": [{"opened": {}}],
    "an opening that is a list": [{"opened": [1]}],
    "a number": [5],
    "a list": [[1, 2]],
    "a text": ["opened"],
    "an epoch that is a text": ["OPENED", {"epoch": "x", "time": 1, "metrics": {}}],
    "an epoch without metrics": ["OPENED", {"epoch": 1}],
    "metrics that are a list": ["OPENED", {"epoch": 1, "time": 1, "metrics": [1]}],
    "a metric that is a text": ["OPENED", {"epoch": 1, "time": 1, "metrics": {"cost/train": "x"}}],
    "a metric with an escape sequence": ["OPENED", {"epoch": 1, "time": 1, "metrics": {"\x1b[2J": 1.0}}],
    "a metric that is a path": ["OPENED", {"epoch": 1, "time": 1, "metrics": {"../../x": 1.0}}],
    "a time that is a text": ["OPENED", {"epoch": 1, "time": "x", "metrics": {"cost/train": 1.0}}],
    "a time beyond all": ["OPENED", {"epoch": 1, "time": 10**40, "metrics": {"cost/train": 1.0}}],
    "an end that is a number": ["OPENED", {"ended": 5}],
    "an end of its own": ["OPENED", {"ended": "EVIL", "reason": "\x1b[2J", "time": 1}],
    "an end without a time": ["OPENED", {"ended": "FINISHED"}],
    "a model that is a number": ["OPENED", {"ended": "FINISHED", "reason": "", "time": 1}, {"model": 5, "anew": 1}],
    "a model with packages of a stranger's": [
        "OPENED",
        {"ended": "FINISHED", "reason": "", "time": 1},
        {"model": ["--index-url http://127.0.0.1:PORT evil", "-e ."], "anew": True},
    ],
    "a run that goes on from nowhere": ["OPENED", {"resumed": "x", "epochs": {}, "key": 5}],
    "a record of the future": ["OPENED", {"evil": 1}],
    "an artifact that is a number": ["OPENED", {"artifact": 5}],
    "an artifact in the user's keys": ["OPENED", {"artifact": "authorized_keys"}],
    "an artifact that is hidden": ["OPENED", {"artifact": ".bashrc"}],
    "an artifact above": ["OPENED", {"artifact": "../../../../canary.txt"}],
    "an artifact of the system": ["OPENED", {"artifact": "/etc/hostname"}],
    "an artifact that is the directory": ["OPENED", {"artifact": "."}],
    "an artifact below pictures": ["OPENED", {"artifact": "pictures/../../../x.png"}],
    "an artifact with an escape sequence": ["OPENED", {"artifact": "\x1b[2J.png"}],
}
"""Journals; OPENED is the run's own first record."""


@pytest.mark.parametrize("command", ["sync", "resume"])
@pytest.mark.parametrize("what", LINES)
def test_a_journal(what: str, command: str, tracked: Scene, a_run: Path) -> None:
    """A journal that holds anything is named or passed over; what it names is taken from the run's directory alone."""
    directory = sent(tracked, a_run)
    opened, name = records(directory)[0], identity(directory)
    for each in ("authorized_keys", ".bashrc", "\x1b[2J.png"):
        (directory / each).write_text("a stranger's key")
    lines = [opened if each == "OPENED" else each for each in LINES[what]]
    (directory / "journal.jsonl").write_text(tracked.filled("".join(f"{json.dumps(each)}\n" for each in lines)))
    assert name
    tracked.attempt(*(("sync",) if command == "sync" else ("resume", RUN)), code=None)


def opening(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    """What changes the recipe in a journal's first record, by which the run is repeated."""
    return lambda opened: change(opened["again"])


RECIPES: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "a class": opening(lambda again: again["config"]["loss"].update(_target_="os.system")),
    "a plugin that is a module": opening(lambda again: again["config"]["loss"].update(name="os:system")),
    "a plugin that is a path": opening(lambda again: again["config"]["dataset"].update(name="../../x")),
    "a plugin with an escape sequence": opening(lambda again: again["config"]["loss"].update(name="\x1b[2J")),
    "a plugin that is a list": opening(lambda again: again["config"].update(loss=["mae"])),
    "a store": opening(lambda again: again["tracking"].update(uri="HTTP://127.0.0.1:PORT")),
    "a database outside": opening(lambda again: again["tracking"].update(uri="sqlite:///ROOT/x.db")),
    "a secret": opening(lambda again: again["tracking"].update(uri="http://127.0.0.1:PORT/${oc.env:CANARY}")),
    "a table that is a device": opening(
        lambda again: again["config"].update(dataset={"name": "csv", "path": "/dev/zero", "target": "y"})
    ),
    "a network of a billion units": opening(lambda again: again["config"].update(network={"hidden": [10**12]})),
    "a name with an escape sequence": opening(
        lambda again: again["place"].update(name="\x1b[2J", overrides=["\x1b[2J", 5, None])
    ),
    "a sweep that is a path": opening(lambda again: again["place"].update(sweep="../../x", job="../../y")),
    "no configuration": opening(lambda again: again.update(config=None)),
    "checkpoints that are texts": opening(lambda again: again.update(checkpoint={"seconds": "x", "evil": 1})),
    "nothing": opening(lambda again: again.clear()),
    "a list": lambda opened: opened.update(again=[1]),
    "tags that are numbers": lambda opened: opened.update(tags=5),
    "parameters that are numbers": lambda opened: opened.update(params=[5]),
    "data that are something else": lambda opened: opened.update(data={"evil": 1}),
    "another directory": lambda opened: opened["tags"].update({"nnexp.directory": "../../thesis"}),
    "an id that is a path": lambda opened: opened.update(id="../../thesis"),
    "a name that is a number": lambda opened: opened.update(name=5),
    "epochs that are a text": lambda opened: opened.update(epochs="x"),
}
"""Changes of the journal's first record."""


@pytest.mark.parametrize("what", RECIPES)
def test_what_a_run_is_repeated_by(what: str, tracked: Scene, a_run: Path) -> None:
    """A run is resumed by the checked values of its journal; what is not valid is refused in a line."""
    directory = sent(tracked, a_run)
    first, *rest = records(directory)
    RECIPES[what](first["opened"])
    (directory / "journal.jsonl").write_text(
        tracked.filled("".join(f"{json.dumps(each)}\n" for each in (first, *rest)))
    )
    tracked.attempt("resume", RUN, "epochs=2", code=None)


RESULTS: Mapping[str, str] = {
    "empty": "",
    "torn": '{"status": "FINI',
    "null bytes": "\0" * 500,
    "a list": "[1]",
    "a number": "5",
    "another tool's": '{"accuracy": 0.5}',
    "a status of its own": '{"status": "\\u001b[2J", "reason": 5}',
    "a reused run that is a path": '{"status": "REUSED", "run_id": "../../x"}',
    "a finished run without a number": '{"status": "FINISHED"}',
    "a reason that commands a terminal": '{"status": "FAILED", "reason": "\\u001b]0;x\\u0007", "message": "\\u001b[2J"}',
    "packages of a stranger's": '{"status": "FINISHED", "requirements": ["--index-url http://127.0.0.1:PORT"], "run_id": 5}',
}
"""Texts of ``result.json``."""


@pytest.mark.parametrize("what", RESULTS)
def test_a_result(what: str, tracked: Scene, a_run: Path) -> None:
    """Whatever ``result.json`` holds, each command that meets it says a line, and other runs do not suffer."""
    copied(a_run, tracked.place / "outputs")
    tracked.send({"result.json": RESULTS[what]}, tracked.place / RUN)
    tracked.send({"table.csv": "x1,x2\n1,2\n"})
    for words in (
        ("predict", RUN, "../theirs/table.csv"),
        ("predict", "outputs", "../theirs/table.csv"),
        ("resume", RUN),
    ):
        tracked.attempt(*words, code=None)
