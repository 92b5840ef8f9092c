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
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, get_context, set_forkserver_preload

from hydra_plugins.nnexp_launcher._worker import Outcome, begin, carry_out

from nnexp.errors import NnexpError

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
    with semaphores():
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


def cores() -> int:
    """The processors that this process may use, a container's share of the machine considered."""
    from joblib.externals.loky import cpu_count

    return int(cpu_count())


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
