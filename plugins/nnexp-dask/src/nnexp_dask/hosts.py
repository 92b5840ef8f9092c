"""Which workers there are, as far as they are heard."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nnexp.errors import counted
from nnexp.remote.facts import Facts


@dataclass
class Worker:
    """A worker that has said something."""

    host: str
    processes: int
    unfit: str
    heard: float
    paused: bool = False
    """Whether Dask gives it nothing to do, for lack of memory."""


class Hosts:
    """The workers of a sweep. One that is silent for more than ``patience`` seconds is lost."""

    def __init__(self, patience: float, most: int | None = None) -> None:
        self.patience = patience
        self.most = most
        """Jobs that are to be carried out at the same time, however many workers there are; None: no fewer than can be."""
        self._workers: dict[str, Worker] = {}
        self._told: set[str] = set()
        self._silent: set[str] = set()
        """Workers that are lost for this sweep until they are heard, though the scheduler may think otherwise."""
        self._heard = time.monotonic()

    def heard(self, message: Mapping[str, Any]) -> None:
        """A worker is alive, and says perhaps what it is."""
        address, self._heard = str(message["worker"]), time.monotonic()
        self._silent.discard(address)
        if message["what"] == "alive":
            host, unfit = str(message["host"]), str(message["unfit"])
            self._workers[address] = Worker(
                host, int(message["processes"]), unfit, self._heard, bool(message["paused"])
            )
        elif address in self._workers:
            self._workers[address].heard = self._heard

    def gone(self, address: str) -> bool:
        """The scheduler has lost a worker; whether it was one of these."""
        self._silent.discard(address)
        return self._workers.pop(address, None) is not None

    def expect(self, processes: Mapping[str, int], fit: Mapping[str, Facts]) -> None:
        """Begin with workers that the scheduler knows; those that have not answered get no jobs until they are heard."""
        now = time.monotonic()
        for address, found in fit.items():
            if address not in self._workers and address in processes:
                self._workers[address] = Worker(found.host, processes[address], "", now)
        self._silent.update(set(processes) - set(fit))

    def forgive(self) -> None:
        """Count silence from now on: it was not the workers' fault."""
        self._heard = time.monotonic()
        for worker in self._workers.values():
            worker.heard = self._heard

    @property
    def silence(self) -> float:
        """Seconds since anybody was heard."""
        return time.monotonic() - self._heard

    def lost(self) -> Iterator[str]:
        """The workers that have been silent for too long; they are forgotten."""
        now = time.monotonic()
        for address in [each for each, worker in self._workers.items() if now - worker.heard > self.patience]:
            del self._workers[address]
            self._silent.add(address)
            yield address

    def remarks(self) -> Iterator[str]:
        """What is to be said once."""
        for address, worker in self._workers.items():
            if (worker.unfit or worker.paused) and address not in self._told:
                self._told.add(address)
                name = f"The worker {address} on {worker.host}"
                if worker.unfit:
                    yield f"{name} does not fit, and gets no jobs: {worker.unfit}"
                else:
                    yield f"{name} has no memory left, and gets no jobs until it has: start it with a larger --memory-limit"

    @property
    def processes(self) -> int:
        """Jobs that may be carried out at the same time."""
        there = sum(worker.processes for worker in self._fit.values())
        return min(there, self.most or there)

    @property
    def only_fit(self) -> list[str] | None:
        """The workers that may have jobs; None where all may."""
        return [*self._fit] if self._silent or len(self._fit) < len(self._workers) else None

    @property
    def _fit(self) -> dict[str, Worker]:
        return {address: worker for address, worker in self._workers.items() if not worker.unfit}

    @property
    def words(self) -> str:
        """``3 hosts, 12 workers``."""
        fit = self._fit.values()
        return f"{counted(len({each.host for each in fit}), 'host')}, {counted(sum(each.processes for each in fit), 'worker')}"
