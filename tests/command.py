"""Run nnexp as a user does: a process of its own, in a directory of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent

SLOW = 5
"""How much longer than promised things may take in a test: the machine may be slow, or busy with others."""


def of_python(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python and its libraries read when they start, but for the folders of modules."""
    return {
        key: value for key, value in environment.items() if key.startswith(("PYTHON", "LD_")) and key != "PYTHONPATH"
    }


OF_PYTHON = of_python(os.environ)
FOLDERS = os.environ.get("PYTHONPATH", "").split(os.pathsep)
"""The folders of modules when the tests began."""
AT_THE_START = ("sitecustomize", "usercustomize", "hydra_plugins")
"""What is imported from any folder before a command does anything."""


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """The environment without what would point a run elsewhere."""
    left_out = ("MLFLOW_", "HYDRA_", "COLUMNS", "PYTEST_")
    return {key: value for key, value in os.environ.items() if not key.startswith(left_out)} | more


def nnexp(*words: str, cwd: Path, timeout: float = 180, **more: str) -> Ended:
    """``python -m nnexp WORDS`` in ``cwd``, in a process that has what it needs imported, but where that makes a difference.

    A single run draws no pictures but those that are typed.
    """
    if not usual(environment(**more)):
        return started(*words, cwd=cwd, timeout=timeout, **more)
    from tests.forked import server

    answer = server().carry_out(words, cwd, timeout, environment(**more), whole=True)
    assert answer.code is not None, f"nnexp {words} took more than {timeout} s: {answer}"
    return Ended(answer.code, answer.out, answer.err)


def with_pictures(*words: str, cwd: Path, timeout: float = 180) -> Ended:
    """The same, with the pictures that suit the task of a single run, as users have them."""
    from tests.forked import server

    answer = server().carry_out(words, cwd, timeout, environment(), whole=True, pictures=True)
    assert answer.code is not None, f"nnexp {words} took more than {timeout} s: {answer}"
    return Ended(answer.code, answer.out, answer.err)


def python(*words: str, cwd: Path, timeout: float = 180, tables: bool = True, **more: str) -> Ended:
    """``python WORDS``, with a file or with ``-c`` and a program, in a process that has nnexp and MLflow imported.

    Without ``tables`` it has MLflow write those of a new database.
    """
    from tests.forked import server

    everything = environment(**more)
    assert usual(everything)
    answer = server().carry_out(words, cwd, timeout, everything, whole=True, program="python", tables=tables)
    assert answer.code is not None, f"python {words} took more than {timeout} s: {answer}"
    return Ended(answer.code, answer.out, answer.err)


def program(*words: str, cwd: Path) -> subprocess.Popen[str]:
    """The same, under way; nobody hears what it says."""
    from tests.forked import Command

    nobody = subprocess.DEVNULL
    return Command(words, program="python", cwd=cwd, env=environment(), stdout=nobody, stderr=nobody, text=True)


def started(*words: str, cwd: Path, timeout: float = 180, **more: str) -> Ended:
    """``python -m nnexp WORDS`` in ``cwd``, from its first line."""
    command = [sys.executable, "-m", "nnexp", *words]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=timeout, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def usual(environment: Mapping[str, str]) -> bool:
    """Whether what Python and its libraries read when they start is as it was when the tests began.

    There may be more folders of modules, as long as nothing in them would have been imported before a command begins.
    """
    return of_python(environment) == OF_PYTHON and all(map(is_late, new_folders(environment, FOLDERS)))


def new_folders(environment: Mapping[str, str], before: Sequence[str]) -> list[str]:
    """The folders of modules that an environment has more than there were."""
    return [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each and each not in before]


def is_late(folder: str) -> bool:
    """Whether a folder has only modules that no other folder has, and entry points that nobody but nnexp asks for."""
    modules = {path.name.partition(".")[0] for path in Path(folder).glob("*") if path.suffix != ".dist-info"}
    points = "\n".join(path.read_text(errors="replace") for path in Path(folder).glob("*.dist-info/entry_points.txt"))
    groups = re.findall(r"^\s*\[(.*?)\]", points, re.MULTILINE)
    return (
        modules.isdisjoint(AT_THE_START)
        and not any(map(PathFinder.find_spec, modules))
        and all(group.startswith("nnexp.") for group in groups)
        and not any(map(is_installed, Path(folder).glob("*.dist-info")))
    )


def is_installed(info: Path) -> bool:
    """Whether a distribution of this name is there already."""
    try:
        distribution(info.name.partition("-")[0])
    except PackageNotFoundError:
        return False
    return True


def process(
    *words: str,
    cwd: Path,
    stdout: int | IO[Any] = subprocess.PIPE,
    stderr: int | IO[Any] = subprocess.PIPE,
    session: bool = False,
    tables: bool = True,
    **more: str,
) -> subprocess.Popen[str]:
    """``python -m nnexp WORDS`` under way, in a process that has what it needs imported.

    It may lead a ``session`` of its own; without ``tables`` it has MLflow write those of a new database.
    """
    everything = environment(**more)
    how: Mapping[str, Any] = {"cwd": cwd, "env": everything, "stdout": stdout, "stderr": stderr, "text": True}
    if not usual(everything):
        return subprocess.Popen([sys.executable, "-m", "nnexp", *words], start_new_session=session, **how)
    from tests.forked import Command

    return Command(words, session=session, tables=tables, **how)


def sweeping(
    cwd: Path, *words: str, until: Callable[[list[Path]], bool], timeout: float = 180
) -> subprocess.Popen[str]:
    """``python -m nnexp -m WORDS`` in a process group of its own, once ``until`` holds of its jobs' directories."""
    sweep = process("-m", *words, cwd=cwd, session=True)
    end = time.monotonic() + timeout
    try:
        while not until(list(cwd.glob("outputs/sweeps/*/[0-9]*"))):
            assert sweep.poll() is None, sweep.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)
    except BaseException:
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.communicate()
        raise
    return sweep


@contextlib.contextmanager
def killed_after(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End a process that leads a group, and the group, however the block ends: nothing trains on beside other tests."""
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def runs(cwd: Path) -> list[Path]:
    """The directories of the single runs in ``cwd``, oldest first."""
    return sorted((cwd / "outputs" / "runs").iterdir(), key=lambda path: path.stat().st_mtime)


def sweeps(cwd: Path) -> list[Path]:
    """The directories of the sweeps in ``cwd``, oldest first."""
    return sorted((cwd / "outputs" / "sweeps").iterdir(), key=lambda path: path.stat().st_mtime)


def result(directory: Path) -> dict[str, Any]:
    """A run's ``result.json``."""
    read: dict[str, Any] = json.loads((directory / "result.json").read_text())
    return read
