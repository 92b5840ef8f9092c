"""Words of the user's in a picture: letters that matplotlib's font does not have are boxes, and no warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def any_letters() -> Iterator[None]:
    """Have a picture drawn in the block, whatever the letters in it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from|Matplotlib currently does not support", UserWarning)
        yield
