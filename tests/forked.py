"""``python -m nnexp WORDS`` many times over: a process that has imported everything forks a child for each command.

A command takes a tenth of a second so, not one and a half. What the child does is what ``python -m nnexp`` does, from its first
line to its exit code; only the imports are there already, and the tables that MLflow writes into an empty database, which takes
longer than all the rest of a small run, are copied from those that it has written once. Pictures that nobody has typed, which
take twice as long as all the rest, are drawn where a test wants them.

A program of a test's own, as ``python -c`` or a file, is carried out in the same way.

The child becomes a child of the process that asked for it, which waits for it, signals it and reads from it as from any other.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import copy
import ctypes
import fcntl
import functools
import gc
import importlib
import io
import json
import logging
import multiprocessing.process
import os
import re
import resource
import runpy
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self

from tests.command import ROOT, environment, new_folders
from tests.forked_workers import LOKY, Begin, adopting, fork_ahead, fork_workers, forked_for, may_sweep

TRACKING = (
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.utils.search_logged_model_utils",
    "nnexp.tracking.models",
    "alembic.command",
    "sqlalchemy.dialects.sqlite",
)
"""What commands import of MLflow and for it."""
PRELOADED = (
    "matplotlib.backends.backend_agg",
    "pandas",
    "rich.console",
    "rich.table",
    "nnexp.commands.run",
    "nnexp.commands.subcommands",
    "nnexp.composition.passwords",
    "nnexp.pictures.curve",
    "nnexp.builtin.activations",
    "nnexp.builtin.initializers",
    "nnexp.builtin.losses",
    "nnexp.builtin.optimizers",
    "nnexp.builtin.schedules",
    "nnexp.builtin.synthetic",
    "nnexp.sweep.monitor",
    "nnexp.sweep.trials",
    "nnexp.sweep.worker",
    "hydra_plugins.nnexp_launcher._launch",
    "hydra_plugins.nnexp_launcher._pool",
    "hydra_plugins.nnexp_launcher._worker",
    "hydra._internal.logging_config",
    "multiprocessing.popen_forkserver",
    "cloudpickle",
    LOKY,
)
"""What commands import, as far as they have it in common."""
MOST_MEMORY = 6 * 2**30
"""Bytes of addresses that a command may have: what asks for more is told that there is not enough memory."""


COLLAPSE = 25
"""Linux's MADV_COLLAPSE, from 6.1 on; others refuse it."""
MOST = 2**20
"""Bytes that an order may have."""

SETTLED = ("OPENBLAS_NUM_THREADS", "MLFLOW_DISABLE_TELEMETRY", "MPLCONFIGDIR")
"""What a command's environment has from its server."""


class Answer(NamedTuple):
    """How a command ended: its exit code, None where it had to be killed; what it said; how many seconds it took."""

    code: int | None
    out: str
    err: str
    seconds: float


class Forked:
    """Starts commands, also several at once."""

    def __init__(self, scratch: Path, *more: str, python: str | Path = sys.executable, **around: str) -> None:
        """``scratch`` is a folder for what the commands say; ``more`` are modules that many of them will import.

        ``around`` is what their environment has from their start on. The ``python`` of another environment imports what is
        installed there, and nothing of this checkout but its tests.
        """
        self._scratch = scratch
        place = ROOT
        if python != sys.executable:
            place = scratch / "without nnexp"
            place.mkdir()
            (place / "tests").symlink_to(ROOT / "tests")
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._line, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
        with theirs:
            self._server = subprocess.Popen(
                [python, "-m", "tests.forked", str(theirs.fileno()), str(scratch), *more],
                cwd=place,
                env=environment(
                    OPENBLAS_NUM_THREADS="1", MLFLOW_DISABLE_TELEMETRY="true", MPLCONFIGDIR=fonts(), **around
                ),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()  # which ends it, as the end of this process does
        self._server.wait()

    def nnexp(self, words: Sequence[str], cwd: Path, seconds: float = 30, **more: str) -> Answer:
        """``python -m nnexp WORDS`` in ``cwd``, killed with all that it started when the seconds are over.

        Its environment is this process's, with ``more``.
        """
        return self.carry_out(words, cwd, seconds, more, whole=False)

    def carry_out(
        self,
        words: Sequence[str],
        cwd: Path,
        seconds: float,
        environment: Mapping[str, str],
        *,
        whole: bool,
        **how: Any,
    ) -> Answer:
        """The same; the environment is the ``whole`` one, or what there is more. ``how`` is as for ``start``."""
        began = time.monotonic()
        with contextlib.ExitStack() as open_:
            said = [open_.enter_context(tempfile.TemporaryFile(dir=self._scratch)) for _ in range(2)]
            files = [file.fileno() for file in said]
            child = self.start(words, cwd, environment, files, whole=whole, **how)
            code = ended(child, began + seconds)
            took = time.monotonic() - began
            out, err = [
                os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="backslashreplace")
                for file in said
            ]
        return Answer(code, out, err, took)

    def start(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        said: Sequence[int],
        *,
        whole: bool = True,
        program: str = "nnexp",
        session: bool = True,
        tables: bool = True,
        pictures: bool = False,
    ) -> int:
        """Start a command that says what it says to two open files, and return the number of the process, a child of this one.

        The ``program`` may be MLflow, or Python, which does with the words what it does with a file or ``-c`` and what it says.
        It is a ``session`` of its own; with ``tables``, it copies those of an empty database; with ``pictures`` a single run
        has those that suit its task, as users have them.
        """
        order = {
            "program": program,
            "words": list(words),
            "cwd": str(cwd),
            "environment": dict(environment),
            "whole": whole,
            "session": session,
            "tables": tables,
            "pictures": pictures,
        }
        with ALONE, adopting():
            socket.send_fds(self._line, [json.dumps(order).encode()], said)
            return int(self._line.recv(MOST))


class Command(subprocess.Popen[str]):
    """``python -m nnexp WORDS``, forked, as a process that was started with pipes."""

    def __init__(
        self, words: Sequence[str], *, program: str = "nnexp", session: bool = False, tables: bool = True, **how: Any
    ) -> None:
        """``how`` is as for any ``Popen``: a directory, an environment, pipes."""
        self._how = {"session": session, "tables": tables}
        super().__init__([program, *words], close_fds=True, **how)

    def _execute_child(self, *arguments: Any) -> None:
        """What starts the process, once its pipes are made."""
        (program, *words), cwd, environment = arguments[0], arguments[5], arguments[6]
        *_, out_read, out_write, error_read, error_write = arguments[10:16]
        said = [out_write, error_write]
        self.pid = server().start(words, cwd, environment, said, program=program, **self._how)
        self._child_created = True
        self._close_pipe_fds(-1, -1, out_read, out_write, error_read, error_write)  # type: ignore[attr-defined]


ALONE = threading.RLock()
"""Held by the thread that makes the server, and by the one to which a command is being handed over."""


def server() -> Forked:
    """The one that the commands of this process's tests have in common, those of its threads, too."""
    with ALONE:
        return only_server()


@functools.cache
def only_server() -> Forked:
    """Start it; it ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="nnexp-forked-")
    forked = Forked(Path(folder.name), *TRACKING)
    atexit.register(folder.cleanup)
    atexit.register(forked.__exit__, None, None, None)
    return forked


def fonts() -> str:
    """Where matplotlib has its list of fonts, also for commands that have another home: to make it takes seconds."""
    import matplotlib as mpl

    return str(mpl.get_cachedir())


def ended(child: int, until: float) -> int | None:
    """The exit code of a child, minus the signal that ended it; None where it was killed because its time was over."""
    end = os.pidfd_open(child)
    try:
        in_time = bool(select.select([end], [], [], max(0, until - time.monotonic()))[0])
        if not in_time:
            os.killpg(child, signal.SIGKILL)
    except BaseException:
        os.killpg(child, signal.SIGKILL)
        raise
    finally:
        os.close(end)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if in_time else None


def serve(line: socket.socket, scratch: Path) -> None:
    """Carry out orders from ``line``. Returns in this process, and leaves a child by its command's exception."""
    preload(scratch)
    gc.collect()
    gc.freeze()  # a child has no garbage to look for in what it was born with
    in_large_pages()
    while True:
        order, said, *_ = socket.recv_fds(line, MOST, 2)
        if not order:
            return
        if forked_for(line):
            os.close(line.detach())
            roomy(become, json.loads(order), said)
            return
        for number in said:
            os.close(number)


def roomy(function: Callable[..., object], *words: object, **arguments: object) -> object:
    """Call a function, below which calls have half a megabyte for their frames.

    CPython keeps frames in chunks of 16 KB. Where a recursion goes to and fro over the end of one, each call gets a chunk from
    the system and gives it back: three seconds of a processor in one test. What is larger than the half of 1 MB gets a chunk of
    that size, in which those below have room as well.
    """
    __tracebackhide__ = True
    return function(*words, **arguments)


roomy.__code__ = roomy.__code__.replace(co_stacksize=2**16 + 2**12)  # places of 8 bytes


def in_large_pages() -> None:
    """Have what this process holds in pages of 2 MB, where Linux can: a fork copies a list of all pages, and gives it back."""
    libc = ctypes.CDLL(None)
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, _, *named = line.split(maxsplit=5)
        begin, end = (int(each, 16) for each in place.split("-"))
        if rights == "rw-p" and named in ([], ["[heap]"]):
            libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), COLLAPSE)


def preload(scratch: Path) -> None:
    """Import what commands import, MLflow apart, which most of them do without."""
    from hydra.core.plugins import Plugins

    for name in (*PRELOADED, *sys.argv[3:]):
        importlib.import_module(name)
    # A worker looks for what is installed for Hydra again, and carries all of it out.
    places = map(importlib.import_module, ("hydra._internal.core_plugins", "hydra_plugins"))
    found = Plugins._scan_all_plugins([*places])
    setattr(Plugins, "_scan_all_plugins", lambda _, **__: found)  # noqa: B010
    Plugins.instance()
    # Grammars are slow at the first sentence that they read; what Hydra says of itself is the same for all commands.
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    from nnexp.composition.options import claimed, structured
    from nnexp.composition.reference import reference
    from nnexp.discovery.registry import GROUPS

    OverridesParser.create().parse_overrides(
        ["a.b=1.5", "c=d", "e=[1,2]", "f=1,2", "g='h'", "i={j:k}", "+l=m", "~n", "o=/p.q"]
    )
    assert OmegaConf.create({"a": "b", "c": "d ${a} ${.a}"}).c == "d b b"
    setattr(OmegaConf, "load", read_once(OmegaConf.load))  # noqa: B010
    reference(())
    # So is what is installed, and how Hydra sees each option of it.
    for kind in GROUPS.values():
        for name in claimed(kind):
            structured(kind, name)
    warm_up(scratch)


def read_once(load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads YAML; of what has been read before, a copy: files of Hydra and of nnexp are the same for all commands."""
    from nnexp.composition import configs

    found: dict[str, Any] = {}
    twin = configs.duplicate if configs.tested() else copy.deepcopy

    def loaded(file: Any) -> Any:
        if not isinstance(file, io.TextIOBase):
            return load(file)
        begin = file.tell()
        text = file.read()
        if text not in found:
            file.seek(begin)
            found[text] = load(file)
        return twin(found[text])

    return loaded


def warm_up(scratch: Path) -> None:
    """Do once what is slow for the first time, by runs and a picture that nobody looks at: read grammars, draw letters."""
    from nnexp.pictures.comparison import Panel, comparison

    run_here(scratch / "run", "tracking=none")
    comparison([Panel({"seed=1": [1.0, 0.5], "seed=2": [1.0, 0.6]}, "cost/validation", "2 runs", legend="seed")])
    if TRACKING[0] in sys.modules:
        from mlflow.store.db import utils

        from nnexp.tracking import database

        newest = utils._get_latest_schema_revision
        vars(utils)[newest.__name__] = functools.cache(newest)  # it reads a hundred files
        write_tables = database._write_tables
        copy_tables()
        run_here(scratch / "tracked")
        database._write_tables = write_tables


def run_here(folder: Path, *words: str) -> None:
    """Carry out a run in this process, which afterwards is what it was, but for what libraries remember."""
    from hydra.core.singleton import Singleton

    from nnexp.commands import run

    state, root = Singleton.get_state(), logging.getLogger()
    before = sys.argv[:], sys.path[:], Path.cwd(), root.handlers[:], root.level, dict(os.environ)
    folder.mkdir()
    os.chdir(folder)
    sys.argv[:] = "nnexp", "epochs=1", *words
    with (folder / "said").open("w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        contextvars.copy_context().run(run.main, sys.argv[1:], None)
    sys.argv[:], sys.path[:], here, root.handlers[:], level, around = before
    os.chdir(here)
    root.setLevel(level)
    Singleton.set_state(state)
    tempfile.tempdir = None  # each command asks its own environment where temporary files go
    assert os.environ == around
    assert threading.active_count() == 1, "what is forked has no threads"


def copy_tables() -> None:
    """Have MLflow write the tables of an empty database once, and copy them from there, until there is another MLflow."""
    from nnexp.tracking import database

    write, made = database._write_tables, tables()

    def copied(path: Path, artifacts: Path) -> None:
        made.parent.mkdir(parents=True, exist_ok=True)
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of all that the processes that test have started
            if not made.exists():
                new = made.with_suffix(".new")
                new.unlink(missing_ok=True)
                write(new, artifacts)
                new.replace(made)
        copy_database(made, path, f"{artifacts.as_uri()}/0")

    database._write_tables = copied


def tables() -> Path:
    """A database without runs of the MLflow that is installed, kept until the next time."""
    return Path(__file__).resolve().parent.parent / ".pytest_cache" / "tables" / f"{version('mlflow')}.db"


def copy_database(made: Path, path: Path, artifacts: str) -> None:
    """Copy one that has no runs, whose first experiment keeps its files at an address of its own."""
    shutil.copyfile(made, path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (artifacts,))


def draw_what_is_typed() -> None:
    """Have a single run draw no pictures but those that are typed."""
    from nnexp.run import start

    vars(start)["wanted"] = lambda words, **_: tuple(words or ())


class Deliverer(subprocess.Popen[bytes]):
    """The process that delivers to MLflow, begun by the one that was forked before the command did anything."""

    def __init__(self, begin: Begin, code: str, niceness: int, **how: Any) -> None:
        """It carries out ``code``; ``how`` is as for any ``Popen``."""
        self._begin = begin
        super().__init__(["-c", code, str(niceness)], close_fds=True, **how)

    def _execute_child(self, *arguments: Any) -> None:
        """What starts the process, once its pipes are made."""
        (option, code, niceness), environment = arguments[0], arguments[6]
        in_read, in_write, out_read, out_write, error_read, error_write = arguments[10:16]
        as_started = AS_STARTED.format(words=[option, niceness], path=sys.path)
        self.pid = self._begin(f"{as_started}{code}", [in_read, out_write, error_write], range(3), environment)
        self._child_created = True
        self._close_pipe_fds(in_read, in_write, out_read, out_write, error_read, error_write)  # type: ignore[attr-defined]


AS_STARTED = """
import os, signal, sys
os.setsid()
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
sys.argv, sys.path[:] = {words}, {path}
"""
"""What makes a process like one that has just been started with these words."""


def fork_deliverer(begin: Begin) -> None:
    """Have the processes that deliver begun."""
    from nnexp.tracking import spawn

    def spawned(niceness: int = 0) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        how = {"stdin": pipe, "stdout": pipe, "stderr": subprocess.DEVNULL, "env": {**os.environ}}
        return Deliverer(begin, spawn.BEGIN, niceness, **how)

    spawn.spawned = spawned


LONG = re.compile(r"epochs=\d{4}")
"""A run that may last until another process delivers."""


def may_deliver(words: Sequence[str]) -> bool:
    """Whether a command may have another process deliver to MLflow: a sweep, what is resumed, a run of many epochs."""
    return "tracking=none" not in words and (may_sweep(words) or any(map(LONG.match, words)))


def streams() -> None:
    """Python's own for the files 0, 1 and 2, as it makes them where it begins."""
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # type: ignore[misc]  # noqa: SIM115


def look_also_in(folders: Sequence[str]) -> None:
    """Have modules and distributions found in more folders, and forget what was read of those that are installed.

    What Python would have run from them as it started is run now.
    """
    if folders:
        sys.path[1:1] = folders
        for name, module in [*sys.modules.items()]:
            if name.split(".")[0] in {"nnexp", "hydra_plugins"}:
                for each in vars(module).values():
                    getattr(each, "cache_clear", lambda: None)()
        for folder in folders:
            if (Path(folder) / "sitecustomize.py").exists():
                runpy.run_path(f"{folder}/sitecustomize.py")


def serve_mlflow(words: Sequence[str]) -> None:
    """Be ``mlflow server``: the process that it would start to answer, without the one that waits for its end."""
    import mlflow.cli
    import mlflow.server

    database = Path(os.environ["MLFLOW_BACKEND_STORE_URI"].removeprefix("sqlite:///"))
    if database.is_absolute() and not database.exists():
        copy_database(tables(), database, "mlflow-artifacts:/0")

    def answer(command: Sequence[str], *, extra_env: Mapping[str, str], **_: Any) -> None:
        program = command[2]  # after python -m
        sys.argv[:] = command[2:]
        os.environ.update(extra_env)
        importlib.import_module(program)
        for name in [each for each in sys.modules if f"{each}.".startswith("mlflow.server.")]:
            del sys.modules[name]  # it is imported with what has been decided meanwhile
        runpy.run_module(program, run_name="__main__", alter_sys=True)

    vars(mlflow.server)["_exec_cmd"] = answer  # MLflow has no way to say it
    mlflow.cli.cli([*words], prog_name="mlflow")


def become(order: dict[str, Any], said: Sequence[int]) -> None:
    """Be the command: in its directory, with its words, until it ends."""
    if order["session"]:
        os.setsid()
    for file, number in zip((os.open(os.devnull, os.O_RDONLY), *said), range(3), strict=True):
        os.dup2(file, number)
        os.close(file)
    streams()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if order["whole"]:
        for name in {*os.environ} - {*order["environment"], *SETTLED}:
            del os.environ[name]
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    vars(multiprocessing.process)["ORIGINAL_DIR"] = order["cwd"]  # from which workers find a program
    look_also_in(new_folders(os.environ, before))
    if order["program"] == "mlflow":
        serve_mlflow(order["words"])
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    if order["tables"]:
        copy_tables()
    if not order["pictures"]:
        draw_what_is_typed()
    if order["program"] == "python" or may_sweep(order["words"]) or may_deliver(order["words"]):
        begin = fork_ahead(streams)  # after what Python would have run from those folders, which is theirs, too
        fork_deliverer(begin)
        fork_workers(begin)
    if order["program"] == "python":
        carry_out(order["words"])
        leave()
    sys.argv = ["nnexp", *order["words"]]
    runpy.run_module("nnexp", run_name="__main__", alter_sys=True)


def carry_out(words: Sequence[str]) -> None:
    """What ``python WORDS`` does with a file, or with ``-c`` and a program."""
    first, *rest = words
    if first != "-c":
        sys.argv, sys.path[0] = [*words], str(Path(first).parent.absolute())
        runpy.run_path(first, run_name="__main__")
        return
    sys.argv = [first, *rest[1:]]
    sys.modules["__main__"] = types.ModuleType("__main__")
    exec(rest[0], vars(sys.modules["__main__"]))  # noqa: S102 (it is the test's own)


def leave() -> NoReturn:
    """End as Python does, but for taking apart all that was imported, which takes longer than most programs."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked, Path(sys.argv[2]))
