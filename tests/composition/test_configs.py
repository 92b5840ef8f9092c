"""Copies and YAML are OmegaConf's own, and Hydra's jobs are the same with them."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, run_job
from hydra.experimental.callback import Callback
from hydra.types import HydraContext
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict

from nnexp.composition import configs
from nnexp.composition.command import Command
from nnexp.composition.configs import duplicate, to_yaml
from nnexp.composition.patches import patched
from tests.composed import loader, state, store, sweep

__all__ = ["store"]

words = st.one_of(
    st.text(max_size=8),
    st.text("ab .,:#'\"\\-\n\t", min_size=60, max_size=200),
    st.sampled_from(
        ["", "true", "null", "1e3", "0x1", "y", "<<", "---", "é", "\x85", "😀", "${a}", "2020-01-01", "x" * 150]
    ),
)
keys = words | st.integers() | st.booleans() | st.floats(allow_nan=False)
scalars = words | st.integers() | st.floats() | st.booleans() | st.none() | st.binary(max_size=3)
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(keys, trees, max_size=4) | st.lists(trees, max_size=3))
def test_yaml_is_omegaconfs(content: Any) -> None:
    """Whatever a configuration holds, the text is OmegaConf's, byte for byte, and again when it is known."""
    try:
        config = OmegaConf.create(content)
        expected = OmegaConf.to_yaml(config)
    except Exception:  # noqa: BLE001 (what OmegaConf cannot hold or write)
        return
    assert to_yaml(config) == expected == to_yaml(config)


def test_yaml_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts that are kept are bounded, and equal numbers of different types are different texts."""
    monkeypatch.setattr(configs, "MOST", 10)
    for number in range(30):
        for value in (number, float(number), str(number), bool(number)):
            config = OmegaConf.create({"a": {"b": value}})
            assert to_yaml(config) == OmegaConf.to_yaml(config)
    assert len(configs.ENTRIES) <= 10


def composed(*lines: str) -> DictConfig:
    by = loader()
    return by.load_sweep_config(sweep(by, *lines), ["dataset=digits", "seed=3", "network.hidden=[4,5]"])


def test_a_copy_is_deepcopys() -> None:
    """Every node of a composed configuration is there with its type, value, metadata and flags."""
    config = composed()
    OmegaConf.set_readonly(config.hydra, True)
    OmegaConf.set_struct(config.network, False)
    config.merge_with({"network": {"nothing": None, "gap": MISSING, "link": "${seed}", "deep": [[{"a": 1}], None]}})
    assert state(duplicate(config)) == state(copy.deepcopy(config)) == state(config)
    hydra_node = duplicate(config.hydra)
    assert hydra_node._get_parent() is config
    assert state(hydra_node, config) == state(copy.deepcopy(config.hydra), config)


def test_a_copy_is_independent() -> None:
    """Changes of values and flags reach neither the original from the copy nor the copy from the original."""
    config = composed()
    before = state(config)
    twin = duplicate(config)
    twin.seed = 9
    twin.network.hidden.append(1)
    OmegaConf.set_readonly(twin.network, True)
    OmegaConf.set_struct(twin, False)
    twin.hydra.sweep.dir  # noqa: B018 (resolved, and kept by the copy)
    assert state(config) == before
    assert (twin.seed, config.seed) == (9, 3)


def test_what_stands_twice_is_copied_once() -> None:
    """Within one deep copy a configuration that is met twice stays one, as with OmegaConf's own method."""
    config = OmegaConf.create({"a": {"b": 1}})
    memo: dict[int, Any] = {}
    twin = duplicate(config, memo)
    assert memo[id(config.a)] is twin.a
    assert memo[id(config)] is twin


class Listening(Callback):
    """Notes what Hydra tells it."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        self.heard.append(("start", state(config), os.environ.get("NNEXP_TEST")))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        self.heard.append(("end", state(config), job_return.status))


def observed(config: DictConfig, directory: Path) -> dict[str, Any]:
    """All that can be seen of a job that Hydra runs."""
    listening, callbacks = Listening(), Callbacks()
    callbacks.callbacks.append(listening)
    inside: list[Any] = []

    def task(own: DictConfig) -> float:
        here: Any = HydraConfig.instance().cfg
        inside.append((state(own), state(here.hydra, config), Path.cwd()))
        own.seed = 5
        if own.epochs == 1:
            raise ValueError("failed")
        return 0.5

    root, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        done: Any = run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", HydraContext(loader(), callbacks))
    finally:
        for handler in logging.getLogger().handlers:
            if handler not in root:
                handler.close()
        logging.getLogger().handlers[:], logging.getLogger().level = root, level
    files = {path.name: path.read_bytes() for path in (directory / "0" / ".hydra").iterdir()}
    return {
        "files": files,
        "heard": listening.heard,
        "inside": inside,
        "task's": state(done.cfg),
        "hydra's": (state(done.hydra_cfg.hydra, done.hydra_cfg), done.overrides, done.working_dir, done.task_name),
        "ended": (done.status, repr(done._return_value)),
        "after": (HydraConfig.instance().cfg, Path.cwd(), os.environ.get("NNEXP_TEST"), state(config)),
    }


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["experiment=softmax_classifier", "hydra.job.chdir=true"],
        ["epochs=1", "+hydra.job.env_set.NNEXP_TEST=a b"],
        ["sweep=learning_rate", "tracking.experiment='é, \"quoted\": 😀'", "hydra.verbose=true"],
    ],
    ids=" ".join,
)
def test_hydras_job_is_the_same(lines: list[str], tmp_path: Path) -> None:
    """With nnexp's copies and YAML, run_job leaves the same files, returns and tells the same, and cleans up the same."""
    by = loader()
    master = sweep(by, f"hydra.sweep.dir={tmp_path}", *lines)
    seen = []
    for way in (contextlib.nullcontext(), patched(Command())):
        with way:
            config = by.load_sweep_config(master, ["seed=2", "network.hidden=[3]"])
            with open_dict(config):
                config.hydra.job.num, config.hydra.job.id = 0, "nnexp_0"
            seen.append(observed(config, tmp_path))
    assert seen[0] == seen[1]
    assert set(seen[0]["files"]) == {"config.yaml", "hydra.yaml", "overrides.yaml"}
