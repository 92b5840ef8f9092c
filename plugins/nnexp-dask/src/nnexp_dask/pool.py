"""The head's end of a sweep: which job is where, what becomes of it, and that no job is lost with its worker.

Each attempt at a job is a task of Dask's, for any worker that fits. What its worker says comes through the scheduler: that the
attempt has begun, what is new of it, that the worker is alive. A worker that is silent for too long counts as lost, whatever
Dask thinks; so does one whose task Dask has started elsewhere. The job then goes on from what the head has of it, as a new
attempt. What an attempt says that is given up is not listened to.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudpickle
from hydra_plugins.nnexp_launcher._interface import (
    LAST_SECONDS,
    Begun,
    Ended,
    Event,
    Outcome,
    Placed,
    Surroundings,
    WorkerDiedError,
)
from hydra_plugins.nnexp_launcher._worker import composed

from nnexp.errors import NnexpError, first_line
from nnexp.experiment.checkpoint import CHECKPOINT
from nnexp.remote.dispatch import Dispatch
from nnexp.remote.updates import Update
from nnexp.terminal.console import note
from nnexp_dask.cluster import Connection, starting
from nnexp_dask.hosts import Hosts
from nnexp_dask.jobs import Job
from nnexp_dask.link import Link
from nnexp_dask.messages import Report

LOOK = 0.5
"""Seconds between two looks at the cluster."""
DEATHS = 3
"""Processes that a job may kill in a row before it is given up."""
AHEAD = 2
"""Jobs that are handed over for each process: one that runs, and one that is there when it has ended."""
WRITERS = 8
"""Threads that write the files of jobs that have ended."""
AT_ONCE = 64
"""Events that are told together."""


class DaskPool:
    """The workers of a cluster; see ``hydra_plugins.nnexp_launcher._interface.Pool``."""

    def __init__(self, around: Surroundings, connection: Connection) -> None:
        self._around = around
        self._settings = connection.settings
        own = around.monitor is not None
        self._dispatch = Dispatch(around.monitor, around.context, around.config) if own else None
        self._jobs: dict[int, Job] = {}
        most = self._settings.workers if self._settings.address else None
        self._hosts = Hosts(connection.settings.patience, most)
        self._placed: Placed | None = None
        self._looked = time.monotonic()
        self._waits = False
        self._writers = ThreadPoolExecutor(WRITERS, "writing")
        self._link = Link(connection, around, self._dispatch)
        self._hosts.expect(self._link.processes, self._link.fit)

    def free(self) -> int:
        ahead = 1 if self._hosts.most else AHEAD
        return max(0, max(1, self._hosts.processes) * ahead - len(self._jobs))

    def submit(self, number: int, overrides: Sequence[str]) -> None:
        job = Job(number, tuple(overrides), self._dispatch.mirror(number, overrides) if self._dispatch else None)
        if self._dispatch and self._dispatch.needs_files(overrides):
            config = composed(self._around.context, self._around.config, number, overrides)
            job.config = cloudpickle.dumps(config)
        self._jobs[number] = job
        self._attempt(job)

    def _attempt(self, job: Job) -> None:
        """Hand a job over, with what there is of it."""
        job.key, job.future = self._link.submit(job.next_attempt(self._link.processor), self._hosts.only_fit)

    def wait(self) -> Sequence[Event]:
        events: list[Event] = []
        while not events:
            with contextlib.suppress(queue.Empty):
                events += self._heard(*self._link.said.get(timeout=LOOK))
                while len(events) < AT_ONCE:
                    events += self._heard(*self._link.said.get_nowait())
            if time.monotonic() - self._looked >= LOOK:
                events += self._look()
        return events

    def _heard(self, what: str, about: Any) -> Iterator[Event]:
        """What follows from one message; see ``Link``."""
        match what, about:
            case "done", (number, key):
                if (job := self._jobs.get(number)) and job.key == key:
                    yield from self._done(job)
            case "checkpoint", (number, start, content):
                if content and (job := self._jobs.get(number)) and job.start == start:
                    yield from self._taken(job, Update(files={CHECKPOINT: content}))
            case "kept", (number, outcome) if number in self._jobs:
                yield self._end(self._jobs[number], outcome)
            case "lost", worker if self._hosts.gone(worker):
                yield from self._lost(worker, "is lost")
            case "answered", None:
                yield from self._answered()
            case "said", _:
                self._hosts.heard(about)
                job = self._jobs.get(about["number"]) if about["what"] != "alive" else None
                if job and job.key == about["key"]:
                    yield from self._told(job, about)

    def _told(self, job: Job, about: Mapping[str, Any]) -> Iterator[Event]:
        """A worker says something of a job's present attempt."""
        if job.start not in ("", about["start"]):  # Dask has lost the worker that had begun
            yield from self._again(job, "its worker is lost")
            return
        job.start, job.worker = about["start"], about["worker"]
        yield from self._begun(job)
        if about["what"] == "update":
            streams = {name: (int(offset), bytes(lines)) for name, (offset, lines) in about["streams"].items()}
            yield from self._taken(job, Update(streams))
            if about["checkpoint"]:
                self._link.fetch_checkpoint(job.number, job.start, job.worker)

    def _begun(self, job: Job) -> Iterator[Event]:
        if not job.told:
            job.told = True
            yield Begun(job.number)

    def _taken(self, job: Job, update: Update) -> Iterator[Event]:
        """Write down what is new of a job that goes on; one that cannot be written down has failed."""
        try:
            if job.mirror:
                job.mirror.take(update)
        except (NnexpError, OSError) as error:
            yield self._end(job, Outcome.failed(error))

    def _done(self, job: Job) -> Iterator[Event]:
        """The task of a job's present attempt has ended, in whatever way."""
        try:
            report = self._link.report(job.future)
        except Exception as error:  # noqa: BLE001 (of Dask's own: the worker is lost, or the task was taken back)
            if self._link.alive:  # or else _look finds out
                yield from self._again(job, first_line(error))
            return
        if job.start not in ("", report.start):
            yield from self._again(job, "its worker is lost")
            return
        match report.how:
            case "ended":
                yield from self._begun(job)
                yield from self._finished(job, report)
            case "another processor":
                yield from self._anew(job, report)
            case "asks":
                yield from self._answered_to(job, *report.question)
            case "unfit":
                self._attempt(job)  # from now on for those alone that fit
            case _:
                yield from self._begun(job)
                yield from self._taken(job, report.rest)
                if job.number in self._jobs:
                    yield from self._again(job, report.words)

    def _finished(self, job: Job, report: Report) -> Iterator[Event]:
        """Have the files of a job written, in a thread: to force them onto the disk takes longer than all else."""
        assert report.outcome is not None
        job.key = job.start = job.worker = ""  # nothing more is heard of it
        outcome, mirror = report.outcome, job.mirror
        if mirror is None:
            yield self._end(job, outcome)
            return

        def write() -> None:
            kept = outcome
            try:
                mirror.finish(report.rest)
            except Exception as error:  # noqa: BLE001 (told as the job's failure)
                kept = Outcome.failed(error)
            self._link.said.put(("kept", (job.number, kept)))

        self._writers.submit(write)

    def _answered_to(self, job: Job, key: str, experiment: str) -> Iterator[Event]:
        """A job that may have been carried out before gets to know that, and begins once more."""
        assert self._dispatch is not None
        try:
            job.answers[key] = self._dispatch.finished(key, experiment)
            self._attempt(job)
        except (NnexpError, OSError) as error:
            yield self._end(job, Outcome.failed(error))

    def _anew(self, job: Job, report: Report) -> Iterator[Event]:
        """A job that had begun on another kind of processor does not go on here: its last bits would differ."""
        assert job.mirror is not None and self._dispatch is not None  # noqa: PT018
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
        job.future.cancel()
        if job.deaths >= DEATHS:
            words = f"given up, since {DEATHS} processes in a row were lost with it ({why})"
            yield self._end(job, Outcome.failed(WorkerDiedError(words)))
            return
        try:
            self._attempt(job)
        except (NnexpError, OSError) as error:
            yield self._end(job, Outcome.failed(error))
            return
        goes_on = "goes on from its last checkpoint" if job.processor else "begins once more"
        self._tell(f"#{job.number} {goes_on}: {why}")

    def _end(self, job: Job, outcome: Outcome) -> Ended:
        """A job has no further attempt."""
        del self._jobs[job.number]
        if job.mirror:
            job.mirror.close()
        job.future.cancel()
        return Ended(job.number, outcome)

    def _look(self) -> Iterator[Event]:
        """Look after the scheduler and the workers. Raises NnexpError where the scheduler is gone."""
        now, hosts = time.monotonic(), self._hosts
        away, self._looked = now - self._looked, now
        self._link.refuse_gone()
        if away > hosts.patience / 2:  # this process was stopped for a while
            hosts.forgive()
        for line in hosts.remarks():
            self._tell(line)
        if hosts.silence > hosts.patience:  # of workers or of the scheduler: nobody is lost before that is known
            self._link.ask()
        else:
            yield from self._fallen_silent()
        placed = Placed(hosts.processes, hosts.words if self._settings.address else "")
        if placed != self._placed:
            self._placed = placed
            yield placed

    def _lost(self, worker: str, why: str) -> Iterator[Event]:
        """The jobs of a worker go on elsewhere; those that nobody has begun with may lie there, or be for it alone."""
        for job in [*self._jobs.values()]:
            if job.worker == worker:
                yield from self._again(job, f"its worker {worker} {why}")
            elif job.key and not job.start:
                job.future.cancel()
                self._attempt(job)

    def _fallen_silent(self) -> Iterator[Event]:
        for worker in self._hosts.lost():
            yield from self._lost(worker, f"has been silent for {self._hosts.patience:g} s")

    def _answered(self) -> Iterator[Event]:
        """The scheduler is there; where it has no workers of ours any more, the sweep waits for some."""
        yield from self._fallen_silent()
        self._hosts.forgive()
        if not self._hosts.processes and not self._waits:
            self._tell(f"No worker is left, so the sweep waits for others. {starting(self._settings)}")
        self._waits = not self._hosts.processes

    def _tell(self, line: str) -> None:
        (self._around.monitor.progress.note if self._around.monitor else note)(line)

    def withdraw(self) -> Sequence[int]:
        waiting = [job for job in self._jobs.values() if not job.told]
        for job in waiting:
            self._end(job, Outcome.failed(InterruptedError()))
        return [job.number for job in waiting]

    def interrupt(self, how: signal.Signals) -> None:
        until = time.monotonic() + LAST_SECONDS
        self.withdraw()
        self._link.interrupt(int(how))
        with contextlib.suppress(queue.Empty, NnexpError):
            while self._jobs and (left := until - time.monotonic()) > 0:
                for _ in self._heard(*self._link.said.get(timeout=left)):
                    pass

    def end(self, *, at_once: bool) -> None:
        self._writers.shutdown(wait=not at_once, cancel_futures=True)
        for job in self._jobs.values():
            if job.mirror and job.key:
                job.mirror.close(self._link.given_up)
        self._link.end([job.future for job in self._jobs.values()], at_once=at_once)
