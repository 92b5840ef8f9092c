"""nnexp's conformance kit: every installed activation, loss and optimizer against NumPy's engine."""

from __future__ import annotations

from nnexp_native import Native

from nnexp.testing import conformance

test_native = conformance(Native)
