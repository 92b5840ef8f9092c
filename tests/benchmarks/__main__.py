"""``python -m tests.benchmarks [PART ...] [--quick] [--json FILE]``; the parts are those of ``PARTS``.

Prints one line per comparison as soon as it is measured. The exit code is 0 whether goals are met or not.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import platform
import sys
from pathlib import Path

from tests.benchmarks.measure import Row, header, shown

PARTS = (
    "startup",
    "discovery",
    "sweeps",
    "cluster",
    "search",
    "tracking",
    "memory",
    "tables",
    "seeing",
    "steps",
    "native",
)
"""In the order in which they run without a choice: what starts processes while this one is still small."""


def main() -> None:
    """Measure the chosen parts and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="nnexp's speed and size, by ratios."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without a choice")
    parser.add_argument("--quick", action="store_true", help="few repetitions, to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part '{unknown[0]}'; there are {', '.join(PARTS)}")

    print(header(), flush=True)
    found: list[Row] = []
    for part in given.parts or PARTS:
        for row in importlib.import_module(f"tests.benchmarks.{part}").rows(quick=given.quick):
            print(shown(row), flush=True)
            found.append(row)
    with_goal = [row for row in found if row.met is not None]
    print(f"\n{sum(row.met is True for row in with_goal)} of {len(with_goal)} goals met.")
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "rows": [record(row) for row in found]}, indent=1))


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    import numpy as np
    import sklearn

    return {
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def record(row: Row) -> dict[str, object]:
    """The row in plain values."""
    return {**dataclasses.asdict(row), "met": row.met}


if __name__ == "__main__":
    main()
