"""A store is used that was typed, that the environment names, or that is embedded; a file only proposes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnexp.basics.origin import allowed, origin
from nnexp.basics.secrets import TRACKING_URIS
from nnexp.composition.safety import check_store
from nnexp.errors import NnexpError
from nnexp.tracking.pending import usable

PROPOSED = [
    "http://evil.example",
    "HTTP://evil.example",
    "Https://evil.example:5000/x",
    " http://evil.example",
    "http://me:secret@evil.example",
    "http://[::1]:5000",
    "postgresql://evil.example/db",
    "postgresql+psycopg2://me:secret@evil.example/db",
    "mysql+pymysql://evil.example/db",
    "mssql+pyodbc:///?odbc_connect=x",
    "databricks",
    "databricks://profile",
    "uc:http://evil.example",
    "arn:aws:x",
    "sqlite:///name.db",
    "SQLITE:///name.db",
    "sqlite+pysqlite:///name.db",
    "sqlite:///outputs/../name.db",
    "sqlite:///file:outputs/mlflow.db?uri=true",
    "sqlite://",
    "./folder",
    "file:///folder",
    "${seed}",
    "",
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TRACKING_URIS, "{}")


@pytest.mark.parametrize("uri", PROPOSED)
@pytest.mark.parametrize("typed", [(), ("tracking",), ("tracking.experiment", "experiment"), ("uri", "tracking.uri.x")])
def test_a_file_only_proposes_a_store(uri: str, typed: tuple[str, ...]) -> None:
    """However it is spelled it is refused with the words to type, also where the group, or another of its keys, was typed."""
    with pytest.raises(NnexpError, match=r"tracking\.uri=.* is set in a file|A store's address is empty") as refused:
        check_store({"uri": uri}, typed)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("uri", [each for each in PROPOSED if each])
def test_what_is_typed_is_used(uri: str) -> None:
    """The same words on the command line pass."""
    check_store({"uri": uri, "artifacts": "/data"}, ["tracking.uri", "tracking.artifacts"])


def test_a_file_may_name_the_store_that_is_used_anyway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The embedded database, and what the environment says; but not with a password of its own."""
    check_store({"uri": None}, ())
    check_store({"uri": "sqlite:///outputs/mlflow.db"}, ())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:one@host")
    check_store({"uri": "http://me:one@host"}, ())
    with pytest.raises(NnexpError, match="is set in a file"):
        check_store({"uri": "http://me:other@host"}, ())
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "mlflow.db").symlink_to(tmp_path / "thesis.db")
    with pytest.raises(NnexpError, match="is set in a file"):
        check_store({"uri": "sqlite:///thesis.db"}, ())


@pytest.mark.parametrize("tracking", ["${dataset}", ["mlflow"], 5])
def test_the_group_cannot_be_something_else(tracking: object) -> None:
    """A reference in place of the group's keys would bring a store with it."""
    with pytest.raises(NnexpError, match="is no group of keys"):
        check_store(tracking, ())


def test_a_file_says_nothing_of_where_artifacts_go() -> None:
    """The place is for the command line."""
    with pytest.raises(NnexpError, match=r"type tracking\.artifacts=/home/me"):
        check_store({"artifacts": "/home/me"}, ("tracking", "tracking.uri"))


@pytest.mark.parametrize("uri", [each for each in PROPOSED if each])
def test_a_note_only_proposes_a_store(uri: str, tmp_path: Path) -> None:
    """A run waits with the line to type; typed, or in the environment, the same store is used, as it was typed there."""
    outputs = tmp_path / "outputs"
    with pytest.raises(NnexpError, match=r"python -m nnexp sync --uri ") as refused:
        usable(uri, None, outputs, missing=True)
    assert "secret" not in str(refused.value)
    with pytest.raises(NnexpError, match=r"python -m nnexp sync --uri "):
        usable(uri, "http://host", outputs, missing=True)


def test_the_store_that_is_used_is_the_one_that_was_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Password and options come from who typed them, never from the file."""
    outputs = tmp_path / "outputs"
    assert allowed("http://me:***@host", "http://me:one@host", outputs, "x") == "http://me:one@host"
    assert allowed("http://me:theirs@host", "http://me:one@host", outputs, "x") == "http://me:one@host"
    assert origin(f"sqlite:///{outputs}/mlflow.db", None, outputs) == "embedded"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mssql+pyodbc:///?odbc_connect=mine")
    assert allowed("mssql+pyodbc:///?odbc_connect=theirs", None, outputs, "x") == "mssql+pyodbc:///?odbc_connect=mine"
