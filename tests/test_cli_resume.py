"""A run that was killed and resumed is the run that was never interrupted, bit by bit; so is one that is extended."""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from nnexp.experiment.checkpoint import CHECKPOINT, PREVIOUS
from nnexp.journal.journal import JOURNAL, read
from tests.command import nnexp, process, result, runs
from tests.test_cli_durability import begun

DIGITS = ("dataset=digits", "epochs=300", "checkpoint.epochs=7")
KILLED: dict[str, Sequence[str]] = {
    "the best epoch is kept": ("keep=best", "optimizer.learning_rate=0.3"),
    "float32 and a dropped patience": ("dtype=float32", "patience=200"),
    "one sample at a time": ("optimizer=sgd", "dataset=wine"),
    "full batches": ("optimizer=batch", "epochs=600"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store in it."""
    folder = tmp_path_factory.mktemp("resumed")
    assert nnexp("dataset=xor", "epochs=1", cwd=folder).code == 0
    return folder


def weights(directory: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of ``weights.npz``."""
    with np.load(directory / "weights.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def series(directory: Path) -> list[tuple[int, str]]:
    """Every epoch of the journal with its metrics, exactly."""
    return [(each["epoch"], repr(each["metrics"])) for each, _ in read(directory / JOURNAL) if "epoch" in each]


def killed(place: Path, *words: str, number: int = signal.SIGKILL, until: str = "epoch 100/") -> Path:
    """The directory of a run that got a signal in the middle."""
    process = begun(place, *words, "log_every=1", until=until)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143}[signal.Signals(number)]
    return runs(place)[-1]


def assert_same(ours: Path, expected: Path) -> None:
    """Weights, metric series and result are the same to the last bit."""
    assert series(ours) == series(expected)
    for name, value in weights(expected).items():
        np.testing.assert_array_equal(weights(ours)[name], value)
    for key in ("objective", "epochs", "stopped", "best_epoch", "kept_epoch", "metrics", "history"):
        assert repr(result(ours)[key]) == repr(result(expected)[key]), key


@pytest.mark.parametrize("case", KILLED)
def test_a_killed_run_goes_on_bit_by_bit(case: str, tmp_path: Path) -> None:
    """After kill -9 and ``resume`` weights and metrics are those of a run that nobody touched, whatever the optimizer."""
    words = (*DIGITS, *KILLED[case], "tracking=none", "split.test=0.1")
    directory = killed(tmp_path, *words)
    assert (directory / CHECKPOINT).exists()
    before = len(series(directory))
    done = nnexp("resume", str(directory), cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "resumed  from epoch" in done.out
    assert f"{before} of" in done.out
    assert nnexp(*words, cwd=tmp_path).code == 0
    assert_same(directory, runs(tmp_path)[-1])


def test_a_schedule_and_an_optimizer_with_state_go_on(tmp_path: Path) -> None:
    """Momentum and a schedule that looks back at the costs, of a distribution of their own, go on where they were."""
    site = tmp_path / "site"
    (site / "extra-1.0.dist-info").mkdir(parents=True)
    (site / "extra-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    points = "[nnexp.optimizer]\nmomentum = extra:Momentum\n[nnexp.schedule]\nlooking_back = extra:LookingBack\n"
    (site / "extra-1.0.dist-info" / "entry_points.txt").write_text(points)
    (site / "extra.py").write_text(EXTRA)
    words = ("dataset=digits", "epochs=300", "checkpoint.epochs=5", "optimizer=momentum", "schedule=looking_back")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        directory = killed(tmp_path, *words, "tracking=none")
    assert nnexp("resume", str(directory), cwd=tmp_path, PYTHONPATH=str(site)).code == 0
    assert nnexp(*words, "tracking=none", cwd=tmp_path, PYTHONPATH=str(site)).code == 0
    assert_same(directory, runs(tmp_path)[-1])
    (site / "extra-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 2.0\n")
    refused = nnexp("resume", str(directory), "epochs=500", cwd=tmp_path, PYTHONPATH=str(site))
    assert refused.code == 1
    assert "The run began with nnexp 0.1.0, extra 1.0, and now nnexp 0.1.0, extra 2.0 is installed." in refused.err


EXTRA = '''
"""Gradient descent with momentum, and a schedule that halves the rate when the cost has not fallen."""
from dataclasses import dataclass
import numpy as np
from nnexp.plugin import Optimizer, Schedule, param

@dataclass(frozen=True)
class Momentum(Optimizer):
    """v <- 0.9 v + g; theta <- theta - learning_rate v."""
    batch_size: int = param(32, at_least=1, doc="samples a step")
    learning_rate: float = param(0.01, above=0, doc="step size")

    def init(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def update(self, theta, grad, state, learning_rate):
        state["velocity"] *= 0.9
        state["velocity"] += grad
        theta -= learning_rate * state["velocity"]

@dataclass(frozen=True)
class LookingBack(Schedule):
    """Half the rate for every epoch in which the cost rose."""

    def factor(self, epoch, epochs, history):
        rises = sum(later > earlier for earlier, later in zip(history, history[1:]))
        return max(0.5 ** rises, 1e-3)
'''


def test_more_epochs_than_anybody_trains_are_refused(tmp_path: Path) -> None:
    """The run is left as it is, and goes on to a number that can be meant."""
    assert nnexp("dataset=xor", "epochs=2", "tracking=none", "hydra.run.dir=r", cwd=tmp_path).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "r").iterdir() if path.is_file()}
    refused = nnexp("resume", "r", "epochs=9007199254740993", cwd=tmp_path)
    assert (refused.code, refused.err.partition(":")[0]) == (1, "nnexp")
    assert "is a slip" in refused.err
    assert {path: path.read_bytes() for path in (tmp_path / "r").iterdir() if path.is_file()} == before
    assert nnexp("resume", "r", "epochs=3", cwd=tmp_path).code == 0


def test_a_run_that_is_killed_again_and_again(tmp_path: Path) -> None:
    """Killed six times at random moments, in training, in checkpoints and in replays, a run ends as if nothing had been."""
    from mlflow import MlflowClient

    draw = random.Random(4)  # noqa: S311
    words = ("dataset=digits", "epochs=600", "checkpoint.epochs=1", "tracking.model=none")
    directory = killed(tmp_path, *words)
    for _ in range(5):
        resuming = process("resume", str(directory), cwd=tmp_path)
        assert resuming.stdout is not None
        for line in resuming.stdout:
            if line.startswith("resumed"):
                break
        time.sleep(draw.uniform(0, 0.1))
        resuming.kill()
        resuming.communicate()
    done = nnexp("resume", str(directory), cwd=tmp_path)
    assert done.code == 0, done.err
    assert nnexp(*words, "tracking=none", cwd=tmp_path).code == 0
    (other,) = {*runs(tmp_path)} - {directory}
    assert_same(directory, other)
    client = MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")
    (run,) = client.search_runs(["1"])
    assert run.info.status == "FINISHED"
    points = client.get_metric_history(run.info.run_id, "cost/train")
    assert [(point.step, point.value) for point in points] == [*enumerate(result(other)["history"]["cost/train"], 1)]


class Left(NamedTuple):
    """A run that was killed in the middle, and the same run that was not."""

    killed: Path
    untouched: Path

    def copied(self, name: str) -> Path:
        """The killed one, as it was left, under another name."""
        return Path(shutil.copytree(self.killed, self.killed.parent / name))


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """Made once."""
    folder = tmp_path_factory.mktemp("left")
    directory = killed(folder, *DIGITS, "tracking=none")
    assert (directory / PREVIOUS).exists()
    assert nnexp(*DIGITS, "tracking=none", cwd=folder).code == 0
    (untouched,) = {*runs(folder)} - {directory}
    return Left(directory, untouched)


def test_a_killed_run_of_shuffled_batches_goes_on_bit_by_bit(left: Left) -> None:
    """The same, without a test part and with all defaults."""
    directory = left.copied("whole")
    before = len(series(directory))
    done = nnexp("resume", str(directory), cwd=directory.parent.parent.parent)
    assert (done.code, done.err) == (0, "")
    assert f"{before} of" in done.out
    assert "resumed  from epoch 0;" not in done.out
    assert_same(directory, left.untouched)


@pytest.mark.parametrize("damage", ["torn", "foreign", "both torn"])
def test_a_checkpoint_that_cannot_be_used_is_named_and_the_one_before_is_used(
    damage: str, left: Left, tmp_path: Path
) -> None:
    """A torn checkpoint, and one of another run, is refused with its reason; without any the run begins again."""
    directory = left.copied(damage.replace(" ", "-"))
    whole = (directory / CHECKPOINT).read_bytes()
    if damage == "foreign":
        other = killed(tmp_path, *DIGITS, "seed=1", "tracking=none")
        shutil.copy(other / CHECKPOINT, directory / CHECKPOINT)
    else:
        (directory / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    if damage == "both torn":
        (directory / PREVIOUS).write_bytes(b"")
    done = nnexp("resume", str(directory), cwd=directory.parent.parent.parent)
    assert done.code == 0
    assert {"foreign": "is of another run. It is not used"}.get(damage, "cannot be read (") in done.err
    assert ("resumed  from epoch 0;" in done.out) == (damage == "both torn")
    assert_same(directory, left.untouched)


CHANGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another shape": lambda it: it.update(theta=it["theta"][:-1]),
    "another dtype": lambda it: it.update(theta=it["theta"].astype("f4")),
    "text": lambda it: it.update(theta=it["theta"].astype("U")),
    "not a number": lambda it: it.update(theta=it["theta"] * math.nan),
    "an optimizer's memory that it does not have": lambda it: it.update({"state.v": it["theta"]}),
    "an epoch that the journal does not have": lambda it: it["facts"].update(epoch=10**6),
    "an epoch that is true": lambda it: it["facts"].update(epoch=True),
    "a generator's state of fractions": lambda it: it["facts"]["rng"]["state"].update(state=1.5),
    "far more than it needs": lambda it: it.update({"state.v": np.zeros(10**7)}),
}
"""Changes of a checkpoint that can be read."""


def test_a_checkpoint_that_does_not_fit_is_passed_over(left: Left) -> None:
    """Whatever it says, it is named, and the one before is used, with which the run ends as if nothing had been."""
    with np.load(left.killed / CHECKPOINT, allow_pickle=False) as file:
        found = dict(file)
    for number, (what, change) in enumerate(CHANGED.items()):
        directory = left.copied(f"changed{number}")
        arrays = {**found, "facts": json.loads(str(found["facts"]))}
        change(arrays)
        np.savez(directory / CHECKPOINT, **{**arrays, "facts": np.array(json.dumps(arrays["facts"]))})
        done = nnexp("resume", str(directory), cwd=directory.parent.parent.parent)
        assert done.code == 0, (what, done.err)
        assert f"{CHECKPOINT} " in done.err, what
        assert "It is not used" in done.err, what
        assert "resumed  from epoch 0;" not in done.out, what
        assert_same(directory, left.untouched)


def test_what_cannot_be_resumed_is_refused(tmp_path: Path) -> None:
    """Other overrides, other data, a folder that is no run, a run that trains: each is told, and nothing is changed."""
    table = "x,y\n" + "\n".join(f"{n},{n * n % 17}" for n in range(60))
    (tmp_path / "t.csv").write_text(table)
    words = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "epochs=3", "tracking=none")
    assert nnexp(*words, cwd=tmp_path).code == 0
    (directory,) = runs(tmp_path)
    journal = (directory / JOURNAL).read_bytes()
    refused = nnexp("resume", str(directory), "seed=1", cwd=tmp_path)
    assert "of its configuration only epochs=N can change, to more of them. Got seed=1" in refused.err
    twice = nnexp("resume", str(directory), "epochs=5", "epochs=9", cwd=tmp_path)
    assert "epochs is given twice: 5 and 9" in twice.err
    assert "to train more" in nnexp("resume", str(directory), "epochs=2", cwd=tmp_path).err.lower()
    (tmp_path / "t.csv").write_text(table.replace("\n1,1\n", "\n1,2\n"))
    refused = nnexp("resume", str(directory), "epochs=9", cwd=tmp_path)
    assert "The data 'csv' are not those that the run began with." in refused.err
    assert (
        f"'.' is no run. Type python -m nnexp resume {directory.relative_to(tmp_path)}\n"
        in nnexp("resume", ".", cwd=tmp_path).err
    )
    assert (directory / JOURNAL).read_bytes() == journal
    alive = begun(tmp_path, *DIGITS, "epochs=1000000", "log_every=1", "tracking=none")
    other = str(next(each for each in runs(tmp_path) if each != directory))
    refused = nnexp("resume", other, cwd=tmp_path)  # whose checkpoint may be newer than what is read of its journal
    assert refused.err == f"nnexp: Another process is at work on the run in '{other}'. Wait for it, or end it.\n"
    assert refused.out == ""
    alive.kill()
    alive.communicate()


def test_an_epoch_that_comes_out_differently_is_not_mixed_in(tmp_path: Path) -> None:
    """Where the machine computes other numbers than before, resuming stops at the first epoch that shows it."""
    directory = killed(tmp_path, *DIGITS, "checkpoint.epochs=50", "tracking=none", until="epoch 99/")
    lines = (directory / JOURNAL).read_text().splitlines()
    changed = json.loads(lines[60])
    changed["metrics"]["cost/train"] += 1e-15
    assert changed["epoch"] == 60
    lines[60] = json.dumps(changed)
    (directory / JOURNAL).write_text("\n".join(lines) + "\n")
    done = nnexp("resume", str(directory), cwd=tmp_path)
    assert done.code == 1
    assert "Epoch 60 cannot be trained again as it was: cost/train was" in done.err
    assert result(directory)["status"] == "FAILED"
