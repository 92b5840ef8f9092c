"""A model and a checkpoint from anybody: a model that answers, or one message; no more memory than the file is long."""

from __future__ import annotations

import json
import resource
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnexp.errors import NnexpError
from nnexp.experiment import checkpoint
from nnexp.experiment.model import DESCRIPTION, load
from nnexp.library import fit
from tests.tracking.test_strangers import JSON, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 2.0]])
Y = np.array([1.0, 2.0, 3.0, 5.0])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's directory with a model in it."""
    folder = tmp_path_factory.mktemp("model")
    fit(X, Y, hidden=[3], epochs=1).model.save_parts(folder)
    return folder


NAMES = [
    "format",
    "task",
    "target",
    "classes",
    "features",
    "sizes",
    "activation",
    "output",
    "dtype",
    "threshold",
    "inputs",
]
VALUES = JSON | st.sampled_from(
    [
        [2, 10**12, 1],
        [2, -1, 1],
        [10**400, 1],
        {"name": "relu", "x": 1},
        {"shift": [0, 0], "scale": [0, 1]},
        {"shift": [0, 0], "scale": [float("nan"), 1]},
        {"shift": [1e400], "scale": [1]},
        ["a", 1],
        [1, 1.0],
        10**400,
        "multiclass",
    ]
)


@given(st.sampled_from([*NAMES, "outputs"]), VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_description_is_a_models_or_refused(written: Path, name: str, value: Any) -> None:
    """With anything in place of one of its values a model answers for every sample, or is refused with its name."""
    path = written / DESCRIPTION
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {name: value}))
    try:
        assert len(load(written).predict(X)) == len(X)
    except NnexpError as error:
        assert str(error)  # noqa: PT017
    finally:
        path.write_text(before)


def claims(path: Path, name: str, shape: tuple[int, ...], dtype: str = "<f8") -> None:
    """An archive with an array that says that it is of this shape, and has no bytes."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())


def compressed(path: Path) -> None:
    """An archive of 100 kB that unpacks to 100 MB."""
    np.savez_compressed(path, W1=np.zeros(13_000_000))


ARCHIVES: dict[str, Callable[[Path], object]] = {
    "terabytes": lambda path: claims(path, "W1", (10**12,)),
    "more than any memory": lambda path: claims(path, "W1", (10**30, 10**30)),
    "less than nothing": lambda path: claims(path, "W1", (-5,)),
    "arrays of nothing": lambda path: claims(path, "W1", (10**12,), "<U0"),
    "objects": lambda path: claims(path, "W1", (1,), "|O"),
    "compressed": compressed,
    "no archive": lambda path: path.write_text("PK"),
    "empty": lambda path: path.write_text(""),
    "no array": lambda path: zipfile.ZipFile(path, "w").writestr("W1.npy", b"text"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_takes_no_more_than_its_length(kind: str, tmp_path: Path) -> None:
    """What says that it is larger than the file is refused by a message, without a gigabyte for it."""
    path = tmp_path / "model.npz"
    ARCHIVES[kind](path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(NnexpError, match=r"model\.npz' is not a model that nnexp saved"):
        load(path)
    with pytest.raises(NnexpError, match=r"model\.npz cannot be read"):
        checkpoint.load(path, TOKEN)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


FACTS = {
    "format": 1,
    "epoch": 1,
    "rng": json.loads(json.dumps(np.random.default_rng(0).bit_generator.state)),
    "run": TOKEN,
}


@given(
    st.sampled_from(sorted(FACTS)), JSON | st.sampled_from([{"bit_generator": "PCG64"}, {"bit_generator": "MT19937"}])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_checkpoint_is_read_or_refused(tmp_path: Path, name: str, value: Any) -> None:
    """With anything in place of what it says, a checkpoint is one of the run's, or refused with its name."""
    path = tmp_path / checkpoint.CHECKPOINT
    np.savez(path, facts=np.array(json.dumps(FACTS | {name: value})), theta=np.zeros(3))
    try:
        assert checkpoint.load(path, TOKEN).epoch > 0
    except NnexpError as error:
        assert checkpoint.CHECKPOINT in str(error)  # noqa: PT017
