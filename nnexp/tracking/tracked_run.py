"""One run while it trains: everything goes into its journal, and from there into MLflow."""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnexp.basics.origin import origin, uri_option
from nnexp.basics.plain import spelled
from nnexp.basics.removing import remove
from nnexp.basics.secrets import masked
from nnexp.errors import NnexpError, printable
from nnexp.journal.journal import Journal
from nnexp.journal.outbox import refuse_pending, register
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.records import Record
from nnexp.tracking.client import PATIENT, QUICK, quiet, reason, worded
from nnexp.tracking.delivery import PROGRESS, Delivery, promise_new
from nnexp.tracking.delivery_process import DeliveryProcess
from nnexp.tracking.opening import Opening, Pending, Status, Target

LIVE_AFTER = 10.0
"""Seconds of training after which MLflow is fed while it goes on, by another process, whose start costs 3 s of a processor."""

LOOK = 1.0
"""Seconds between two looks at that process."""


class TrackedRun:
    """One run in its journal and, unless it has no ``target``, in MLflow. Made by ``start`` and ``resume``.

    Recording never waits for MLflow and never fails because of it. What it does not have by the end is delivered by
    ``finish``, which says so where that fails too.
    """

    def __init__(self, journal: Journal, directory: Path, target: Target | None, entry: Path | None) -> None:
        self.directory = directory
        self.token = ""
        """The id of the journal."""
        self.live_after = LIVE_AFTER
        self.warn: Callable[[str], None] = lambda line: print(printable(f"nnexp: {line}"), file=sys.stderr)  # noqa: T201
        """Where it is said, once, that the store does not take the metrics."""
        self._journal = journal
        self._target = target
        self._entry = entry
        self._delivery = Delivery(target.store, directory) if target and target.store else None
        self._deliverer: DeliveryProcess | None = None
        self._began = self._looked = time.monotonic()
        self._abandoned = self._complete = False
        self._replayed: dict[int, Mapping[str, float]] = {}
        self._scored: list[tuple[int, Mapping[str, float]]] = []
        """The scores that the journal has from before."""
        self._last: list[Mapping[str, Any]] = []
        self._model: list[Mapping[str, Any]] = []

    @classmethod
    def start(cls, opening: Opening, directory: Path, target: Target | None = None) -> TrackedRun:
        """Open the journal in ``directory`` and, where its store answers, the run in MLflow with all of ``opening``.

        Raises Busy where another process is at work there, NnexpError where the store refuses the run or one waits there.
        """
        if target:
            refuse_pending(target.outputs, directory)
        journal = Journal(directory, new=True)
        try:
            remove(directory / PROGRESS)
            token, now = secrets.token_hex(8), int(time.time() * 1000)
            params = {key: spelled(value) for key, value in opening.params.items()}
            opened = {**asdict(opening), "params": params, "id": token, "time": now}
            if opening.again and not opening.again.pictures:
                del opened["again"]["pictures"]
            journal.write({"opened": opened})
            if target and target.store:  # MLflow is about to know of it, so no power failure may take it
                journal.sync()
            entry = register(target.outputs, token, directory, target.uri, target.experiment) if target else None
            made = cls(journal, directory, target, entry)
            made.token = token
            if target and not target.store:
                promise_new(directory)
            if target and target.store and made._delivery:
                run_id = target.store.start(opening.name, params, opening.tags, opening.data, began=now, journal=token)
                made._delivery.created(run_id)
        except BaseException:
            remove(journal.path)
            journal.close()
            raise
        return made

    @classmethod
    def resume(
        cls, recorded: RecordedRun, epochs: int, key: str, target: Target | None = None, *, rung: int | None = None
    ) -> TrackedRun:
        """Go on with a run that has ended, to so many epochs in all, which makes ``key`` the key of its content.

        ``rung`` is that of its search which ends there, if it was promoted to it. Raises Busy where another process is at work
        on it.
        """
        journal = Journal(recorded.directory)
        try:
            record = {"resumed": recorded.last, "epochs": epochs, "key": key, "time": int(time.time() * 1000)}
            journal.write(record if rung is None else {**record, "rung": rung})
            entry = None
            if target:
                entry = register(target.outputs, recorded.token, recorded.directory, target.uri, target.experiment)
            made = cls(journal, recorded.directory, target, entry)
            made.token = recorded.token
            if made._delivery:
                with worded("go on with the run", made._delivery.store.uri):
                    made._delivery.all()
        except BaseException:
            journal.close()
            raise
        made._replayed = {record["epoch"]: record["metrics"] for record in recorded.epochs}
        made._scored = list(recorded.scores)
        return made

    @property
    def run_id(self) -> str:
        """MLflow's id of the run; empty while it has none."""
        return self._delivery.run_id if self._delivery else ""

    def record(self, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Keep an epoch's metrics: in the journal on return, in MLflow later. Raises NnexpError where the disk is full."""
        values = {key: float(value) for key, value in metrics.items()}
        if epoch in self._replayed:
            self._compare(epoch, values)
            return
        self._journal.write({"epoch": epoch, "time": timestamp_ms, "metrics": values})
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self._look_after(now)

    def sync(self) -> None:
        """Force the journal onto the disk."""
        self._journal.sync()

    def _compare(self, epoch: int, values: Mapping[str, float]) -> None:
        """Refuse to go on from an epoch that was trained before and came out differently this time."""
        before = self._replayed[epoch]
        for key, value in values.items():
            if repr(before.get(key)) != repr(value):
                raise NnexpError(
                    f"Epoch {epoch} cannot be trained again as it was: {key} was {before.get(key)!r} and is {value!r} now. The "
                    "same machine, library versions and number of threads give the same numbers. Start a new run instead."
                )

    def score(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Keep metrics of the whole run (a test score), shown at ``epoch``."""
        values = {key: float(value) for key, value in metrics.items()}
        if values and repr((epoch, values)) not in map(repr, self._scored):  # one that is there is told once
            self._last.append({"score": epoch, "time": int(time.time() * 1000), "metrics": values})

    def artifact(self, path: Path) -> None:
        """Keep a file below the run's directory with the run."""
        self._last.append(self._named(path))

    def _named(self, path: Path) -> Record:
        return {"artifact": path.relative_to(self.directory).as_posix()}

    def model(self, requirements: Sequence[str], *, anew: bool = False) -> None:
        """Keep the model that lies in the run's directory with the run; ``anew`` also where it has one already."""
        self._model.append({"model": list(requirements), "anew": anew})

    def finish(self, status: Status, reason: str = "", *, within: float | None = None) -> None:
        """``end`` and ``close``."""
        try:
            self.end(status, reason, within=within)
        finally:
            self.close()

    def end(self, status: Status, reason: str = "", *, within: float | None = None) -> None:
        """Write down how the run ended, and deliver what MLflow does not have, ``within`` so many seconds if given.

        All that came before is on the disk by then, the run's files with their names included.
        Raises Pending where not everything could be delivered; never where another process is to do that.
        """
        self._journal.write(*self._last)
        self._journal.sync(names=True)
        self._journal.write({"ended": status, "reason": reason, "time": int(time.time() * 1000)}, *self._model)
        self._journal.sync()
        if self._target and self._entry and self._target.delivered_here:
            if self._deliverer:
                self._deliverer.stop(5.0 if within is None else within / 4)
            if within is None:
                self._deliver()
            else:
                self._deliver_within(within)
            self._complete = True

    def add(self, paths: Sequence[Path], *, deliver: bool = True) -> None:
        """Keep more files with a run that has ended; ``deliver`` them if all else is. Raises Pending, NnexpError, OSError."""
        if paths:
            self._journal.write(*map(self._named, paths))
            self._journal.sync(names=True)
        if paths and self._complete:
            self._complete = False
            if deliver:
                self._deliver()
                self._complete = True

    def close(self) -> None:
        """Let others have the run."""
        if self._complete and self._entry:
            remove(self._entry)
        if self._deliverer:
            self._deliverer.stop(0)
        if not self._abandoned:
            self._journal.close()

    def abandon(self, status: Status, reason: str) -> None:
        """Tell MLflow how the run ended where the journal could not be written any more. Never raises."""
        if self._delivery and self._entry:
            with contextlib.suppress(Exception), quiet(QUICK, firmly=True):
                self._delivery.look()
                self._delivery.all()
                self._delivery.store.tag(self.run_id, "nnexp.reason", reason)
                self._delivery.store.client.set_terminated(self.run_id, status)
                remove(self._entry)

    def _look_after(self, now: float) -> None:
        """Have another process deliver once the run turns out to be a long one."""
        if not self._delivery or not self._target:
            return
        if not self._deliverer and now - self._began >= self.live_after:
            store = self._delivery.store
            self._deliverer = DeliveryProcess(
                store.uri,
                store.experiment,
                self._target.outputs,
                warn=self.warn,
                artifacts=store.places.typed,
                alone=True,
            )
            self._deliverer.begun(self.directory)

    def _deliver(self) -> None:
        if not self._delivery:
            raise self._pending("the store did not answer when the run began")
        self._delivery.look()
        try:
            with quiet(PATIENT):
                self._delivery.all()
        except Exception as error:
            raise self._pending(_why(error, self._delivery.store.uri)) from error
        except BaseException:
            self.warn(str(self._pending("it was interrupted")))
            raise

    def _deliver_within(self, seconds: float) -> None:
        """Deliver in a thread, which is left alone when the time is up: a store that hangs cannot be interrupted.

        It keeps the journal's lock as long as it lives.
        """
        delivery, done = self._delivery, threading.Event()
        failed: list[str] = []

        def work() -> None:
            try:
                if delivery:
                    delivery.look()
                    with quiet(QUICK, firmly=True):
                        delivery.mark()
                        delivery.all()
            except Exception as error:  # noqa: BLE001 - told below
                failed.append(_why(error, delivery.store.uri if delivery else ""))
            done.set()
            if self._abandoned:
                self._journal.close()

        threading.Thread(target=work, daemon=True).start()
        if not done.wait(seconds):
            self._abandoned = True
            raise self._pending("there was no time for the rest")
        if failed or not delivery:
            raise self._pending(failed[0] if failed else "the store did not answer when the run began")

    def _pending(self, why: str) -> Pending:
        assert self._target is not None
        return Pending(
            f"MLflow at {masked(self._target.uri)} does not have all of this run yet: {why}. Nothing is lost: it waits in "
            f"{self.directory}. Deliver it: {sync_words(self._target.uri, self._target.outputs)}"
        )


def sync_words(uri: str, outputs: Path) -> str:
    """The command that delivers what waits for a store; one that was typed has to be typed again."""
    chosen = origin(uri, None, outputs) in ("environment", "embedded")
    return f"python -m nnexp sync{'' if chosen else f' {uri_option(uri)}'}"


def _why(error: Exception, uri: str) -> str:
    return str(error).rstrip(".") if isinstance(error, NnexpError) else reason(error, uri)
