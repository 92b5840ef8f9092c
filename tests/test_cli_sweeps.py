"""Sweeps as a user starts them: what is refused, what the ledger says, how they are stopped, killed and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import nnexp

REFUSED = [
    ("sweep.dry_run=true seed=3", "sweep.dry_run=true is for a sweep, and this is a single run. Type -m sweep.dry_run"),
    ("sweep.fail_fast=true", "sweep.fail_fast=true is for a sweep, and this is a single run. Type -m sweep.fail_fast"),
    ("-m seed=0,1 sweep.fail_fst=true", "No key 'sweep.fail_fst'. Did you mean 'sweep.fail_fast'?"),
    ("-m seed=0,1 +sweep.dry=true", "No key 'sweep.dry'. Did you mean 'sweep.dry_run'?"),
    ("-m seed=0,1 sweep.dry_run=maybe", "sweep.dry_run must be a bool. Got 'maybe'."),
    ("-m seed=0,1 sweep.fail_fast=true,false", "sweep.fail_fast is of the sweep as a whole and takes one value."),
    ("checkpoint.epoch=3", "No key 'checkpoint.epoch'. Did you mean 'checkpoint.epochs'?"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[words for words, _ in REFUSED])
def test_what_a_sweep_cannot_be_told(words: str, message: str, tmp_path: Path) -> None:
    """A misspelled or mistyped ``sweep.*``, and one without a sweep, is refused with what to type; nothing is written."""
    ended = nnexp(*words.split(), cwd=tmp_path)
    assert ended.code == 1
    assert message in ended.err
    assert not (tmp_path / "outputs").exists()
