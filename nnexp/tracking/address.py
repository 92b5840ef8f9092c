"""Addresses of stores, which may hold a password: how they are shown and written, and where the whole ones are meanwhile.

A command takes the passwords out of its own words before anything else reads them (``kept``). From then on there is only
``http://me:***@host``: in what Hydra composes and writes, in notes, messages and logs. The whole address is in an environment
variable of this process, where the workers of a sweep find it too, and is asked for where a store is opened (``whole``).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

from nnexp.errors import NnexpError, printable

HIDDEN = "***"
KEPT = "NNEXP_ADDRESSES"
"""The environment variable with the whole addresses of this command, by how they are shown."""
CREDENTIALS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
"""What MLflow sends to any server it talks to."""
SECRET_NAME = re.compile(r"(?i)password|passwd|passphrase|token|secret|credential|api_?key|access_?key|account_?key")
"""What is called so, in the environment or in an address, is nobody's business."""
LOCATION = re.compile(r"(?i)_(file|path|dir|url|uri|id)$")
"""An environment variable that says where a secret is, or whose, holds none itself."""
QUERY = re.compile(rf"(?i)((?:{SECRET_NAME.pattern[4:]}|pwd|odbc_connect)[^=&\s]*=)([^&\s'\"]*)")
IN_TEXT = re.compile(r"://(?:([^\s/@:'\"]*):)?[^\s@'\"]+@")
WORDS = frozenset({"true", "false", "none", "null"})
SHORTEST = 4
"""A value of fewer characters is hidden within an address only: it may be part of any word."""


def masked(uri: str) -> str:
    """Return ``uri`` as it may be shown: without its password and anything that could be one."""
    scheme, separator, rest = uri.partition("://")
    if scheme in {"sqlite", "file"}:  # a path: an @ in it is no password
        return uri
    if not separator:
        scheme, rest = "", uri
    credentials, at, host = rest.rpartition("@")
    if at and (separator or ":" in credentials):
        user, colon, _ = credentials.partition(":")
        rest = f"{user}:{HIDDEN}@{host}" if colon else f"{HIDDEN}@{host}"
    return scheme + separator + (QUERY.sub(rf"\1{HIDDEN}", rest) if separator else rest)


def kept(uri: str) -> str:
    """Keep the whole ``uri`` for this process and its children, and return it as it may be shown.

    Raises NnexpError where the same address was given with another password.
    """
    shown, known_before = masked(uri), _kept()
    if shown != uri:
        if known_before.get(shown, uri) != uri:
            raise NnexpError(f"{shown} is given with two passwords. Type one of them.")
        os.environ[KEPT] = json.dumps({**known_before, shown: uri})
    return shown


def forget() -> None:
    """Keep no address any more: what a parent process kept is not this command's."""
    os.environ.pop(KEPT, None)


def whole(uri: str) -> str:
    """Return the address that is shown as ``uri``, with its password. Raises NnexpError where nobody gave it."""
    found = _kept().get(uri, uri)
    if HIDDEN in found and masked(found) == found:
        raise NnexpError(
            f"{found} is how an address is shown; its password is kept nowhere. Type the address with its password in place "
            f"of {HIDDEN}, or set MLFLOW_TRACKING_URI."
        )
    return found


def known(uri: str) -> bool:
    """Tell whether the whole address is known that is shown as ``uri``."""
    return HIDDEN not in uri or uri in _kept() or masked(uri) != uri


def secret_name(name: str) -> bool:
    """Tell whether an environment variable with this name is likely to hold a secret."""
    return name == KEPT or bool(SECRET_NAME.search(name) and not LOCATION.search(name))


def sends_credentials(uri: str) -> bool:
    """Tell whether MLflow would send credentials of the environment to this server, which nobody chose there."""
    given = [name for name in CREDENTIALS if os.environ.get(name)]
    return bool(given) and uri.startswith("http") and masked(os.environ.get("MLFLOW_TRACKING_URI", "")) != masked(uri)


def without_secrets(text: str, uri: str = "") -> str:
    """Return a ``text`` of any origin without the credentials of ``uri``, of this command's addresses and its environment."""
    addresses = {uri, os.environ.get("MLFLOW_TRACKING_URI", ""), *_kept().values()} - {""}
    for address in addresses:
        text = text.replace(address, masked(address))
    secrets = {secret for address in addresses for secret in _secrets(address)} | set(_of_environment())
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = IN_TEXT.sub(lambda found: f"://{found[1]}:{HIDDEN}@" if found[1] else f"://{HIDDEN}@", text)
    return QUERY.sub(rf"\1{HIDDEN}", text) if "://" in text else text


def guard_logs() -> None:
    """Have every line that this process logs from now on go without secrets and control characters. Twice does no harm."""
    if logging.getLogRecordFactory() is not _record:
        logging.setLogRecordFactory(_record)


def _record(*arguments: Any, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord(*arguments, **more)
    with contextlib.suppress(TypeError, ValueError):  # arguments that do not fit: logging says so itself
        record.msg, record.args = printable(without_secrets(record.getMessage())), ()
    return record


def _kept() -> dict[str, str]:
    read: dict[str, str] = json.loads(os.environ.get(KEPT, "{}"))
    return read


def _secrets(uri: str) -> Iterator[str]:
    """The secrets in an address, in every spelling."""
    _, separator, rest = uri.partition("://")
    if not separator or masked(uri) == uri:
        return
    credentials = rest.rpartition("@")[0]
    found = {credentials.partition(":")[2] or credentials, *(value for _, value in QUERY.findall(rest))}
    for secret in found:
        plain = unquote(secret)
        yield from {each for each in (secret, plain, quote(plain, safe="")) if len(each) >= SHORTEST and each != HIDDEN}


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if secret_name(name) and len(value) >= SHORTEST and value not in WORDS:
            yield value
