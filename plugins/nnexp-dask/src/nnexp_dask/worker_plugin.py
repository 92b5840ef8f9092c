"""A worker's end of a sweep: its processes, its folder, and what it tells the head. Dask keeps it with the worker, as a plugin.

The scheduler hands it to each worker that comes, also to one that comes later. It ends with the sweep: when the head takes it
back, when the worker does, or when the head is gone, since Dask then takes the tasks back.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Status, WorkerPlugin
from hydra_plugins.nnexp_launcher._interface import Outcome
from hydra_plugins.nnexp_launcher._pool import KILLED
from tornado.ioloop import PeriodicCallback

from nnexp.remote.dispatch import entering
from nnexp.remote.facts import Facts, differences, facts
from nnexp.remote.staging import StagedFiles
from nnexp.remote.updates import Update
from nnexp.remote.worker import JobFolder
from nnexp_dask.messages import TOPIC, Attempt, Report
from nnexp_dask.warm_process import WarmProcess

LOOK = 0.5
"""Seconds between two looks at a job that runs."""
CLOSING = 2.0
"""Seconds that a job has to close its run where it is taken back."""
IDLE_SECONDS = 20.0
"""What a process waits for another job before it ends."""
UNFIT_SECONDS = 1.0
"""What a worker that does not fit takes for a job: or else it would draw all of them."""


@dataclass
class Running:
    """A job that is carried out here."""

    number: int
    folder: JobFolder | None
    process: WarmProcess | None = None
    """None until there is a free one."""
    withdrawn: threading.Event = field(default_factory=threading.Event)


class SweepPlugin(WorkerPlugin):
    """One sweep's, on one worker. Made at the head, sent to the workers, set up there."""

    def __init__(  # noqa: PLR0913 (what a sweep is)
        self,
        name: str,
        payload: bytes,
        head: Facts,
        *,
        jobs: int,
        staged: StagedFiles | None = None,
        environment: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        directory: str = "",
    ) -> None:
        self.name = name
        self._payload = payload
        self._head = head
        self._jobs = jobs
        self._staged = staged
        self._environment = dict(environment or {})
        self._tags = dict(tags or {})
        self._directory = directory

    def setup(self, worker: Any) -> None:
        """Unpack, and have the processes made, which import while the first jobs come."""
        self._worker = worker
        self._here = facts(self._head.versions)
        self.unfit = "; ".join(differences(self._head, self._here))
        self._own = tempfile.TemporaryDirectory(prefix="nnexp-", dir=worker.local_directory, ignore_cleanup_errors=True)
        root = Path(self._own.name).resolve()
        files = self._staged.unpack(root) if self._staged else {}
        self._sweep = root / self._staged.sweep if self._staged else None
        self._root = root if self._staged else Path(self._directory)
        tags = {**self._tags, **self._here.tags}
        self._enter: Callable[[], None] | None = None
        if self._staged:
            self._enter = entering(worker.state.nthreads, files, tags)
        self._running: dict[str, Running] = {}
        self._occupied: set[int] = set()
        """Jobs whose folder an attempt has."""
        self._vacated = threading.Condition()
        self._processes: queue.SimpleQueue[WarmProcess] = queue.SimpleQueue()
        self._over = False
        self._keeping = threading.Lock()
        self._few = threading.Semaphore(worker.state.nthreads)
        """How many more processes there may be."""
        for _ in range(0 if self.unfit else min(worker.state.nthreads, self._jobs)):
            self._few.acquire()
            threading.Thread(target=lambda: self._keep(self._new_process()), daemon=True).start()
        self._idle_since: float | None = None
        self._alive = PeriodicCallback(self._say_alive, 1000)
        self._alive.start()
        self._say_alive()

    def teardown(self, worker: Any) -> None:
        """End the processes, and remove the folder."""
        self._alive.stop()
        with self._keeping:
            self._over = True
        for each in [*self._running.values()]:
            each.withdrawn.set()
            if each.process:
                each.process.end()
        self._end_processes()
        self._own.cleanup()

    def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
        """Dask takes a task back: because the head wants that, or because it is gone."""
        if finish in ("cancelled", "released", "forgotten") and (found := self._running.get(str(key))):
            found.withdrawn.set()

    def carry_out(self, key: str, attempt: Attempt) -> Report:
        """Have a job carried out, and tell the head how it goes. In the thread that Dask has for the task."""
        start = secrets.token_hex(8)
        if self.unfit:
            time.sleep(UNFIT_SECONDS)
            return Report(start, "unfit", words=self.unfit)
        if attempt.processor not in ("", self._here.processor):
            return Report(start, "another processor", words=f"{self._here.host} has {self._here.processor}")
        folder = JobFolder(self._sweep / str(attempt.number)) if self._sweep else None
        running = self._running[key] = Running(attempt.number, folder)
        if not self._occupy(running):
            del self._running[key]
            return Report(start, "withdrawn")
        try:
            if folder:
                folder.begin(attempt.files)
            running.process = self._free_process()
            self._say("begun", number=attempt.number, key=key, start=start, worker=self._worker.address)
            return self._carried_out(attempt, start, key, running, running.process)
        finally:
            del self._running[key]
            if folder:
                folder.clear()
            self._vacate(running)
            if running.process:
                self._keep(running.process)

    def _occupy(self, running: Running) -> bool:
        """Wait until no other attempt at the job has its folder; False where this one is taken back meanwhile.

        When a worker dies, Dask starts its tasks once more, here perhaps, before the head has taken them back.
        """
        with self._vacated:
            while running.number in self._occupied and not running.withdrawn.is_set():
                self._vacated.wait(LOOK)
            if running.withdrawn.is_set():
                return False
            self._occupied.add(running.number)
        return True

    def _vacate(self, running: Running) -> None:
        with self._vacated:
            self._occupied.discard(running.number)
            self._vacated.notify_all()

    def _carried_out(self, attempt: Attempt, start: str, key: str, running: Running, process: WarmProcess) -> Report:
        process.begin(attempt)
        until = None
        try:
            while (outcome := process.outcome(LOOK)) is None:
                if running.folder and (update := running.folder.update()):
                    self._say_update(attempt.number, key, start, update)
                if running.withdrawn.is_set() and until is None:
                    until = time.monotonic() + CLOSING
                    process.signal(signal.SIGTERM)
                if until is not None and time.monotonic() > until:
                    process.end()
                    return Report(start, "withdrawn")
        except EOFError:
            return Report(start, "died", Outcome.failed(RuntimeError(KILLED)), self._rest(running), KILLED)
        if isinstance(outcome, tuple):
            return Report(start, "asks", question=outcome)
        return Report(start, "ended", outcome, self._rest(running))

    def checkpoint(self, number: int) -> bytes:
        """The present checkpoint of a job that is carried out here; nothing where there is none."""
        found = [each.folder for each in self._running.values() if each.number == number and each.folder]
        return found[0].checkpoint_content() if found else b""

    def interrupt(self, how: int) -> None:
        """Have all jobs closed."""
        for each in [*self._running.values()]:
            if each.process:
                each.process.signal(how)

    def _rest(self, running: Running) -> Update:
        return running.folder.final_update() if running.folder else Update()

    def _free_process(self) -> WarmProcess:
        self._idle_since = None
        while True:
            try:
                return self._usable(self._processes.get(timeout=LOOK))
            except queue.Empty:
                if self._few.acquire(blocking=False):  # those that had nothing to do were let go
                    return self._new_process()

    def _keep(self, process: WarmProcess) -> None:
        """Have a process for the next job, or end it where there will be none: the sweep may be over meanwhile."""
        with self._keeping:
            if not self._over:
                self._processes.put(self._usable(process))
                return
        process.end()

    def _usable(self, process: WarmProcess) -> WarmProcess:
        """The process, or another one in the place of one that has died."""
        if process.alive:
            return process
        process.end()
        return self._new_process()

    def _let_idle_go(self) -> None:
        """Processes without anything to do end after a while: the sweep may be over, and nobody left to say so."""
        now = time.monotonic()
        self._idle_since = None if self._running else self._idle_since or now
        if self._idle_since and now - self._idle_since > IDLE_SECONDS:
            self._end_processes()

    def _end_processes(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._processes.get_nowait().end()
                self._few.release()

    def _new_process(self) -> WarmProcess:
        return WarmProcess(self._payload, self._enter, self._root, self._environment)

    def _say_alive(self) -> None:
        self._let_idle_go()
        self._say(
            "alive",
            worker=self._worker.address,
            host=self._here.host,
            processes=self._worker.state.nthreads,
            unfit=self.unfit,
            paused=self._worker.status == Status.paused,
        )

    def _say_update(self, number: int, key: str, start: str, update: Update) -> None:
        streams = {name: list(each) for name, each in update.streams.items()}
        self._say(
            "update",
            number=number,
            key=key,
            start=start,
            worker=self._worker.address,
            streams=streams,
            checkpoint=bool(update.files),
        )

    def _say(self, what: str, **more: Any) -> None:
        self._worker.log_event(TOPIC, {"sweep": self.name, "what": what, **more})
