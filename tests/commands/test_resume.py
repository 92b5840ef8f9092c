"""What ``resume`` says of words that it does not take."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from nnexp.commands.resume import resume_sweep
from nnexp.errors import NnexpError

WORDS = {
    "workers=3": "Got workers=3. Did you mean hydra.launcher.workers=3? One of its runs",
    "launcher=dask": "Got launcher=dask. Did you mean hydra/launcher=dask? One of its runs",
    "trials=9": "Got trials=9. Did you mean search.trials=9? One of its runs",
    "hydra/launcher=dask address=tcp://x:1": "Got address=tcp://x:1. Did you mean hydra.launcher.address=tcp://x:1? One",
    "hydra/launcher=dask epochs=9": "Got epochs=9. One of its runs can be extended",
    "hydra/launcher=dask epoch=9": "Got epoch=9. One of its runs can be extended",
    "hydra/launcher=dask optimizer.batch_size=9": "Got optimizer.batch_size=9. One of its runs can be extended",
    "search.trails=9": "Got search.trails=9. Did you mean search.trials=9? One of its runs",
    "search.lag=2": "Got search.lag=2. One of its runs can be extended",
    "seed=1": "Got seed=1. One of its runs can be extended",
}


@pytest.mark.parametrize("words", WORDS)
def test_words_that_would_change_a_sweep(words: str) -> None:
    """They are refused; one that lacks the beginning of a key that may change is told with it."""
    with pytest.raises(NnexpError) as refused:
        resume_sweep(Path("s"), argparse.Namespace(override=words.split()))
    assert WORDS[words] in str(refused.value)
