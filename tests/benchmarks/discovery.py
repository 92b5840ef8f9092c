"""Discovery: what 50 installed options add to the time until a command does its work.

Wall time of whole processes with 50 more distributions installed, one plugin each in turns of the kinds as ``nnexp new`` writes
them, so that their modules import NumPy alone, against the same command without them. Same interpreter, taken in turns,
all modules compiled.

* ``--help`` lists every option, so it has to import every plugin.
* ``--cfg job`` is a run's start: everything up to the checked configuration. It imports the plugins that were chosen.
* ``plugins`` reads all there is to know of each.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template

from nnexp.commands import scaffold
from nnexp.plugin import KINDS
from tests.benchmarks.measure import Row, Seconds, paired, row
from tests.benchmarks.startup import environment

N_OPTIONS = 50
GOAL = 150.0
"""Milliseconds that all of them together may add."""


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        with_, without = Path(folder, "with"), Path(folder, "without")
        without.mkdir()
        for number in range(N_OPTIONS):
            install(with_, list(KINDS)[number % len(KINDS)], f"option_{number}")
        for words in (["--help"], ["--cfg", "job"], ["plugins"]):
            pairs = paired(process(words, with_), process(words, without), 3 if quick else 21)
            name = f"python -m nnexp {' '.join(words)}, {N_OPTIONS} options more"
            added = [pair.ours - pair.peer for pair in pairs]
            yield row(name, "ms", pairs, added, peer_name="without them", kind="difference", goal=GOAL)


def install(site: Path, kind: str, name: str) -> None:
    """What pip leaves behind of a new plugin: its package, and metadata with the entry point."""
    words = scaffold.terms(kind, name)
    package = site / words["module"]
    package.mkdir(parents=True)
    source = (scaffold.TEMPLATES / f"{kind}.py.template").read_text(encoding="utf-8")
    (package / "__init__.py").write_text(Template(source).substitute(words), encoding="utf-8")
    info = site / f"{words['module']}-0.1.0.dist-info"
    info.mkdir()
    readme = Template((scaffold.TEMPLATES / "README.md.template").read_text(encoding="utf-8")).substitute(words)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {words['distribution']}\nVersion: 0.1.0\nRequires-Python: >=3.11\n"
        f"Requires-Dist: nnexp{words['range']}\nRequires-Dist: numpy<3,>=2.2\n\n{readme}",
        encoding="utf-8",
    )
    points = f"[nnexp.{kind}]\n{name} = {words['module']}:{words['Class']}\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


def process(words: list[str], site: Path) -> Seconds:
    """The wall time in milliseconds of a whole command with the distributions in ``site`` installed."""
    command = [sys.executable, "-m", "nnexp", *words]

    def run() -> float:
        began = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=site,
            env={**environment(), "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode or done.stderr:
            raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return 1000 * seconds

    return run
