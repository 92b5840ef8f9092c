"""What the logs of a sweep's jobs say of pictures that were asked for and not drawn, for the terminal at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnexp.basics.files import Unreadable, open_plain
from nnexp.commands.job import LOG
from nnexp.errors import listed
from nnexp.sweep.ledger import Sweep
from nnexp.sweep.states import DONE

SAID = "nnexp: The picture "
"""How such a line begins."""
END = 1 << 14
"""Bytes at a log's end that are read: pictures are drawn last."""
MOST = 5
"""So many such lines are shown."""


def undrawn(sweep: Sweep) -> Iterator[str]:
    """Each such line once, with the jobs; none where no picture was asked for, or where jobs have no log of their own."""
    if not asks(sweep):
        return
    said: dict[str, list[str]] = {}
    for job in sweep.of(*DONE):
        for line in dict.fromkeys(lines(job.directory / LOG)):
            said.setdefault(line, []).append(f"#{job.number}")
    for line, numbers in [*said.items()][:MOST]:
        yield f"{listed(numbers, most=10)}: {line.removeprefix('nnexp: ')}"


def asks(sweep: Sweep) -> bool:
    """Whether some job was asked for a picture."""
    return "pictures" in sweep.manifest.swept or any(
        each.config.get("pictures") for each in sweep.manifest.compositions
    )


def lines(log: Path) -> Sequence[str]:
    """What a job's log says of pictures; nothing where it cannot be read."""
    try:
        with open_plain(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - END))
            return [line for line in file.read(END).decode(errors="replace").splitlines() if line.startswith(SAID)]
    except (OSError, Unreadable):
        return []
