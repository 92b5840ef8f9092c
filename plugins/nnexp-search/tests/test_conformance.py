"""Every sampler through nnexp's conformance kit."""

from __future__ import annotations

import pytest
from nnexp_search.samplers import CmaEs, Qmc, Random, Tpe

from nnexp.testing import conformance, examine

test_random = conformance(Random)
test_qmc = conformance(Qmc)
test_tpe = conformance(Tpe(startup=3))
test_cmaes = conformance(CmaEs)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Optuna warns at each trial that has a field which others lack; a search with such fields says nothing of it."""
    examine(Qmc)
    assert capfd.readouterr() == ("", "")
