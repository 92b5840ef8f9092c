"""Memory: the peak of a process that trains 784-128-64-10 at batch 64 for one epoch on 60,000 x 784 samples.

A new process imports the library, notes its memory, makes the data in the run's dtype, trains through ``nnexp.fit`` (the usual
checks, split, scaling and validation included) and notes its peak. The peak beyond the imports must not exceed the data, one
copy of it, and 100 MB. Linux: VmRSS after the imports and VmHWM at the end; elsewhere ``ru_maxrss`` for both (on Linux a child
inherits ``ru_maxrss`` from the process that started it, which would hide what is asked). MB are 10^6 bytes.

The second way in is what the command does once a dataset plugin has returned such arrays: ``assemble`` of the experiment, the
data's digest for the record, training, and the model.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.measure import Pair, Pairs, Row, row

N_SAMPLES, N_FEATURES = 60_000, 784
SPARE = 100e6

CHILD = """\
import json, resource, sys
from pathlib import Path

import numpy as np

from nnexp import fit
from nnexp.experiment.experiment import assemble
from nnexp.experiment.plan import plan
from nnexp.library import InMemory
from nnexp.plugin import Data


def memory(key):
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(status.read_text().split(key + ":")[1].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


way, dtype, n, width = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
imported = memory("VmRSS")
rng = np.random.default_rng(0)
x = rng.standard_normal((n, width), dtype=dtype)
y = rng.integers(10, size=n)
made = memory("VmHWM")
optimizer = {"name": "minibatch", "batch_size": 64, "learning_rate": 0.01}
if way == "fit":
    fit(x, y, hidden=[128, 64], optimizer=optimizer, epochs=1, dtype=dtype)
else:
    config = {"dataset": InMemory(), "network": {"hidden": [128, 64]}, "optimizer": optimizer, "epochs": 1, "dtype": dtype}
    names = tuple(f"x{i}" for i in range(width))
    data = Data(x, y, names, "multiclass", tuple(range(10)))
    experiment = assemble(plan(config), data, np.random.SeedSequence(0).spawn(4))
    experiment.digest()
    for _ in experiment.epochs():
        pass
    experiment.model()
print(json.dumps({"data": made - imported, "beyond": memory("VmHWM") - imported, "bytes": x.nbytes}))
"""


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Both ways in, in both dtypes."""
    n_samples = N_SAMPLES // 10 if quick else N_SAMPLES
    for way in ("fit", "assemble"):
        for dtype in ("float64", "float32"):
            yield one(way, dtype, n_samples, 1 if quick else 3)


def one(way: str, dtype: str, n_samples: int, times: int) -> Row:
    """The peak beyond the imports, and as the peer what it may be."""
    pairs = Pairs()
    for _ in range(times):
        command = [sys.executable, "-c", CHILD, way, dtype, str(n_samples), str(N_FEATURES)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout)
        pairs.append(Pair(found["beyond"] / 1e6, (2 * found["bytes"] + SPARE) / 1e6))
    ratios = [pair.ours / pair.peer for pair in pairs]
    name = f"memory, {way}, {n_samples:,} x {N_FEATURES}, {dtype}"
    return row(name, "MB", pairs, ratios, peer_name="data, a copy, 100 MB", goal=1.0)
