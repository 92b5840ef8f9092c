"""Sweeps as a user starts them: what is refused, what the ledger says, how they are stopped, killed and resumed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from nnexp.journal.journal import JOURNAL, read
from nnexp.sweep import states as sweep_states
from nnexp.tracking.delivery import run_id_of
from tests.command import SLOW, nnexp, result, sweeping, sweeps

QUICK = ("dataset=xor", "epochs=3", "tracking=none")
LONG = ("dataset=digits", "epochs=200", "checkpoint.epochs=7", "tracking=none", "seed=0,1,2")
LAUNCHERS = ("nnexp", "basic", "joblib")

REFUSED = [
    ("sweep.dry_run=true seed=3", "sweep.dry_run=true is for a sweep, and this is a single run. Type -m sweep.dry_run"),
    ("sweep.fail_fast=true", "sweep.fail_fast=true is for a sweep, and this is a single run. Type -m sweep.fail_fast"),
    ("-m seed=0,1 sweep.fail_fst=true", "No key 'sweep.fail_fst'. Did you mean 'sweep.fail_fast'?"),
    ("-m seed=0,1 +sweep.dry=true", "No key 'sweep.dry'. Did you mean 'sweep.dry_run'?"),
    ("-m seed=0,1 sweep.dry_run=maybe", "sweep.dry_run must be true or false. Got 'maybe'."),
    ("-m seed=0,1 sweep.fail_fast=true,false", "sweep.fail_fast is of the sweep as a whole and takes one value."),
    ("-m seed=0,1 hydra.sweep.subdir=x", "the jobs of a sweep are in 0, 1, ... of its directory. Leave it out."),
    ("-m seed=0,1 epochs=0", "epochs must be an int at least 1. Got 0."),
    ("-m seed=0,1 hydra.launcher.workers=0", "hydra.launcher.workers must be an int or null at least 1. Got 0."),
    ("-m seed=0,1 hydra.launcher.workers=-1", "hydra.launcher.workers must be an int or null at least 1. Got -1."),
    ("-m seed=0,1 hydra.launcher.workers=abc", "hydra.launcher.workers must be an int or null at least 1. Got 'abc'."),
    (
        "-m seed=0,1 hydra.launcher.n_jobs=2",
        "The launcher 'nnexp' has hydra.launcher.workers. Others: hydra/launcher=NAME",
    ),
    ("-m loss=choice()", "loss=choice() has no values, so there would be no job. Type loss=VALUE,VALUE"),
    ("-m loss=golb(m*)", "loss=golb(m*): no function 'golb'. Did you mean 'glob'?"),
    ("-m loss=mse,", "loss=mse, has a comma without a value. Type loss=mse"),
    ("-m seed=range(0)", "seed=range(0): it has no values, so there would be no job. Type seed=VALUE,VALUE"),
    ("-m loss=glob(zz*)", "loss=glob(zz*): no option fits, so there would be no job. Type loss=VALUE,VALUE"),
    (
        "-m optimizer.learning_rate=interval(0.1,1)",
        "is an interval, and this sweeper takes single values. Type some: optimizer.learning_rate=0.1,1.0",
    ),
    ("-m optimizer.learning_rate=0.1,-1", "optimizer.learning_rate must be a float above 0. Got -1.0."),
    ("-m loss=mse,mea", "No loss 'mea'. Did you mean"),
    ("-m sed=0,1", "No option group or key 'sed'. Did you mean 'seed'?"),
    ("-m seed=0,1 hydra/launcher=nexp", "No hydra/launcher 'nexp'. Did you mean 'nnexp'?"),
    (
        "-m seed=0,0,1",
        "seed has 0 more than once, and the same run would count as several. Type each value once: seed=0,1",
    ),
    ("-m optimizer.learning_rate=0.1,1e-1 sweep.dry_run=true", "optimizer.learning_rate has 0.1 more than once"),
    ("-m seed=0,1 experiment=null", "experiment=null: to choose no experiment, leave it out."),
    ("checkpoint.epoch=3", "No key 'checkpoint.epoch'. Did you mean 'checkpoint.epochs'?"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[words for words, _ in REFUSED])
def test_what_a_sweep_cannot_be_told(words: str, message: str, tmp_path: Path) -> None:
    """A misspelled or mistyped ``sweep.*``, and one without a sweep, is refused with what to type; nothing is written."""
    ended = nnexp(*words.split(), cwd=tmp_path)
    assert ended.code == 1
    assert message in ended.err
    assert not (tmp_path / "outputs").exists()


def test_a_sweep_over_all_options_that_fit(tmp_path: Path) -> None:
    """``glob(...)`` varies the options whose names fit, built-in or installed."""
    assert nnexp("-m", "loss=glob(m*)", "epochs=1", "tracking=none", cwd=tmp_path).code == 0
    overrides = [(each / ".hydra" / "overrides.yaml").read_text() for each in sweeps(tmp_path)[0].glob("[0-9]*")]
    assert sorted(re.findall(r"loss=\w+", " ".join(overrides))) == ["loss=mae", "loss=mse"]


def test_runs_are_told_apart_by_short_names(tmp_path: Path) -> None:
    """In MLflow's list, which shows the beginning of a name, the values of a sweep's runs are not behind a long key."""
    words = ("optimizer.learning_rate=0.1,0.2", "seed=1,2", "dataset=xor", "epochs=1")
    assert nnexp("-m", *words, cwd=tmp_path).code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "outputs" / "mlflow.db")) as store:
        names = {name for (name,) in store.execute("SELECT name FROM runs")}
    assert names == {f"learning_rate={rate} seed={seed}" for rate in (0.1, 0.2) for seed in (1, 2)}


def launched(launcher: str, workers: int = 2) -> list[str]:
    """The words that choose a launcher; joblib's only worker is the command's own process."""
    number = {"nnexp": [f"hydra.launcher.workers={workers}"], "joblib": [f"hydra.launcher.n_jobs={workers}"]}
    return [f"hydra/launcher={launcher}", *number.get(launcher, [])]


def states(directory: Path) -> list[str]:
    """The states that the manifest gives."""
    return [job["state"] for job in json.loads((directory / "manifest.json").read_text())["jobs"]]


def line(out: str, start: str) -> str:
    """The line of ``out`` that begins so."""
    return next(each for each in out.splitlines() if each.startswith(start))


def counts(directory: Path) -> str:
    """What the ledger has to say of the states in the manifest."""
    found, words = states(directory), {"waiting": "not started"}
    kinds = [each for each in ("finished", "killed", "waiting") if each in found]
    return f"{len(found)} jobs: {', '.join(f'{found.count(each)} {words.get(each, each)}' for each in kinds)}"


def writer(path: Path) -> int:
    """The process that has this file open."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(file.resolve() == path for file in (process / "fd").iterdir()):
                return int(process.name)
    raise AssertionError(path)


def assert_same(ours: Path, expected: Path, jobs: int = 3) -> None:
    """Weights and every metric of every epoch of two sweeps are the same to the last bit."""
    for number in map(str, range(jobs)):
        series = [
            [(each["epoch"], repr(each["metrics"])) for each, _ in read(path / number / JOURNAL) if "epoch" in each]
            for path in (ours, expected)
        ]
        assert series[0] == series[1]
        with np.load(ours / number / "weights.npz") as mine, np.load(expected / number / "weights.npz") as others:
            assert mine.files == others.files
            for name in mine.files:
                np.testing.assert_array_equal(mine[name], others[name])


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep that the interrupted ones are compared with."""
    folder = tmp_path_factory.mktemp("untouched")
    assert nnexp("-m", *LONG, cwd=folder).code == 0
    return sweeps(folder)[0]


def test_the_ledger_tells_what_failed_and_what_to_type(tmp_path: Path) -> None:
    """Counts, each failure with its values, its cause and what a single run would say; the command shown runs it again."""
    (tmp_path / "a b.csv").write_text("x,y\n" + "\n".join(f"{n},{n % 7}" for n in range(40)))
    table = ["dataset=csv", "dataset.path='a b.csv'", "dataset.target=y,z", "optimizer.learning_rate=0.1,1e200"]
    ended = nnexp("-m", *table, "epochs=2", "tracking=none", cwd=tmp_path)
    assert ended.code == 1
    assert "4 jobs: 1 finished, 1 diverged, 2 failed\n" in ended.out
    assert ended.err.splitlines()[-1] == "nnexp: 3 of 4 jobs failed; the reasons are above."
    assert "#1 diverged: dataset.target=y optimizer.learning_rate=1e+200\n" in ended.out
    assert "Type optimizer.learning_rate=1e+199, or" in " ".join(ended.out.split())
    (directory,) = sweeps(tmp_path)
    here = directory.relative_to(tmp_path)
    assert line(ended.out, "retry") == f"retry    python -m nnexp resume {here} --failed"
    assert "finish " not in ended.out
    lines = [each.strip() for each in ended.out.splitlines()]
    first = next(number for number, each in enumerate(lines) if each.startswith("#1 diverged"))
    begin = next(number for number in range(first, len(lines)) if lines[number].startswith("python -m nnexp"))
    last = next(number for number in range(begin, len(lines)) if not lines[number].endswith("\\"))
    python, *words = shlex.split(" ".join(each.removesuffix("\\") for each in lines[begin : last + 1]))
    assert (python, words[:2]) == ("python", ["-m", "nnexp"])
    alone = nnexp(*words[2:], cwd=tmp_path)
    assert alone.err == f"nnexp: {result(directory / '1')['message']}\n"


def test_a_job_of_a_ready_sweep_is_run_again_by_itself(tmp_path: Path) -> None:
    """The command shown for a failed job of a sweep that a file describes is a single run of it."""
    own = tmp_path / "own" / "sweep"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# @package _global_\nhydra: {sweeper: {params: {seed: '0,1'}}}\nepochs: 2\n")
    words = ("--config-dir", "own", "sweep=mine", "optimizer.learning_rate=300", "tracking=none")
    ended = nnexp("-m", *words, cwd=tmp_path)
    assert "2 jobs: 2 diverged\n" in ended.out
    shown = ended.out[ended.out.index("   python -m nnexp") : ended.out.index("#1 diverged")].replace("\\\n", "")
    alone = nnexp(*shlex.split(shown)[3:], cwd=tmp_path)
    assert (alone.code, alone.err) == (1, f"nnexp: {result(sweeps(tmp_path)[0] / '0')['message']}\n")


def test_many_failures_of_one_kind_are_told_once(tmp_path: Path) -> None:
    """Of many jobs that failed for the same reason ten are shown, and the others counted."""
    seeds = "seed=range(14)"
    ended = nnexp("-m", "optimizer.learning_rate=300", seeds, "epochs=9", "tracking=none", cwd=tmp_path)
    assert "14 jobs: 14 diverged\n" in ended.out
    assert ended.out.count("diverged: seed=") == 10
    assert "and 4 jobs diverged for the same reason: #10, #11, #12, #13\n" in ended.out


def test_a_dry_run_lists_the_jobs_and_their_cost(tmp_path: Path) -> None:
    """The first twenty jobs and the number of the others, what is done already, the time of training; nothing is written."""
    ended = nnexp("-m", "seed=range(30)", "dataset=xor", "epochs=3", "sweep.dry_run=true", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[:20] == [f"#{seed} seed={seed}" for seed in range(20)]
    assert lines[20:22] == ["and 10 more", ""]
    assert lines[22].startswith("30 jobs; nothing was trained or written. All would be about 0.")
    assert list(tmp_path.iterdir()) == []
    assert nnexp("seed=1", "dataset=xor", "epochs=3", cwd=tmp_path).code == 0
    before = sorted(tmp_path.rglob("*"))
    words = ("-m", "seed=0,1", "dataset=xor", "epochs=3", "reuse=true", "sweep.dry_run=true")
    ended = nnexp(*words, cwd=tmp_path)
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert ended.out.splitlines()[:2] == ["#0 seed=0", f"#1 seed=1  (done: run {run_id_of(run)[:8]})"]
    assert "2 jobs; nothing was trained or written. 1 of them is done already. The rest would" in " ".join(
        ended.out.split()
    )
    assert sorted(tmp_path.rglob("*")) == before
    ended = nnexp("-m", "epochs=3,0", "sweep.dry_run=true", cwd=tmp_path)
    assert (ended.code, ended.err) == (1, "nnexp: epochs must be an int at least 1. Got 0.\n")


def test_a_reference_is_looked_up_in_each_job(tmp_path: Path) -> None:
    """``seed=${epochs}`` is each job's own epochs; names and manifest keep what was typed, as a resumed job needs."""
    words = ["dataset=xor", "epochs=1,2", "seed=${epochs}", "split.test=${split.validation},0.1", "tracking=none"]
    ended = nnexp("-m", *words, "sweep.dry_run=true", cwd=tmp_path)
    assert ended.out.startswith("#0 epochs=1 split.test=${split.validation}\n#1 epochs=1 split.test=0.1\n")
    ended = nnexp("-m", *words, cwd=tmp_path)
    assert ended.code == 0
    assert "does not apply" not in ended.out
    assert "test=${split.validation}" in ended.out
    (directory,) = sweeps(tmp_path)
    assert json.loads((directory / "manifest.json").read_text())["overrides"] == words
    configs = [yaml.safe_load((directory / str(number) / "config.yaml").read_text()) for number in range(4)]
    assert [(each["seed"], each["split"]["test"]) for each in configs] == [(1, 0.2), (1, 0.1), (2, 0.2), (2, 0.1)]


def test_a_reference_to_what_only_jobs_have(tmp_path: Path) -> None:
    """A sweep over data sets may refer to a field of theirs that the default one has not."""
    words = ["dataset=xor,moons", "seed=${dataset.n_samples}", "epochs=1", "tracking=none"]
    assert nnexp("-m", *words, cwd=tmp_path).code == 0
    (directory,) = sweeps(tmp_path)
    assert yaml.safe_load((directory / "1" / "config.yaml").read_text())["seed"] == 500


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_fail_fast_starts_nothing_after_the_first_failure(launcher: str, tmp_path: Path) -> None:
    """With sweep.fail_fast the jobs behind the first failure are not started; resume finishes them and leaves the failed."""
    words = ("seed=0,1,2,3", "optimizer.learning_rate=300", "epochs=2", "tracking=none")
    ended = nnexp("-m", *words, *launched(launcher, 1), "sweep.fail_fast=true", cwd=tmp_path)
    assert ended.code == 1
    assert "4 jobs: 1 diverged, 3 not started\n" in ended.out
    (directory,) = sweeps(tmp_path)
    assert not (directory / "3").exists()
    assert states(directory) == ["diverged", "waiting", "waiting", "waiting"]
    here = directory.relative_to(tmp_path)
    assert line(ended.out, "finish") == f"finish   python -m nnexp resume {here}"
    ended = nnexp("resume", str(here), *launched(launcher, 1), cwd=tmp_path)
    assert (ended.code, states(directory)) == (1, ["diverged", "diverged", "waiting", "waiting"])


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_killed_sweep_goes_on_bit_by_bit(launcher: str, untouched: Path, tmp_path: Path) -> None:
    """After kill -9 ``resume`` leaves what is done, continues what was interrupted and trains the rest, bit by bit."""
    process = training(tmp_path, *launched(launcher))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (directory,) = sweeps(tmp_path)
    done = [path for path in directory.glob("*/weights.npz") if sweep_states.state(path.parent) == "finished"]
    assert done
    before = {path: path.stat().st_mtime_ns for path in done}
    ended = nnexp("resume", str(directory), *launched(launcher), cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "3 runs, best first by cost/validation" in ended.out
    assert "3 jobs: 3 finished\n" in ended.out
    assert all(path.stat().st_mtime_ns == made for path, made in before.items())
    again = [path for path in directory.glob(f"*/{JOURNAL}") if any("resumed" in each for each, _ in read(path))]
    assert again
    assert_same(directory, untouched)
    ended = nnexp("resume", str(directory), cwd=tmp_path)
    assert ended.code == 0
    assert ended.out.startswith("Nothing is left to do.\n")
    assert "3 jobs: 3 finished\n" in ended.out


def training(place: Path, *words: str) -> subprocess.Popen[str]:
    """The long sweep under way: its first job has ended, and another one is in the middle."""

    def reached(jobs: list[Path]) -> bool:
        found = {job: sweep_states.state(job) for job in jobs}
        running = [(job / JOURNAL).read_text() for job in jobs if found[job] == "running"]
        return "finished" in found.values() and any(20 <= text.count('"epoch"') <= 120 for text in running)

    return sweeping(place, *LONG, *words, until=reached)


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_sweep(launcher: str, number: int, untouched: Path, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM: the exit code, a true ledger and the command that goes on, no worker trains on; resume finishes."""
    process = training(tmp_path, *launched(launcher))
    began = time.monotonic()
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    process.wait(timeout=60)
    assert time.monotonic() - began < 2 * SLOW
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    _, said = process.communicate(timeout=60)
    (directory,) = sweeps(tmp_path)
    here = directory.relative_to(tmp_path)
    assert f"{counts(directory)}. Go on: python -m nnexp resume {here}\n" in said
    assert "killed" in states(directory)
    assert nnexp("resume", str(directory), cwd=tmp_path).code == 0
    assert_same(directory, untouched)


def test_a_worker_that_is_killed_ends_the_sweep_under_joblib(untouched: Path, tmp_path: Path) -> None:
    """A worker that dies by SIGKILL: the ledger says what is left, exit code 1, and resume finishes it."""
    process = training(tmp_path, *launched("joblib"))
    (directory,) = sweeps(tmp_path)
    alive = next(path for path in directory.glob(f"*/{JOURNAL}") if sweep_states.state(path.parent) == "running")
    os.kill(writer(alive), signal.SIGKILL)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 1
    here = directory.relative_to(tmp_path)
    assert f"{counts(directory)}\n" in out
    assert "killed" in states(directory)
    assert line(out, "finish") == f"finish   python -m nnexp resume {here}"
    assert "A worker process of the sweep was killed, or had not enough memory" in said
    assert nnexp("resume", str(here), cwd=tmp_path).code == 0
    assert_same(directory, untouched)


def test_what_a_sweep_began_with_has_to_be_there(tmp_path: Path) -> None:
    """A preset, a plugin's default or version that changed since is named, then -> now; put back, the sweep is finished."""
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    preset = tmp_path / "own" / "experiment" / "mine.yaml"
    preset.write_text("# @package _global_\noptimizer: {learning_rate: 0.2}\nepochs: 2\n")
    site = installed(tmp_path, "1.0", default=0.5)
    words = ("--config-dir", "own", "-m", "experiment=mine", "activation=bent,relu", "dataset=xor", "tracking=none")
    assert nnexp(*words, cwd=tmp_path, PYTHONPATH=str(site)).code == 0
    (directory,) = sweeps(tmp_path)
    shutil.rmtree(directory / "1")
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    installed(tmp_path, "2.0", default=0.5)
    preset.write_text(preset.read_text().replace("0.2", "0.3"))
    refused = nnexp("resume", str(directory), "--config-dir", "own", cwd=tmp_path, PYTHONPATH=str(site))
    assert (refused.code, refused.out) == (1, "")
    assert "began with other settings; then -> now:\n  bent-extra: 1.0 -> 2.0\nBring back" in refused.err
    installed(tmp_path, "1.0", default=0.25)
    refused = nnexp("resume", str(directory), "--config-dir", "own", cwd=tmp_path, PYTHONPATH=str(site))
    assert "  optimizer.learning_rate: 0.2 -> 0.3\n" in refused.err
    assert (
        "  activation.slope: 0.5 -> 0.25 (with experiment=mine activation=bent dataset=xor tracking=none)\n"
        in refused.err
    )
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before
    installed(tmp_path, "1.0", default=0.5)
    preset.write_text(preset.read_text().replace("0.3", "0.2"))
    ended = nnexp("resume", str(directory), "--config-dir", "own", cwd=tmp_path, PYTHONPATH=str(site))
    assert (ended.code, states(directory)) == (0, ["finished", "finished"])


def test_a_sweep_at_work_or_elsewhere_is_not_resumed(tmp_path: Path) -> None:
    """Another process at work, another directory, another sweep in the same one, words that change it: each is refused."""
    process = training(tmp_path)
    (directory,) = sweeps(tmp_path)
    here = str(directory.relative_to(tmp_path))
    refused = nnexp("resume", here, cwd=tmp_path)
    assert refused.err == f"nnexp: Another process is at work on the sweep in '{here}'. Wait for it, or end it.\n"
    process.kill()
    process.communicate()
    (tmp_path / "below").mkdir()
    refused = nnexp("resume", f"../{here}", cwd=tmp_path / "below")
    assert f"Go there, and type python -m nnexp resume {here}\n" in refused.err
    refused = nnexp("-m", "seed=0,1", *QUICK, f"hydra.sweep.dir={here}", cwd=tmp_path)
    assert f"'{here}' holds a sweep already. Type python -m nnexp resume {here} to finish it" in refused.err
    assert (
        "nothing of it can change but hydra/launcher, and the trials of a search (search.trials=N). Got epochs=9."
        in nnexp("resume", here, "epochs=9", cwd=tmp_path).err
    )
    assert f"Type python -m nnexp resume {here}\n" in nnexp("resume", "outputs", cwd=tmp_path).err
    assert "--failed is for a sweep" in nnexp("resume", f"{here}/1", "--failed", cwd=tmp_path).err
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps(manifest | {"grid": False}))
    assert "chose each job by how those before went" in nnexp("resume", here, cwd=tmp_path).err


def test_failed_jobs_are_tried_again_when_asked(tmp_path: Path) -> None:
    """A table that was missing fails a job; resume leaves it, --failed begins it anew; both records are kept in MLflow."""
    from mlflow import MlflowClient

    rows = "x,y\n" + "\n".join(f"{n},{n % 7}" for n in range(40))
    (tmp_path / "a.csv").write_text(rows)
    words = (
        "dataset=csv",
        "dataset.path=a.csv,b.csv",
        "dataset.target=y",
        "epochs=2",
        "optimizer.learning_rate=0.1,1e200",
    )
    assert nnexp("-m", *words, cwd=tmp_path).code == 1
    (directory,) = sweeps(tmp_path)
    assert states(directory) == ["finished", "diverged", "failed", "failed"]
    (tmp_path / "b.csv").write_text(rows)
    ended = nnexp("resume", str(directory), cwd=tmp_path)
    assert ended.out.startswith("Nothing is left to do but what failed: --failed.\n")
    assert (ended.code, states(directory)) == (1, ["finished", "diverged", "failed", "failed"])
    ended = nnexp("resume", str(directory), "--failed", cwd=tmp_path)
    assert (ended.code, states(directory)) == (1, ["finished", "diverged", "finished", "diverged"])
    assert result(directory / "1" / "failed_1")["kind"] == "diverged"
    found = MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db").search_runs(["1"])
    assert sorted(run.info.status for run in found) == ["FAILED", "FAILED", "FAILED", "FINISHED", "FINISHED"]


def installed(place: Path, version: str, default: float) -> Path:
    """A folder with a distribution of one activation, as pip would leave it."""
    site = place / "site"
    (site / "bent_extra.dist-info").mkdir(parents=True, exist_ok=True)
    (site / "bent_extra.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: bent-extra\nVersion: {version}\n"
    )
    (site / "bent_extra.dist-info" / "entry_points.txt").write_text("[nnexp.activation]\nbent = bent_extra:Bent\n")
    (site / "bent_extra.py").write_text(BENT.format(default))
    return site


BENT = """
import numpy as np
from dataclasses import dataclass
from nnexp.plugin import Activation, param

@dataclass(frozen=True)
class Bent(Activation):
    slope: float = param({}, above=0, doc="below 0")

    def forward(self, z, out):
        np.multiply(z, np.where(z > 0, 1, self.slope), out=out)

    def backward(self, grad, z, a):
        grad *= np.where(z > 0, 1, self.slope)
"""


def test_somebody_who_looks_into_the_database_meanwhile_costs_no_run(tmp_path: Path) -> None:
    """Whoever opens and closes a sweep's database while it goes on, as the sqlite3 shell does: MLflow gets every run whole."""
    database = tmp_path / "runs.db"
    words = ("dataset=sine", "epochs=20", "seed=range(40)", f"tracking.uri=sqlite:///{database}")
    command = sweeping(tmp_path, *words, until=lambda jobs: len(jobs) > 1)
    query = "SELECT r.status, count(m.key) FROM runs r LEFT JOIN metrics m USING (run_uuid) GROUP BY r.run_uuid"
    looks = 0
    while command.poll() is None:
        time.sleep(0.05)
        with contextlib.suppress(sqlite3.OperationalError):  # its tables are not made yet
            looks += bool(found_in(database, query))
    _, said = command.communicate()
    assert command.returncode == 0, said
    assert looks > 3
    assert found_in(database, query) == [("FINISHED", 8 * 20)] * 40
    assert not list((tmp_path / "outputs" / ".open").iterdir())


def found_in(database: Path, query: str) -> list[tuple[str, int]]:
    """What somebody sees who opens a database, asks and closes it."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def test_a_sweep_that_was_renamed(tmp_path: Path) -> None:
    """The message leads back to its name; from elsewhere it leads to where it began."""
    assert (
        nnexp("-m", "dataset=xor", "epochs=1", "seed=0,1", "tracking=none", "hydra.sweep.dir=old", cwd=tmp_path).code
        == 0
    )
    (tmp_path / "old").rename(tmp_path / "new name")
    ended = nnexp("resume", "new name", cwd=tmp_path)
    assert ended.code == 1
    assert ended.err.endswith("Rename it back: mv 'new name' old\n")
    (tmp_path / "elsewhere").mkdir()
    ended = nnexp("resume", "../new name", cwd=tmp_path / "elsewhere")
    assert "was started in another directory, as old. Go there, and type python -m nnexp resume old" in ended.err
