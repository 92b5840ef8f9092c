"""What travels between the head and a worker, in bytes: what a job goes on from, and what is new of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nnexp.errors import NnexpError
from nnexp.journal.journal import JOURNAL

LOG = "nnexp.log"
STREAMS = (JOURNAL, LOG)
"""The files of a job that only grow."""


class Refused(NnexpError):  # noqa: N818 (a state, not a mistake)
    """A worker sent what no worker of nnexp's sends; the message names the job and says what."""


@dataclass(frozen=True)
class Update:
    """What is new in a job's directory."""

    streams: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    """Of each file that grows, the offset and what stands from there on, in whole lines."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The files that are there as a whole, by their names."""

    def __bool__(self) -> bool:
        return bool(self.streams or self.files)

    @property
    def small(self) -> Update:
        """Without files, which may be large."""
        return Update(self.streams)
