"""What nnexp replaces in Hydra and OmegaConf is there within the block, and as it was after it."""

from __future__ import annotations

from pathlib import Path

import hydra._internal.defaults_list as defaults
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from nnexp.composition.command import Command
from nnexp.composition.patches import choices_to_refer_to, patched, replacements


def there() -> list[object]:
    """What is at the places in which something is replaced."""
    return [vars(where)[name] for where, name, _ in replacements(Command())]


def failing() -> None:
    """An error within a block that had another one in it."""
    with patched(Command()):
        with patched(Command()):
            pass
        raise ZeroDivisionError


def test_all_is_put_back() -> None:
    """Also after an error, and after two blocks one in the other, each name holds the very object it held."""
    before = there()
    assert len(before) == 8
    with patched(Command()):
        within = there()
        with patched(Command()):
            pass
        again = there()
    with pytest.raises(ZeroDivisionError):
        failing()
    assert all(new is not old for new, old in zip(within, before, strict=True))
    assert all(now is then for now, then in zip(again, within, strict=True))
    assert all(now is then for now, then in zip(there(), before, strict=True))


LISTS = {
    "nothing refers": "[_self_, a: x, b: y, optional c: z, d/e]",
    "an option to another": "[_self_, a: x, b: '${a}']",
    "an option to two": "[_self_, a: x, b: y, optional c: '${a}_${b}']",
    "a file to an option": "[_self_, a: y, 'd/${a}']",
    "one that is typed": "[_self_, b: '${a}', a: x]",
}


@pytest.mark.parametrize("items", LISTS.values(), ids=LISTS)
def test_references_in_defaults_lists(items: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a defaults list refers to is what it refers to under Hydra alone."""
    files = {"config": f"defaults: {items}", "a/x": "m: 1", "a/y": "m: 2", "b/x": "n: 3", "b/y": "n: 4"}
    for name, text in {**files, "c/x_y": "o: 5", "d/y": "p: 6", "d/e": "q: 7"}.items():
        (tmp_path / f"{name}.yaml").parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.yaml").write_text(text)

    def composed() -> DictConfig:
        with initialize_config_dir(str(tmp_path), version_base="1.3"):
            return compose("config", ["a=y"])

    expected = composed()
    assert expected.a.m == 2
    monkeypatch.setattr(defaults, "_create_interpolation_map", choices_to_refer_to)
    assert composed() == expected
