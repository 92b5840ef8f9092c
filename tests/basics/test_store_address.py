"""An address is taken apart once: every spelling of a kind is of that kind, and nothing secret is in what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.basics.store_address import StoreAddress, hidden, same_store
from nnexp.errors import NnexpError

WEB = {
    "http://host": ("http", "host", ""),
    "HTTP://host": ("http", "host", ""),
    "Https://HOST:5000/x": ("https", "host", "5000"),
    "  http://host:5000/ ": ("http", "host", "5000"),
    "http://me:secret@host:5000": ("http", "host", "5000"),
    "https://token@host": ("https", "host", ""),
    "http://[::1]:5000": ("http", "[::1]", "5000"),
    "http://me:secret@[fe80::1%25eth0]/x": ("http", "[fe80::1%25eth0]", ""),
}


@pytest.mark.parametrize("text", WEB)
def test_a_server_is_one_however_it_is_spelled(text: str) -> None:
    """Capitals, white space, a user and an IPv6 host (RFC 3986) do not hide where an address leads."""
    address = StoreAddress.parse(text)
    assert (address.scheme, address.host, address.port) == WEB[text]
    assert address.is_web
    assert not address.is_database
    assert address.unmasked.startswith(("http://", "https://"))
    assert "secret" not in str(address) + repr(address)
    assert "token" not in str(address) + repr(address)


DATABASES = {
    "sqlite:///x.db": ("sqlite", "", "HERE/x.db"),
    "SQLITE:///x.db": ("sqlite", "", "HERE/x.db"),
    "sqlite+pysqlite:///x.db": ("sqlite", "pysqlite", "HERE/x.db"),
    "sqlite:////data/../data/x.db": ("sqlite", "", "/data/x.db"),
    "sqlite:///link.db": ("sqlite", "", "HERE/x.db"),
    "sqlite:///file:x?uri=true": ("sqlite", "", ""),
    "sqlite:///%78.db": ("sqlite", "", ""),
    "sqlite://": ("sqlite", "", ""),
    "postgresql://me:secret@host/db": ("postgresql", "", ""),
    "PostgreSQL+psycopg2://me:secret@host:1/db": ("postgresql", "psycopg2", ""),
    "mysql+pymysql://me:secret@host/db": ("mysql", "pymysql", ""),
    "mssql+pyodbc:///?odbc_connect=secret": ("mssql", "pyodbc", ""),
    "sqlite+pysqlcipher://:secret@/x.db": ("sqlite", "pysqlcipher", ""),
}


@pytest.mark.parametrize("text", DATABASES)
def test_a_database_has_its_kind_its_driver_and_its_file(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SQLite file is where it really lies; what has options, or percent signs that can be read in two ways, is no file."""
    monkeypatch.chdir(tmp_path)
    Path("link.db").symlink_to("x.db")
    address = StoreAddress.parse(text)
    scheme, driver, file = DATABASES[text]
    assert (address.scheme, address.driver, address.file) == (scheme, driver, file.replace("HERE", str(tmp_path)))
    assert address.is_database
    assert "secret" not in str(address) + repr(address)


@pytest.mark.parametrize("text", ["runs", "./runs", "/data/runs", "C:\\runs", "file:///data", "FILE:/data", "~/x@y"])
def test_a_folder_is_a_folder(text: str) -> None:
    """What has no scheme, or that of files, is a folder, and an @ in it hides nothing."""
    assert StoreAddress.parse(text).is_folder
    assert str(StoreAddress.parse(text)).lower() == text.lower()


@pytest.mark.parametrize("text", ["databricks", "Databricks://profile", "uc:http://x", "UC"])
def test_the_stores_that_mlflow_knows_by_name_are_neither_folders_nor_databases(text: str) -> None:
    """They are servers somewhere."""
    address = StoreAddress.parse(text)
    assert not address.is_folder
    assert not address.is_database


NONE = {
    "": "empty",
    " ": "empty",
    "http:/host": "two slashes",
    "http:host": "two slashes",
    "HTTP:\\\\host": "two slashes",
    "postgresql:host/db": "two slashes",
    "http://": "no address of a server",
    "http:///host": "no address of a server",
    "http://me:secret@": "no address of a server",
    "http://host:port": "no address of a server",
    "http://host:99999": "no address of a server",
    "http://[::1": "no address of a server",
    "http://ho st/": "no address of a server",
    "sqlite:x.db": "no address of a database file",
    "sqlite://x.db": "no address of a database file",
    "ht\ntp://me:secret@host": "control characters",
    "http://host\x00": "control characters",
    "http://host\u2028": "control characters",
    "http\u200b://host": "control characters",
}


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_address_is_refused_with_words(text: str) -> None:
    """The message says the rule, and not the password."""
    if text.strip() and text.strip() != text:
        text += "x"  # white space at the end counts for nothing
    with pytest.raises(NnexpError, match=NONE[text.removesuffix("x")] if text not in NONE else NONE[text]) as refused:
        StoreAddress.parse(text)
    assert "secret" not in str(refused.value)


SHOWN = {
    "postgresql://h/d?user=me&password=x": "postgresql://h/d?user=me&password=***",
    "postgresql://h/d?p%61ssword=geheim&x=1": "postgresql://h/d?p%61ssword=***&x=1",
    "http://h/?access%5Fkey=geheim": "http://h/?access%5Fkey=***",
    "sqlite:////a/token=5/b@c.db": "sqlite:////a/token=5/b@c.db",
    "sqlite:///x.db?password=geheim": "sqlite:///x.db?password=***",
    "HTTP://Me:geheim@Host": "http://Me:***@Host",
    "me:geheim@127.0.0.1:9": "me:***@127.0.0.1:9",
}


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_has_no_secret_of_any_spelling(text: str) -> None:
    """Names of secrets count with percent signs in them, too; a path of a file is a path."""
    assert str(StoreAddress.parse(text)) == SHOWN[text]
    assert StoreAddress.parse(SHOWN[text]).shown == SHOWN[text]


SAME = [
    ("http://host:5000", "HTTP://HOST:5000/"),
    ("http://me:a@host", "http://me:***@host"),
    ("sqlite:///x.db", "sqlite+pysqlite:///./x.db"),
    ("postgresql://me:a@h/d", "postgresql://me:b@h/d"),
]
DIFFERENT = [
    ("http://host", "https://host"),
    ("http://host", "http://host:5000"),
    ("http://host/x", "http://host/y"),
    ("http://me:a@host", "http://you:a@host"),
    ("http://host", "http://host@evil"),
    ("http://host", "http://evil/@host"),
    ("http://host", "http://host.evil"),
    ("http://host", "http://host\\@evil"),
    ("http://host", "http://host?@evil"),
    ("postgresql://h/d", "postgresql://h/d?host=evil"),
    ("sqlite:///x.db", "sqlite:///y.db"),
    ("sqlite:///x.db", "sqlite:///x.db?uri=true"),
    ("", ""),
    ("http:x", "http:x"),
]


@pytest.mark.parametrize(
    ("one", "other", "same"), [*((*each, True) for each in SAME), *((*each, False) for each in DIFFERENT)]
)
def test_two_addresses_of_one_store_are_the_same(one: str, other: str, same: bool) -> None:
    """Spelling and password make no difference, anything else does; what is no address is none of any store."""
    assert same_store(one, other) is same
    assert same_store(other, one) is same


@settings(deadline=None)
@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Nothing but a message comes of it, and what is shown is an address again that is shown in the same way."""
    hidden(text)
    try:
        shown = StoreAddress.parse(text).shown
    except NnexpError:
        return
    assert hidden(shown) == shown
