"""Everything that can stand before ``=``."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from nnexp.basics.fields import hyperparameters
from nnexp.discovery.registry import GROUPS
from nnexp.experiment.plan import AUTO, SECTIONS, Settings
from nnexp.experiment.settings import RUN_SECTIONS, RunSettings, SearchSettings

FILE_GROUPS = ("tracking", "experiment", "sweep")
"""Groups whose options are files in conf/."""
ALL_SECTIONS: Mapping[str, type] = {**SECTIONS, **RUN_SECTIONS}
"""The groups of keys that are no plugins, with the class whose fields they are."""
SEARCH = "search"
"""The group of those plugins that choose a sweep's jobs as it goes; its keys are of the sweep, not of a run."""
EXTRA: Mapping[str, tuple[str, ...]] = dict.fromkeys(AUTO, ("auto",))


def plain_keys() -> list[str]:
    """The keys that are neither plugins nor groups of keys."""
    return [item.name for cls in (Settings, RunSettings) for item in hyperparameters(cls) if item.name not in SECTIONS]


@functools.cache
def known_keys() -> tuple[str, ...]:
    """Everything that can stand before ``=``."""
    nested = [f"{head}.{item.name}" for head, cls in ALL_SECTIONS.items() for item in hyperparameters(cls)]
    of_search = [f"{SEARCH}.{item.name}" for item in hyperparameters(SearchSettings)]
    return (*GROUPS, *FILE_GROUPS, SEARCH, *plain_keys(), *nested, *of_search)
