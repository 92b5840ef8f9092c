"""The one place that changes this process's environment variables.

What nnexp puts there is for others: Hydra and MLflow read settings there, and every process that is started from this one, by
nnexp or by another launcher, finds the store's passwords there (``secrets``). Anything else is handed down as an argument.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def put(name: str, value: str) -> None:
    """Set a variable for this process and those that it starts."""
    os.environ[name] = value


def remove(name: str) -> None:
    """Take a variable out, if it is there."""
    os.environ.pop(name, None)


def propose(name: str, value: str) -> None:
    """Set a variable unless the user has."""
    os.environ.setdefault(name, value)


@contextmanager
def changed(values: Mapping[str, str], *, firmly: bool = True) -> Iterator[None]:
    """Within the block the variables have these ``values``; without ``firmly`` those that the user has set stay."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if firmly or before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                remove(name)
            else:
                put(name, value)
