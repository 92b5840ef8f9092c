"""What is known of a sweep: its manifest, and what its jobs left."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.files import replace_json
from nnexp.run import CONFIG
from nnexp.tracking.result import RESULT, read_result

MANIFEST = "manifest.json"


def write_manifest(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest in one step."""
    replace_json(directory / MANIFEST, manifest)


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a sweep's directory; empty where there is none."""
    path = directory / MANIFEST
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return manifest


def key_of(line: str) -> str:
    """The key of an override."""
    return line.lstrip("+").partition("=")[0]


def run_name(directory: Path, overrides: Sequence[str]) -> str:
    """What tells a job apart from the others of its sweep: its values of the swept keys."""
    swept = read_manifest(directory).get("swept") or []
    own = [line for line in overrides if key_of(line) in swept]
    return " ".join(own or overrides)


@dataclass(frozen=True)
class Job:
    """One job of a sweep that ended, with its ``result.json``; but for the history, which is read when it is drawn."""

    number: int
    directory: Path
    result: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether it trained to its end, now or as an earlier run that is reused."""
        return self.result.get("status") in {"FINISHED", "REUSED"}

    @property
    def history(self) -> dict[str, list[float]]:
        """Each metric by epoch."""
        read: dict[str, list[float]] = read_result(self.directory).get("history", {})
        return read

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of a finished job."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times faster, where PyYAML was built with it
        read: dict[str, Any] = yaml.load((self.directory / CONFIG).read_text(encoding="utf-8"), loader)  # noqa: S506
        return read


def jobs(directory: Path) -> list[Job]:
    """The jobs of a sweep that left a result, in order."""
    found = [path.parent for path in directory.glob(f"*/{RESULT}") if path.parent.name.isdigit()]
    read = [Job(int(place.name), place, without_history(read_result(place))) for place in found]
    return sorted(read, key=lambda job: job.number)


def without_history(result: dict[str, Any]) -> dict[str, Any]:
    """A result without its longest part, so that a thousand of them are small."""
    return {name: value for name, value in result.items() if name != "history"}


def update_manifest(directory: Path) -> tuple[list[Job], dict[str, Any]]:
    """Bring the manifest's states up to date; the jobs that left a result, and the manifest."""
    done = jobs(directory)
    manifest = read_manifest(directory)
    listed = manifest.get("jobs") or [{"overrides": [], "state": "waiting"} for _ in done]
    for job in done:
        if job.number < len(listed):
            listed[job.number]["state"] = str(job.result["status"]).lower()
    manifest["jobs"] = listed
    write_manifest(directory, manifest)
    return done, manifest
