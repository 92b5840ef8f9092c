"""The old name of ``nnexp.tables.frame``."""

from nnexp.tables.frame import from_frame as from_frame
