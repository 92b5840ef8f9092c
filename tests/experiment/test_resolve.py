"""A loss that is for another task than the target was taken for: what to type for either."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp import fit
from nnexp.errors import NnexpError
from nnexp.experiment.experiment import prepare
from nnexp.experiment.plan import plan


def refusal(**config: Any) -> str:
    """The words with which a configuration is refused."""
    with pytest.raises(NnexpError) as refused:
        prepare(plan(config))
    return str(refused.value)


def table(folder: Path, target: list[Any]) -> dict[str, Any]:
    """A dataset with this target."""
    path = folder / "t.csv"
    path.write_text("x,y\n" + "".join(f"{n % 7}.5,{each}\n" for n, each in enumerate(target)))
    return {"name": "csv", "path": str(path), "target": "y"}


@pytest.mark.parametrize(
    ("target", "loss", "task", "meant"),
    [
        ([3, 7] * 20, "mae", "regression", "is a quantity"),
        ([0.5, 1.5] * 20, "mae", "regression", "is a quantity"),
        (["true", "false"] * 20, "mae", "regression", "is a quantity"),
        ([*range(10)] * 9, "mae", "regression", "is a quantity"),
        ([*range(12)] * 9, "cce", "multiclass", "holds classes"),
        ([2.5, 3.5, 4.5] * 20, "cce", "multiclass", "holds classes"),
        (["a", "b"] * 20, "cce", "multiclass", "holds classes"),
    ],
)
def test_the_task_that_the_loss_is_for(target: list[Any], loss: str, task: str, meant: str, tmp_path: Path) -> None:
    """Beside the losses for the task that was guessed the task is named for which the typed one is, and it works."""
    dataset = table(tmp_path, target)
    found = re.search(r", or dataset\.task=(\w+) if 'y' (.+)\.$", refusal(dataset=dataset, loss=loss))
    assert found
    assert found.groups() == (task, meant)
    assert prepare(plan({"dataset": {**dataset, "task": task}, "loss": loss})).data.task == task


@pytest.mark.parametrize(
    ("target", "loss"),
    [
        (["a", "b"] * 20, "mae"),
        ([*range(12)] * 9, "bce"),
        (["a", "b", "c"] * 20, "bce"),
        ([n + 0.5 for n in range(40)], "cce"),
    ],
)
def test_no_task_that_cannot_be(target: list[Any], loss: str, tmp_path: Path) -> None:
    """Texts are no quantity, many fractions no classes, and three values not two."""
    assert "task=" not in refusal(dataset=table(tmp_path, target), loss=loss)


def test_a_dataset_without_the_option() -> None:
    """Where a dataset cannot be told the task, it is not named."""
    assert "dataset.task" not in refusal(dataset="moons", loss="mae")


def test_the_librarys_own_word() -> None:
    """``fit`` calls it by the name of its argument."""
    x, y = np.arange(40.0)[:, None], np.arange(40) % 2
    with pytest.raises(NnexpError, match=r", or task=regression if 'target' is a quantity\.$"):
        fit(x, y, loss="mae")
    assert fit(x, y, loss="mae", task="regression", epochs=1).model.task == "regression"
