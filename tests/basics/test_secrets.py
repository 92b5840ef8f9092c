"""Addresses are shown without what could be a password, and whole ones are given back to who asks in this process."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnexp.basics import secrets as address
from nnexp.composition.passwords import without_passwords
from nnexp.errors import NnexpError
from nnexp.journal.result import read_result, write_result

PASSWORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=8).filter(str.strip)


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(address.TRACKING_URIS, "{}")


@settings(deadline=None)
@given(PASSWORDS, st.booleans())
@example("ge,h'e\\im{", False)
def test_any_password_typed_is_hidden_and_given_back(password: str, percent: bool) -> None:
    """Whatever a password consists of, the words have none of it, and the whole address is what was typed."""
    os.environ[address.TRACKING_URIS] = "{}"
    written = quote(password, safe="") if percent else password.replace("\\", "_").replace("'", "_")
    uri = f"http://me:{written}@host:5000"
    (word,) = without_passwords([f"tracking.uri='{uri}'"])
    assert word == "tracking.uri=http://me:***@host:5000"
    assert address.unmasked("http://me:***@host:5000") == uri
    assert uri not in address.without_secrets(f"Could not open {uri}: no host")


WORDS = {
    "tracking.uri=http://me:a,b@h": "tracking.uri=http://me:***@h",
    "++tracking.uri=http://me:a@h": "++tracking.uri=http://me:***@h",
    "tracking.uri=http://me:a@h,http://h": "tracking.uri=http://me:***@h,http://h",
    "tracking.uri=postgresql://h/d?user=me&password=x": "tracking.uri='postgresql://h/d?user=me&password=***'",
    "tracking.uri=sqlite:///a@b.db": "tracking.uri=sqlite:///a@b.db",
    "tracking.uri=mssql+pyodbc:///?odbc_connect=PWD%3Dx": "tracking.uri='mssql+pyodbc:///?odbc_connect=***'",
    "tracking.uri=null": "tracking.uri=null",
    "--uri=https://token@h": "--uri=https://***@h",
    "https://me:a@h": "https://me:***@h",
    "dataset.path=a@b.csv": "dataset.path=a@b.csv",
    "loss=mae": "loss=mae",
}


@pytest.mark.parametrize("typed", WORDS)
def test_the_words_of_a_command_keep_all_but_passwords(typed: str) -> None:
    """Addresses of stores are shown as they may be; nothing else is touched."""
    assert without_passwords([typed]) == [WORDS[typed]]


def test_a_password_that_nobody_gave_is_asked_for() -> None:
    """An address copied from a message is no address."""
    with pytest.raises(NnexpError, match=r"Type the address with its password in place of \*\*\*"):
        address.unmasked("http://me:***@host")


def test_one_address_has_one_password() -> None:
    """Of two passwords for one address neither is guessed."""
    address.remember("http://me:one@host")
    with pytest.raises(NnexpError, match="two passwords"):
        address.remember("http://me:two@host")


def test_what_errors_quote_of_the_environment_is_hidden_but_not_nnexps_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A secret goes from an error's text; an option's name, a group, a key and a status are words that everybody knows."""
    for number, word in enumerate(("digits", "optimizer", "log_every", "FINISHED", "swordfish")):
        monkeypatch.setenv(f"TEST_{number}_PASSWORD", word)
    text = "FINISHED optimizer=sgd dataset=digits log_every=1 swordfish"
    assert address.without_secrets(text) == "FINISHED optimizer=sgd dataset=digits log_every=1 ***"
    assert address.without_credentials(text) == text


def test_no_text_of_a_result_has_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the message nor the reason, nor what is anywhere in it, quotes the password of an address."""
    monkeypatch.setenv("TEST_PASSWORD", "swordfish")
    address.remember("postgresql://me:geheim1@host/db")
    said = "refused: postgresql://me:geheim1@host/db, geheim1, swordfish"
    texts = {"reason": said, "message": said, "overrides": ["a=geheim1"], "loss": {"name": "geheim1"}}
    write_result(tmp_path, {"status": "FAILED", **texts})
    written = (tmp_path / "result.json").read_text()
    assert "geheim1" not in written
    assert "swordfish" not in written
    assert read_result(tmp_path).overrides == ["a=***"]
