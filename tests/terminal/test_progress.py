"""The line that says how a sweep goes, on a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import re
import sys

import pytest

from nnexp.terminal.progress import SweepProgress


@pytest.mark.parametrize(("columns", "bar"), [(80, False), (120, True)])
def test_a_narrow_terminal_has_all_but_the_end_of_the_words(
    columns: int, bar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many are done, the best so far and the time left are there; the best one's values are cut off, the bar left out."""
    reading, writing = os.openpty()
    with os.fdopen(writing, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        progress = SweepProgress(14, what="trials")
        progress.begun()
        progress.ended(0, 0.25, failed=False, words="v" * 90)
        progress.close()
    said = b""
    with contextlib.suppress(OSError):  # at its end, as nobody writes any more
        while more := os.read(reading, 4096):
            said += more
    os.close(reading)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in re.split(r"[\r\n]+", said.decode())]
    (line, *_) = [each for each in lines if "1/14" in each]
    assert re.search(r"1/14 best 0\.25 \(#0 v+… left \S+$", line)
    assert len(line) <= columns
    assert ("━" in line) == bar
