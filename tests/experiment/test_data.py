"""Data once: what a cache gives is, to the last bit, what loading, splitting and scaling give, within its bound."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.builtin.losses import Mse
from nnexp.discovery import registry
from nnexp.errors import NnexpError
from nnexp.experiment.data import Cache, PartName, identity
from nnexp.experiment.experiment import Experiment, prepare
from nnexp.experiment.plan import plan
from nnexp.plugin import Data, Dataset, param

BUILT_IN = [name for name in registry.available("dataset") if name != "csv"]
TABLE = "a,kind,y\n" + "".join(f"{i * 0.37:.3f},{'uvw'[i % 3]},{i * i % 17}\n" for i in range(40))


def content(experiment: Experiment) -> list[Any]:
    """All that training takes from the data, and the digest, as bytes."""
    samples = experiment.samples
    names: list[PartName] = ["training", "validation", "test"]
    parts = [samples.part(name) for name in names if len(getattr(samples.split, name))]
    scalings = [samples.preprocessing.inputs, samples.preprocessing.outputs]
    arrays: list[Any] = [array for part in parts for array in (part.design, part.y)]
    arrays += [array for scaling in scalings for array in (scaling.shift, scaling.scale)] + list(samples.split)
    described = [(array.shape, array.dtype, array.flags.c_contiguous, array.tobytes()) for array in arrays]
    return [*described, experiment.digest(), experiment.network.theta.tobytes()]


def same(config: dict[str, Any], cache: Cache) -> None:
    """Twice with the cache and once without it comes to the same, the first epoch included."""
    alone = prepare(plan(config))
    for _ in range(2):
        cached = prepare(plan(config), cache)
        assert content(cached) == content(alone)
    assert repr(next(cached.epochs()).metrics) == repr(next(alone.epochs()).metrics)


SCALINGS = ("standard", "minmax", "none")
CACHE = Cache()
"""One for all cases, as in a sweep, so that they may get in each other's way."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_every_dataset_comes_out_of_the_cache_as_it_is(name: str, dtype: str) -> None:
    """Samples, scaling, split, digest and the first epoch do not depend on whether the data were there already."""
    for seed in (0, 1):
        same({"dataset": name, "dtype": dtype, "seed": seed, "split": {"test": 0.1}, "network": {"hidden": [3]}}, CACHE)


CONFIGS = st.fixed_dictionaries(
    {
        "dataset": st.sampled_from([{"name": name, "n_samples": 30} for name in ("sine", "xor", "moons")]),
        "seed": st.integers(0, 3),
        "split": st.fixed_dictionaries(
            {
                "validation": st.sampled_from([0.0, 0.2, 0.3]),
                "test": st.sampled_from([0.0, 0.1]),
                "seed": st.none() | st.integers(0, 3),
            }
        ),
        "scale": st.fixed_dictionaries({key: st.sampled_from(SCALINGS) for key in ("features", "target")}),
        "loss": st.sampled_from(["auto", "mse", "mae"]),
        "network": st.just({"hidden": [2]}),
    }
)


@given(CONFIGS)
@settings(max_examples=60, deadline=None)
def test_no_setting_is_forgotten(config: dict[str, Any]) -> None:
    """Settings drawn at random, all in one cache: every one of them that matters is told apart."""
    refused = refusal(config, None)
    assert refusal(config, CACHE) == refused
    if not refused:
        same(config, CACHE)


def refusal(config: dict[str, Any], cache: Cache | None) -> str:
    """Why a configuration cannot be prepared; empty where it can."""
    try:
        prepare(plan(config), cache)
    except NnexpError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Counts(Mse):
    """The mean squared error of targets as they are."""

    target: ClassVar[Literal["real", "nonnegative"]] = "nonnegative"


def test_a_target_that_its_loss_wants_unscaled_is_another(tmp_path: Path) -> None:
    """A loss of counts gets the targets as they are, also after a loss for which they were scaled."""
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    for loss in ("mse", Counts(), "mse"):
        config = {"dataset": {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y", "task": "regression"}}
        same({**config, "loss": loss, "optimizer": {"name": "batch", "learning_rate": 0.001}}, CACHE)


@dataclass(frozen=True)
class Counting(Dataset):
    """Ten samples, and what was asked of the generator."""

    ask: ClassVar[Callable[[np.random.Generator], object]] = type
    loads: ClassVar[int] = 0
    shared: ClassVar[np.ndarray[Any, Any]] = np.zeros((10, 1))

    n_samples: int = param(10)
    path: str = param("", file=True)

    def load(self, rng: np.random.Generator) -> Data:
        type(self).loads += 1
        type(self).ask(rng)
        self.shared[:] = rng.normal(size=(10, 1)) if self.path == "drawn" else np.arange(10.0)[:, None]
        return Data(self.shared[: self.n_samples], self.shared[: self.n_samples, 0], ("x",), "regression")


@pytest.fixture(autouse=True)
def uncounted() -> None:
    Counting.loads = 0
    Counting.ask = type


def test_data_are_loaded_once_for_all_runs() -> None:
    """Other weights, learning rates, splits, scalings and seeds load nothing anew where the data take no random numbers."""
    cache = Cache()
    for more in ({}, {"seed": 1}, {"optimizer": "sgd"}, {"split": {"test": 0.1}}, {"dtype": "float32"}, {}):
        prepare(plan({"dataset": Counting(), **more}), cache)
    assert Counting.loads == 1
    prepare(plan({"dataset": Counting(9)}), cache)
    assert Counting.loads == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda rng: rng.random(),
        lambda rng: rng.spawn(1),
        lambda rng: rng.bit_generator.seed_seq.entropy,
        lambda rng: copy.deepcopy(rng).random(),
        lambda rng: np.random.default_rng(rng).permutation(5),
        lambda rng: rng.shuffle(np.arange(3)),
    ],
    ids=["number", "child", "seed", "copy", "same", "shuffled"],
)
def test_whoever_asks_the_generator_is_loaded_for_each_seed(ask: Any) -> None:
    """Data that may follow from the seed are kept per seed, however they came to know it."""
    Counting.ask = staticmethod(ask)
    cache = Cache()
    for seed in (0, 1, 0, 1):
        prepare(plan({"dataset": Counting(), "seed": seed}), cache)
    assert Counting.loads == 2


def test_a_dataset_that_uses_its_arrays_again_changes_nothing_kept() -> None:
    """What is kept is a copy, which the plugin does not know."""
    cache = Cache()
    first = prepare(plan({"dataset": Counting(path="drawn"), "seed": 0}), cache)
    before = first.data.x.copy()
    prepare(plan({"dataset": Counting(path="drawn"), "seed": 1}), cache)
    assert (prepare(plan({"dataset": Counting(path="drawn"), "seed": 0}), cache).data.x == before).all()


def test_nothing_of_the_cache_can_be_written() -> None:
    """Data, samples, split and scaling refuse to be changed, and samples do without a cache, too."""
    cached = prepare(plan({"dataset": "sine"}), Cache())
    part = cached.samples.part("training")
    alone = prepare(plan({"dataset": "sine"})).samples.part("training")
    scaling = cached.preprocessing.inputs
    for array in (
        cached.data.x,
        cached.data.y,
        part.design,
        part.y,
        alone.design,
        alone.y,
        scaling.shift,
        *cached.split,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """Size and time of change tell, of a file as of a directory's files."""
    cache, file = Cache(), tmp_path / "t.csv"
    file.write_text("x,y\n" + "1,2\n3,4\n5,6\n7,8\n" * 5, encoding="utf-8")
    config = {"dataset": {"name": "csv", "path": str(file), "target": "y", "task": "regression"}}
    first = prepare(plan(config), cache).digest()
    assert prepare(plan(config), cache).digest() == first
    file.write_text(file.read_text(encoding="utf-8").replace("5,6", "5,9"), encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert prepare(plan(config), cache).digest() != first

    for _ in range(2):
        prepare(plan({"dataset": Counting(path=str(tmp_path))}), cache)
    assert Counting.loads == 1
    os.utime(file, ns=(2, 2))
    prepare(plan({"dataset": Counting(path=str(tmp_path))}), cache)
    assert Counting.loads == 2


def test_only_a_declared_field_names_a_file(tmp_path: Path) -> None:
    """A text that happens to be a file's name, or that no path can be, is a text; a ~ of nobody's belongs to a file's name."""

    @dataclass(frozen=True)
    class Named(Dataset):
        note: str = param("")
        files: tuple[str, ...] = param((), file=True)

        def load(self, rng: np.random.Generator) -> Data:
            raise NotImplementedError

    file = tmp_path / "a.csv"
    file.write_text("")
    apart = [Named(note=str(file)), Named(note="~price"), Named(note="\0"), Named(files=("~nobody/a.csv", "\0"))]
    assert [identity(each)[2] for each in apart] == [(), (), (), ()]  # type: ignore[index]
    before = identity(Named(files=(str(file), "missing")))
    assert len(before[2]) == 1  # type: ignore[index]
    file.write_text("x")
    assert identity(Named(files=(str(file), "missing"))) != before


def test_a_mistake_is_not_kept(tmp_path: Path) -> None:
    """A file that was missing is read once it is there; a split that leaves nothing is refused each time."""
    cache, file = Cache(), tmp_path / "t.csv"
    config = {"dataset": {"name": "csv", "path": str(file), "target": "y", "task": "regression"}}
    with pytest.raises(NnexpError, match="does not exist"):
        prepare(plan(config), cache)
    file.write_text(TABLE, encoding="utf-8")
    prepare(plan(config), cache)
    for _ in range(2):
        with pytest.raises(NnexpError, match="leave none"):
            prepare(plan({**config, "split": {"validation": 0.5, "test": 0.5}}), cache)


def test_the_cache_keeps_what_was_used_last_within_its_bound() -> None:
    """It never holds more bytes than it may; what is too large passes through; the least recently used goes first."""
    one = Cache()
    prepare(plan({"dataset": Counting(), "seed": 0}), one)
    data, samples = 160, one.bytes - 160
    assert samples > 0
    cache = Cache(data + 3 * samples)
    for seed in range(20):
        prepare(plan({"dataset": Counting(), "seed": seed}), cache)
        assert cache.bytes <= data + 3 * samples
    assert Counting.loads == 2  # once for each cache
    kept = [prepare(plan({"dataset": Counting(), "seed": seed}), cache).samples for seed in (19, 18)]
    prepare(plan({"dataset": Counting(), "seed": 50}), cache)  # 17 goes
    again = [prepare(plan({"dataset": Counting(), "seed": seed}), cache).samples for seed in (19, 18)]
    assert all(before is after for before, after in zip(kept, again, strict=True))

    small = Cache(100)
    for _ in range(2):
        prepare(plan({"dataset": Counting()}), small)
    assert small.bytes == 0
    assert Counting.loads == 4
