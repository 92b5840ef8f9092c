"""A store's address, taken apart once: what kind of store it is, which one, and how it may be shown.

Everything that asks whether an address is a server, a database or a folder, which file it means, or whether two addresses mean
one store, asks a ``StoreAddress``. Its text is masked; the whole address has one name, ``unmasked``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from nnexp.errors import NnexpError, printable

HIDDEN = "***"
SECRET_NAME = re.compile(r"(?i)password|passwd|passphrase|token|secret|credential|api_?key|access_?key|account_?key")
"""What is called so, in the environment or in an address, is nobody's business."""
SECRET_IN_QUERY = re.compile(rf"(?i){SECRET_NAME.pattern[4:]}|pwd|odbc_connect")
QUERY = re.compile(rf"(?i)((?:{SECRET_IN_QUERY.pattern[4:]})[^=&\s]*=)([^&\s'\"]*)")
"""A secret's name, with what follows it, and the value."""
SPELLED_OTHERWISE = re.compile(r"([^=&?\s]*%[^=&?\s]*=)([^&\s'\"]*)")
"""A name with percent signs, which may be a secret's."""

WEB = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""The kinds of store without a server in between."""
NAMED = ("databricks", "databricks-uc", "uc")
"""What MLflow also takes without anything behind it."""
PYTHONS = ("", "pysqlite")
"""How SQLAlchemy names Python's own driver for SQLite."""
SPELLED = re.compile(r"([A-Za-z][\w.-]+)(?:\+([\w.+-]*))?:(//)?(.*)", re.DOTALL)
"""A scheme has two letters at least: one is a drive."""
HOST = re.compile(r"(\[[^\[\]/?#]*\]|[^/?#:]*)(?::([^/?#]*))?(?=[/?#]|$)")
LAST_PORT = 65_535


@dataclass(frozen=True)
class StoreAddress:
    """One address. ``parse`` makes it; ``str`` gives it as it may be shown."""

    scheme: str
    """In small letters; empty for a folder."""
    driver: str
    """What follows the scheme after a plus."""
    host: str
    port: str
    user: str
    secret: str = field(repr=False)
    """A password, or what stands alone before the @ and may be a token."""
    file: str
    """Of a SQLite store, where it really lies; empty for other stores, for one in memory and for one with options."""
    query: str = field(repr=False)
    shown: str
    """The address without its password and anything that could be one."""
    unmasked: str = field(repr=False)
    """The address with everything, for who opens the store."""

    def __str__(self) -> str:
        """As it may be shown."""
        return self.shown

    @classmethod
    def parse(cls, text: str) -> StoreAddress:
        """Take an address apart. Raises NnexpError where it is none."""
        text = text.strip()
        if not text:
            raise NnexpError("A store's address is empty. Type one, such as tracking.uri=sqlite:///mlflow.db")
        if printable(text) != text or not text.isprintable():
            raise NnexpError(
                f"{printable(hidden(text))!r}: a store's address holds no control characters, and no spaces but plain ones."
            )
        found = SPELLED.fullmatch(text)
        if not found:
            return cls._folder(text)
        scheme, driver, slashes, rest = found[1].lower(), (found[2] or "").lower(), found[3] or "", found[4]
        if scheme == "file":
            return cls("file", "", "", "", "", "", "", "", f"file:{slashes}{rest}", f"file:{slashes}{rest}")
        unmasked = f"{scheme}{f'+{driver}' if driver else ''}:{slashes}{rest}"
        if scheme == "sqlite" and driver in PYTHONS:
            return cls._sqlite(driver, slashes, rest, unmasked)
        if scheme in (*WEB, *DATABASES) and not slashes:
            raise NnexpError(f"{hidden(text)} is no address: after {scheme}: come two slashes. Type {scheme}://HOST")
        credentials, _, place = rest.rpartition("@")
        user, _, secret = credentials.partition(":") if ":" in credentials else ("", "", credentials)
        at = HOST.match(place) or re.match("()()", place)
        assert at is not None
        host, port = at[1].lower(), at[2] or ""
        if scheme in WEB and not (host and " " not in host and _is_port(port)):
            raise NnexpError(f"{hidden(text)} is no address of a server. Type {scheme}://HOST:PORT")
        return cls(scheme, driver, host, port, user, secret, "", place.partition("?")[2], hidden(unmasked), unmasked)

    @classmethod
    def _folder(cls, text: str) -> StoreAddress:
        if text.lower() in NAMED:
            return cls(text.lower(), "", "", "", "", "", "", "", text.lower(), text.lower())
        return cls("", "", "", "", "", "", "", "", hidden(text), text)

    @classmethod
    def _sqlite(cls, driver: str, slashes: str, rest: str, unmasked: str) -> StoreAddress:
        path, _, query = rest.partition("?")
        if not slashes or (path and not path.startswith("/")):
            raise NnexpError(
                f"{hidden(unmasked)} is no address of a database file. Type sqlite:///FILE.db, or sqlite:////FOLDER/FILE.db"
            )
        file = path[1:]
        plain = file and file != ":memory:" and not set("?%").intersection(rest)
        real = os.path.realpath(file) if plain else ""
        return cls("sqlite", driver, "", "", "", "", real, query, hidden(unmasked), unmasked)

    @property
    def is_web(self) -> bool:
        """Whether a tracking server answers there."""
        return self.scheme in WEB

    @property
    def is_database(self) -> bool:
        """Whether it is a database without a server in between."""
        return self.scheme in DATABASES

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return self.scheme in ("", "file")

    @property
    def without_user(self) -> str:
        """The address of a server as a browser opens it, for a link."""
        before, _, place = self.shown.partition("://")
        return f"{before}://{place.rpartition('@')[2]}"

    @property
    def name(self) -> str:
        """What two addresses of one store have in common; that of another store is another."""
        if self.file:
            return f"sqlite:{self.file}"
        before, at, behind = self.shown.rpartition("@")
        start = f"{self.scheme}+{self.driver}://"
        if not (self.is_web and self.host):
            return f"{start}{self.shown.partition('://')[2]}"
        before = before.partition("://")[2]
        behind = (behind if at else self.shown.partition("://")[2])[len(self.host) :]
        return f"{start}{before}@{self.host}{behind.rstrip('/')}"


def hidden(text: str) -> str:
    """Any text that may be an address without its password and anything that could be one."""
    scheme, separator, rest = text.partition("://")
    kind = scheme.strip().lower()
    if kind == "file":
        return text
    if kind in ("sqlite", "sqlite+pysqlite"):  # a path: an @ in it is no password
        path, mark, query = rest.partition("?")
        return f"{scheme}{separator}{path}{mark}{without_values(query)}"
    if not separator:
        scheme, rest = "", text
    credentials, at, host = rest.rpartition("@")
    if at and (separator or ":" in credentials):
        user, colon, _ = credentials.partition(":")
        rest = f"{user}:{HIDDEN}@{host}" if colon else f"{HIDDEN}@{host}"
    return scheme + separator + (without_values(rest) if separator else rest)


def without_values(text: str) -> str:
    """The text of an address with the value hidden of everything whose name says that it is a secret, however it is spelled."""

    def plain(found: re.Match[str]) -> str:
        return f"{found[1]}{HIDDEN}" if SECRET_IN_QUERY.search(unquote_plus(found[1])) else found[0]

    return QUERY.sub(rf"\1{HIDDEN}", SPELLED_OTHERWISE.sub(plain, text))


def values(text: str) -> set[str]:
    """What ``without_values`` hides."""
    otherwise = {value for name, value in SPELLED_OTHERWISE.findall(text) if SECRET_IN_QUERY.search(unquote_plus(name))}
    return otherwise | {value for _, value in QUERY.findall(text)}


def same_store(one: str, other: str) -> bool:
    """Whether two addresses, with their passwords or without, mean one store. What is no address means none."""
    try:
        return StoreAddress.parse(one).name == StoreAddress.parse(other).name
    except NnexpError:
        return False


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdecimal() and int(text) <= LAST_PORT)
