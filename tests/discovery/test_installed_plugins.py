"""Third-party distributions on the command line: installed metadata and a module are all it takes. Real processes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from nnexp.tracking.delivery import run_id_of
from tests.command import Ended, nnexp, result, runs

HUBER = '''
from dataclasses import dataclass
import numpy as np
from nnexp.plugin import Loss, param

@dataclass(frozen=True)
class Huber(Loss):
    """J = mean(r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2)), r = y_pred - y (Huber, 1964)."""

    outputs = {"regression": "identity"}
    delta: float = param(1.0, above=0)

    def value(self, y_pred, y):
        r = np.abs(y_pred - y)
        return float(np.where(r <= self.delta, r * r / 2, self.delta * (r - self.delta / 2)).mean())

    def gradient(self, y_pred, y, out):
        np.clip(y_pred - y, -self.delta, self.delta, out=out)
        np.divide(out, y.size, out=out)
'''

COUNTED = '''
import os
from dataclasses import dataclass
import numpy as np
from nnexp.sweep.session import current
from nnexp.plugin import Data, Dataset

@dataclass(frozen=True)
class Counted(Dataset):
    """y = x^2, which notes each time that it is loaded."""

    def load(self, rng):
        with open(os.environ["LOADED"], "a") as file:
            print(os.getpid(), current().cache.most_bytes, file=file)
        x = np.linspace(-1, 1, 40)[:, None]
        return Data(x, x[:, 0] ** 2, ("x",), "regression")
'''

FILES = '''
from dataclasses import dataclass
import numpy as np
from nnexp.plugin import Data, Dataset, param

@dataclass(frozen=True)
class Files(Dataset):
    """Numbers of files, or of none."""

    path: str | None = param(None, doc="a number, not declared to be a file")
    where: str | None = param(None, file=True, doc="a file")
    more: tuple[str, ...] = param((), file=True, doc="other files")

    def load(self, rng):
        x = np.linspace(-1, 1, 40)[:, None]
        return Data(x, x[:, 0] ** 2, ("x",), "regression")
'''


def install(site: Path, distribution: str, points: dict[str, str], modules: dict[str, str], requires: str = "") -> None:
    """What pip leaves behind: modules, and a .dist-info folder with metadata and entry points."""
    info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    requirement = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{requirement}")
    lines = [f"[{group}]\n{line}\n" for group, line in points.items()]
    (info / "entry_points.txt").write_text("".join(lines))
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed distributions with a Huber loss."""
    folder = tmp_path / "site"
    install(folder, "nnexp-huber", {"nnexp.loss": "huber = my_huber:Huber"}, {"my_huber": HUBER})
    return folder


def command(site: Path, *words: str) -> Ended:
    """Run nnexp with the distributions of ``site`` installed, in a directory beside it."""
    place = site.parent / "place"
    place.mkdir(exist_ok=True)
    return nnexp(*words, cwd=place, PYTHONPATH=str(site))


def test_an_installed_option_works(site: Path) -> None:
    """After installation the option trains, with its default and with a value from the command line."""
    ended = command(site, "loss=huber", "loss.delta=2", "epochs=3", "tracking=none")
    assert ended.code == 0, ended.err
    (directory,) = runs(site.parent / "place")
    assert result(directory)["loss"] == {"name": "huber", "delta": 2.0}


def test_a_sweep_loads_data_once_a_worker(tmp_path: Path) -> None:
    """Eight jobs of eight seeds on two workers load a dataset at most twice; what both keep has one bound."""
    install(tmp_path / "site", "nnexp-counted", {"nnexp.dataset": "counted = counted:Counted"}, {"counted": COUNTED})
    words = ("-m", "dataset=counted", "seed=range(8)", "epochs=50", "hydra.launcher.workers=2", "tracking=none")
    ended = nnexp(*words, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"), LOADED=str(tmp_path / "loaded"))
    assert ended.code == 0, ended.err
    loaded = [line.split() for line in (tmp_path / "loaded").read_text().splitlines()]
    assert len(loaded) == len({worker for worker, _ in loaded}) <= 2
    assert {int(bound) for _, bound in loaded} == {2**30}


def test_an_entry_point_may_name_where_a_class_is_passed_on(site: Path) -> None:
    """A package that keeps its class in one module and names another in the entry point works like any other."""
    install(
        site, "nnexp-front", {"nnexp.loss": "fronted = my_front:Huber"}, {"my_front": "from my_huber import Huber\n"}
    )
    shutil.rmtree(site / "nnexp_huber-1.2.dist-info")
    ended = command(site, "loss=fronted", "epochs=1", "tracking=none")
    assert ended.code == 0, ended.err
    (directory,) = runs(site.parent / "place")
    assert result(directory)["loss"]["name"] == "fronted"


def test_help_lists_it(site: Path) -> None:
    """--help has the option beside the built-in ones."""
    assert "loss: auto, bce, cce, huber, mae, mse" in command(site, "--help").out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["loss=huber", "loss.delta=0"], "loss.delta must be a float above 0. Got 0.0."),
        (["loss=huber", "loss.delta=big"], "loss.delta must be a float above 0. Got 'big'."),
        (["loss=huber", "loss.dleta=1"], "loss=huber has no option 'dleta'. Did you mean 'delta'?"),
        (["loss=hubre"], "No loss 'hubre'. Did you mean 'huber'?"),
        (["loss=huber", "dataset=moons"], "loss=huber is for regression; this is a classification of two classes"),
    ],
)
def test_it_is_checked_like_a_built_in(words: list[str], text: str, site: Path) -> None:
    """Its fields are typed and bounded, and wrong names are suggested."""
    ended = command(site, *words)
    assert text in ended.err
    assert ended.code == 1


REASON = (
    "loss=bad of nnexp-bad 1.2: importing my_bad:Bad failed: ModuleNotFoundError: "
    "No module named 'does_not_exist' (my_bad.py, line 1)"
)
REMEDY = "Upgrade it: pip install -U nnexp-bad, or remove it: pip uninstall nnexp-bad"


def test_a_broken_plugin_stops_no_run(site: Path) -> None:
    """A plugin whose import fails is named with its distribution, the reason and the remedy to who chooses it."""
    install(site, "nnexp-bad", {"nnexp.loss": "bad = my_bad:Bad"}, {"my_bad": "import does_not_exist\n"})
    ended = command(site, "loss=huber", "epochs=1", "tracking=none")
    assert (ended.code, ended.err) == (0, "")
    chosen = command(site, "loss=bad", "epochs=1", "tracking=none")
    assert chosen.code == 1
    assert chosen.err == f"nnexp: {REASON}. {REMEDY}. Other options work: bce, cce, huber, mae, mse.\n"
    assert not (site.parent / "place" / "outputs" / "runs" / "1").exists()


def test_help_leaves_out_what_is_broken(site: Path) -> None:
    """--help lists what can be chosen, and says what it left out and why."""
    install(site, "nnexp-bad", {"nnexp.loss": "bad = my_bad:Bad"}, {"my_bad": "import does_not_exist\n"})
    ended = command(site, "--help")
    assert "loss: auto, bce, cce, huber, mae, mse" in ended.out
    assert ended.err == f"note: left out {REASON}. {REMEDY}\n"


def test_a_run_imports_the_plugins_it_uses_alone(site: Path) -> None:
    """A plugin that nobody chose is not imported by a run: it can neither fail nor take time."""
    install(site, "nnexp-slow", {"nnexp.loss": "slow = my_slow:Slow"}, {"my_slow": "raise RuntimeError('imported')\n"})
    for words in (["--cfg", "job"], ["epochs=1", "tracking=none"], ["-m", "seed=0,1", "epochs=1", "tracking=none"]):
        ended = command(site, *words)
        assert ended.code == 0
        assert "imported" not in ended.err


def test_a_sweep_in_other_processes(site: Path) -> None:
    """An installed option works in joblib's worker processes, too."""
    words = ["-m", "loss=huber,mae", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "epochs=1", "tracking=none"]
    ended = command(site, *words)
    assert ended.code == 0, ended.err
    assert "loss=huber" in ended.out


def test_a_name_claimed_twice_is_an_error_for_who_chooses_it(site: Path) -> None:
    """Two distributions with one name are both named; nobody wins silently, and other options work."""
    install(site, "nnexp-other", {"nnexp.loss": "mae = my_huber:Huber"}, {})
    chosen = command(site, "loss=mae", "epochs=1", "tracking=none")
    assert chosen.code == 1
    assert "the name is claimed by nnexp 0" in chosen.err
    assert "and nnexp-other 1.2. Uninstall one of them: pip uninstall nnexp-other." in chosen.err
    assert command(site, "loss=mse", "epochs=1", "tracking=none").code == 0


HALVING = '''
from dataclasses import dataclass
from nnexp.errors import NnexpError
from nnexp.plugin import Schedule, param

@dataclass(frozen=True)
class Halving(Schedule):
    """factor = gamma^(epoch - 1)."""

    gamma: float = param(0.5, above=0, at_most=1)
    least: float | None = None

    def factor(self, epoch, epochs, history):
        if epochs > 100:
            raise NnexpError("schedule=halving is for at most 100 epochs. Type epochs=100.")
        return self.gamma ** (epoch - 1)
'''


def test_a_schedule_is_shown_and_recorded(site: Path) -> None:
    """A schedule goes with a built-in optimizer: it is on the training line and in MLflow, with one rate per epoch."""
    install(site, "nnexp-halving", {"nnexp.schedule": "halving = my_halving:Halving"}, {"my_halving": HALVING})
    ended = command(site, "schedule=halving", "schedule.gamma=0.25", "optimizer=sgd", "epochs=3")
    assert ended.code == 0, ended.err
    assert "sgd (learning_rate 0.01), halving (gamma 0.25, least null), 3 epochs" in " ".join(ended.out.split())
    assert "\n         learning_rate" not in ended.out  # a setting, not a score
    place = site.parent / "place"
    (directory,) = runs(place)
    store = MlflowClient(f"sqlite:///{place / 'outputs' / 'mlflow.db'}")
    run = store.get_run(run_id_of(directory))
    assert {"schedule": "halving", "schedule.gamma": "0.25"}.items() <= run.data.params.items()
    points = store.get_metric_history(run.info.run_id, "learning_rate")
    assert [(point.step, point.value) for point in points] == [(1, 0.01), (2, 0.0025), (3, 0.000625)]
    refused = command(site, "schedule=halving", "epochs=101")
    assert refused.code == 1
    assert refused.err == "nnexp: schedule=halving is for at most 100 epochs. Type epochs=100.\n"


def test_a_plugin_for_another_protocol_says_so(site: Path) -> None:
    """The version a distribution was built for is read from its metadata, before its module is imported."""
    bad = "raise RuntimeError('imported')\n"
    install(site, "nnexp-old", {"nnexp.loss": "old = my_old:Old"}, {"my_old": bad}, requires="nnexp<0.1")
    chosen = command(site, "loss=old")
    assert chosen.code == 1
    assert "it was built for nnexp<0.1, this is 0" in chosen.err
    assert "RuntimeError" not in chosen.err


def test_which_fields_name_files_is_declared(tmp_path: Path) -> None:
    """A field called path may be anything; what is declared is shown by its name, and recorded as it was typed."""
    install(tmp_path / "site", "nnexp-files", {"nnexp.dataset": "files = my_files:Files"}, {"my_files": FILES})
    (tmp_path / "work").mkdir()
    for words, shown, source in (
        ([], "files: 40 samples", "files"),
        (["dataset.path=7up"], "files: 40 samples", "files"),
        (
            ["dataset.where=../site/a.txt", "dataset.more=[b.txt,c/d.txt]"],
            "a.txt, b.txt, d.txt: 40 samples",
            "../site/a.txt, b.txt, c/d.txt",
        ),
    ):
        line = ["dataset=files", *words, "epochs=1", "tracking=none"]
        ended = nnexp(*line, cwd=tmp_path / "work", PYTHONPATH=str(tmp_path / "site"))
        assert ended.code == 0, ended.err
        assert f"data     {shown} (32 training" in ended.out
        run = runs(tmp_path / "work")[-1]
        opened = json.loads((run / "journal.jsonl").read_text().splitlines()[0])
        assert opened["opened"]["data"]["source"] == source
