"""A metric that cannot be computed has no value anywhere: it is called undefined, and stops nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from nnexp import fit
from nnexp.engine.training import Diverged, not_finite
from tests.command import nnexp, result, runs, sweeps


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a table whose validation part is a single sample."""
    (tmp_path / "few.csv").write_text("x,y\n" + "".join(f"{i},{i * i}.5\n" for i in range(6)))
    return tmp_path


WORDS = ["dataset=csv", "dataset.path=few.csv", "dataset.target=y", "tracking=none", "epochs=2"]


def test_a_run_says_undefined_and_why(place: Path) -> None:
    """Epochs and table say that r2 is undefined and why; result.json has no number; the run is finished."""
    ended = nnexp(*WORDS, cwd=place)
    assert ended.code == 0, ended.err
    assert ended.out.count("r2 undefined") == 2
    (row,) = [line for line in ended.out.splitlines() if line.strip().startswith("r2")]
    assert row.split()[2] == "undefined"
    assert row.endswith("(the target does not vary there)")
    found = result(runs(place)[0])
    assert found["status"] == "FINISHED"
    assert math.isnan(found["metrics"]["r2/validation"])
    assert math.isfinite(found["metrics"]["r2/train"])


def test_a_ranking_by_r2_goes_on_without_it(place: Path) -> None:
    """Runs whose costs do not compare are ranked by r2: those without one come last, with the reason; a picture is drawn."""
    ended = nnexp("-m", *WORDS, "loss=mse,mae", "split.validation=0.2,0.5", "seed=0,1", cwd=place)
    assert ended.code == 0, ended.err
    assert "nan" not in ended.out
    assert "r2/validation is undefined for samples whose target does not vary, and comes last." in " ".join(
        ended.out.split()
    )
    ranked = [
        row for line in ended.out.splitlines() if (row := line.split()) and row[0].isdigit() and "loss=" in row[1]
    ]
    assert ["undefined" in row for row in ranked] == [False, False, True, True]
    (directory,) = sweeps(place)
    assert (directory / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_the_library_says_undefined() -> None:
    """The summary of a result calls it undefined; the history has not a number."""
    made = fit(np.arange(6.0)[:, None], np.arange(6.0) ** 2 + 0.5, epochs=1)
    assert "r2/validation undefined" in repr(made)
    assert math.isnan(made.history["r2/validation"][0])


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        ({"cost/train": 1.0, "r2/train": math.nan}, ""),
        ({"cost/train": math.nan}, "cost/train"),
        ({"cost/train": 1.0, "rmse/train": math.inf}, "rmse/train"),
        ({"cost/train": 1.0, "mae/validation": math.nan}, "mae/validation"),
        ({"cost/train": 1.0, "r2/train": -math.inf}, "r2/train"),
    ],
)
def test_what_is_divergence(found: dict[str, float], lost: str) -> None:
    """A cost or metric that is infinite is divergence, and one that is not a number unless it is r2, which may be undefined."""
    assert not_finite(found) == lost


def test_a_metric_that_is_infinite_is_divergence() -> None:
    """A finite cost beside an infinite error in original units ends in Diverged, which names the metric and the rate."""
    y = np.linspace(-1, 1, 40) * 1e300
    step = {"name": "batch", "learning_rate": 1e60}
    with pytest.raises(
        Diverged, match=r"^diverged at epoch 1 \(mae/validation is not finite\); learning_rate=1e\+60\. Type"
    ):
        fit(y[:, None] / 1e300, y, hidden=[], loss="mae", optimizer=step, scale_target="minmax", epochs=9)
