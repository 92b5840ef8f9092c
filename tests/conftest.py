"""What holds for all tests."""

from __future__ import annotations

import signal

# Where pytest was started in the background of a script, Ctrl-C is ignored, and so would every command ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
