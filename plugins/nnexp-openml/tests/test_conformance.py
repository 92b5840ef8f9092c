"""nnexp's own checks of a plugin, on tables of a server on 127.0.0.1."""

from __future__ import annotations

import pytest
from nnexp_openml import OpenML

from nnexp.testing import conformance

pytestmark = pytest.mark.usefixtures("server")

test_iris = conformance(OpenML(table="iris"))
test_cpu = conformance(OpenML(table="cpu"))
test_titanic = conformance(
    OpenML(table="titanic", missing="drop", drop=("name", "ticket", "cabin", "boat", "body", "home.dest"))
)
test_another_target = conformance(OpenML(table="iris", target="sepalwidth", task="regression", drop=("class",)))
