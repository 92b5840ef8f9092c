"""The end of a sweep: which runs compare, by what, and a table of them in 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nnexp import console
from nnexp.ranking import short
from tests.command import nnexp, result, sweeps


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
    (shown,) = sweep(tmp_path, "optimizer.learning_rate=0.003,0.01", "seed=1,2", "epochs=2")
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
    console.table(["run", "best epoch", "cost"], [["a-b=1 c=2", "7", "0.25"], ["d" * 15, "", "1"]], title="Of two runs")
    assert capsys.readouterr().out.splitlines() == [
        "Of two runs",
        "run               best  cost",
        "                 epoch",
        "a-b=1 c=2            7  0.25",
        "ddddddddddddddd            1",
    ]
