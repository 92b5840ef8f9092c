"""``hydra.launcher.*``, checked: where the scheduler is, and whether it is safe to talk to it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nnexp.errors import NnexpError, did_you_mean, listed

ADDRESS = re.compile(r"(?P<scheme>[a-z]+)://(?P<host>\[[0-9A-Fa-f:]+\]|[^\s:/@\[\]]+):(?P<port>\d{1,5})")
"""How a scheduler's address looks."""
MOST_PATIENCE = 3600
"""Seconds."""


@dataclass(frozen=True)
class Settings:
    """What was typed of ``hydra.launcher``."""

    address: str | None = None
    workers: int | None = None
    certificate: str | None = None
    insecure: bool = False
    patience: float = 10.0

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> Settings:
        """Those that may be used. Raises NnexpError."""
        there = [f"hydra.launcher.{item.name}" for item in fields(cls)]
        for key in (f"hydra.launcher.{each}" for each in options):
            if key not in there:
                raise NnexpError(f"No key '{key}'.{did_you_mean(key, there)} There are {listed(there)}.")
        made = cls(**options)
        if made.workers is not None and made.workers < 1:
            raise NnexpError(f"hydra.launcher.workers must be at least 1. Got {made.workers}.")
        if not 2 <= made.patience <= MOST_PATIENCE:
            raise NnexpError(
                f"hydra.launcher.patience must be at least 2 seconds and at most {MOST_PATIENCE}. Got {made.patience:g}."
            )
        if made.address is not None:
            refuse_unsafe(made.address, insecure=made.insecure)
        if made.certificate is not None and made.address is None:
            raise NnexpError(
                f"hydra.launcher.certificate={made.certificate} is for a scheduler: type its address, too, such as "
                "hydra.launcher.address=tls://head:8786, or leave it out."
            )
        if made.certificate is not None and not Path(made.certificate).expanduser().is_file():
            what = "is a directory" if Path(made.certificate).expanduser().is_dir() else "no such file"
            raise NnexpError(
                f"hydra.launcher.certificate={made.certificate}: {what}. Type the path of the PEM file with the "
                "certificate and the key that scheduler and workers have."
            )
        return made


def refuse_unsafe(address: str, *, insecure: bool) -> None:
    """Refuse what is no scheduler's address, and one over which anybody on the network could run code. Raises NnexpError."""
    found = ADDRESS.fullmatch(address)
    if not found or found["scheme"] not in ("tcp", "tls") or not 0 < int(found["port"]) < 2**16:
        raise NnexpError(
            f"hydra.launcher.address={address} is no address of a Dask scheduler. Type one such as tls://head:8786, or "
            "tcp://127.0.0.1:8786 on this machine."
        )
    if found["scheme"] == "tcp" and not is_loopback(found["host"]) and not insecure:
        raise NnexpError(
            f"hydra.launcher.address={address} is not encrypted, and whoever reaches a Dask scheduler can run code on head and "
            f"workers. Give the cluster a certificate and type {address.replace('tcp', 'tls', 1)}, or, in a network of your "
            "own, hydra.launcher.insecure=true"
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine by a name that leads nowhere else."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
