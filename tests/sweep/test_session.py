"""A command's session: what Hydra makes finds it, and nothing of it is left for the next command of the process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnexp.commands.run import main
from nnexp.errors import NnexpError
from nnexp.sweep.session import Session, current, opened
from tests.command import python

TWO = """
import os, sys
from pathlib import Path
from nnexp.commands.resume_sweep import resume_sweep
from nnexp.commands.run import main
from nnexp.errors import NnexpError

if __name__ == "__main__":
    for words in (
        ["-m", "dataset=xor", "epochs=2", "seed=0,1", "hydra.sweep.dir=outputs/sweeps/a", *sys.argv[1:]],
        ["dataset=xor", "epochs=2", "loss=mea"],
        ["-m", "dataset=xor", "epochs=3", "seed=2,3", "hydra.sweep.dir=outputs/sweeps/b", *sys.argv[1:]],
        ["dataset=xor", "epochs=2", "hydra.run.dir=outputs/runs/c", "tracking=none"],
    ):
        try:
            main(words)
        except NnexpError as error:
            print("REFUSED", error)
    resume_sweep(Path("outputs/sweeps/a"), [], {}, {"uri": None, "artifacts": None}, failed=False)
"""


def test_sessions_are_nested() -> None:
    """Within the block it is the current one, after it the one before."""
    outer, inner = Session(), Session()
    with opened(outer):
        with opened(inner):
            assert current() is inner
        assert current() is outer


@pytest.mark.parametrize("words", [["tracking=none"], []], ids=["no store", "mlflow"])
def test_two_sweeps_in_one_process(words: list[str], tmp_path: Path) -> None:
    """One after the other, with a refused run, a run and a ``resume`` of the first: each as if it were alone."""
    script = tmp_path / "two.py"
    script.write_text(TWO)
    done = python(str(script), *words, cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.out.count("2 jobs: 2 finished") == 3
    assert "Nothing is left to do." in done.out
    assert done.out.count("REFUSED No loss 'mea'") == 1
    for name, seeds, epochs in (("a", (0, 1), 2), ("b", (2, 3), 3)):
        for job, seed in enumerate(seeds):
            result = json.loads((tmp_path / f"outputs/sweeps/{name}/{job}/result.json").read_text())
            assert (result["status"], result["epochs"]) == ("FINISHED", epochs), (name, seed)
    assert json.loads((tmp_path / "outputs/runs/c/result.json").read_text())["status"] == "FINISHED"


def test_a_refused_command_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next command of the process finds no session of the one before."""
    monkeypatch.chdir(tmp_path)
    with opened(Session()) as session, pytest.raises(NnexpError):
        main(["loss=mea"])
    assert session.failure is None
