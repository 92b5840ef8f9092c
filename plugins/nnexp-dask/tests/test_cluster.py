"""A cluster of this machine's own."""

from __future__ import annotations

import time
from typing import Any

import pytest
from distributed.diskutils import WorkSpace
from nnexp_dask.cluster import Connection
from nnexp_dask.settings import Settings


def on_a_slow_disk(*arguments: Any) -> Any:
    """Where Dask has its files, a second later."""
    time.sleep(1.1)
    return WorkSpace(*arguments)


def test_a_busy_machine_is_no_reason_to_say_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's warning of a slow disk is not shown, and where warnings are errors does not end the sweep."""
    monkeypatch.setattr("distributed.core.WorkSpace", on_a_slow_disk)
    connection = Connection(Settings(workers=1))
    try:
        assert connection.client.status == "running"
    finally:
        connection.close()
