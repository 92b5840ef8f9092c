"""Which workers get jobs, by what is heard of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from nnexp_dask.hosts import Hosts

from nnexp.remote.facts import Facts

ONE, TWO, THREE = (f"tcp://10.0.0.{number}:1" for number in (1, 2, 3))


def alive(worker: str, **more: Any) -> dict[str, Any]:
    """What a worker says of itself each second."""
    return {"what": "alive", "worker": worker, "host": "a", "processes": 2, "unfit": "", "paused": False, **more}


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass at once."""
    passed = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])

    def pass_time(seconds: float) -> None:
        passed[0] += seconds

    return pass_time


def test_a_worker_that_does_not_answer_at_the_beginning_gets_no_jobs_before_it_is_heard() -> None:
    """Those that have answered have their processes from the first moment; the scheduler's word is not enough."""
    hosts = Hosts(10)
    hosts.expect({ONE: 2, TWO: 3}, {ONE: Facts("a", "", "", {}, 0.0)})
    assert (hosts.processes, hosts.only_fit) == (2, [ONE])
    hosts.heard(alive(TWO, processes=3))
    assert (hosts.processes, hosts.only_fit) == (5, None)


@pytest.mark.parametrize(("most", "there"), [(None, 4), (3, 3), (9, 4)])
def test_no_more_jobs_than_were_typed(most: int | None, there: int) -> None:
    """``hydra.launcher.workers=3`` has three jobs carried out at the same time on a cluster that could carry out four."""
    hosts = Hosts(10, most)
    assert hosts.processes == 0
    for worker in (ONE, TWO):
        hosts.heard(alive(worker))
    assert hosts.processes == there


def test_a_worker_that_falls_silent_gets_no_jobs_until_it_is_heard_again(pass_time: Callable[[float], None]) -> None:
    """It is told once that it is lost; one that the scheduler has lost as well is forgotten."""
    hosts = Hosts(10)
    for worker in (ONE, TWO):
        hosts.heard(alive(worker))
    pass_time(6)
    hosts.heard(alive(ONE))
    pass_time(6)
    assert [*hosts.lost()] == [TWO]
    assert ([*hosts.lost()], hosts.only_fit) == ([], [ONE])
    hosts.heard(alive(TWO))
    assert hosts.only_fit is None
    pass_time(11)
    assert [*hosts.lost()] == [ONE, TWO]
    assert hosts.only_fit == []
    assert not hosts.gone(ONE)
    assert not hosts.gone(TWO)
    assert hosts.only_fit is None


def test_workers_that_get_no_jobs_are_named_once() -> None:
    """One that does not fit, and one that Dask gives nothing to for lack of memory, with what to type."""
    hosts = Hosts(10)
    hosts.heard(alive(ONE))
    for _ in range(2):
        hosts.heard(alive(TWO, unfit="numpy 2 here, 1 there"))
        hosts.heard(alive(THREE, paused=True))
    assert [*hosts.remarks()] == [
        f"The worker {TWO} on a does not fit, and gets no jobs: numpy 2 here, 1 there",
        f"The worker {THREE} on a has no memory left, and gets no jobs until it has: start it with a larger --memory-limit",
    ]
    assert [*hosts.remarks()] == []
    assert hosts.only_fit == [ONE, THREE]
