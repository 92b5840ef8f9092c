"""A sweep says at its end which pictures that were asked for nobody drew, and why."""

from __future__ import annotations

from pathlib import Path

from nnexp.commands.undrawn import undrawn
from nnexp.journal.result import Result
from nnexp.sweep.ledger import Job, Sweep
from nnexp.sweep.manifest import Composition, Manifest
from tests.command import nnexp

ASKED = Manifest(compositions=(Composition(config={"pictures": ["weights"]}),))


def sweep(directory: Path, manifest: Manifest, *logs: str) -> Sweep:
    """Finished jobs with these logs, and one more whose log is a link."""
    for number, text in enumerate(logs):
        (directory / str(number)).mkdir()
        (directory / str(number) / "nnexp.log").write_text(text)
    (directory / str(len(logs))).mkdir()
    (directory / str(len(logs)) / "nnexp.log").symlink_to(directory / "0" / "nnexp.log")
    jobs = [Job(number, directory / str(number), Result(), "finished") for number in range(len(logs) + 1)]
    return Sweep(directory, manifest, jobs)


def test_each_reason_is_said_once_with_its_jobs(tmp_path: Path) -> None:
    """Also behind a long log; other lines of a log are none."""
    pixels, torn = "The picture weights cannot be drawn: no pixels.", "The picture mine could not be drawn (Torn: x)."
    long = "epoch\n" * 99999
    logs = [f"nnexp: {pixels}\n", f"{long}nnexp: {pixels}\nnnexp: {torn}\n", "The picture\nnnexp: x\n"]
    assert [*undrawn(sweep(tmp_path, ASKED, *logs))] == [f"#0, #1: {pixels}", f"#1: {torn}"]


def test_where_none_was_asked_for_nothing_is_read(tmp_path: Path) -> None:
    """No line, whatever a log says."""
    plain = Manifest(compositions=(Composition(config={"pictures": None}),))
    assert [*undrawn(sweep(tmp_path, plain, "nnexp: The picture weights cannot be drawn: no pixels.\n"))] == []


def test_the_command(tmp_path: Path) -> None:
    """Once on the terminal, when all jobs have ended."""
    words = ("-m", "dataset=xor", "epochs=1,2", "pictures=[weights]", "tracking=none")
    ended = nnexp(*words, cwd=tmp_path)
    assert ended.code == 0
    assert ended.err.startswith(
        "nnexp: #0, #1: The picture weights cannot be drawn: the 2 inputs of this network are no pixels"
    )
    assert ended.err.count("\n") == 1
