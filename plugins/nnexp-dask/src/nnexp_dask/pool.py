"""The head's end of a sweep: which job is where, what becomes of it, and that no job is lost with its worker.

Each attempt at a job is a task of Dask's, for any worker that fits. What its worker says comes through the scheduler: that the
attempt has begun, what is new of it, that the worker is alive. A worker that is silent for too long counts as lost, whatever
Dask thinks; so does one whose task Dask has started elsewhere. The job then goes on from what the head has of it, as a new
attempt. What an attempt says that is given up is not listened to.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.nnexp_launcher._interface import (
    LAST_SECONDS,
    Begun,
    Ended,
    Event,
    OpenPool,
    Outcome,
    Placed,
    Surroundings,
    WorkerDiedError,
)
from hydra_plugins.nnexp_launcher._launch import payload
from hydra_plugins.nnexp_launcher._worker import composed
from omegaconf import DictConfig

from nnexp.errors import NnexpError, first_line
from nnexp.experiment.checkpoint import CHECKPOINT
from nnexp.remote.dispatch import Dispatch
from nnexp.remote.facts import facts
from nnexp.remote.mirror import Mirror
from nnexp.remote.parcel import News
from nnexp.terminal.console import note
from nnexp_dask.cluster import OWN, Connection, gone, refuse_unfit, wait_for_workers
from nnexp_dask.desk import Desk
from nnexp_dask.errand import TOPIC, Errand, Report, carry_out, checkpoint_of, interrupt
from nnexp_dask.hosts import Hosts

if TYPE_CHECKING:
    from distributed import Client

LOOK = 0.5
"""Seconds between two looks at the cluster."""
DEATHS = 3
"""Processes that a job may kill in a row before it is given up."""
AHEAD = 2
"""Jobs that are handed over for each seat: one that runs, and one that is there when it has ended."""


@dataclass
class Job:
    """A job that is handed over, and its present attempt."""

    number: int
    overrides: tuple[str, ...]
    mirror: Mirror | None
    config: DictConfig | None = None
    key: str = ""
    future: Any = None
    start: str = ""
    """The start of the attempt that is listened to; empty before one has begun."""
    worker: str = ""
    told: bool = False
    """Whether the launch knows that it has begun."""
    processor: str = ""
    deaths: int = 0
    epochs: int = 0
    """Of the mirror, when the attempt was made."""


def opened(connection: Connection) -> OpenPool:
    """What starts a pool on the cluster of a connection."""
    return lambda around: DaskPool(around, connection)


class DaskPool:
    """The workers of a cluster; see ``hydra_plugins.nnexp_launcher._interface.Pool``."""

    def __init__(self, around: Surroundings, connection: Connection) -> None:
        self._around = around
        self._connection = connection
        self._dispatch = Dispatch(around.monitor, around.context, around.config) if around.monitor is not None else None
        self._name = f"nnexp-{secrets.token_hex(4)}"
        self._said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._jobs: dict[int, Job] = {}
        self._hosts = Hosts(connection.settings.patience)
        self._placed = ""
        self._looked = time.monotonic()
        self._attempts = 0
        self._ended = False
        try:
            self._client = self._begin()
        except BaseException:
            connection.close()
            raise

    def _begin(self) -> Client:
        """Find workers that fit, and give them what all jobs have in common."""
        client, around, dispatch = self._connection.client, self._around, self._dispatch
        wait_for_workers(client, self._connection.settings)
        head = dispatch.facts(*OWN) if dispatch else facts(OWN)
        self._processor = head.processor
        refuse_unfit(client, head)
        client.subscribe_topic(TOPIC, self._hear)
        desk = Desk(
            self._name,
            payload(around, None, dispatch.around if dispatch else None),
            head,
            luggage=dispatch.luggage if dispatch else None,
            environment=dispatch.environment() if dispatch else None,
            tags=dispatch.tags() if dispatch else None,
            directory=str(Path.cwd()),
        )
        for address, answer in client.register_plugin(desk, name=self._name).items():
            if answer["status"] != "OK":
                raise NnexpError(f"The worker {address} cannot begin: {first_line(answer['exception'])}")
        return client

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Dask's thread hands over what a worker of this sweep says."""
        if event[1].get("sweep") == self._name:
            self._said.put(("said", event[1]))

    def free(self) -> int:
        most = self._connection.settings.workers
        seats = max(1, self._hosts.seats)
        room = min(seats, most) if most and self._connection.settings.address else seats * AHEAD
        return max(0, room - len(self._jobs))

    def submit(self, number: int, overrides: Sequence[str]) -> None:
        job = Job(number, tuple(overrides), self._dispatch.mirror(number, overrides) if self._dispatch else None)
        if self._dispatch:
            job.config = self._dispatch.composed(
                overrides, lambda: composed(self._around.context, self._around.config, number, overrides)
            )
        self._jobs[number] = job
        self._attempt(job)

    def _attempt(self, job: Job) -> None:
        """Hand a job over, with what there is of it."""
        self._attempts += 1
        files = job.mirror.packed() if job.mirror else {}
        job.processor = (job.mirror.processor or self._processor) if job.mirror and files else ""
        job.epochs = job.mirror.epochs if job.mirror else 0
        job.start = job.worker = ""
        job.key = f"{self._name}-{job.number}-{self._attempts}"
        errand = Errand(job.number, job.overrides, job.config, files, job.processor)
        job.future = self._client.submit(
            carry_out, self._name, job.key, errand, key=job.key, pure=False, workers=self._hosts.only_fit
        )
        key = job.key
        job.future.add_done_callback(lambda _: self._said.put(("done", (job.number, key))))

    def wait(self) -> Sequence[Event]:
        events: list[Event] = []
        while not events:
            with contextlib.suppress(queue.Empty):
                events += self._heard(*self._said.get(timeout=LOOK))
                while len(events) < 64:
                    events += self._heard(*self._said.get_nowait())
            if time.monotonic() - self._looked >= LOOK:
                events += self._look()
        return events

    def _heard(self, what: str, about: Any) -> Iterator[Event]:
        """What follows from one message."""
        if what == "done":
            number, key = about
            if (job := self._jobs.get(number)) and job.key == key:
                yield from self._done(job)
            return
        if what == "checkpoint":
            number, start, content = about
            if content and (job := self._jobs.get(number)) and job.start == start:
                yield from self._taken(job, News(files={CHECKPOINT: content}))
            return
        self._hosts.heard(about)
        if about["what"] == "alive":
            return
        found = self._jobs.get(about["number"])
        if found and found.key == about["key"]:
            yield from self._told(found, about)

    def _told(self, job: Job, about: Mapping[str, Any]) -> Iterator[Event]:
        """A worker says something of a job's present attempt."""
        if job.start not in ("", about["start"]):  # Dask has lost the worker that had begun
            yield from self._again(job, "its worker is lost")
            return
        job.start, job.worker = about["start"], about["worker"]
        if not job.told:
            job.told = True
            yield Begun(job.number)
        if about["what"] == "news":
            streams = {name: (int(offset), bytes(lines)) for name, (offset, lines) in about["streams"].items()}
            yield from self._taken(job, News(streams))
            if about["checkpoint"]:
                self._fetch_checkpoint(job)

    def _taken(self, job: Job, news: News) -> Iterator[Event]:
        """Write down what is new of a job that goes on; one that cannot be written down has failed."""
        try:
            if job.mirror:
                job.mirror.take(news)
        except (NnexpError, OSError) as error:
            yield self._end(job, Outcome.failed(error))

    def _fetch_checkpoint(self, job: Job) -> None:
        """Have a checkpoint brought, which may be large, while everything else goes on."""
        number, start, worker = job.number, job.start, job.worker

        def fetch() -> None:
            with contextlib.suppress(Exception):  # a worker that is lost meanwhile
                (content,) = self._client.run(checkpoint_of, self._name, number, workers=[worker]).values()
                self._said.put(("checkpoint", (number, start, content)))

        threading.Thread(target=fetch, daemon=True).start()

    def _done(self, job: Job) -> Iterator[Event]:
        """The task of a job's present attempt has ended, in whatever way."""
        assert job.future is not None
        try:
            report: Report = job.future.result(timeout=self._connection.settings.patience)
        except Exception as error:  # noqa: BLE001 (of Dask's own: the worker is lost, or the task was taken back)
            if self._client.status != "running":
                return  # the scheduler is gone, as _look finds out
            yield from self._again(job, first_line(error))
            return
        if job.start not in ("", report.start):
            yield from self._again(job, "its worker is lost")
            return
        if not job.told:
            job.told = True
            yield Begun(job.number)
        match report.how:
            case "ended":
                yield from self._finished(job, report)
            case "another processor":
                yield from self._anew(job, report)
            case "unfit":
                self._attempt(job)  # from now on for those alone that fit
            case _:
                yield from self._taken(job, report.rest)
                if job.number in self._jobs:
                    yield from self._again(job, report.words)

    def _finished(self, job: Job, report: Report) -> Iterator[Event]:
        assert report.outcome is not None
        outcome = report.outcome
        try:
            if job.mirror:
                job.mirror.finish(report.rest)
        except (NnexpError, OSError) as error:
            outcome = Outcome.failed(error)
        yield self._end(job, outcome)

    def _anew(self, job: Job, report: Report) -> Iterator[Event]:
        """A job that had begun on another kind of processor does not go on here: its last bits would differ."""
        assert job.mirror is not None
        assert self._dispatch is not None
        self._tell(f"#{job.number} begins anew: {report.words}, and it had begun on {job.processor}")
        try:
            self._dispatch.set_aside(job.mirror)
        except (NnexpError, OSError) as error:
            yield self._end(job, Outcome.failed(error))
            return
        self._attempt(job)

    def _again(self, job: Job, why: str) -> Iterator[Event]:
        """Have a job go on elsewhere; one that kills whatever carries it out is given up."""
        progress = job.mirror.epochs > job.epochs if job.mirror else False
        job.deaths = 1 if progress else job.deaths + 1
        if job.deaths >= DEATHS:
            words = f"given up, since {DEATHS} processes in a row were lost with it ({why})"
            yield self._end(job, Outcome.failed(WorkerDiedError(words)))
            return
        if job.future:
            job.future.cancel()
        try:
            self._attempt(job)
        except (NnexpError, OSError) as error:
            yield self._end(job, Outcome.failed(error))
            return
        self._tell(
            f"#{job.number} goes on elsewhere from its last checkpoint: {why}"
            if job.mirror
            else f"#{job.number}: {why}"
        )

    def _end(self, job: Job, outcome: Outcome) -> Ended:
        """A job has no further attempt."""
        del self._jobs[job.number]
        if job.mirror:
            job.mirror.close()
        if job.future:
            job.future.release()
        return Ended(job.number, outcome)

    def _look(self) -> Iterator[Event]:
        """Look after the scheduler and the workers. Raises NnexpError where the scheduler is gone."""
        self._looked = time.monotonic()
        if self._client.status != "running":
            raise gone(self._connection.where)
        for line in self._hosts.remarks():
            self._tell(line)
        for worker in self._hosts.lost():
            for job in [each for each in self._jobs.values() if each.worker == worker]:
                yield from self._again(job, f"its worker {worker} has been silent for {self._hosts.patience:g} s")
        if self._hosts.words != self._placed and self._connection.settings.address:
            self._placed = self._hosts.words
            yield Placed(self._placed)

    def _tell(self, line: str) -> None:
        (self._around.monitor.progress.note if self._around.monitor else note)(line)

    def withdraw(self) -> Sequence[int]:
        waiting = [job for job in self._jobs.values() if not job.told]
        for job in waiting:
            if job.future:
                job.future.cancel()
            del self._jobs[job.number]
        return [job.number for job in waiting]

    def interrupt(self, how: signal.Signals) -> None:
        until = time.monotonic() + LAST_SECONDS
        self.withdraw()
        self._aside(lambda: self._client.run(interrupt, self._name, int(how), on_error="ignore"))
        with contextlib.suppress(queue.Empty, NnexpError):
            while self._jobs and (left := until - time.monotonic()) > 0:
                for _ in self._heard(*self._said.get(timeout=left)):
                    pass

    def end(self, *, at_once: bool) -> None:
        for job in self._jobs.values():
            if job.mirror:
                job.mirror.close()
        work = self._aside(self._leave)
        work.join(0.3 if at_once else 2.0)
        self._connection.close()

    def _leave(self) -> None:
        """Take everything back from the cluster."""
        self._client.cancel([job.future for job in self._jobs.values() if job.future])
        self._client.unregister_worker_plugin(self._name)

    def _aside(self, work: Callable[[], object]) -> threading.Thread:
        """Do what may hang in a thread that may be left alone."""

        def safely() -> None:
            with contextlib.suppress(Exception):
                work()

        thread = threading.Thread(target=safely, daemon=True)
        thread.start()
        return thread
