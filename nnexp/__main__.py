"""``python -m nnexp``: words such as ``ui`` are subcommands, everything else goes to Hydra."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and sys.path and os.path.isdir(sys.path[0]) and os.path.samefile(sys.path[0], os.curdir):  # noqa: PTH112, PTH121
    del sys.path[0]  # where python -m has put it: a random.py of the user's would hide the library's

import contextlib
import errno
import gc
import io
import logging
import multiprocessing
import signal
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from nnexp.basics.environment import propose
from nnexp.errors import TERMINATED, NnexpError, Terminated

FULL = "HYDRA_FULL_ERROR"
STDOUT = "the standard output"
REFUSED = {"diff": 2, "verify": 2}
"""The exit code of what is refused, of the commands whose 1 is an answer."""


def main() -> NoReturn:
    """Run the command line; exit codes: 0, 1 failed, diverged or refused (``REFUSED``), 130 Ctrl-C, 143 SIGTERM."""
    # Importing MLflow and Hydra makes a million objects that stay. Looking for garbage among them again and again, as Python
    # does every 700 new objects, is a fifth of a run's start.
    gc.set_threshold(100_000, 20, 20)
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):  # one that is not UTF-8 shows some names with backslashes
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    traceback_wanted = bool(os.environ.get(FULL))
    propose("PYTHONSAFEPATH", "1")  # for the processes that this one starts
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = ended(guarded(sys.argv[1:]))
        sys.stdout.flush()  # what cannot be printed any more is an error, too
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends already; a second one would change the exit code
        print("\ninterrupted", file=sys.stderr)  # noqa: T201
        _leave(130)
    except Terminated:
        _leave(TERMINATED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 (told in words)
        tell(error, traceback_wanted=traceback_wanted)
        _leave(REFUSED.get(sys.argv[1], 1) if sys.argv[1:] else 1)
    _leave(code)


def ended(words: list[str]) -> int:
    """Carry out the command; the exit code where a library ends the process itself, as after ``--help``."""
    try:
        dispatch(words)
    except Terminated:
        raise
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        raise
    return 0


def open_closed_streams() -> None:
    """Have something behind a standard stream that is closed, as by ``>&-``: else a file of ours takes its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number, this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def guarded(words: list[str]) -> list[str]:
    """The words of the command without passwords; from here on what is logged has none in it, either."""
    from nnexp.basics import secrets
    from nnexp.composition.passwords import without_passwords

    secrets.forget()
    sys.argv[1:] = without_passwords(words)
    secrets.guard_logs()
    return sys.argv[1:]


def tell(error: Exception, *, traceback_wanted: bool) -> None:
    """Say on stderr what ended the command, in words or with its traceback; secrets and control characters are left out."""
    from nnexp.basics.secrets import without_secrets
    from nnexp.errors import printable

    text = "".join(traceback.format_exception(error)).rstrip() if traceback_wanted else f"nnexp: {in_words(error)}"
    print(printable(without_secrets(text)), file=sys.stderr)  # noqa: T201


def in_words(error: Exception) -> str:
    """What ended the command, for its user."""
    from nnexp.errors import NnexpError

    match error:
        case NnexpError():
            return str(error)
        case MemoryError():  # in a subcommand; a run says what to type
            return f"not enough memory: {error}"
        case OSError():
            return refused_by_the_system(error)
        case _:
            return (
                f"unexpected {type(error).__name__}: {error}\nThis is a bug of nnexp or of a plugin; "
                f"{FULL}=1 python -m nnexp ... shows where."
            )


def refused_by_the_system(error: OSError) -> str:
    """What the system did not do, with the file's name."""
    why = error.strerror or str(error)
    if error.filename:
        advice = " Go to a folder that can be written to." if is_about_writing(error) else ""
        return f"{why}: '{error.filename}'{f'.{advice}' if advice else ''}"
    if not_taken_by_stdout(error):
        return f"{why}: {STDOUT}"
    return f"{why}: no file is named. {FULL}=1 python -m nnexp ... shows where"


def is_about_writing(error: OSError) -> bool:
    """Whether nothing can be written there; that a file cannot be read is another matter."""
    if error.errno != errno.EACCES:
        return error.errno == errno.EROFS
    path = Path(os.fsdecode(error.filename))
    place = path if os.path.lexists(path) else path.parent
    return os.access(place, os.R_OK) and not os.access(place, os.W_OK)


def not_taken_by_stdout(error: OSError) -> bool:
    """Whether it is the standard output that refused: it still holds what it could not pass on, and refuses it again."""
    try:
        sys.stdout.flush()
    except OSError as again:
        return again.errno == error.errno
    return False


def dispatch(words: list[str]) -> None:
    """A first word without ``=`` or ``-`` is a subcommand."""
    if words and words[0] == "--version":
        from importlib.metadata import version

        print(f"nnexp {version('nnexp')}")  # noqa: T201
        return
    if words[:1] == ["--json"] and words[1:] and is_subcommand(words[1]):
        words = [*words[1:], "--json"]
    if words and is_subcommand(words[0]):
        from nnexp.commands import subcommands as commands

        commands.main(words)
        return
    from nnexp.tracking import spawn

    started = spawn.spawned() if probably_sweeps(words) else None
    from nnexp.commands import run

    try:
        run.main(words, started)
    except NnexpError as error:
        refuse_late_command(words, str(error))
        raise


def refuse_late_command(words: list[str], refusal: str) -> None:
    """Say what is wrong with a subcommand that stands behind an option, if it was refused for that. Raises NnexpError."""
    from nnexp.commands.subcommands import COMMANDS

    for name in words:
        if name in COMMANDS and refusal.startswith(f"'{name}' is not of the form"):
            raise NnexpError(f"'{name}' is a command, and comes first. Type python -m nnexp {name} ...") from None


def is_subcommand(word: str) -> bool:
    """Whether a word is no option and no override."""
    return not word.startswith(("-", "+", "~")) and "=" not in word


def probably_sweeps(words: list[str]) -> bool:
    """Whether this looks like a sweep that will be tracked: then MLflow's import, which takes longest, begins at once."""
    return any(word in {"-m", "--multirun"} for word in words) and not any(
        word.startswith(("-h", "--h", "-c", "--cfg", "--info", "tracking=none", "sweep.dry_run", "hydra/launcher="))
        for word in words
    )


def _leave(code: int) -> NoReturn:
    """End now: to take Hydra's and MLflow's million objects apart first takes up to a second, for nothing."""
    if multiprocessing.active_children():  # workers of a sweep, which Python ends in good order
        sys.exit(code)
    if "multiprocessing.forkserver" in sys.modules:  # which has left its folder to a good end of Python's
        from multiprocessing import util

        from nnexp.basics.removing import remove_sockets

        remove_sockets(Path(util.get_temp_dir()))
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 (a signal handler's signature)
    raise Terminated


if __name__ == "__main__":
    main()
