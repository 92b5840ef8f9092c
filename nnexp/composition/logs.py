"""Logging's part of a configuration, which could import and call anything: only plain handlers, formatters and loggers pass."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from nnexp.errors import NnexpError, did_you_mean

LOG_CLASSES = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler", "colorlog.ColoredFormatter")
LOG_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
LOG_KEYS = {
    "": ("version", "formatters", "handlers", "root", "loggers", "disable_existing_loggers"),
    "formatters": ("format", "datefmt", "style", "class", "()", "log_colors"),
    "handlers": ("class", "level", "formatter", "stream", "filename", "encoding", "delay"),
    "loggers": ("level", "handlers", "propagate"),
}
"""What may be said of logging, of its formatters, handlers and loggers: by the rest anything could be imported and called."""
LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its dotted path; keys named ``_target_`` whatever they hold."""
    if value is None or isinstance(value, str | int | float):  # most are, and a Mapping is slow to tell
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else str(key)
            if key == "_target_":
                yield here, inner
            else:
                yield from leaves(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{index}")
    else:
        yield path, value


def check_logging(value: Any, path: str) -> None:
    """Python's logging configuration can import and call anything: only plain handlers, formatters and loggers pass."""
    if not isinstance(value, Mapping):
        raise NnexpError(f"{path}={value}: it is a group of keys. Choose another with {path.replace('.', '/')}=NAME.")
    refuse_keys(value, LOG_KEYS[""], path)
    for part in ("formatters", "handlers", "loggers"):
        for name, each in (value.get(part) or {}).items() if isinstance(value.get(part) or {}, Mapping) else ():
            refuse_keys(each, LOG_KEYS[part], f"{path}.{part}.{name}")
    if value.get("root") is not None:
        refuse_keys(value["root"], LOG_KEYS["loggers"], f"{path}.root")
    there = value.get("handlers")
    names = [str(each) for each in there] if isinstance(there, Mapping) else []
    for key, inner in leaves(value, path):
        check_log_value(key, inner, names)


def refuse_keys(value: Any, known: Collection[str], path: str) -> None:
    """Refuse a key of logging's that is not known to be harmless."""
    if not isinstance(value, Mapping):
        raise NnexpError(f"{path}={value}: it is a group of keys: {', '.join(filter(None, known))}.")
    for key in value:
        if key not in known:
            raise NnexpError(f"{path}.{key}: logging may only use {', '.join(known)} there. Leave it out.")


def check_log_value(key: str, value: Any, handlers: Collection[str]) -> None:
    """Refuse a value of logging's that Python's logging does not take, or that is more than a value."""
    name = key.rpartition(".")[2]
    if ".handlers." in key and name.isdigit() and value not in handlers:
        fitting = next((each for each in ("file", "console") if each in handlers), "")
        raise NnexpError(
            f"{key}={value}: no such handler; there are {', '.join(handlers) or 'none'}. To log to them, type "
            f"'{key.rpartition('.')[0]}=[{fitting}]'"
        )
    if name in ("()", "class") and value not in LOG_CLASSES:
        raise NnexpError(f"{key}={value}: logging may only use {', '.join(LOG_CLASSES)}.")
    if name == "level" and not (isinstance(value, int) or (isinstance(value, str) and value in LEVELS)):
        raise NnexpError(f"{key}={value}: no level of logging.{did_you_mean(str(value), LEVELS)} Type {key}=INFO.")
    if ".formatters." in key and name in ("format", "fmt"):
        check_format(value, key)
    if isinstance(value, str) and "://" in value and value not in LOG_STREAMS:
        raise NnexpError(f"{key}={value}: logging may only refer to {' and '.join(LOG_STREAMS)}.")


def check_format(text: Any, key: str) -> None:
    """A log line's format that Python's logging cannot use."""
    try:
        logging.Formatter(text)
    except (TypeError, ValueError) as error:
        raise NnexpError(
            f"{key}={text}: not a format of log lines ({error}). Type one such as '%(asctime)s %(message)s'."
        ) from None
