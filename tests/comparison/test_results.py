"""``results``: recorded runs as rows, from their journals and from MLflow, on the terminal, in files and as a data frame."""

from __future__ import annotations

import io
import json
import math
import shutil
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nnexp import NnexpError, results
from nnexp.comparison.rows import as_csv, as_object, as_values, table
from nnexp.journal.facts import Facts
from tests.command import killed_after, nnexp, result, runs, sweeping, sweeps

SWEEP = ("-m", "dataset=diabetes", "epochs=3", "optimizer.learning_rate=0.1,1e9,0.01", "keep=best", "split.test=0.2")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a sweep of three, one of which diverges, and a single run."""
    made = tmp_path_factory.mktemp("place")
    assert nnexp(*SWEEP, "activation=relu,tanh", cwd=made).code == 1
    assert nnexp("dataset=diabetes", "epochs=2", cwd=made).code == 0
    return made


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place, as the working directory, with no store named from outside."""
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return place


def test_a_sweep_is_a_row_a_run(here: Path) -> None:
    """What was swept comes first as it was typed, then status, objective and metrics as ``result.json`` has them."""
    sweep = sweeps(here)[0]
    frame = results(sweep)
    assert list(frame.columns[:5]) == ["optimizer.learning_rate", "activation", "status", "reason", "objective"]
    assert list(frame.columns[-5:]) == ["seed", "split.seed", "seconds", "directory", "run_id"]
    assert frame["optimizer.learning_rate"].tolist() == [0.1, 0.1, 1e9, 1e9, 0.01, 0.01]
    for row in frame.to_dict("records"):
        told = result(here / str(row["directory"]))
        assert row["status"] == {"FINISHED": "finished", "FAILED": "diverged"}[told["status"]]
        if row["status"] == "finished":
            assert row["objective"] == told["objective"]
            assert {name: row[name] for name in told["metrics"]} == told["metrics"]
            assert row["best_epoch"] == told["best_epoch"]
            assert row["best.cost/validation"] == min(told["history"]["cost/validation"])
        else:
            assert row["reason"] == told["reason"]
            assert math.isnan(row["objective"])
    assert frame.attrs["same"]["dataset"] == "diabetes"


def test_every_epoch_is_a_row(here: Path) -> None:
    """``history=True`` has each run's epochs as its ``result.json`` does."""
    run = runs(here)[0]
    frame = results(run, history=True)
    assert frame["epoch"].tolist() == [1, 2]
    assert {name: frame[name].tolist() for name in result(run)["history"]} == result(run)["history"]


@pytest.mark.usefixtures("here")
def test_mlflow_says_the_same() -> None:
    """The rows of the experiment in MLflow are those of the journals, whichever order they are in."""
    journals, stored = results("outputs"), results(experiment="nnexp")
    columns = [name for name in journals.columns if name not in ("seconds", "directory")]
    assert sorted(stored.columns) == sorted(journals.columns)
    first, second = (frame.sort_values("run_id", ignore_index=True)[columns] for frame in (journals, stored))
    pd.testing.assert_frame_equal(first, second)
    run_id = stored["run_id"][0]
    assert results(run_id[:8])["run_id"].tolist() == [run_id]


def told(column: pd.Series[Any], digits: int) -> list[str]:
    """A column's values, numbers with so many digits, however a format stands for what is not there."""
    shown = (f"{float(value):.{digits}g}" if isinstance(value, Real) else value for value in column)
    return ["" if pd.isna(value) or value == "nan" else str(value) for value in shown]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_pandas_reads_each_format_back(here: Path, tmp_path: Path, suffix: str) -> None:
    """Every number of a file that ``-o`` writes is that of the data frame, as exactly as pandas reads it."""
    file = tmp_path / f"out{suffix}"
    file.write_text("replaced")
    ended = nnexp("results", "outputs", "-o", str(file), "--replace", cwd=here)
    assert (ended.code, ended.err) == (0, "")
    if suffix == ".csv":
        back = pd.read_csv(file)
    elif suffix == ".parquet":
        back = pd.read_parquet(file)
    else:
        read = json.loads(file.read_text())
        assert read["schema"] == "nnexp.results/1"
        back = pd.DataFrame(read["rows"], columns=read["columns"])
    whole = results("outputs")
    assert list(back.columns) == list(whole.columns)
    for name in whole.columns:
        digits = 14 if suffix == ".csv" else 17
        assert told(back[name], digits) == told(whole[name], digits), name


def test_numbers_that_are_not_finite() -> None:
    """NaN is null in JSON and nothing in csv, an infinity is a text that float() takes."""
    odd = Facts("finished", history={"cost/train": [1.0], "r2/train": [math.nan], "mae/train": [-math.inf]})
    made = table([odd])
    row: dict[str, Any] = json.loads(json.dumps(as_object(made), allow_nan=False))["rows"][0]
    assert (row["r2/train"], float(row["mae/train"])) == (None, -math.inf)
    back = pd.read_csv(io.StringIO(as_csv(made)))
    assert math.isnan(back["r2/train"][0])
    assert back["mae/train"][0] == -math.inf


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "2", "null"], [1, 2, None]),
        (["1", "2.5"], [1.0, 2.5]),
        (["001", "2"], ["001", "2"]),
        (["true", "false", None], [True, False, None]),
        (["1e-05", "inf"], [1e-05, math.inf]),
        (["[16]", "[8, 8]"], ["[16]", "[8, 8]"]),
        (["1", "relu"], ["1", "relu"]),
    ],
)
def test_values_are_what_they_are_spelled_as(texts: list[str | None], values: list[Any]) -> None:
    """A column holds numbers only where every text is a number that is spelled so again: nothing is read as another value."""
    assert as_values(texts) == values


def test_a_sweep_that_still_runs(here: Path, tmp_path: Path) -> None:
    """A job that has not begun is a row that waits, one that was torn off shows its epochs so far."""
    sweep = tmp_path / "sweep"
    shutil.copytree(sweeps(here)[0], sweep)
    shutil.rmtree(sweep / "5")
    journal = sweep / "4" / "journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))
    (sweep / "4" / "result.json").unlink()
    frame = results(sweep)
    assert frame["status"].tolist()[-2:] == ["killed", "waiting"]
    assert frame["activation"].tolist()[-2:] == ["relu", "tanh"]
    assert frame["cost/train"].notna().tolist()[-2:] == [True, False]


def test_a_job_that_waits_varies_nothing_else() -> None:
    """Of a job that has not begun only what was swept is known: what is the same in all others is the same."""
    begun = [Facts("finished", params={"seed": str(seed), "loss": "mse", "epochs": "3"}) for seed in range(2)]
    made = table([Facts("waiting", params={"seed": "2"}), *begun], ["seed"])
    assert (made.varied, made.same) == (["seed"], {"loss": "mse", "epochs": 3})
    assert table([*begun, Facts("finished", params={"seed": "0", "loss": "mae"})], ["seed"]).varied[1:] == [
        "loss",
        "epochs",
    ]


def test_no_text_of_a_csv_is_a_formula() -> None:
    """A spreadsheet computes what begins like a formula; numbers are as they are."""
    odd = Facts("failed", "=cmd|'/c calc'!A1", {"a": "-1.5", "b": "@sum"}, directory="+x")
    head, first, _ = as_csv(table([odd, Facts("failed", params={"a": "x"})])).splitlines()
    row = dict(zip(head.split(","), first.split(","), strict=True))
    assert (row["reason"], row["a"], row["b"], row["directory"]) == ("'=cmd|'/c calc'!A1", "-1.5", "'@sum", "'+x")


def test_a_run_that_lost_its_journal_does_not_wait(here: Path, tmp_path: Path) -> None:
    """Its numbers are those of ``result.json``, and it is said so."""
    sweep = tmp_path / "sweep"
    shutil.copytree(sweeps(here)[0], sweep)
    (sweep / "0" / "journal.jsonl").unlink()
    row = results(sweep).iloc[0]
    assert (row["status"], row["objective"]) == ("finished", result(sweep / "0")["objective"])
    assert row["reason"] == "its journal.jsonl is not there, its numbers are those of result.json"


def test_a_run_with_a_foreign_journal_is_a_row(here: Path, tmp_path: Path) -> None:
    """A journal that nnexp did not write costs its own run only, whose row says why."""
    sweep = tmp_path / "sweep"
    shutil.copytree(sweeps(here)[0], sweep)
    (sweep / "0" / "journal.jsonl").write_text('{"opened": {"id": "<script>"}}\n')
    frame = results(sweep)
    assert frame["status"].tolist()[:2] == ["failed", "finished"]
    assert "is not what nnexp writes" in frame["reason"][0]


def test_the_terminal_shows_what_varies(here: Path) -> None:
    """A table of 80 columns: swept keys by their short names, metrics, why a run did not finish."""
    lines = nnexp("results", str(sweeps(here)[0].relative_to(here)), cwd=here).out.splitlines()
    assert lines[0].startswith("6 runs in outputs/sweeps/")
    assert lines[1].split()[:4] == ["run", "learning_rate", "activation", "status"]
    assert all(len(line) <= 80 for line in lines)
    assert any(line.startswith("#2 diverged: diverged at epoch") for line in lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere/x"], "No directory 'nowhere/x'. Runs are in outputs/runs/, sweeps in outputs/sweeps/."),
        (["empty"], "'empty' holds no run: there is no journal.jsonl in it or below."),
        (["nosuchrun"], "No run 'nosuchrun' in experiment 'nnexp'."),
        (["--experiment", "nnex"], "No experiment 'nnex'"),
        (["-o", "x.txt"], "-o x.txt: the name must end in .csv, .parquet or .json. Type -o x.csv"),
        (["--csv", "--json"], "not allowed with argument"),
    ],
)
def test_refusals(here: Path, words: list[str], said: str) -> None:
    """What is no run is refused in a line that says where runs are, and nothing is written."""
    (here / "empty").mkdir(exist_ok=True)
    ended = nnexp("results", *words, cwd=here)
    assert ended.code == 1
    assert said in ended.err
    assert not (here / "x.txt").exists()


@pytest.mark.usefixtures("here")
def test_the_library_refuses_as_the_command() -> None:
    """``results`` raises what the command says."""
    with pytest.raises(NnexpError, match=r"No directory 'outputs/run'\. Did you mean 'runs'\?"):
        results("outputs/run")
    with pytest.raises(NnexpError, match=r"no directory but a file\. Type the directory that it is in: 'outputs'"):
        results("outputs/mlflow.db")


def test_a_store_without_runs(tmp_path: Path) -> None:
    """A store that is not there is not made by looking at it."""
    ended = nnexp("results", "--experiment", "nnexp", cwd=tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert "No runs here: there is no" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_that_was_moved_as_it_trained(tmp_path: Path) -> None:
    """It does not end as if all were well; of the manifest without jobs that is left the table says that there are no runs."""
    words = ["dataset=digits", "epochs=300", "seed=0,1,2", "tracking=none", "hydra.sweep.dir=old"]
    begun = sweeping(tmp_path, *words, until=lambda _: (tmp_path / "old" / "1" / "journal.jsonl").exists())
    with killed_after(begun):
        (tmp_path / "old").rename(tmp_path / "new")
        _, said = begun.communicate(timeout=120)
    assert begun.returncode == 1
    assert "it was moved or removed while they trained" in " ".join(said.split())
    ended = nnexp("results", "old", cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "There are no runs.\n")
