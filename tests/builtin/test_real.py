"""The measured datasets against scikit-learn's own loaders."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets as theirs

from nnexp.builtin.real import BreastCancer, Diabetes, Digits, Wine
from nnexp.errors import NnexpError
from nnexp.plugin import Dataset

LOADERS = [
    (Diabetes, lambda: theirs.load_diabetes(scaled=False), "regression"),
    (BreastCancer, theirs.load_breast_cancer, "binary"),
    (Wine, theirs.load_wine, "multiclass"),
    (Digits, theirs.load_digits, "multiclass"),
]


@pytest.mark.parametrize(("dataset", "loader", "task"), LOADERS)
def test_values_names_and_classes_are_those_of_scikit_learn(
    dataset: type[Dataset], loader: Callable[[], Any], task: str
) -> None:
    """Features, targets, names and class labels equal what scikit-learn's loader gives."""
    data, expected = dataset().load(np.random.default_rng(0)), loader()
    np.testing.assert_array_equal(data.x, expected.data)
    np.testing.assert_array_equal(data.y, expected.target)
    assert data.names == tuple(expected.feature_names)
    assert data.classes == tuple(expected.get("target_names", ()))
    assert data.task == task
    assert data.categories == {}


def test_labels_are_plain_python_values() -> None:
    """Class labels can be written to JSON: str and int, not NumPy's."""
    rng = np.random.default_rng(0)
    assert {type(label) for label in Wine().load(rng).classes} == {str}
    assert {type(label) for label in Digits().load(rng).classes} == {int}
    assert Digits().load(rng).y.dtype == np.int64


def test_diabetes_is_in_raw_units() -> None:
    """The first patient is 59 years old with a body mass index of 32.1, as in the published table."""
    data = Diabetes().load(np.random.default_rng(0))
    assert dict(zip(data.names, data.x[0], strict=True))["age"] == 59
    assert dict(zip(data.names, data.x[0], strict=True))["bmi"] == 32.1
    assert (data.y[0], data.y.min(), data.y.max()) == (151, 25, 346)


def test_neither_scikit_learn_nor_pandas_is_imported() -> None:
    """Loading a measured dataset imports neither scikit-learn nor pandas."""
    code = (
        "import sys, numpy; from nnexp.builtin.real import Digits; Digits().load(numpy.random.default_rng(0)); "
        "print([name for name in ('sklearn', 'pandas', 'scipy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("dataset", [Diabetes, BreastCancer, Wine, Digits])
def test_without_scikit_learn_the_message_says_what_to_install(
    dataset: type[Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing scikit-learn is named together with the command that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(NnexpError, match=r"scikit-learn, which is not installed\. Type: pip install scikit-learn$"):
        dataset().load(np.random.default_rng(0))


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data file that scikit-learn lacks is named together with the command that brings it back."""
    spec = ModuleSpec("sklearn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(
        NnexpError, match=r"wine_data\.csv cannot be read .*pip install --force-reinstall scikit-learn$"
    ):
        Wine().load(np.random.default_rng(0))


@pytest.mark.parametrize("broken", ["178,13,a,b,c\n1,2,x\n", "178,13,a,b,c\n1,2\n1\n"])
def test_a_broken_file_is_named(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data file with something else in it is named, without a traceback of NumPy's."""
    folder = tmp_path / "datasets" / "data"
    folder.mkdir(parents=True)
    (folder / "wine_data.csv").write_text(broken)
    spec = ModuleSpec("sklearn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(NnexpError, match=r"wine_data\.csv cannot be read"):
        Wine().load(np.random.default_rng(0))
