"""The conformance kit: what every plugin has to keep, as tests.

A plugin's own test file is one line per plugin::

    from nnexp.testing import conformance
    from nnexp_huber import Huber

    test_huber = conformance(Huber)
    test_huber_wide = conformance(Huber(delta=5.0))

``python -m nnexp check`` prints the same checks as a table. ``suite`` runs them, ``every`` has those of all kinds, and each
kind has a module of its own, which ends with the list of its checks. A check is a function that raises ``Failed`` or
``Skipped``; a new kind is one more module and its line in ``suite.KIND_CHECKS``. A check's name is the pytest id, its
docstring the row of the table. A new check comes with a planted mistake in ``tests/testing/mistakes_of_*.py``, or
``test_every_check_can_fail`` is red.
"""

from nnexp.testing.suite import conformance, examine
from nnexp.testing.verdict import Check, Failed, Skipped

__all__ = ["Check", "Failed", "Skipped", "conformance", "examine"]
