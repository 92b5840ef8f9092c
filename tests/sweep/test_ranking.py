"""The end of a sweep: which runs compare, by what, and a table of them in 80 columns."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats  # type: ignore[import-untyped]

from nnexp.journal.result import Result
from nnexp.run.identity import short
from nnexp.sweep import ledger
from nnexp.sweep.grid import Setting
from nnexp.sweep.panels import named, panel, same_length
from nnexp.sweep.picture import ranked
from nnexp.sweep.ranking import Ranking, comparable, rankings, show
from nnexp.sweep.yardstick import Yardstick
from nnexp.terminal.table import table
from tests.command import nnexp, result, sweeps


def printed(found: ledger.Sweep) -> list[Ranking]:
    """The rankings of a sweep, which are printed."""
    made = ranked(found)
    for each in made:
        show(each)
    return made


def tables(out: str) -> list[list[str]]:
    """The rankings that were printed, line by line, each with its title first."""
    blocks = [block.splitlines() for block in out.split("\n\n")]
    return [block for block in blocks if "best first by" in block[0]]


def sweep(place: Path, *words: str) -> list[list[str]]:
    """The rankings of a sweep without tracking."""
    ended = nnexp("-m", *words, "tracking=none", cwd=place)
    assert ended.code == 0, ended.err
    return tables(ended.out)


def test_runs_of_different_tasks_are_ranked_by_dataset(tmp_path: Path) -> None:
    """Where runs share neither cost nor metric each dataset has its own ranking, with the metrics of its task."""
    ended = nnexp("-m", "dataset=diabetes,wine", "epochs=1,3", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    first, second = tables(ended.out)
    assert first[0] == "2 runs of diabetes, best first by cost/validation"
    assert first[1].split()[:7] == ["job", "run", "cost", "mae", "rmse", "r2", "best"]
    assert second[0] == "2 runs of wine, best first by cost/validation"
    assert second[1].split() == ["job", "run", "cost", "accuracy", "best", "epoch", "training"]
    assert "nan" not in ended.out
    (directory,) = sweeps(tmp_path)
    costs = [result(directory / str(job))["metrics"]["cost/validation"] for job in range(4)]
    best = min((0, 1), key=lambda job: costs[job])
    assert f"predict {directory.relative_to(tmp_path)}/{best} TABLE" in ended.out
    for shown, those in ((first, (0, 1)), (second, (2, 3))):
        order = [int(line.split("#")[1].split()[0]) for line in shown if "#" in line]
        assert order == sorted(those, key=lambda job: costs[job])
    assert (directory / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_dataset_is_told_from_others_of_its_name(tmp_path: Path) -> None:
    """Two tables of different tasks have rankings that name what differs."""
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{i},{i * i}.5\n" for i in range(30)))
    (tmp_path / "b.csv").write_text("x,y\n" + "".join(f"{i},{'up' if i % 3 else 'down'}\n" for i in range(30)))
    first, second = sweep(tmp_path, "dataset=csv", "dataset.path=a.csv,b.csv", "dataset.target=y", "epochs=1")
    assert first[0] == "1 run of csv (path a.csv), best first by cost/validation"
    assert second[0] == "1 run of csv (path b.csv), best first by cost/validation"


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("dataset=wine,breast_cancer", "accuracy/validation; costs of different datasets do not compare"),
        ("dataset=sine dataset.noise=0.1,0.5", "r2/validation; costs of different datasets do not compare"),
        ("scale.target=standard,minmax", "r2/validation; costs of different scalings do not compare"),
        ("dataset=wine scale.target=standard,none", "cost/validation"),
        ("loss=mae,mse split.validation=0", "r2/train; costs of different losses do not compare"),
        ("seed=0,1", "cost/validation"),
    ],
)
def test_what_compares(words: str, title: str, tmp_path: Path) -> None:
    """Costs compare where loss, dataset and the target's units are the same; otherwise r2 or accuracy is the measure."""
    (shown,) = sweep(tmp_path, *words.split(), "epochs=1")
    assert " ".join(shown).startswith(f"2 runs, best first by {title} ")


def test_the_ranking_fits_80_columns(tmp_path: Path) -> None:
    """Long keys are shortened and names broken at spaces; no line is longer than 80 or ends in blanks."""
    (shown,) = sweep(tmp_path, "optimizer.learning_rate=0.003,0.01", "shuffle=true,false", "epochs=2")
    assert max(map(len, shown)) <= 80
    assert all(line == line.rstrip() for line in shown)
    text = " ".join(" ".join(shown).split())
    assert text.count(" learning_rate=0.003 ") == text.count(" learning_rate=0.01 ") == 2


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["optimizer.learning_rate=0.1 seed=1"], ["learning_rate=0.1 seed=1"]),
        (["loss=huber loss.delta=2", "loss=mae"], ["loss=huber delta=2", "loss=mae"]),
        (["seed=1 split.seed=2"], ["seed=1 split.seed=2"]),
        (["split.seed=2"], ["split.seed=2"]),
        (["dataset.path=a.b=c.csv initializer.path=d.npz"], ["dataset.path=a.b=c.csv initializer.path=d.npz"]),
        (["network.hidden=[30, 100]"], ["hidden=[30, 100]"]),
    ],
)
def test_short_names(names: Sequence[str], expected: Sequence[str]) -> None:
    """A key loses its group where its last word can mean no other key."""
    assert short(names) == expected


def test_a_table_is_broken_only_at_spaces(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that has no room goes on in the next line; a word that is wider than the terminal stays whole."""
    monkeypatch.setenv("COLUMNS", "24")
    table(["run", "best epoch", "cost"], [["a-b=1 c=2", "7", "0.25"], ["d" * 15, "", "1"]], title="Of two runs")
    assert capsys.readouterr().out.splitlines() == [
        "Of two runs",
        "run               best  cost",
        "                 epoch",
        "a-b=1 c=2            7  0.25",
        "ddddddddddddddd            1",
    ]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A sweep of 2 rates x 2 widths x 3 seeds, and what it printed."""
    place = tmp_path_factory.mktemp("swept")
    words = ["dataset=wine", "epochs=3", "optimizer.learning_rate=0.01,0.1", "network.hidden=[4],[8]", "seed=0,1,2"]
    ended = nnexp("-m", *words, "tracking=none", cwd=place)
    assert ended.code == 0, ended.err
    return sweeps(place)[0], ended.out


def frame(directory: Path) -> pd.DataFrame:
    """The sweep's finished jobs as pandas sees them."""
    rows = []
    for path in sorted(directory.glob("*/result.json")):
        read = json.loads(path.read_text())
        if read["status"] == "FINISHED":
            typed = dict(line.split("=", 1) for line in read["overrides"])
            rate, hidden = typed.get("optimizer.learning_rate"), typed.get("network.hidden")
            setting = f"learning_rate={rate} hidden={hidden}"
            rows.append({"job": int(path.parent.name), "setting": setting, **typed, **read["metrics"]})
    return pd.DataFrame(rows)


def block(out: str, words: str) -> list[str]:
    """The lines that were printed from the one with ``words`` to the next empty one."""
    lines = out[out.index(words) :].splitlines()
    return lines[: lines.index("")] if "" in lines else lines


def lost(directory: Path, number: int, reason: str) -> None:
    """Make a job one that diverged."""
    (directory / str(number) / "journal.jsonl").unlink()
    result = {"status": "FAILED", "kind": "diverged", "reason": reason}
    (directory / str(number) / "result.json").write_text(json.dumps(result))


def test_seeds_are_averaged(swept: tuple[Path, str]) -> None:
    """One row for each setting, best mean first: means, deviation (n - 1), interval, seeds, best run, as pandas and SciPy."""
    directory, out = swept
    runs = frame(directory)
    table = block(out, "4 settings (12 runs), best first by the mean cost/validation over seeds")
    assert table[1].split()[:6] == ["setting", "cost", "sd", "+-", "95%", "accuracy"]
    rows = [line.split() for line in table if line[:1].isdigit() and "#" in line]
    order = runs.groupby("setting")["cost/validation"].mean().sort_values()
    for place, (name, mean) in enumerate(order.items(), 1):
        group = runs[runs["setting"] == name].sort_values("cost/validation")
        costs = group["cost/validation"]
        half = stats.t.interval(0.95, 2, scale=stats.sem(costs))[1]
        spread = f"{costs.std():.2g} {half:.2g}"
        cells = f"{place} {name} {mean:.4g} {spread} {group['accuracy/validation'].mean():.4g}"
        assert rows[place - 1] == f"{cells} 3 #{group['job'].iloc[0]}".split()
    best = runs.sort_values("cost/validation").iloc[0]
    words = f"{best['setting']} seed={best['seed']}, cost/validation {best['cost/validation']:.4g}"
    said = " ".join(table[table.index(next(line for line in table if line.startswith("best single run"))) :])
    assert said[: said.index(" Is it luck? ")] == f"best single run: #{best['job']} {words}"
    assert f"/{best['job']} TABLE" in out
    assert max(map(len, table)) <= 80


def test_effects_of_what_was_swept(swept: tuple[Path, str]) -> None:
    """Each factor has its means over all else, as pandas has them; of the seed there is the range."""
    directory, out = swept
    runs = frame(directory)
    shown = block(out, "effect of each factor on cost/validation (mean over all else)")
    for key in ("optimizer.learning_rate", "network.hidden"):
        means = runs.groupby(key)["cost/validation"].mean().sort_values()
        (line,) = [line for line in shown if line.startswith(f"{key.rpartition('.')[2]} ")]
        assert "  ".join(f"{value}: {mean:.3g}" for value, mean in means.items()) in line
        assert line.endswith("%")
    seeds = runs.groupby("seed")["cost/validation"].mean()
    assert f"from {seeds.min():.3g} to {seeds.max():.3g}" in " ".join(shown)


def test_a_setting_that_diverged_with_a_seed_comes_last(
    swept: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However low the mean of the seeds that are left: it says how many diverged, and the effects do without the value."""
    directory = shutil.copytree(swept[0], tmp_path / "copy")
    runs = frame(directory)
    means = runs.groupby("setting")["cost/validation"].mean()
    group = runs[runs["setting"] == means.sort_values().index[0]].sort_values("cost/validation")
    best, worst = group.iloc[0], group.iloc[2]
    lost(directory, int(worst["job"]), "diverged at epoch 1; learning_rate=0.1")
    found = ledger.read(directory)
    (ranking,) = printed(found)
    out = capsys.readouterr().out
    shown = " ".join(" ".join(block(out, "4 settings (11 runs)")).split())
    row = shown[shown.index(" 4 learning_rate=") :]
    assert row.startswith(f" 4 {worst['setting'].split()[0]} ")
    assert worst["setting"].split()[1] in row
    assert " 2 of 3 (1 " in row
    assert " diverged) " in row
    assert "Settings of which a seed is missing come last" in row
    left_out = f"left out, so that all means are of the same runs: seed={worst['seed']} (1 of 4 runs missing)"
    assert left_out in " ".join(block(out, "effect of each factor"))
    assert ranking.jobs[0].number == best["job"]
    assert [job.number for job in found.of("diverged")] == [worst["job"]]


def test_a_setting_without_a_finished_seed_is_told(
    swept: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting that only diverged has no row, and is counted."""
    directory = shutil.copytree(swept[0], tmp_path / "copy")
    for number in (0, 1, 2):
        lost(directory, number, "diverged at epoch 1; learning_rate=0.01")
    printed(ledger.read(directory))
    assert "and 1 setting of which no seed finished" in block(capsys.readouterr().out, "3 settings (9 runs)")


def test_another_sweepers_jobs_are_ranked_one_by_one(
    swept: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the jobs are not a grid that was known before, nothing is averaged."""
    directory = shutil.copytree(swept[0], tmp_path / "copy")
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps({**manifest, "grid": False, "jobs": []}))
    printed(ledger.read(directory))
    out = capsys.readouterr().out
    assert "12 runs, best first by cost/validation" in out
    assert "effect" not in out


def test_seeds_alone(tmp_path: Path) -> None:
    """Where the seed alone is swept the runs are listed, with their mean and standard deviation."""
    ended = nnexp("-m", "seed=0,1,2", "epochs=2", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    runs = frame(sweeps(tmp_path)[0])
    shown = " ".join(block(ended.out, "3 runs, best first by cost/validation"))
    cost = runs["cost/validation"]
    assert f"mean and standard deviation over 3 seeds: cost {cost.mean():.4g} +- {cost.std():.2g}, mae" in shown
    assert "effect" not in ended.out


def test_the_picture_shows_means_over_seeds(swept: tuple[Path, str]) -> None:
    """Each setting's curve is the mean over its seeds, in a band from the least to the largest."""
    directory, _ = swept
    found = ledger.read(directory)
    (ranking,) = rankings(found.jobs, found.manifest)
    drawn = panel(ranking, ranking.measure.name, "", 10)
    by_seed = [
        result(directory / str(job.number))["history"]["cost/validation"] for job in ranking.settings[0].finished
    ]
    first = next(iter(drawn.curves))
    np.testing.assert_allclose(drawn.curves[first], np.mean(by_seed, axis=0))
    np.testing.assert_array_equal(drawn.bands[first], [np.min(by_seed, axis=0), np.max(by_seed, axis=0)])
    assert list(map(len, panel(ranking, ranking.measure.name, "", 1).curves.values())) == [3, 0, 0, 0]


def test_a_curve_that_ended_early_goes_on_level() -> None:
    """A run that lost its patience keeps its weights, and so its cost."""
    np.testing.assert_array_equal(same_length([[3.0, 2.0, 1.0], [4.0]]), [[3, 2, 1], [4, 4, 4]])


def test_a_sweep_over_seeds_says_so(tmp_path: Path) -> None:
    """A sweep's end has the interval of each setting's mean, and says how many seeds would do."""
    words = ("-m", "dataset=wine", "epochs=3", "optimizer.learning_rate=0.1,0.11", "seed=0,1", "tracking=none")
    ended = nnexp(*words, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "+- 95%" in ended.out
    said = " ".join(ended.out.split())
    assert re.search(r"Is it luck\? .* \(paired t-test over 2 seeds, corrected for 1 pair by Holm's method\)", said)


def test_of_many_unreadable_configurations_the_first_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten are named, and how many more there are is said in one line; what can be read is kept, in its order."""
    jobs = []
    for number in range(15):
        directory = tmp_path / str(number)
        directory.mkdir()
        if number > 12:
            text = '{"dataset": {"name": "wine"}, "scale": {"target": "none"}}'
            (directory / "config.yaml").write_text(text)
        jobs.append(ledger.Job(number, directory, Result(), "finished"))
    assert [each.number for each in comparable(jobs)] == [13, 14]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("nnexp: #0: ")
    assert lines[-1] == "nnexp: and 3 jobs more like these"


def test_settings_are_named_with_the_digits_that_tell_them_apart() -> None:
    """Four digits, as a search draws many more; all of them where four are the same."""

    def names(*rates: float) -> list[str]:
        settings = [Setting(f"optimizer.learning_rate={rate} activation=relu", [], {}) for rate in rates]
        return named(Ranking([], Yardstick("cost/validation"), "", settings, {}))

    assert names(0.39888707926823935, 0.5) == [
        "learning_rate=0.3989 activation=relu",
        "learning_rate=0.5 activation=relu",
    ]
    assert names(0.39888707926823935, 0.39887123456789) == [
        "learning_rate=0.39888707926823935 activation=relu",
        "learning_rate=0.39887123456789 activation=relu",
    ]
