"""What of the user's may spoil a picture: letters that matplotlib's font does not have, and a matplotlibrc."""

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


@contextmanager
def own_style() -> Iterator[None]:
    """Have a picture drawn in the block as everywhere, whatever the user's matplotlibrc says, which may ask for LaTeX."""
    from matplotlib import rc_context, rcdefaults

    with rc_context():
        rcdefaults()
        yield
