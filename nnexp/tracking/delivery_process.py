"""A process that delivers journals while runs train, so that training never waits for MLflow, not even for its import.

``DeliveryProcess`` is its end in the process that trains, or that has others train; ``main`` is the process itself, whose work
``DeliveryQueue`` does. They talk through its pipes, in lines of JSON: it is told which runs have begun and ended, and says what
does not work. It ends when its input does, which is also when the other process is gone, however that went.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from nnexp.errors import NnexpError, first_line
from nnexp.tracking import spawn
from nnexp.tracking.client import import_mlflow, quiet_for_good
from nnexp.tracking.delivery import run_id_of
from nnexp.tracking.delivery_queue import DeliveryQueue
from nnexp.tracking.logged_models import has_model, log_model
from nnexp.tracking.pending import AddFiles, add_nothing
from nnexp.tracking.sqlite import wait_no_more
from nnexp.tracking.store import Finished, Store

NICE = 10
"""The priority of one that yields the processor to whatever trains."""
GONE = "the process that talks to MLflow has ended"


class DeliveryProcess:
    """The other process's end. ``warn`` is told, once, that the store does not take what it is given.

    That of one run ``alone`` feeds MLflow at once while it trains, and yields the processor to it. It may have been ``started``
    ahead.
    """

    def __init__(  # noqa: PLR0913 (where to, and who is told)
        self,
        uri: str,
        experiment: str,
        outputs: Path,
        *,
        warn: Callable[[str], object],
        artifacts: str | None = None,
        alone: bool = False,
        started: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._child = started or spawn.spawned(NICE if alone else 0)
        self._warn = warn
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # The address goes through the pipe: any user of the machine can read a command line.
        self._tell(uri=uri, experiment=experiment, outputs=str(outputs), artifacts=artifacts, alone=alone)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def begun(self, directory: Path) -> None:
        """A run begins to train in ``directory``."""
        self._tell(begun=str(directory))

    def ended(self, directory: Path) -> None:
        """The run in ``directory`` has ended, or its process is gone."""
        self._tell(ended=str(directory))

    def connect(self) -> None:
        """Wait until the store has answered. Raises NnexpError where it does not."""
        self._tell(connect=True)
        if refused := self._answer(None, GONE):
            raise NnexpError(refused)

    def close(self, within: float | None = None) -> list[str]:
        """Deliver the rest, for so many seconds at most, or as long as it advances; what is said of the runs that wait then."""
        self._tell(close=True, within=within)
        waits: list[str] = self._answer(None if within is None else within + 0.1, ["MLflow may not have all runs."])
        return waits

    def finished(self, key: str, experiment: str) -> Finished | None:
        """The newest run of an experiment that finished with this key. Raises NnexpError."""
        self._tell(finished=key, experiment=experiment)
        answer = self._answer(None, {"refused": GONE})
        if answer["refused"]:
            raise NnexpError(answer["refused"])
        return Finished(*answer["found"][0]) if answer["found"] else None

    def store_model(self, directory: Path, requirements: Sequence[str]) -> None:
        """Store the model of a run that is delivered, unless it is there. Raises NnexpError."""
        self._tell(model=str(directory), requirements=list(requirements))
        if refused := self._answer(None, GONE):
            raise NnexpError(refused)

    def stop(self, seconds: float) -> None:
        """End it within ``seconds``; it may finish what it is at. Stopping it twice does no harm."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join()

    def _tell(self, **order: Any) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what has to be answered is answered by _listen then
            self._child.stdin.write(f"{json.dumps(order)}\n".encode())
            self._child.stdin.flush()

    def _answer(self, within: float | None, otherwise: Any) -> Any:
        """The answer to an order; ``otherwise`` where there is none in time, or will be none."""
        with contextlib.suppress(queue.Empty):
            answer = self._answers.get(timeout=within)
            return otherwise if answer is None else answer
        return otherwise

    def _listen(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as lines:
            for line in lines:
                said = json.loads(line)
                if "warning" in said:
                    self._warn(said["warning"])
                else:
                    self._answers.put(said["answer"])
        for _ in range(3):  # whoever asks now, or asked before: nobody is there
            self._answers.put(None)


@dataclass(frozen=True)
class Saying:
    """Tells the other process, through a pipe, in lines of JSON."""

    pipe: TextIO

    def __call__(self, **words: Any) -> None:
        """Say one thing."""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(words), file=self.pipe, flush=True)


def main(add_files: AddFiles = add_nothing) -> None:
    """Deliver what is told on the standard input until that ends."""
    read = sys.stdin.readline
    say = Saying(sys.stdout)
    sys.stdout = sys.stderr  # what others print goes nowhere
    import_mlflow()
    quiet_for_good()
    wait_no_more()
    # What was imported stays: looking for garbage among it is a tenth of this process's work.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    gc.enable()
    first = read()
    if not first:
        return
    known = json.loads(first)
    made = DeliveryQueue(
        known["uri"],
        known["experiment"],
        Path(known["outputs"]),
        artifacts=known["artifacts"],
        add_files=add_files,
        warn=lambda words: say(warning=words),
    )
    if known["alone"]:
        made.live_after = 0.0
    while line := read():
        carry_out(made, json.loads(line), known, say)
    os._exit(0)  # the thread may be in the middle of something, which the next delivery completes


def carry_out(made: DeliveryQueue, order: Mapping[str, Any], known: Mapping[str, Any], say: Saying) -> None:
    """Do what one line asks for."""
    match order:
        case {"begun": directory}:
            made.begun(Path(directory))
        case {"ended": directory}:
            made.ended(Path(directory))
        case {"connect": _}:
            say(answer=refusal(lambda: connected(known)))
        case {"close": _, "within": within}:
            say(answer=made.close(within))
        case {"finished": key, "experiment": experiment}:
            found: list[Finished] = []
            refused = refusal(lambda: found.extend(filter(None, [connected(known, experiment).finished(key)])))
            say(answer={"refused": refused, "found": found})
        case {"model": directory, "requirements": requirements}:
            say(answer=refusal(lambda: store_model(connected(known), Path(directory), requirements)))


def connected(known: Mapping[str, Any], experiment: str | None = None) -> Store:
    """The store, for an experiment of it. Raises NnexpError."""
    name = experiment or known["experiment"]
    return Store.connect(known["uri"], name, Path(known["outputs"]), artifacts=known["artifacts"])


def store_model(store: Store, directory: Path, requirements: Sequence[str]) -> None:
    """Store the model of the run in ``directory`` unless it is there."""
    run_id = run_id_of(directory)
    if not has_model(store, run_id):
        log_model(store, run_id, directory, requirements)
        store.force()


def refusal(work: Callable[[], object]) -> str:
    """Do something; why it failed, or nothing."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - it is told to the other process
        return str(error) if isinstance(error, NnexpError) else f"{type(error).__name__}: {first_line(error)}"
    return ""
