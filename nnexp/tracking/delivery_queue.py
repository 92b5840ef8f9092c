"""The delivery of runs that train in other processes, as those of a sweep do: by one thread of the process that started them.

Training processes write journals and never import MLflow. ``DeliveryQueue`` is told which runs have begun and which have ended.
It holds a run's entry while it delivers it, so that a ``sync`` at the same time leaves that run alone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from nnexp.basics.secrets import masked
from nnexp.basics.store_address import same_store
from nnexp.errors import NnexpError, counted, first_line
from nnexp.journal.journal import Busy, Ending
from nnexp.journal.outbox import entry_of
from nnexp.tracking.client import PATIENT, QUICK, quiet, reason
from nnexp.tracking.delivery import Delivery
from nnexp.tracking.pending import AddFiles, add_nothing, added, end_dead, flush_run, held, usable
from nnexp.tracking.store import Store

LIVE_AFTER = 10.0
"""Seconds of training after which MLflow is fed while a run goes on."""
LOOK = 1.0
"""Seconds between two looks at the runs that train."""
RETRY = 5.0
"""Seconds until a store that failed is tried again."""
ATTEMPTS = 3
"""So many runs are tried in vain at the end before the store is given up."""
ELSEWHERE = 60.0
"""Seconds for which runs that have ended are left to the other process that has them, before they are said to wait."""


class DeliveryQueue:
    """Delivers what runs of ``outputs`` leave to the store at ``uri``; ``begun`` and ``ended`` never wait for MLflow.

    ``uri``, and the place ``artifacts`` below which they may go, are what this command was told, not what a file says.
    ``before`` is called with a run's directory before its files are delivered, to add what is missing there (a picture).
    ``warn`` is told, once, that the store does not take what it is given, and that ``before`` failed.
    """

    def __init__(  # noqa: PLR0913 (where to, what is added, and who is told)
        self,
        uri: str,
        experiment: str,
        outputs: Path,
        *,
        artifacts: str | None = None,
        add_files: AddFiles = add_nothing,
        warn: Callable[[str], object] = print,
    ) -> None:
        self.live_after = LIVE_AFTER
        self._uri = uri
        self._artifacts = artifacts
        self._experiment = experiment
        self._outputs = outputs
        self._add_files = add_files
        self._warn = warn
        self._warned: set[str] = set()
        self._changed = threading.Condition()
        self._training: dict[Path, float] = {}
        self._left: deque[Path] = deque()
        self._whys: dict[Path, str] = {}
        self._prepared: set[Path] = set()
        self._elsewhere: set[Path] = set()
        self._closing = self._hurried = self._abandoned = False
        self._stores: dict[tuple[str, str], Store] = {}
        self._live: dict[tuple[Path, str], Delivery] = {}
        self._looked = 0.0
        self._thread = threading.Thread(target=self._work, name="deliveries", daemon=True)
        self._thread.start()

    def begun(self, directory: Path) -> None:
        """A run begins to train in ``directory``."""
        with self._changed:
            self._training[directory] = time.monotonic()
            self._changed.notify()

    def ended(self, directory: Path) -> None:
        """The run in ``directory`` has ended, or its process is gone: then it is marked as killed."""
        with self._changed:
            self._training.pop(directory, None)
            self._left.append(directory)
            self._changed.notify()

    def close(self, within: float | None = None) -> list[str]:
        """Deliver the rest, for so many seconds at most, or as long as it advances; what is said of the runs that wait then.

        Runs that were begun count as ended. What waits is delivered by ``python -m nnexp sync``.
        """
        with self._changed:
            self._left.extend(self._training)
            self._training.clear()
            self._closing, self._hurried = True, within is not None
            self._changed.notify()
        self._thread.join(within)
        with self._changed:
            self._abandoned = True  # a thread that hangs is left alone; it takes up no other run
            left = list(self._left)
        for directory in left:  # how they ended is known here also where the store does not answer
            self._tried(partial(self._end_dead, directory))
        whys = [self._whys.get(directory, "there was no time for it") for directory in left]
        return [
            f"MLflow at {masked(self._uri)} does not have all of {counted(whys.count(why), 'run')}: {why}."
            for why in dict.fromkeys(whys)
        ]

    def _end_dead(self, directory: Path) -> None:
        if entry := entry_of(directory, self._outputs):
            end_dead(entry)

    def _work(self) -> None:
        """What the thread does until ``close``, and then with the rest."""
        failed = 0
        while True:
            with self._changed:
                if failed > 1:  # in a row: it is not one run's fault
                    self._changed.wait_for(lambda: self._closing, RETRY)
                elif not (self._left or self._closing):
                    self._changed.wait(LOOK)
                directory = self._left[0] if self._left else None
                if self._closing:
                    break
            worked = (directory is None or self._deliver(directory, QUICK)) and self._follow()
            failed = 0 if worked else failed + 1
        failed, until = 0, time.monotonic() + (0 if self._hurried else ELSEWHERE)
        while failed < min(len(self._left), ATTEMPTS) and not self._abandoned:
            directory = self._left[0]
            worked = self._deliver(directory, QUICK if self._hurried else PATIENT)
            if not worked and directory in self._elsewhere and time.monotonic() < until:
                time.sleep(0.05)  # another sweep that began meanwhile delivers what it finds
                continue
            failed = 0 if worked else failed + 1

    def _deliver(self, directory: Path, patience: Mapping[str, str]) -> bool:
        """Deliver a run that has ended; one that fails goes to the end of the queue."""
        why = self._tried(partial(self._flush, directory, patience))
        self._live = {key: each for key, each in self._live.items() if key[0] != directory}
        with self._changed:
            self._left.popleft()
            if why:
                self._left.append(directory)
                self._whys[directory] = why
            else:
                self._whys.pop(directory, None)
                self._prepared.discard(directory)
        return not why

    def _flush(self, directory: Path, patience: Mapping[str, str]) -> None:
        entry = entry_of(directory, self._outputs)
        if entry is None:  # refused before it trained, reused, or delivered by somebody else
            return
        self._elsewhere.discard(directory)
        try:
            with quiet(patience, firmly=True):
                flush_run(
                    entry, partial(self._store, entry.uri, entry.experiment), self._prepare, hurried=self._hurried
                )
        except Busy:
            if Ending.read(directory).status not in ("open", "none"):  # it is delivered there, not trained
                self._elsewhere.add(directory)
            raise

    def _prepare(self, directory: Path) -> None:
        """Have missing files added; a run without them is a run all the same."""
        if directory in self._prepared:  # tried before
            return
        self._prepared.add(directory)
        if missing := added(self._add_files, directory):
            self._warn_once(f"{missing[0].upper()}{missing[1:]}.", "before")

    def _follow(self) -> bool:
        """While runs train: connect, which takes seconds, and deliver what those have that have trained for a while."""
        now = time.monotonic()
        with self._changed:
            training = dict(self._training)
        if not training or now - self._looked < LOOK:
            return True
        work: list[Callable[[], object]] = [partial(self._store, masked(self._uri), self._experiment)]
        work += [partial(self._advance, each) for each, began in training.items() if now - began >= self.live_after]
        worked = not any(self._tried(each) for each in work)
        self._looked = time.monotonic()
        return worked

    def _advance(self, directory: Path) -> None:
        """Deliver what there is of a run that trains; should it end meanwhile, the rest is delivered afterwards."""
        entry = entry_of(directory, self._outputs)
        if entry is None:  # it has not come as far as its journal
            return
        store = self._store(entry.uri, entry.experiment)
        with held(entry) as there, quiet(QUICK, firmly=True):
            if there:
                delivery = self._live.setdefault((directory, entry.path.name), Delivery(store, directory))
                ends = time.monotonic() + LOOK
                while delivery.advance(training=True) and time.monotonic() < ends and not self._closing:
                    pass

    def _store(self, address: str, experiment: str) -> Store:
        """The store at the ``address`` without password that an entry has."""
        if (address, experiment) not in self._stores:
            uri = self._uri if same_store(self._uri, address) else usable(address, None, self._outputs)
            self._stores[address, experiment] = Store.connect(uri, experiment, self._outputs, artifacts=self._artifacts)
        return self._stores[address, experiment]

    def _tried(self, work: Callable[[], object]) -> str:
        """Do what may fail; says why it did, and tells so the first time."""
        try:
            work()
        except Busy as error:
            return first_line(error)
        except Exception as error:  # noqa: BLE001 - whatever fails is tried again
            why = first_line(error) if isinstance(error, NnexpError) else reason(error, self._uri)
            self._warn_once(
                f"MLflow does not take the metrics ({why}). Training goes on; they are kept and delivered later.",
                "store",
            )
            return why
        return ""

    def _warn_once(self, words: str, about: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            self._warn(words)
