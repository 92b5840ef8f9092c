"""What holds for tests of composition."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from omegaconf import OmegaConf

from tests.forked import read_once


@pytest.fixture(scope="module", autouse=True)
def _files_read_once() -> Iterator[None]:
    """A text that was read before, as those of Hydra's files and nnexp's own, is not read again, but copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", read_once(OmegaConf.load))
        yield
