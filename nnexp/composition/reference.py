"""Hydra's part of the configuration as it is where no file has a say: what ``hydra.*`` of any composition is held against.

It follows from Hydra's own defaults, from what nnexp sets (``OWN``) and from the words of the command line; conf/config.yaml
says the same as ``OWN``, and nobody else's file takes part.

So files and words are told apart by composing Hydra's part twice, once as it is and once from these alone. What differs,
beyond hydra.mode, hydra.sweeper.params and hydra.launcher.workers, came from a file and is refused. No list of dangerous keys
is needed, which a new version of Hydra, or of a launcher, could make incomplete.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from typing import Any, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from nnexp.errors import NnexpError

OWN: Mapping[str, Any] = {
    "job": {"name": "nnexp"},
    "run": {"dir": "outputs/runs/${now:%Y-%m-%d_%H-%M-%S}_${nnexp.hex:}"},
    "sweep": {"dir": "outputs/sweeps/${now:%Y-%m-%d_%H-%M-%S}_${nnexp.hex:}", "subdir": "${hydra.job.num}"},
    "callbacks": {"nnexp": {"_target_": "nnexp.sweep.recorder.Recorder"}},
    "job_logging": {"root": {"handlers": ["file"]}},
}
"""What nnexp sets of hydra.*, but for the words of ``--help``."""
LAUNCHER = "nnexp"
"""The launcher that jobs of a sweep have where no other is typed."""
PRIMARY = "nnexp_reference"
"""The name of the composition in Hydra's store."""
NOTED = ("version", "version_base", "cwd", "config_sources", "choices")
"""What Hydra notes in hydra.runtime, over whatever a file says there."""
FREE = ("help", "hydra_help")
"""What is only shown, by ``--help``."""
FREE_JOB = ("override_dirname", "config_name")
"""What Hydra notes in hydra.job, over whatever a file says there."""


@functools.lru_cache(maxsize=8)
def reference(words: tuple[str, ...]) -> dict[str, Any]:
    """``hydra.*`` with these words of the command line, as it is written. Raises NnexpError where that takes a file."""
    defaults = ["_self_", {"override hydra/launcher": LAUNCHER}]
    store = ConfigStore.instance()
    before = copy.copy(store.repo)
    store.store(name=PRIMARY, node={"defaults": defaults, "hydra": dict(OWN)}, provider="nnexp")
    places = ConfigSearchPathImpl()
    places.append("hydra", "pkg://hydra.conf")
    places.append("schema", "structured://")
    try:
        made = ConfigLoaderImpl(places).load_configuration(PRIMARY, list(words), RunMode.MULTIRUN)
    except HydraException as error:
        said = str(error).splitlines()[0]
        raise NnexpError(
            f"{said}. A word that begins with hydra chooses from what Hydra and installed launchers and sweepers bring, not "
            "from files."
        ) from error
    finally:
        store.repo = before
    return cast("dict[str, Any]", OmegaConf.to_container(made.hydra, resolve=False))


def differences(hydra: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What of Hydra's part was set by a file though it may not be: each key with its value.

    A file may say that it is a sweep (hydra.mode) and what that varies (hydra.sweeper.params), both of which are shown before
    anything is done and hold nnexp's own keys alone; and how many of nnexp's own workers there are (hydra.launcher.workers).
    """
    chosen, known = hydra["runtime"]["choices"], expected["runtime"]["choices"]
    for group, choice in chosen.items():
        if str(group).startswith("hydra/") and choice != known.get(group):
            yield str(group), choice
    ours, theirs = leaves(_held(expected)), leaves(_held(hydra))
    for key in sorted({*ours, *theirs}, key=str):
        if key not in ours or key not in theirs or ours[key] != theirs[key]:
            yield f"hydra.{key}", theirs.get(key)


def _held(hydra: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared of Hydra's part."""
    held = {key: value for key, value in hydra.items() if key not in ("mode", "overrides", *FREE)}
    held["runtime"] = {key: value for key, value in hydra["runtime"].items() if key not in NOTED}
    held["job"] = {key: value for key, value in hydra["job"].items() if key not in FREE_JOB}
    copied = held["job"]["env_copy"] or []  # Hydra puts what they are at the moment over env_set
    if isinstance(given := held["job"]["env_set"], Mapping):
        held["job"]["env_set"] = {key: each for key, each in given.items() if key not in copied}
    held["sweeper"] = {key: value for key, value in hydra["sweeper"].items() if key != "params"}
    if str(hydra["launcher"].get("_target_", "")).endswith(".NnexpLauncher"):
        held["launcher"] = {key: value for key, value in hydra["launcher"].items() if key != "workers"}
    return held


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Every value by its dotted path."""
    if not isinstance(value, Mapping):
        return {path: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= leaves(inner, f"{path}.{key}" if path else str(key))
    return found
