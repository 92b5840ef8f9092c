"""``python -m pytest`` many times over: a process that has imported what tests need forks a child for each directory.

To import it anew takes seconds each time.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

Run = Callable[[Path, Sequence[str]], tuple[int, str]]
"""(directory, words for pytest) to its exit code and output."""


@contextlib.contextmanager
def forked_pytest(preloaded: Sequence[str], python: str | Path = sys.executable) -> Iterator[Run]:
    """Within the block, run pytest in directories, which come first on its path, in processes that have modules imported.

    Plugins of pytest that others have installed are left out. What is ``preloaded`` is looked for in the environment of
    ``python``, and not in this checkout.
    """
    left_out = ("PYTEST", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MLFLOW_", "HYDRA_", "COLUMNS")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    server = subprocess.Popen(
        [python, Path(__file__), *preloaded],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
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
    for name in ("pytest", *sys.argv[1:]):
        import_module(name)
    from _pytest.config import default_plugins

    for name in default_plugins:
        import_module(f"_pytest.{name}")
    warnings.simplefilter("ignore", DeprecationWarning)  # BLAS libraries may have threads; they expect forks
    gc.collect()
    gc.freeze()  # a fork has no garbage to look for in what it was born with
    gc.set_threshold(100_000, 20, 20)
    for line in sys.stdin:
        print(json.dumps(carried_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, whose modules are called as others are
    main()
