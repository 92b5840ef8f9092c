"""What goes over the wire: a sweep's jobs to Dask, and what Dask, its scheduler and the sweep's workers say, in one queue."""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra_plugins.nnexp_launcher._interface import Surroundings
from hydra_plugins.nnexp_launcher._launch import payload

from nnexp.errors import NnexpError, first_line
from nnexp.remote.dispatch import Dispatch
from nnexp.remote.facts import Facts, facts
from nnexp_dask.cluster import OWN, Connection, answered, gone, refuse_unfit, wait_for_workers
from nnexp_dask.messages import TOPIC, Attempt, Report, carry_out, checkpoint_of, interrupt
from nnexp_dask.worker_plugin import SweepPlugin

LEAVING = 2.0
"""Seconds that it takes at most to take a sweep back from its cluster."""
LEAVING_AT_ONCE = 0.3


class Link:
    """To the cluster, for one sweep. What arrives is put into ``said``, as pairs of a word and what it is about.

    | word | about |
    |---|---|
    | ``said`` | what a worker says: a mapping |
    | ``done`` | the number and the key of an attempt whose task has ended |
    | ``lost`` | the address of a worker that the scheduler has lost |
    | ``checkpoint`` | number and start of an attempt, and its checkpoint |
    | ``answered`` | nothing: the scheduler has answered ``ask`` |
    | ``kept`` | the number of a job whose files are written, and what became of it; said by the pool |
    """

    def __init__(self, connection: Connection, around: Surroundings, dispatch: Dispatch | None) -> None:
        """Find workers that fit, and give them what all jobs have in common. Raises NnexpError."""
        self.name = f"nnexp-{secrets.token_hex(4)}"
        self.said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.settings = connection.settings
        self._connection = connection
        self._asked: float | None = None
        """When the scheduler was asked whether it is there, if it has not answered yet."""
        self.given_up = ""
        """Why no job goes on, where the scheduler is gone."""
        self._attempts = 0
        try:
            self._client = connection.client
            self._begin(around, dispatch)
        except BaseException:
            connection.close()
            raise

    def _begin(self, around: Surroundings, dispatch: Dispatch | None) -> None:
        client = self._client
        head = dispatch.facts(*OWN) if dispatch else facts(OWN)
        self.processor = head.processor
        self.fit: dict[str, Facts] = {}
        while not self.fit:
            self.processes = wait_for_workers(client, self.settings)
            """The jobs that each worker carries out at the same time."""
            self.fit = refuse_unfit(client, head, self.processes, self.settings.patience)
        client.subscribe_topic(TOPIC, self._hear)
        client.subscribe_topic("all", self._hear_of)
        plugin = SweepPlugin(
            self.name,
            payload(around, None, dispatch.around if dispatch else None),
            head,
            jobs=around.jobs,
            staged=dispatch.staged if dispatch else None,
            environment=dispatch.environment() if dispatch else None,
            tags=dispatch.tags() if dispatch else None,
            directory=str(Path.cwd()),
        )
        for answers in answered(client, self.settings.patience, lambda: client.register_plugin(plugin, name=self.name)):
            for address, answer in answers.items():
                if answer["status"] != "OK":
                    raise NnexpError(f"The worker {address} cannot begin: {first_line(answer['exception'])}")

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Dask's thread hands over what a worker of this sweep says."""
        if event[1].get("sweep") == self.name:
            self.said.put(("said", event[1]))

    def _hear_of(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Dask's thread hands over what the scheduler says of its workers."""
        if event[1].get("action") == "remove-worker":
            self.said.put(("lost", str(event[1]["worker"])))

    def submit(self, attempt: Attempt, workers: list[str] | None) -> tuple[str, Any]:
        """Give an attempt to Dask, for these workers or all; its key and its future."""
        self._attempts += 1
        key = f"{self.name}-{attempt.number}-{self._attempts}"
        future = self._client.submit(carry_out, self.name, key, attempt, key=key, pure=False, workers=workers)
        future.add_done_callback(lambda _: self.said.put(("done", (attempt.number, key))))
        return key, future

    def report(self, future: Any) -> Report:
        """What became of an attempt whose task has ended. Raises whatever Dask raises where that was lost."""
        report: Report = future.result(timeout=self.settings.patience)
        return report

    def fetch_checkpoint(self, number: int, start: str, worker: str) -> None:
        """Have a checkpoint brought, which may be large, while everything else goes on."""

        def fetch() -> None:
            (content,) = self._client.run(checkpoint_of, self.name, number, workers=[worker]).values()
            self.said.put(("checkpoint", (number, start, content)))

        aside(fetch)

    def interrupt(self, how: int) -> None:
        """Have all jobs closed."""
        aside(lambda: self._client.run(interrupt, self.name, how, on_error="ignore"))

    def refuse_gone(self) -> None:
        """Raise NnexpError where the scheduler has ended, or does not answer what it was asked."""
        late = self._asked is not None and time.monotonic() - self._asked > self.settings.patience
        if late or not self.alive:
            self.given_up = "the Dask scheduler was gone"
            raise gone(self._connection.where)

    @property
    def alive(self) -> bool:
        """Whether there is a connection to the scheduler."""
        return self._client.status == "running"

    def ask(self) -> None:
        """Ask the scheduler whether it is there, unless it is asked already."""
        if self._asked is not None:
            return
        self._asked = time.monotonic()

        def ask() -> None:
            self._client.sync(self._client.scheduler.identity)  # type: ignore[union-attr]  # there is one
            self._asked = None
            self.said.put(("answered", None))

        aside(ask)

    def end(self, futures: list[Any], *, at_once: bool) -> None:
        """Take everything back from the cluster, and leave."""

        def leave() -> None:
            for topic in (TOPIC, "all"):
                self._client.unsubscribe_topic(topic)
            self._client.cancel(futures)
            self._client.unregister_worker_plugin(self.name)

        aside(leave).join(LEAVING_AT_ONCE if at_once else LEAVING)
        self._connection.close()


def aside(work: Callable[[], object]) -> threading.Thread:
    """Do what may hang in a thread that may be left alone."""

    def safely() -> None:
        with contextlib.suppress(Exception):  # a worker, or the scheduler, that is lost meanwhile
            work()

    thread = threading.Thread(target=safely, daemon=True)
    thread.start()
    return thread
