"""What nnexp replaces in Hydra and OmegaConf is there within the block, and as it was after it."""

from __future__ import annotations

import pytest

from nnexp.composition.command import Command
from nnexp.composition.patches import patched, replacements


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
    assert len(before) == 7
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
