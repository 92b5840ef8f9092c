"""nnexp's conformance kit, with each way to multiply matrices."""

from __future__ import annotations

from nnexp_native import Native

from nnexp.testing import conformance

test_native = conformance(Native)
test_native_in_blocks = conformance(Native(matmul="blocked"))
test_native_in_plain_loops = conformance(Native(matmul="naive"))
test_native_on_any_processor = conformance(Native(target="baseline"))
