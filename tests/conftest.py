"""What holds for all tests, and the order in which several processes share them."""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
from collections.abc import Generator

import pytest

from tests.forked import roomy

# Where pytest was started in the background of a script, Ctrl-C is ignored, and so would every command ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Thousands of tests are collected into objects that stay; Python would look for garbage among them again and again.
gc.set_threshold(100_000, 20, 20)

LONG = (
    "test_search",
    "test_dask",
    "test_native",
    "test_distributions",
    "test_cli_resume",
    "test_cli_sweeps",
    "test_power",
    "test_scaffold",
    "test_refused",
    "test_mutants",
    "test_sweeps",
    "test_cli_errors",
    "test_built_ins",
    "test_cli_secrets",
    "test_quoting",
    "test_landing",
    "test_torture",
    "test_many_writers",
    "test_composition",
    "test_installed_plugins",
    "test_delivery_queue",
    "test_cli_runs",
    "test_database",
    "test_fuzz",
)
"""Files that take longest, half a minute to some minutes of a processor, the longest first.

They come before all others: begun last, one of them would be waited for alone.
"""


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors, as a part of what tests do is to wait for a command, a server or the disk."""
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    turns = {name: turn for turn, name in enumerate(LONG)}
    items.sort(key=lambda item: turns.get(item.path.stem, len(LONG)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep how pytest has rewritten the tests, also where Python is told to keep no bytecode: it takes 3 s in each process."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = before


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Have each test called so."""
    test = pyfuncitem.obj
    pyfuncitem.obj = functools.partial(roomy, test)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test
