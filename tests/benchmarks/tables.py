"""Tables: what reading, checking and encoding a CSV file takes beside pandas' own reading of it, in time and in memory.

A million rows of 20 columns (155 MB): ``dataset=csv`` until its arrays are there, and until the first epoch can begin (split,
scaling, digest), against ``pandas.read_csv``. Memory is the peak of a process that does one of both, imports taken off (VmHWM
less VmRSS after the imports; Linux). And 10,000 columns of 30 rows, whose time must grow with the columns and not with their
square.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.measure import Pair, Pairs, Row, paired, row, slower

N_ROWS, N_COLUMNS = 1_000_000, 20
WIDE = 10_000

CHILD = """\
import json, sys
from pathlib import Path
import numpy as np
import pandas as pd
from nnexp.builtin.table import Csv
from nnexp.experiment.data import load

def memory(key):
    return 1024 * int(Path("/proc/self/status").read_text().split(key + ":")[1].split()[0])

way, path = sys.argv[1:]
imported = memory("VmRSS")
if way == "pandas":
    frame = pd.read_csv(path)
else:
    data = load(Csv(path=path, target="t"), np.random.SeedSequence(0))
print(json.dumps(memory("VmHWM") - imported))
"""


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        long, wide = Path(folder) / "long.csv", Path(folder) / "wide.csv"
        n_rows, n_pairs = (N_ROWS // 20, 1) if quick else (N_ROWS, 5)
        write(long, n_rows, N_COLUMNS)
        write(wide, 30, WIDE // 10 if quick else WIDE)
        name = f"{n_rows:,} rows x {N_COLUMNS}"
        read = seconds(lambda: pandas(long))
        pairs = paired(seconds(lambda: arrays(long)), read, n_pairs)
        yield slower(f"{name}: arrays", "s", pairs, peer_name="pandas.read_csv", goal=2)
        pairs = paired(seconds(lambda: first_epoch(long)), read, n_pairs)
        yield slower(f"{name}: first epoch begins", "s", pairs, peer_name="pandas.read_csv", goal=3)
        if Path("/proc/self/status").exists():
            pairs = Pairs([Pair(peak("nnexp", long), peak("pandas", long)) for _ in range(min(n_pairs, 3))])
            yield slower(f"{name}: peak", "MB", pairs, peer_name="pandas.read_csv", goal=1.5)
        pairs = paired(seconds(lambda: first_epoch(wide)), seconds(lambda: pandas(wide)), n_pairs)
        beyond = [ours - peer for ours, peer in pairs]
        name = f"30 rows x {WIDE:,}: first epoch begins"
        yield row(name, "s", pairs, beyond, peer_name="pandas.read_csv", kind="difference", goal=2)


def write(path: Path, n_rows: int, n_columns: int) -> None:
    """A table of numbers with a few digits, its last column the target."""
    import pandas as pd

    rng = np.random.default_rng(0)
    names = [*(f"x{number}" for number in range(n_columns - 1)), "t"]
    pd.DataFrame(rng.normal(size=(n_rows, n_columns)), columns=names).to_csv(path, index=False, float_format="%.5f")


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """A measurement of ``work``: the processor's time, which neighbours hardly change; neither side has threads."""

    def run() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return run


def pandas(path: Path) -> object:
    """The peer: the file as a frame."""
    import pandas as pd

    return pd.read_csv(path)


def arrays(path: Path) -> object:
    """The file as arrays, checked."""
    from nnexp.builtin.table import Csv
    from nnexp.experiment.data import load

    return load(Csv(path=str(path), target="t"), np.random.SeedSequence(0))


def first_epoch(path: Path) -> object:
    """All that happens before the first epoch."""
    from nnexp.experiment.experiment import prepare
    from nnexp.experiment.plan import plan

    experiment = prepare(plan({"dataset": {"name": "csv", "path": str(path), "target": "t"}}))
    return experiment.digest()


def peak(way: str, path: Path) -> float:
    """The peak of a process that reads the file, beyond its imports, in 10^6 bytes."""
    command = [sys.executable, "-c", CHILD, way, str(path)]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)) / 1e6
