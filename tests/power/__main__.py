"""Let the power fail again and again, and say what was lost.

``python -m tests.power [--cuts 240] [--seed 0] [--folder FOLDER [--cut N]]``

Every sixth failure meets a single run, the others a sweep. Two are tried at a time, each with a recording of its own, because
what a sweep writes holds the path of its directory. A failure is repeated by its number with the folder that holds its
recording, which stays where anything was wrong.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.power.failures import RUN, SWEEP, Recorded, failure, moment, recorded

LANES = 2
"""So many failures are tried at a time."""
SINGLE = 6
"""Each so-manieth failure is that of a single run."""
HOW_AGAIN = "One again: python -m tests.power --seed {seed} --folder {folder} --cut N"


def lane(folder: Path, numbers: Iterable[int], seed: int, which: int) -> list[str]:
    """Try these failures, one after the other, on the recordings of one lane; what was wrong."""
    recordings: dict[str, Recorded] = {}
    problems = []
    for number in numbers:
        command = RUN if number % SINGLE == SINGLE - 1 else SWEEP
        if command.name not in recordings:
            recordings[command.name] = recorded(command, folder / f"{command.name}{which}")
        it = recordings[command.name]
        found = failure(it, seed, number)
        print(f"{number}: {command.name}, {moment(it.disk, seed, number)}", *found, sep="\n   ", flush=True)
        problems += found
    return problems


def fail(folder: Path, numbers: Iterable[int], seed: int, lanes: int = LANES) -> list[str]:
    """Try these failures, so many at a time; what was wrong."""

    def tried(which: int) -> list[str]:
        return lane(folder, [number for number in numbers if number % lanes == which], seed, which)

    with ThreadPoolExecutor(lanes) as pool:
        return [each for found in pool.map(tried, range(lanes)) for each in found]


def main() -> int:
    """Let the power fail, print what was wrong; 1 where anything was."""
    parser = argparse.ArgumentParser(prog="python -m tests.power", description=__doc__)
    parser.add_argument("--cuts", type=int, default=240, help="how often the power fails")
    parser.add_argument(
        "--seed", type=int, default=0, help="what the moments, and what is on the disk then, follow from"
    )
    parser.add_argument("--cut", type=int, help="only this failure")
    parser.add_argument("--folder", type=Path, help="where the recordings are, or are to be")
    given = parser.parse_args()
    began = time.monotonic()
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="nnexp-power-"))).resolve()
    numbers = range(given.cuts) if given.cut is None else [given.cut]
    lanes = len([*folder.glob("sweep*")]) or LANES  # as many as when they were recorded
    problems = fail(folder, numbers, given.seed, lanes)
    print(f"the power failed {len(numbers)} times in {time.monotonic() - began:.0f} s; lost or wrong: {len(problems)}")
    if problems:
        print(HOW_AGAIN.format(seed=given.seed, folder=folder))
        return 1
    if given.folder is None:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
