"""MLflow without its chatter: how it is imported, how a failure is worded."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nnexp.basics.environment import changed, propose
from nnexp.basics.secrets import masked, without_secrets
from nnexp.errors import NnexpError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow import MlflowClient

LOGGERS = ("mlflow", "alembic")
"""The loggers through which MLflow talks to the terminal."""

SILENT = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server does not send anybody on to another one, which nobody has typed.
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
}
"""What keeps MLflow from printing links and progress bars of its own, and from going where its server sends it."""

SILENCE = logging.CRITICAL + 1
"""The level of a logger that says nothing."""

QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "4"}
"""One attempt, seconds at most: for the first check and in the middle of training."""

PATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
"""A server that is restarted gets some 6 s to come back. MLflow's own default waits for minutes."""

FAILURES = (
    (r"connection refused", "connection refused"),
    (r"failed to resolve|name or service not known|nodename nor servname|getaddrinfo|name resolution", "unknown host"),
    (r"certificate verify failed", "its TLS certificate is not trusted"),
    (r"network is unreachable|no route to host", "the network does not reach it"),
    (r"timed? ?out", "no answer in time"),
    (r"connection aborted|connection reset|remote end closed", "it closed the connection"),
    (r"error code 401|unauthorized|authentication failed", "user name or password refused"),
    (r"error code 403|permission.denied", "access denied"),
    (r"error code 50[234]", "the server is not available"),
    (r"error code 404|not in a valid json format|doctype html", "what answers there is no MLflow 3 server"),
    (r"readonly database", "the database is read-only"),
    (r"unable to open database file", "the file cannot be opened"),
    (r"disk is full|no space left", "the disk is full"),
    (r"database is locked", "the database is locked by another program"),
    (r"file is not a database|disk image is malformed", "the file is no SQLite database, or a damaged one"),
)
"""What a failure's text says (the first that fits) -> the few words shown for it."""


@contextmanager
def quiet(environment: Mapping[str, str] = PATIENT, *, firmly: bool = False) -> Iterator[None]:
    """Keep MLflow from writing to the terminal, with ``environment`` added; both end with the block.

    A variable the user has set wins, except ``firmly``. Import MLflow before: its import sets its loggers' levels anew.
    """
    levels = [(logger, logger.level) for logger in map(logging.getLogger, LOGGERS) if logger.level != SILENCE]
    for logger, _ in levels:  # each change makes every logger of the process look its level up anew
        logger.setLevel(SILENCE)
    try:
        with changed({**SILENT, **environment}, firmly=firmly):
            yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)


def quiet_for_good() -> None:
    """Keep MLflow from saying anything in this process, which has nobody to say it to. Import MLflow before."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(SILENCE)


def no_telemetry() -> None:
    """Ask MLflow not to report its use to its makers; call it before MLflow is imported.

    It reports every run and model from the user's machine unless told otherwise. That is the user's to decide, not
    nnexp's: ``MLFLOW_DISABLE_TELEMETRY=false`` turns it on again.
    """
    propose("MLFLOW_DISABLE_TELEMETRY", "true")


def import_mlflow() -> None:
    """Import MLflow, which takes seconds, before it is needed."""
    no_telemetry()
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 (where nearly half of the time goes)


def new_client(uri: str) -> MlflowClient:
    """Make MLflow's client for the store at ``uri``. Raises whatever MLflow raises."""
    no_telemetry()
    from mlflow import MlflowClient

    with quiet(QUICK, firmly=True):
        return MlflowClient(uri)


def reason(error: BaseException, uri: str) -> str:
    """Say why ``error`` happened, in a few words and without secrets."""
    text = str(error)
    for pattern, words in FAILURES:
        if re.search(pattern, text, re.IGNORECASE):
            return words
    line = without_secrets(text, uri).strip().partition("\n")[0] or type(error).__name__
    return line if len(line) <= 200 else f"{line[:199]}…"


@contextmanager
def worded(what: str, uri: str) -> Iterator[None]:
    """Talk to the store quietly; a failure becomes "Could not <what> at <uri>: <reason>." (``NnexpError``)."""
    try:
        with quiet():
            yield
    except NnexpError:
        raise
    except Exception as error:
        raise NnexpError(f"Could not {what} at {masked(uri)}: {reason(error, uri)}.") from error
