"""The best run of a sweep as a preset: ``--config-dir SWEEP_DIR experiment=best`` trains it again, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnexp.basics.files import replacing
from nnexp.basics.plain import to_yaml
from nnexp.discovery.registry import GROUPS
from nnexp.sweep.ledger import Job

BEST = Path("experiment") / "best.yaml"
"""In a sweep's directory."""


def keep_best(directory: Path, best: Job) -> None:
    """Write the preset of the best run into the sweep's directory."""
    path, content = directory / BEST, preset(best.config, f"{directory.name}, #{best.number}").encode()
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file:
        file.write(content)


def preset(config: Mapping[str, Any], what: str) -> str:
    """A resolved configuration as the text of a preset."""
    chosen = [{f"override /{group}": config[group]["name"]} for group in GROUPS if group in config]
    values = {
        key: {name: each for name, each in value.items() if name != "name"} if key in GROUPS else value
        for key, value in config.items()
    }
    kept = {key: value for key, value in values.items() if value != {}}
    return f"# @package _global_\n# The best run of {what}.\n{to_yaml({'defaults': [*chosen, '_self_'], **kept})}"
