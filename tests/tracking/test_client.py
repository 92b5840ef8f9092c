"""How addresses and failures are worded, and that MLflow is only quiet while it should be."""

from __future__ import annotations

import logging
import os

import pytest

from nnexp.basics.secrets import masked
from nnexp.errors import NnexpError
from nnexp.tracking.client import QUICK, quiet, reason, worded

SECRET = "geheim/p@ss"  # noqa: S105 - the one that must never be shown
URIS = {
    f"http://me:{SECRET}@host:5000/path": "http://me:***@host:5000/path",
    f"https://{SECRET}@host": "https://***@host",
    f"postgresql+psycopg2://me:{SECRET}@host/db": "postgresql+psycopg2://me:***@host/db",
    "postgresql://host/db?user=me&password=geheim": "postgresql://host/db?user=me&password=***",
    "sqlite:////home/me@work/mlflow.db": "sqlite:////home/me@work/mlflow.db",
    "http://host:5000": "http://host:5000",
    "./mlruns": "./mlruns",
}


@pytest.mark.parametrize(("uri", "shown"), URIS.items())
def test_an_address_is_shown_without_its_password(uri: str, shown: str) -> None:
    """Whatever could be a secret in an address is replaced; the rest stays readable."""
    assert masked(uri) == shown


def test_a_failure_is_told_without_the_password_in_any_spelling() -> None:
    """A library's own text is shown without the address's credentials, plain or percent-encoded."""
    uri = "http://me:p%40ss@host:5000"
    text = reason(ValueError(f"GET {uri}/api failed for me:p@ss (p%40ss)\nmore"), uri)
    assert "p@ss" not in text
    assert "p%40ss" not in text
    assert "more" not in text


def test_a_failure_names_what_was_tried_and_where() -> None:
    """A failure of the store becomes one sentence: what, where, why."""
    with (
        pytest.raises(NnexpError, match=r"^Could not tag it at http://h: connection refused\.$"),
        worded("tag it", "http://h"),
    ):
        raise OSError("HTTPConnectionPool(...): [Errno 111] Connection refused")


def test_quiet_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment and log levels are what they were before, and what the user has set holds inside too."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    before, logger = dict(os.environ), logging.getLogger("mlflow")
    level = logger.level
    with quiet():
        assert not logger.isEnabledFor(logging.CRITICAL)
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    with quiet(QUICK, firmly=True):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == QUICK["MLFLOW_HTTP_REQUEST_TIMEOUT"]
    assert (dict(os.environ), logger.level) == (before, level)
