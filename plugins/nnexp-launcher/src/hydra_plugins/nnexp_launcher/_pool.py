"""Worker processes, each of them an executor of its own, so that one that is killed takes nothing but its own job along.

Workers come from a fork server, which has no threads, so forking is safe.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from multiprocessing import forkserver, get_context, set_forkserver_preload

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
from hydra_plugins.nnexp_launcher._launch import payload
from hydra_plugins.nnexp_launcher._worker import begin, carry_out

from nnexp.basics.environment import changed
from nnexp.errors import NnexpError

WARNINGS = "PYTHONWARNINGS"
LONGEST_FOLDER = 75
"""Characters of the folder for temporary files, for a socket's path has at most 107."""
PRELOADED = (
    "hydra_plugins.nnexp_launcher._worker",
    "nnexp.commands.job",
    "nnexp.engine.training",
    *(
        f"nnexp.builtin.{name}"
        for name in ("activations", "initializers", "losses", "optimizers", "real", "schedules", "synthetic")
    ),
    "cloudpickle",
    "matplotlib.backends.backend_agg",
)
"""What the server imports from which the workers are forked. It starts no threads of its own, so forking it is safe."""


def prepare_server() -> None:
    """Start the server that workers are forked from; it imports while this process composes and checks the jobs.

    Raises NnexpError where its folder's name is longer than a socket's may be, and where there are no semaphores.
    """
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER:
        raise NnexpError(
            f"TMPDIR={tempfile.gettempdir()} is too long for the sockets of a sweep's workers, which take {LONGEST_FOLDER} "
            "characters. Type TMPDIR=/tmp python -m nnexp ..., or hydra/launcher=basic"
        )
    with semaphores(), silent_tracker():
        get_context("forkserver").Lock()
    set_forkserver_preload(list(PRELOADED))
    forkserver.ensure_running()


@contextlib.contextmanager
def semaphores() -> Iterator[None]:
    """In the block semaphores are made, which lie in /dev/shm on Linux. Raises NnexpError where that is not possible."""
    try:
        yield
    except (OSError, ImportError) as error:  # Python has them where there are some
        why = getattr(error, "strerror", "") or error
        raise NnexpError(
            f"A sweep's workers need semaphores, and /dev/shm cannot hold any ({why}). Make room there, "
            "have it mounted to be written to, or type hydra/launcher=basic"
        ) from None


def silent_tracker() -> AbstractContextManager[None]:
    """In the block Python starts the process that removes the semaphores of one that is killed, and says nothing of it then."""
    ours = "ignore:resource_tracker:UserWarning"
    said = os.environ.get(WARNINGS)
    return changed({WARNINGS: f"{said},{ours}" if said else ours})


def cores() -> int:
    """The processors that this process may use, a container's share of the machine considered."""
    from joblib.externals.loky import cpu_count

    return int(cpu_count())


KILLED = "its worker process was killed (by a signal, or for lack of memory)"
NEVER_BEGAN = (
    "its worker process ended as it started. A script that runs a sweep calls its main function below the line "
    "if __name__ == '__main__':"
)


class LocalPool:
    """So many workers on this machine; see ``_interface.Pool``."""

    def __init__(self, around: Surroundings, most: int | None) -> None:
        workers = most or cores()
        count = min(workers, around.jobs)
        made = payload(around, around.monitor.enter(count) if around.monitor else None)
        self._workers = [Worker(made) for _ in range(count)]
        self._free = [*self._workers]
        self._running: dict[Future[Outcome], tuple[Worker, int]] = {}
        self._happened: list[Event] = [Placed(workers)]

    def free(self) -> int:
        return len(self._free)

    def submit(self, number: int, overrides: Sequence[str]) -> None:
        worker = self._free.pop()
        self._running[worker.submit(number, overrides)] = worker, number
        self._happened.append(Begun(number))

    def wait(self) -> Sequence[Event]:
        if self._happened:
            happened, self._happened = self._happened, []
            return happened
        done, _ = wait(self._running, None, FIRST_COMPLETED)
        return [self._ended(future) for future in done]

    def _ended(self, future: Future[Outcome]) -> Ended:
        worker, number = self._running.pop(future)
        outcome = outcome_of(future, worker)
        self._free.append(worker)
        return Ended(number, outcome)

    def withdraw(self) -> Sequence[int]:
        return ()  # a job begins as soon as it is handed over

    def interrupt(self, how: signal.Signals) -> None:
        for worker in self._workers:
            worker.signal(how)
        wait(self._running, LAST_SECONDS)

    def end(self, *, at_once: bool) -> None:
        for worker in self._workers:
            worker.end(0.0 if at_once else LAST_SECONDS)


def outcome_of(future: Future[Outcome], worker: Worker) -> Outcome:
    """What became of a job, also where its worker was killed: another one takes its place."""
    try:
        return future.result()
    except BrokenProcessPool:
        why = KILLED if worker.began() else NEVER_BEGAN
        worker.replace()
        return Outcome.failed(WorkerDiedError(why))
    except Exception as error:  # noqa: BLE001 (of composing the job: told as the job's failure)
        return Outcome.failed(error)


class Worker:
    """One worker, which takes one job at a time and is replaced when it dies."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._start()

    def _start(self) -> None:
        with semaphores():
            self._executor = ProcessPoolExecutor(1, get_context("forkserver"), begin, (self._payload,))
        self._pid: Future[int] = self._executor.submit(os.getpid)

    def submit(self, number: int, overrides: Sequence[str]) -> Future[Outcome]:
        """Have it run a job."""
        try:
            return self._executor.submit(carry_out, number, tuple(overrides))
        except BrokenProcessPool:  # it was killed between two jobs
            self.replace()
            return self._executor.submit(carry_out, number, tuple(overrides))

    def began(self) -> bool:
        """Whether it has come as far as to take jobs."""
        return self._pid.done() and not self._pid.exception()

    def replace(self) -> None:
        """Start another process in the place of one that died."""
        self._executor.shutdown(wait=False)
        self._start()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is alive."""
        if self.began():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid.result(), number)

    def end(self, within: float) -> None:
        """End it: in good order if that takes no longer than ``within`` seconds."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + within
        while self.alive() and time.monotonic() < until:
            time.sleep(0.01)
        self.signal(signal.SIGKILL)
        self._executor.shutdown(wait=True)

    def alive(self) -> bool:
        """Whether there is a process still."""
        if not self.began():
            return False
        try:
            os.kill(self._pid.result(), 0)
        except ProcessLookupError:
            return False
        return True
