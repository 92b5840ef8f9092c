"""nnexp's own checks of a plugin, on files as MNIST has them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from nnexp_idx import Idx

from nnexp.testing import conformance

pytestmark = pytest.mark.usefixtures("mnist")


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory ``mnist`` with 60 images of 4 x 5 pixels and their labels 0 to 9, the images packed."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (60, 4, 5), dtype=np.uint8)
    images = struct.pack(">4B3I", 0, 0, 8, 3, 60, 4, 5) + pixels.tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(
        struct.pack(">4BI", 0, 0, 8, 1, 60) + bytes(n % 10 for n in range(60))
    )
    monkeypatch.chdir(tmp_path)


test_idx = conformance(Idx(path="mnist"))
test_the_first_25 = conformance(Idx(path="mnist", limit=25))
test_named_labels = conformance(
    Idx(path="mnist/train-images-idx3-ubyte.gz", labels="mnist/train-labels-idx1-ubyte", limit=12)
)
