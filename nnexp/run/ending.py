"""How a run ends that does not end well: its status, the reason in words, and what is written down of it.

KILLED is delivered by a thread that is left alone after 1.3 s, and the process ends by ``os._exit``: Python takes a second to
take MLflow apart.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnexp.basics.files import relative
from nnexp.basics.secrets import without_secrets
from nnexp.engine.training import Diverged
from nnexp.errors import NnexpError, Terminated, command
from nnexp.experiment.settings import RunContext, TrackingSettings, store_words
from nnexp.journal.result import write_result
from nnexp.terminal.console import note
from nnexp.tracking.opening import Pending
from nnexp.tracking.tracked_run import TrackedRun

log = logging.getLogger("nnexp")
LAST_SECONDS = 1.3
"""What Ctrl-C and SIGTERM leave for delivering: the process is to be gone two seconds after them."""


@contextmanager
def closing(tracked: TrackedRun, place: RunContext, tracking: TrackingSettings) -> Iterator[None]:
    """Where the block does not end well, close the run with the status that fits, and say how to go on in its store."""
    try:
        yield
    except BaseException as raised:
        error = refused_end(raised)
        status, reason = ending(error)
        log.error("%s: %s", status, reason)  # noqa: TRY400 (a reason, not a bug)
        try:
            write_result(place.directory, {"status": status, "reason": reason, **failure(error)})
            tracked.finish(status, reason, within=LAST_SECONDS if status == "KILLED" else None)
        except Pending as second:  # the first error is what ended the run
            note(str(second))
        except (NnexpError, OSError):  # nothing can be written any more
            tracked.abandon(status, reason)
        if status == "KILLED" and not place.sweep:
            note(f"{reason}. Go on: {command('resume', relative(str(place.directory)))}{store_words(tracking)}")
        if error is raised:
            raise
        raise error from raised


def refused_end(error: BaseException) -> BaseException:
    """The error; of a plugin that would end the program, what may be said of that."""
    if isinstance(error, SystemExit) and not isinstance(error, Terminated):
        return NnexpError(f"A plugin called sys.exit({error.code!r}). Have it raise an error that says what is wrong.")
    return error


def failure(error: BaseException) -> dict[str, str]:
    """What ``result.json`` says of an error beside the reason: whether it diverged, and the words that tell what to type."""
    kind = "diverged" if isinstance(error, Diverged) else "failed"
    words = str(error) if isinstance(error, NnexpError) else f"{type(error).__name__}: {error}"
    return {"kind": kind, "message": words}


def ending(error: BaseException) -> tuple[Any, str]:
    """MLflow's status and the reason in words."""
    if isinstance(error, Diverged):
        return "FAILED", error.reason
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted (Ctrl-C)"
    if isinstance(error, Terminated):
        return "KILLED", "terminated (SIGTERM)"
    text = str(error) if isinstance(error, NnexpError) else f"{type(error).__name__}: {error}"
    return "FAILED", without_secrets(text)
