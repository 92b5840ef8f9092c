"""nnexp's conformance kit: every combination that the engine claims, against NumPy's."""

from __future__ import annotations

from nnexp_native import Native

from nnexp.testing import conformance

test_native = conformance(Native)
