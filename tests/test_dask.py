"""``hydra/launcher=dask`` from its wheel: its own tests, in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fresh import made, own_tests


def test_its_own_tests_pass(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """The distribution's tests pass against the wheel: clusters, their processes and what is killed of them."""
    fresh = made(tmp_path_factory.mktemp("fresh"), ["nnexp", "nnexp-dask"])
    ended = own_tests("nnexp-dask", fresh, tmp_path)
    assert ended.code == 0, ended.out + ended.err
