"""What a machine is, as far as a run's numbers follow from it, and how two of them differ."""

from __future__ import annotations

import platform
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

HOST, PROCESSOR = "nnexp.host", "nnexp.processor"
"""Tags of a run that was carried out elsewhere."""
HOURS_OFF = 300.0
"""Seconds by which two clocks may differ before it is said."""


@dataclass(frozen=True)
class Facts:
    """A machine and its Python."""

    host: str
    processor: str
    python: str
    versions: Mapping[str, str]
    """Of the distributions that were asked for; ``none`` for one that is not installed."""
    clock: float

    @property
    def tags(self) -> dict[str, str]:
        """What a run's record says of where it was carried out."""
        return {HOST: self.host, PROCESSOR: self.processor}


def facts(distributions: Iterable[str]) -> Facts:
    """Those of this process."""
    return Facts(
        socket.gethostname(),
        processor(),
        ".".join(map(str, sys.version_info[:2])),
        {name: installed(name) for name in distributions},
        time.time(),
    )


def installed(distribution: str) -> str:
    """The version of a distribution, or ``none``."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def processor() -> str:
    """The processor's name and the kernels that NumPy's matrix products choose for it: the last bits follow from both."""
    import numpy as np  # noqa: F401 (whose BLAS is looked at)
    from threadpoolctl import threadpool_info

    kernels = sorted({str(each["architecture"]) for each in threadpool_info() if "architecture" in each})
    return f"{model()} ({', '.join(kernels)})" if kernels else model()


def model() -> str:
    """The processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 (no user's file)
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def differences(head: Facts, worker: Facts) -> Iterator[str]:
    """What keeps a worker from giving the head's numbers: ``numpy 2.4.6 here, 2.3.0 there``."""
    if worker.python != head.python:
        yield f"Python {head.python} here, {worker.python} there"
    for name, own in head.versions.items():
        other = worker.versions.get(name, "none")
        if other != own:
            yield f"{name} {own} here, {other} there"
