"""A process that runs pytest in one directory after another, each time in a fork of its own.

What the tests need beyond nnexp takes seconds to import; it is imported here once. A line of JSON on standard input,
``{"directory": ..., "tests": [...]}``, is answered by a line with pytest's exit code; its output is in output.txt.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

PRELOADED = (
    "hydra.core.override_parser.overrides_parser",
    "hypothesis",
    "numpy",
    "omegaconf",
    "pytest",
    "scipy.special",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neural_network",
    "sklearn.preprocessing",
    "threadpoolctl",
)


def run(directory: Path, tests: list[str]) -> int:
    """Run the tests of a directory, with what lies there first on the path."""
    import pytest

    os.chdir(directory)
    sys.path.insert(0, str(directory))
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    return int(pytest.main(["-x", "-q", *tests]))


def main() -> None:
    """Answer until the input ends."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # those that others have installed are imported in each fork
    for name in PRELOADED:
        import_module(name)
    from _pytest.config import default_plugins

    for name in default_plugins:
        import_module(f"_pytest.{name}")
    if "nnexp" in sys.modules:
        raise RuntimeError("nnexp is loaded already")
    warnings.simplefilter("ignore", DeprecationWarning)  # BLAS libraries may have threads; they expect forks
    for line in sys.stdin:
        given = json.loads(line)
        child = os.fork()
        if not child:
            code = 70
            try:
                code = run(Path(given["directory"]), given["tests"])
            except BaseException:  # noqa: BLE001 (the fork must end here, whatever happens)
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
