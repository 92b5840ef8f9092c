"""``python -m pytest`` many times over: a process that has imported what tests need forks a child for each directory.

To import it anew takes seconds each time. Where commands are forked from a process as well, that one forks the tests, too, and
the commands that they start.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _pytest.config import default_plugins

if TYPE_CHECKING:
    from tests.forked import Forked

Run = Callable[[Path, Sequence[str]], tuple[int, str]]
"""(directory, words for pytest) to its exit code and output."""

OF_PYTEST = ("pytest", *(f"_pytest.{name}" for name in default_plugins))
"""What pytest imports."""
LEFT_OUT = ("PYTEST", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MLFLOW_", "HYDRA_", "COLUMNS")
"""How the names begin of what the tests' environment has not."""


def environment() -> dict[str, str]:
    """What tests are run in: without plugins of pytest that others have installed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(LEFT_OUT)}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@contextlib.contextmanager
def forked_pytest(preloaded: Sequence[str]) -> Iterator[Run]:
    """Within the block, run pytest in directories, which come first on its path, in processes that have modules imported.

    What is ``preloaded`` is not looked for in this checkout.
    """
    server = subprocess.Popen(
        [sys.executable, Path(__file__), *preloaded],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with server:

        def ask(directory: Path, words: Sequence[str]) -> tuple[int, str]:
            assert server.stdin
            assert server.stdout
            server.stdin.write(json.dumps({"directory": str(directory), "words": [*words]}) + "\n")
            server.stdin.flush()
            code, output = json.loads(server.stdout.readline())
            return code, output

        yield ask


PYTEST = """
import os, pytest, sys
for name in [each for each in sys.modules if each.split(".")[0] == "tests"]:
    del sys.modules[name]  # the tests that are run are others
code = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)
"""


def pytest_in(forked: Forked, directory: Path, words: Sequence[str]) -> tuple[int, str]:
    """The same in a child of another process that forks, and that has imported ``OF_PYTEST``."""
    how: Any = {"whole": True, "program": "python", "pictures": True}
    answer = forked.carry_out(["-c", PYTEST, *words], directory, 600, environment(), **how)
    assert answer.code is not None, answer
    return answer.code, answer.out + answer.err


ASKING = """
import os, subprocess, sys
from multiprocessing.connection import Client

start = subprocess.run

def run(command, *, cwd=None, env=None, **how):
    if command[:3] != [sys.executable, "-m", "nnexp"]:
        return start(command, cwd=cwd, env=env, **how)
    with Client({address!r}) as line:
        line.send((command[3:], cwd, dict(os.environ if env is None else env)))
        return subprocess.CompletedProcess(command, *line.recv())

subprocess.run = run
"""
"""For a conftest.py: commands are forked that tests start and wait for, by a process that answers at an address."""


@contextlib.contextmanager
def answering(forked: Forked) -> Iterator[str]:
    """Within the block, commands are forked for those who ask at the address that it gives."""
    with Listener(family="AF_UNIX") as listener:

        def answer() -> None:
            while True:
                with listener.accept() as line:
                    if not (asked := line.recv()):
                        return
                    words, cwd, everything = asked
                    ended = forked.carry_out(words, cwd, 180, everything, whole=True, pictures=True)
                    line.send((ended.code, ended.out, ended.err))

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield str(listener.address)
        finally:
            with Client(listener.address) as line:
                line.send(None)
            thread.join()


def run(directory: str, words: Sequence[str], said: int) -> int:
    """Run the tests of a directory, with what lies there first on the path."""
    import pytest

    os.chdir(directory)
    sys.path.insert(0, directory)
    os.dup2(said, 1)
    os.dup2(said, 2)
    return int(pytest.main([*words]))


def carried_out(given: dict[str, Any]) -> tuple[int, str]:
    """The exit code and the output of pytest, in a fork of this process."""
    with open(os.memfd_create("said"), "rb") as said:  # noqa: PTH123 (it has no path)
        child = os.fork()
        if not child:
            code = 70
            try:
                code = run(given["directory"], given["words"], said.fileno())
            except BaseException:  # noqa: BLE001 (the fork must end here, whatever happens)
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(status), said.read().decode(errors="backslashreplace")


def main() -> None:
    """Answer until the input ends: a line of JSON with a directory and words, by one with an exit code and what was said."""
    for name in (*OF_PYTEST, *sys.argv[1:]):
        import_module(name)
    warnings.simplefilter("ignore", DeprecationWarning)  # BLAS libraries may have threads; they expect forks
    gc.collect()
    gc.freeze()  # a fork has no garbage to look for in what it was born with
    gc.set_threshold(100_000, 20, 20)
    for line in sys.stdin:
        print(json.dumps(carried_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, whose modules are called as others are
    main()
