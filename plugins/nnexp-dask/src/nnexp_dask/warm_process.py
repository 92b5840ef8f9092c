"""A warm process in which a worker has one job after the other carried out. It is no process of multiprocessing's.

A worker of Dask's may be a daemon, which has no children of that kind. The process and its worker talk through a pipe; a second
one, on which nothing is said, tells the process that its worker is gone.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
from hydra_plugins.nnexp_launcher._interface import Outcome

if TYPE_CHECKING:  # Dask is not for that process: to import it takes half a second
    from nnexp.remote.worker import Asked
    from nnexp_dask.messages import Attempt

BEGIN = "import sys; from nnexp_dask.warm_process import main; main(*map(int, sys.argv[1:]))"
"""What the process runs."""
GONE = 1
"""How it ends when its worker has."""


class WarmProcess:
    """The worker's end. It is used by one thread, but for ``signal`` and ``end``."""

    def __init__(
        self, payload: bytes, enter: Callable[[], None] | None, directory: Path, more: Mapping[str, str]
    ) -> None:
        ours, theirs = Pipe()
        alive, self._lifeline = os.pipe()
        self._connection = ours
        # -P and the path: what is imported is what this process has, also where the directory has a folder "nnexp".
        self._process = subprocess.Popen(  # noqa: S603 (this very Python)
            [sys.executable, "-P", "-c", BEGIN, str(theirs.fileno()), str(alive), str(int(bool(enter)))],
            stdin=subprocess.DEVNULL,
            env={**environment(), **more, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1"},
            cwd=directory,
            pass_fds=(theirs.fileno(), alive),
            start_new_session=True,  # Ctrl-C is for the head, which then has this process told
        )
        theirs.close()
        os.close(alive)
        with contextlib.suppress(OSError):
            self._connection.send((payload, enter))

    def begin(self, attempt: Attempt) -> None:
        """Have it carry out a job."""
        with contextlib.suppress(OSError):  # it has died, as whoever waits for the outcome sees
            self._connection.send((attempt.number, attempt.overrides, attempt.config, attempt.answers))

    def outcome(self, within: float) -> Outcome | tuple[str, str] | None:
        """What became of the job, or what it asks for, if that is known in time. Raises EOFError where the process has died."""
        try:
            if not self._connection.poll(within):
                return None
            found: Outcome | tuple[str, str] = self._connection.recv()
        except OSError:
            raise EOFError from None
        return found

    def signal(self, how: int) -> None:
        """Send it a signal, if it is alive."""
        if self._process.poll() is None:
            self._process.send_signal(how)

    @property
    def alive(self) -> bool:
        """Whether there is a process still."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it, whatever it does. Twice does no harm."""
        self._process.kill()
        self._process.wait()
        lifeline, self._lifeline = self._lifeline, -1
        with contextlib.suppress(OSError):
            os.close(lifeline)
        self._connection.close()


def environment() -> dict[str, str]:
    """This worker's environment without what is the head's to say."""
    from nnexp.remote.worker import HEADS

    return {name: value for name, value in os.environ.items() if name not in HEADS}


def main(connection: int, lifeline: int, own: int) -> None:
    """Carry out what is asked for until the worker is gone; ``own`` says whether these are jobs of nnexp's own command."""
    from hydra_plugins.nnexp_launcher._worker import begin, carry_out, portable

    threading.Thread(target=end_with_worker, args=(lifeline,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Connection(connection)
    know, questions = asking() if own else (None, ())
    if own:
        from hydra_plugins.nnexp_launcher._pool import PRELOADED

        for name in PRELOADED:
            importlib.import_module(name)
    try:
        payload, enter = worker.recv()
        begin(payload)
        if enter:
            enter()
        while True:
            number, overrides, config, answers = worker.recv()
            if know:
                know(answers)
            try:
                outcome: Outcome | tuple[str, str] = carry_out(
                    number, overrides, cloudpickle.loads(config) if config else None
                )
            except questions as asked:
                outcome = asked.question
            except Exception as error:  # noqa: BLE001 (of composing the job: told as the job's failure)
                outcome = portable(Outcome.failed(error))
            worker.send(outcome)
    except (EOFError, OSError):
        os._exit(GONE)


def asking() -> tuple[Callable[[Mapping[str, Any]], None], tuple[type[Asked]]]:
    """How a job gets to know of finished runs, and by what it asks; other applications have no use for it."""
    from nnexp.remote.worker import Asked, know

    return know, (Asked,)


def end_with_worker(lifeline: int) -> None:
    """End when the worker is gone, however that went."""
    os.read(lifeline, 1)
    os._exit(GONE)
