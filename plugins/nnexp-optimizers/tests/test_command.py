"""On the command line: the README's commands print what it shows, in real processes; mistakes are refused in words."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nnexp.commands import run
from nnexp.errors import NnexpError

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```console\n\$ python -m nnexp (.*)\n((?:.*\n)*?)```", README.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


def nnexp(words: str, cwd: Path) -> Ended:
    """``python -m nnexp WORDS`` in ``cwd``."""
    left_out = ("MLFLOW_", "HYDRA_", "COLUMNS", "PYTEST_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    command = [sys.executable, "-m", "nnexp", *shlex.split(words)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=180, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def masked(text: str) -> list[str]:
    """The lines with every number and run id masked, since they depend on the machine, and spaces squeezed.

    Without a sweep's progress, of which a terminal keeps nothing.
    """
    text = re.sub(r"^ *\d+/\d+ jobs .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\b[0-9a-f]{32}\b", "ID", text)
    text = re.sub(r"_[0-9a-f]{6}\b", "_HEX", text)
    text = re.sub(r"\d[\d,]*(\.\d+)?(e[+-]\d+)?", "N", text)
    return sorted(" ".join(line.split()) for line in text.splitlines() if line.strip())


@pytest.mark.parametrize(("words", "shown"), BLOCKS, ids=[words.split()[0] for words, _ in BLOCKS])
def test_the_readme_is_real(words: str, shown: str, tmp_path: Path) -> None:
    """A command of the README prints what it shows, numbers, names of runs and the order of a ranking apart."""
    ended = nnexp(words, tmp_path)
    assert ended.code == 0, ended.err
    assert masked(ended.out) == masked(shown)


def test_the_readme_has_commands() -> None:
    """One run and one sweep are shown."""
    assert [words.split()[0] for words, _ in BLOCKS] == ["dataset=digits", "-m"]


def test_a_sweep_over_optimizers_and_schedules(tmp_path: Path) -> None:
    """Options of this distribution and built-in ones are swept together; each job has its optimizer, schedule and rates."""
    ended = nnexp("-m optimizer=momentum,sgd schedule=constant,cosine epochs=4 dataset=moons tracking=none", tmp_path)
    assert ended.code == 0, ended.err
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    results = [json.loads((sweep / str(job) / "result.json").read_text()) for job in range(4)]
    names = [f"optimizer={o} schedule={s}" for o in ("momentum", "sgd") for s in ("constant", "cosine")]
    assert [result["name"] for result in results] == names
    rates = [result["history"].get("learning_rate") for result in results]
    assert rates[0] is rates[2] is None
    cosine = [0.01, 0.008535533905932738, 0.005, 0.0014644660940672626]
    assert rates[1] == pytest.approx(cosine, rel=1e-14)
    assert rates[3] == pytest.approx(cosine, rel=1e-14)


def test_help_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    """--help has every option beside the built-in ones."""
    with pytest.raises(SystemExit) as ended:
        run.main(["--help"])
    assert not ended.value.code
    out = capsys.readouterr().out
    for group, names in (
        ("optimizer", {"adagrad", "adam", "adamw", "momentum", "nesterov", "rmsprop", "minibatch"}),
        ("schedule", {"constant", "cosine", "exponential", "plateau", "step"}),
    ):
        (line,) = re.findall(rf"^{group}: (.*)$", out, re.MULTILINE)
        assert names <= set(line.split(", "))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("optimizer=adam optimizer.beta1=1", "optimizer.beta1 must be a float at least 0 and below 1. Got 1.0."),
        ("optimizer=adamw optimizer.weight_deca=1", "has no option 'weight_deca'. Did you mean 'weight_decay'?"),
        ("optimizer=nag", "No optimizer 'nag'. nnexp calls it 'nesterov'."),
        ("schedule=cosin", "No schedule 'cosin'. Did you mean 'cosine'?"),
        ("schedule=cosine schedule.warmup=x", "schedule.warmup must be an int at least 0. Got 'x'."),
        ("schedule=cosine schedule.warmup=9 epochs=9", "schedule.warmup must be less than epochs (9)"),
        ("schedule=step schedule.warmup=3", "schedule=step has no option 'warmup'. It has every, gamma."),
    ],
)
def test_mistakes(words: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong name or value is refused in one line, before anything is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NnexpError) as refused:
        run.main(words.split())
    assert text in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
