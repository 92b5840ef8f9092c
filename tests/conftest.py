"""What holds for all tests, and the order in which several processes share them."""

from __future__ import annotations

import os
import signal

import pytest

# Where pytest was started in the background of a script, Ctrl-C is ignored, and so would every command ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

LONG = (
    "test_torture",
    "test_power",
    "test_distributions",
    "test_native",
    "test_quoting",
    "test_many_writers",
    "test_refused",
    "test_fuzz",
)
"""Files that take longest. They come first: begun last, one of them would be waited for alone."""


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors, as a part of what tests do is to wait for a command, a server or the disk."""
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    items.sort(key=lambda item: item.path.stem not in LONG)
