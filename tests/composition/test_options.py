"""Plugins as Hydra's options: names, types, defaults and what has to be given."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any, Optional, cast

import pytest
from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from nnexp.builtin.losses import Mae
from nnexp.composition import options
from nnexp.discovery import installed, registry
from nnexp.plugin import KINDS, Plugin, param


@dataclass(frozen=True)
class Many(Mae):
    """A field of every type."""

    path: str = param(doc="must be given")
    number: float = param(1.5, above=0)
    count: int = 3
    switch: bool = True
    perhaps: float | None = None
    older: Optional[int] = 4  # noqa: UP045 (plugin authors may write it so)
    words: tuple[str, ...] = ("a", "b")
    numbers: tuple[float, ...] = ()
    none_or_many: tuple[int, ...] | None = None


def config(cls: type[Plugin] = Many, name: str = "many") -> Any:
    return OmegaConf.structured(options.schema(name, cls))


def test_defaults() -> None:
    """The schema has the option's name, then every field with its default; tuples are lists."""
    made = config()
    assert list(made) == [
        "name", "path", "number", "count", "switch", "perhaps", "older", "words", "numbers", "none_or_many",
    ]  # fmt: skip
    made.path = "here"
    assert OmegaConf.to_container(made) == {
        "name": "many",
        "path": "here",
        "number": 1.5,
        "count": 3,
        "switch": True,
        "perhaps": None,
        "older": 4,
        "words": ["a", "b"],
        "numbers": [],
        "none_or_many": None,
    }


def test_a_required_field_is_missing() -> None:
    """A field without a default is Hydra's missing value: it has to be given."""
    made = config()
    assert OmegaConf.is_missing(made, "path")
    with pytest.raises(MissingMandatoryValue):
        _ = made.path
    assert {f.name: f for f in dataclasses.fields(options.schema("many", Many))}["path"].default == MISSING


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("number", "fast"),
        ("count", 1.5),
        ("count", "x"),
        ("count", None),
        ("switch", "maybe"),
        ("perhaps", "x"),
        ("older", [1]),
        ("words", 3),
        ("numbers", ["x"]),
        ("none_or_many", ["x"]),
        ("new_key", 1),
    ],
)
def test_types_are_checked(key: str, value: Any) -> None:
    """Hydra itself refuses a value of another type, and a key that the plugin does not have."""
    with pytest.raises(OmegaConfBaseException):
        OmegaConf.merge(config(), {key: value})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("number", 2, 2.0),
        ("number", "1e-3", 0.001),
        ("count", "7", 7),
        ("perhaps", 1, 1.0),
        ("perhaps", None, None),
        ("older", None, None),
        ("words", ["x"], ["x"]),
        ("numbers", [1, 2.5], [1.0, 2.5]),
        ("none_or_many", [1, 2], [1, 2]),
    ],
)
def test_values_are_converted(key: str, value: Any, expected: Any) -> None:
    """What is typed becomes the field's type: whole numbers floats, lists of their element's type, null where it may."""
    found = OmegaConf.to_container(OmegaConf.merge(config(), {key: value}))
    assert cast("dict[str, Any]", found)[key] == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (float, float),
        (str, str),
        (tuple[int, ...], list[int]),
        (float | None, Optional[float]),  # noqa: UP045
        (Optional[str], Optional[str]),  # noqa: UP045
        (tuple[str, ...] | None, Optional[list[str]]),  # noqa: UP045
    ],
)
def test_hydra_type(annotation: Any, expected: Any) -> None:
    """tuple[X, ...] becomes list[X], X | None becomes Optional[X], others stay."""
    found = options.hydra_type(annotation)
    assert typing.get_args(found) == typing.get_args(expected)
    assert found == expected


@pytest.mark.parametrize("kind", ["activation", "loss", "optimizer", "schedule", "initializer", "dataset"])
def test_every_plugin_has_a_schema(kind: str) -> None:
    """Each installed plugin's schema holds its defaults, and what it holds builds the plugin's defaults again."""
    for name in registry.available(kind):
        cls = registry.load(kind, name)
        made = config(cls, name)
        assert made.name == name
        required = [key for key in made if OmegaConf.is_missing(made, key)]
        if not required:
            built = registry.build(kind, cast("dict[str, Any]", OmegaConf.to_container(made)))
            assert built == cls()


def test_what_is_registered() -> None:
    """Every group offers its kind's plugins from their distribution; only loss, output and engine have auto."""
    options.register()
    store = ConfigStore.instance()
    for group, kind in registry.GROUPS.items():
        names = {name.removesuffix(".yaml") for name in store.list(group)}
        extra = {"auto"} if group in {"loss", "output", "engine"} else set()
        assert names == set(registry.available(kind)) | extra
        for name in registry.available(kind):
            node = store.load(f"{group}/{name}.yaml")
            assert node.provider == installed.entries()[kind][name][0].distribution
            assert node.node.name == name


def test_hydra_composes_them() -> None:
    """Options are chosen by their group and typed by their schema."""
    options.register()
    with initialize(version_base="1.3"):
        words = [
            "+optimizer=minibatch",
            "optimizer.learning_rate=1",
            "+dataset=csv",
            "dataset.path=a.csv",
            "+loss=auto",
        ]
        found = compose(overrides=words)
        assert found.optimizer == {"name": "minibatch", "batch_size": 32, "learning_rate": 1.0}
        assert isinstance(found.optimizer.learning_rate, float)
        assert found.dataset.path == "a.csv"
        assert found.loss == {"name": "auto"}


def test_groups_are_the_configurations() -> None:
    """The groups are exactly the keys that hold a plugin, and every kind has one."""
    assert set(registry.GROUPS.values()) == set(KINDS)
