"""Addresses of stores, which may hold a password: how they are shown and written, and where the whole ones are meanwhile.

A command takes the passwords out of its own words before anything else reads them (``remember``). From then on there is only
``http://me:***@host``: in what Hydra composes and writes, in notes, messages and logs. The whole address is in an environment
variable of this process, where the workers of a sweep find it too, and is asked for where a store is opened (``unmasked``).
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from urllib.parse import quote, unquote

from nnexp.basics import environment
from nnexp.basics.files import own_directory
from nnexp.basics.store_address import HIDDEN, SECRET_NAME, StoreAddress, hidden, values, without_values
from nnexp.errors import NnexpError, printable

TRACKING_URIS = "NNEXP_TRACKING_URIS"
"""The environment variable with the whole tracking URIs of this command, as JSON, by how they are shown."""
LOCATION = re.compile(r"(?i)_(file|path|dir|url|uri|id)$")
"""An environment variable that says where a secret is, or whose, holds none itself."""
IN_TEXT = re.compile(r"://(?:([^\s/@:'\"]*):)?[^\s@'\"]+@")
WORDS = frozenset(
    {"true", "false", "none", "null", "nnexp", "outputs", "runs", "sweeps"}
    | {"FINISHED", "FAILED", "KILLED", "RUNNING", "REUSED", "finished", "failed", "killed", "running", "reused"}
)
"""What stands in every result and every place, beside the words of the configuration."""
SHORTEST = 4
"""A value of fewer characters is hidden within an address only: it may be part of any word."""


def masked(uri: str) -> str:
    """Return ``uri`` as it may be shown, also where it is no address: without its password and anything that could be one."""
    try:
        return StoreAddress.parse(uri).shown
    except NnexpError:
        return hidden(uri)


def remember(uri: str) -> str:
    """Keep the whole ``uri`` for this process and its children, and return it as it may be shown.

    Raises NnexpError where the same address was given with another password.
    """
    shown, known_before = masked(uri), _remembered()
    if shown != uri:
        if known_before.get(shown, uri) != uri:
            raise NnexpError(f"{shown} is given with two passwords. Type one of them.")
        environment.put(TRACKING_URIS, json.dumps({**known_before, shown: uri}))
    return shown


def forget() -> None:
    """Keep no address any more: what a parent process kept is not this command's."""
    environment.remove(TRACKING_URIS)


def unmasked(uri: str) -> str:
    """Return the address that is shown as ``uri``, with its password. Raises NnexpError where nobody gave it."""
    found = _remembered().get(uri, uri)
    if HIDDEN in found and masked(found) == found:
        raise NnexpError(
            f"{found} is how an address is shown; its password is kept nowhere. Type the address with its password in place "
            f"of {HIDDEN}, or set MLFLOW_TRACKING_URI."
        )
    return found


def known(uri: str) -> bool:
    """Tell whether the whole address is known that is shown as ``uri``."""
    return HIDDEN not in uri or uri in _remembered() or masked(uri) != uri


def secret_name(name: str) -> bool:
    """Tell whether an environment variable with this name is likely to hold a secret."""
    return name == TRACKING_URIS or bool(SECRET_NAME.search(name) and not LOCATION.search(name))


def without_credentials(text: str, uri: str = "") -> str:
    """Return a ``text`` of any origin without the credentials of ``uri``, the environment's and this command's addresses.

    For what nnexp itself writes down: titles, tags, results. A secret that is one of nnexp's own words (an option's name, a
    group, a key, a status) is hidden within addresses only: standing alone it is that word, which everybody knows.
    """
    addresses = {uri, os.environ.get("MLFLOW_TRACKING_URI", ""), *_remembered().values()} - {""}
    for address in addresses:
        text = text.replace(address, masked(address))
    text = _without(text, {secret for address in addresses for secret in _secrets(address)})
    text = IN_TEXT.sub(lambda found: f"://{found[1]}:{HIDDEN}@" if found[1] else f"://{HIDDEN}@", text)
    return without_values(text) if "://" in text else text


def without_secrets(text: str, uri: str = "") -> str:
    """Return a ``text`` that may quote anything, as errors, reasons and log lines do: also without the environment's secrets.

    What is hidden is the value of every variable whose name says that it is a secret, but not where that is one of nnexp's own
    words: ``TEST_PASSWORD=digits`` does not make ``dataset=***`` of ``dataset=digits``.
    """
    return _without(without_credentials(text, uri), set(_of_environment()))


def _without(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in text and secret not in own_words():
            text = text.replace(secret, HIDDEN)
    return text


@functools.cache
def own_words() -> frozenset[str]:
    """The words that everybody knows: groups, names of installed options, keys and words of nnexp's configuration, statuses."""
    import yaml

    def of(value: Any) -> Iterator[str]:
        match value:
            case dict():
                for key, inner in value.items():
                    yield str(key)
                    yield from of(inner)
            case list():
                for inner in value:
                    yield from of(inner)
            case str():
                yield value

    files = tuple(own_directory().rglob("*.yaml"))
    words = {word for path in files for word in of(yaml.safe_load(path.read_text(encoding="utf-8")))}
    names = {
        point.name
        for each in metadata.distributions()
        for point in each.entry_points
        if point.group.startswith("nnexp.")
    }
    return WORDS | words | names | {path.stem for path in files}


def guard_logs() -> None:
    """Have every line that this process logs from now on go without secrets and control characters. Twice does no harm."""
    if logging.getLogRecordFactory() is not _record:
        logging.setLogRecordFactory(_record)


def _record(*arguments: Any, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord(*arguments, **more)
    with contextlib.suppress(TypeError, ValueError):  # arguments that do not fit: logging says so itself
        record.msg, record.args = printable(without_secrets(record.getMessage())), ()
    return record


def _remembered() -> dict[str, str]:
    read: dict[str, str] = json.loads(os.environ.get(TRACKING_URIS, "{}"))
    return read


def _secrets(uri: str) -> Iterator[str]:
    """The secrets in an address, in every spelling."""
    try:
        address = StoreAddress.parse(uri)
    except NnexpError:
        return
    for secret in {
        address.secret,
        *(values(address.unmasked.partition("://")[2]) if address.shown != address.unmasked else ()),
    }:
        plain = unquote(secret)
        yield from {each for each in (secret, plain, quote(plain, safe="")) if len(each) >= SHORTEST and each != HIDDEN}


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if secret_name(name) and len(value) >= SHORTEST:
            yield value
