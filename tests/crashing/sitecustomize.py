"""Imported by every Python process of a command that has this folder in PYTHONPATH: kills them all at one moment.

The moment is when one of them is about to open for writing, to rename or to remove a certain file below ``outputs/``, for the
first, second, ... time. CRASH_AT names it, as CRASH_LIST, a file, gets a line for each such moment.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from multiprocessing import parent_process
from typing import Any

AT, LIST = os.environ.get("CRASH_AT", ""), os.environ.get("CRASH_LIST", "")
OPERATIONS = {"open": 0, "os.rename": 1, "os.remove": 0}
"""What is looked at, and which of its arguments is the path."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OUTPUTS = f"{os.getcwd()}/outputs/"  # noqa: PTH109 (as little as possible is imported here)
VARYING = (
    (re.compile(r"[0-9a-f]{32}|m-[0-9a-f]{32}"), "RUN"),
    (re.compile(r"[0-9a-f]{16}"), "JOURNAL"),
    (re.compile(r"[0-9]+\.[0-9]+"), "NUMBER"),
)
"""What is another one each time."""
times: Counter[str] = Counter()


def moment(event: str, arguments: tuple[Any, ...]) -> str:
    """An operation on a file of ours in words; empty for everything else."""
    path = arguments[OPERATIONS[event]]
    if not isinstance(path, str | bytes | os.PathLike):
        return ""
    place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
    if not place.startswith(OUTPUTS) or (event == "open" and not arguments[2] & WRITING):
        return ""
    place = place.removeprefix(OUTPUTS)
    for pattern, name in VARYING:
        place = pattern.sub(name, place)
    said = f"{'worker' if parent_process() else 'command'}: {event} {place}"
    times[said] += 1
    return f"{said} #{times[said]}"


def look(event: str, arguments: tuple[Any, ...]) -> None:
    """Kill, or list."""
    if event in OPERATIONS and (said := moment(event, arguments)):
        if said == AT:
            os.killpg(0, signal.SIGKILL)
        if LIST:
            with open(LIST, "a", encoding="utf-8") as file:  # noqa: PTH123
                file.write(f"{said}\n")


if AT or LIST:
    sys.addaudithook(look)
