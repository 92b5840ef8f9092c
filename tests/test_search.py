"""``search=NAME`` from its wheel: its own tests, in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fresh import made, own_tests


def test_its_own_tests_pass(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """The distribution's tests pass against the wheel, those with Dask's workers and with schedules among them."""
    names = ["nnexp", "nnexp-search", "nnexp-dask", "nnexp-optimizers"]
    ended = own_tests("nnexp-search", made(tmp_path_factory.mktemp("fresh"), names), tmp_path)
    assert ended.code == 0, ended.out + ended.err
    assert " tried" not in ended.out  # so says who skips a test for want of one of the others
